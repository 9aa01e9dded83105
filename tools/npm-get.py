#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files of one npm package, fetched by npm itself and checked against the hash in tools/npm.lock.

usage: npm-get.py NPM LOCK PACKAGE MEMBER OUT [MEMBER OUT]...
"""
import base64, glob, hashlib, os, subprocess, sys, tarfile, tempfile, time

TRIES = 3


def locked(lock, package):
    with open(lock, encoding="utf-8") as f:
        for line in f:
            words = line.split("#")[0].split()
            if words and words[0] == package:
                return words[1], words[2]
    sys.exit(f"npm-get: {package} is not in {lock}")


def fetch(npm, spec, folder):
    """npm's own cache answers where it can: a second build folder needs no network."""
    for again in range(TRIES):
        p = subprocess.run([npm, "pack", spec, "--silent", "--prefer-offline", "--pack-destination", folder],
                           cwd=folder, capture_output=True, text=True)
        found = glob.glob(os.path.join(folder, "*.tgz"))
        if p.returncode == 0 and found:
            return found[0]
        time.sleep(2 * again)
    sys.exit(f"npm-get: npm cannot fetch {spec} after {TRIES} tries (the build needs the npm registry once):\n{p.stderr.strip()}")


def main():
    npm, lock, package, *pairs = sys.argv[1:]
    version, want = locked(lock, package)
    with tempfile.TemporaryDirectory() as folder:
        path = fetch(npm, f"{package}@{version}", folder)
        with open(path, "rb") as f:
            got = "sha512-" + base64.b64encode(hashlib.sha512(f.read()).digest()).decode()
        if got != want:
            sys.exit(f"npm-get: {package}@{version} is {got}, not {want} as in {lock}: it was changed on the way")
        with tarfile.open(path) as tar:
            for member, out in zip(pairs[::2], pairs[1::2]):
                with open(out, "wb") as f:
                    f.write(tar.extractfile("package/" + member).read())


main()
