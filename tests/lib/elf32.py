# SPDX-License-Identifier: BSD-2-Clause
"""Can a program be run here at all? A kernel may have been told to run no 32-bit ones (ia32_emulation=0)."""
import errno, subprocess


def refused(program):
    """Why it can't be: None if it can. A 32-bit program is started once, and ended."""
    with open(program, "rb") as f:
        head = f.read(5)
    if head[:4] != b"\x7fELF" or head[4] != 1:
        return None
    try:
        p = subprocess.Popen([program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as e:
        if e.errno == errno.ENOEXEC:
            return "this kernel runs no 32-bit programs (ia32_emulation=0)"
        raise
    p.kill()
    p.wait()
    return None
