#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Answers each datagram in capitals, until one says "end". The program that docs/tutorial-confine.md confines first."""
import socket, sys

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
while True:
    data, peer = s.recvfrom(65536)
    print(f"{len(data)} bytes from {peer[0]}", flush=True)
    s.sendto(data.upper(), peer)
    if data == b"end":
        break
