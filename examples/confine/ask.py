#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sends each argument to 127.0.0.1:PORT and prints the answer; N*TEXT repeats. usage: ask.py PORT TEXT..."""
import socket, sys

for text in sys.argv[2:]:
    n, star, what = text.partition("*")
    message = (what * int(n) if star else text).encode()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.settimeout(1)
    s.send(message)
    try:
        print(s.recv(65536).decode()[:30])
    except TimeoutError:
        print("no answer")
