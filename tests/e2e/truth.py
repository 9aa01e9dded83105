# SPDX-License-Identifier: BSD-2-Clause
"""What a self-oracle program wrote, turned into the names and forms of recvguard's JSON.

Independent of recvguard's own tables on purpose: numbers from the kernel's headers and man pages.
"""
import base64, errno, ipaddress, socket, struct

FAMILIES = {0: "unspec", 1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 40: "vsock"}
TYPES = {1: "stream", 2: "dgram", 3: "raw", 4: "rdm", 5: "seqpacket"}
IP_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 136: "udplite", 253: None, 255: "raw", 262: "mptcp"}
NETLINK = {0: "route", 15: "kobject_uevent", 16: "generic", 4: "sock_diag"}
FLAGS = {0x1: "MSG_OOB", 0x2: "MSG_PEEK", 0x4: "MSG_DONTROUTE", 0x8: "MSG_CTRUNC", 0x10: "MSG_PROBE", 0x20: "MSG_TRUNC",
         0x40: "MSG_DONTWAIT", 0x80: "MSG_EOR", 0x100: "MSG_WAITALL", 0x200: "MSG_FIN", 0x400: "MSG_SYN",
         0x800: "MSG_CONFIRM", 0x1000: "MSG_RST", 0x2000: "MSG_ERRQUEUE", 0x4000: "MSG_NOSIGNAL", 0x8000: "MSG_MORE",
         0x10000: "MSG_WAITFORONE", 0x40000: "MSG_BATCH", 0x2000000: "MSG_SOCK_DEVMEM", 0x4000000: "MSG_ZEROCOPY",
         0x20000000: "MSG_FASTOPEN", 0x40000000: "MSG_CMSG_CLOEXEC"}
OPEN = {0o1: "O_WRONLY", 0o2: "O_RDWR", 0o2000: "O_APPEND", 0o4000: "O_NONBLOCK", 0o200000: "O_DIRECTORY",
        0o10000000: "O_PATH"}
SEALS = {1: "F_SEAL_SEAL", 2: "F_SEAL_SHRINK", 4: "F_SEAL_GROW", 8: "F_SEAL_WRITE", 16: "F_SEAL_FUTURE_WRITE", 32: "F_SEAL_EXEC"}
LEVELS = {0: "SOL_IP", 1: "SOL_SOCKET", 6: "SOL_TCP", 17: "SOL_UDP", 41: "SOL_IPV6", 263: "SOL_PACKET", 270: "SOL_NETLINK"}
CMSGS = {(1, 1): "SCM_RIGHTS", (1, 2): "SCM_CREDENTIALS", (1, 4): "SCM_PIDFD", (1, 12): "SO_PRIORITY", (1, 29): "SO_TIMESTAMP_OLD",
         (1, 35): "SO_TIMESTAMPNS_OLD", (1, 36): "SO_MARK", (1, 37): "SO_TIMESTAMPING_OLD", (1, 40): "SO_RXQ_OVFL",
         (1, 54): "SCM_TIMESTAMPING_OPT_STATS", (1, 63): "SO_TIMESTAMP_NEW", (1, 64): "SO_TIMESTAMPNS_NEW",
         (1, 65): "SO_TIMESTAMPING_NEW", (1, 84): "SCM_INQ",
         (0, 1): "IP_TOS", (0, 2): "IP_TTL", (0, 6): "IP_RECVOPTS", (0, 7): "IP_RETOPTS", (0, 8): "IP_PKTINFO", (0, 11): "IP_RECVERR",
         (0, 20): "IP_ORIGDSTADDR", (0, 23): "IP_CHECKSUM", (0, 25): "IP_RECVFRAGSIZE",
         (41, 2): "IPV6_2292PKTINFO", (41, 8): "IPV6_2292HOPLIMIT", (41, 11): "IPV6_FLOWINFO", (41, 25): "IPV6_RECVERR",
         (41, 50): "IPV6_PKTINFO", (41, 52): "IPV6_HOPLIMIT", (41, 54): "IPV6_HOPOPTS", (41, 59): "IPV6_DSTOPTS",
         (41, 61): "IPV6_PATHMTU", (41, 67): "IPV6_TCLASS", (41, 74): "IPV6_ORIGDSTADDR", (41, 77): "IPV6_RECVFRAGSIZE",
         (6, 36): "TCP_CM_INQ", (17, 104): "UDP_GRO", (270, 3): "NETLINK_PKTINFO", (263, 8): "PACKET_AUXDATA"}
CMSG_NAMES = {v: k for k, v in CMSGS.items()}


def flags(value, names):
    out, rest = set(), value
    for bit, name in names.items():
        if value & bit == bit:
            out.add(name)
            rest &= ~bit
    if rest:
        out.add(f"0x{rest:x}")
    return out


def as_bytes(v):
    """A string or bytes value of recvguard's JSON as bytes."""
    if isinstance(v, dict):
        return base64.b64decode(v["base64"], validate=True)
    return v.encode("utf-8", "surrogatepass")


def sun(raw):
    """sockaddr_un to the way recvguard prints it: path, @abstract; None when unnamed."""
    path = raw[2:]
    if not path:
        return None
    if path[0] == 0:
        return b"@" + path[1:]
    return path.split(b"\0")[0]


def address(raw):
    """Raw sockaddr bytes as a dict of msg.name's members that can be told; empty for unnamed."""
    if len(raw) < 2:
        return {}
    family = struct.unpack("=H", raw[:2])[0]
    d = {"family": FAMILIES.get(family, family)}
    if family == 1:
        path = sun(raw)
        if path is not None:
            d["path"] = path
    elif family == 2 and len(raw) >= 8:
        d["port"] = struct.unpack(">H", raw[2:4])[0]
        d["addr"] = str(ipaddress.IPv4Address(raw[4:8])).encode()
    elif family == 10 and len(raw) >= 28:
        d["port"] = struct.unpack(">H", raw[2:4])[0]
        scope = struct.unpack("=I", raw[24:28])[0]
        d["addr"] = (str(ipaddress.IPv6Address(raw[8:24])) + (f"%{scope}" if scope else "")).encode()
    elif family == 16 and len(raw) >= 12:
        d["pid"], d["groups"] = struct.unpack("=II", raw[4:12])
    elif family == 17 and len(raw) >= 12:
        d["ifindex"] = struct.unpack("=i", raw[4:8])[0]
    return d


def protocol(t):
    p, family = t["protocol"], t["family"]
    if family in (2, 10):
        return IP_PROTOCOLS.get(p, p) or p
    if family == 16:
        return NETLINK.get(p, p)
    return None


def kind(f):
    """Kind of a descriptor from its mode and the link in /proc/self/fd."""
    path, mode = bytes.fromhex(f["path"]), f["mode"]
    anon = {b"anon_inode:[eventfd]": "eventfd", b"anon_inode:[eventpoll]": "eventpoll", b"anon_inode:[timerfd]": "timerfd",
            b"anon_inode:[signalfd]": "signalfd", b"anon_inode:inotify": "inotify", b"anon_inode:[pidfd]": "pidfd",
            b"anon_inode:[io_uring]": "io_uring"}
    if path in anon:
        return anon[path]
    if path.startswith(b"/memfd:"):
        return "memfd"
    return {0o100000: "file", 0o040000: "directory", 0o020000: "chardev", 0o060000: "blockdev", 0o140000: "socket",
            0o010000: "pipe" if path.startswith(b"pipe:") else "fifo"}.get(mode & 0o170000)


def error(number):
    return errno.errorcode[number] if number else None


AF_UNIX = socket.AF_UNIX
