# SPDX-License-Identifier: BSD-2-Clause
"""What a tier cannot show, each with its reason. Only for values that are absent: a wrong value never passes."""

# (routes or None, fields, tiers, reason)
ABSENT = []


def absent(field, t, ev, tier):
    for routes, fields, tiers, reason in ABSENT:
        if (routes is None or t["route"] in routes) and (tiers is None or tier in tiers) and \
                any(field == f or f.endswith("*") and field.startswith(f[:-1]) for f in fields):
            return reason
    return None


def unseen(t, tier):
    """Reason why a message of this kind has no event, or None."""
    return None
