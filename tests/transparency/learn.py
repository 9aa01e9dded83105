#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""learn and guard on real programs: TAP. usage: learn.py RECVGUARD

A program is run once by `learn`, then twice under what was learnt: it must do the same, and what it never received must
be refused. guard filters the socket of a name server that is running."""
import os, re, shutil, signal, socket, subprocess, sys, tempfile, time

RG = os.path.abspath(sys.argv[1])
count = failed = 0
tmp = tempfile.mkdtemp(prefix="rg-learn-")
ENV = dict(os.environ, LC_ALL="C", HOME=tmp, TMUX_TMPDIR=tmp)


def ok(good, name, why="", skip=""):
    global count, failed
    count += 1
    failed += not good
    print(f"{'' if good else 'not '}ok {count} - {name}" + (f" # SKIP {skip}" if skip else f": {why}" if why and not good else ""), flush=True)


SERVER = """import socket,sys
s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('127.0.0.1',0)); print(s.getsockname()[1],flush=True)
for i in range(3):
    try: d,a=s.recvfrom(2048)
    except OSError as e: print('errno',e.errno,flush=True); continue
    s.sendto(d.upper(),a); print(len(d),flush=True)
"""


def udp(prefix, sizes=(1, 11, 300)):
    """A UDP server and what it said."""
    p = subprocess.Popen([*prefix, sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=ENV)
    c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    c.connect(("127.0.0.1", int(p.stdout.readline())))
    for n in sizes:
        c.send(b"x" * n)
    out = p.communicate(timeout=30)[0]
    c.close()
    return p.returncode, out


def shell(text):
    def go(prefix):
        r = subprocess.run([*prefix, "sh", "-c", text], stdout=subprocess.PIPE, text=True, timeout=60, env=ENV, stdin=subprocess.DEVNULL)
        return r.returncode, re.sub(r":1\.\d+|created .*\)", "~", r.stdout)
    return go


BUS = "--session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus"
PROGRAMS = [  # name, needs, how, words that the policy must hold
    ("a UDP server", [], udp, ["inet", "dgram", "msg.size <= 512"]),
    ("a D-Bus session", ["dbus-run-session", "dbus-send"],
     shell(f"dbus-run-session -- sh -c 'dbus-send {BUS}.ListNames; dbus-send {BUS}.GetNameOwner string:org.freedesktop.DBus'; echo $?"),
     ['sock.path glob "/tmp/dbus-*"', "fd.count == 0", "sender.uid in"]),
    ("tmux", ["tmux"], shell("t='tmux -L learnt -f /dev/null'; $t new-session -d -x 80 -y 24 'sleep 30'; $t ls; $t new-window 'sleep 30'; "
                             "seq 3000 | $t load-buffer -; $t save-buffer - | md5sum; $t kill-server; echo $?; while $t has-session 2>/dev/null; do sleep 0.1; done; sleep 0.2"),
     ["/learnt", "chardev"]),
    ("ip", ["ip"], shell("ip -o addr show dev lo | head -1; ip route show table local | grep -c 127"), ["netlink", "sender.how == kernel"]),
]


def learnt():
    for name, needs, how, words in PROGRAMS:
        if any(not shutil.which(n) for n in needs):
            ok(True, name, skip=f"not installed: {' '.join(needs)}")
            continue
        p = os.path.join(tmp, re.sub(r"\W", "", name) + ".yaml")
        native, first = how([]), how([RG, "learn", "-w", p, "--"])
        text = open(p).read() if os.path.exists(p) else ""
        ok(native == first, f"{name}: does the same while it is learnt", f"{native} {first}")
        rules = text.count("then: allow")
        ok(all(w in text for w in words) and 0 < rules <= 4 and "default: deny" in text, f"{name}: {rules} rules, each from what came", text)
        seen = []
        for _ in range(2):
            err = os.path.join(tmp, "err")
            out = how([RG, "run", "-q", "-p", p, "-o", "json=" + err, "--"])
            seen.append((out[0], out[1], open(err).read()))
        want = (*native, "")
        ok(seen == [want, want], f"{name}: runs under it, twice, unchanged and without a refusal", f"{want} {seen}")
    out = udp([RG, "run", "-q", "-p", os.path.join(tmp, "aUDPserver.yaml"), "--"], (1, 1000, 300))
    ok(out[1] == "1\nerrno 1\n300\n", "what was never seen is refused, the rest is served", str(out))
    c = subprocess.run([RG, "policy", "check", os.path.join(tmp, "tmux.yaml")], capture_output=True, text=True)
    ok(c.returncode == 0 or not shutil.which("tmux"), "policy check admits what learn writes", c.stderr)


def tutorial():
    """The programs and policies of docs/tutorial-confine.md."""
    at = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/confine")
    for f in ("udp", "tmux", "bus-service"):
        r = subprocess.run([RG, "policy", "check", "--backend", "broker", f"{at}/{f}.yaml"], capture_output=True, text=True)
        ok(r.returncode == 0, f"examples/confine/{f}.yaml can be enforced", r.stderr)
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
    port = str(s.getsockname()[1])
    s.close()
    p = subprocess.Popen([RG, "run", "-p", f"{at}/udp.yaml", "--", sys.executable, "-u", f"{at}/udp-server.py", port], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    while f":{int(port):04X} " not in open("/proc/net/udp").read() and p.poll() is None:
        time.sleep(0.05)
    r = subprocess.run([sys.executable, f"{at}/ask.py", port, "hello", "300*x", "bad\x01", "end"], capture_output=True, text=True, timeout=30)
    out, err = p.communicate(timeout=30)
    ok(r.stdout.split("\n")[:4] == ["HELLO", "no answer", "no answer", "END"] and out.count("bytes from") == 2 and
       err.count("drop: process") == 2 and "not longer than a question" in err and "the rest never came" in err,
       "the UDP server of the tutorial under its policy", r.stdout + out + err)
    if not shutil.which("dbus-run-session") or not shutil.which("gdbus") or not os.path.exists("/usr/libexec/dconf-service"):
        return ok(True, "the D-Bus service of the tutorial", skip="not installed: dconf-service libglib2.0-bin dbus")
    text = (f"{RG} run -p {at}/bus-service.yaml -o text={tmp}/v -- /usr/libexec/dconf-service & "
            f"for i in $(seq 100); do dbus-send {BUS}.NameHasOwner string:ca.desrt.dconf | grep -q true && break; sleep 0.05; done; "
            "gdbus call --session --dest ca.desrt.dconf --object-path /ca/desrt/dconf/Writer/user --method org.freedesktop.DBus.Peer.Ping; kill $!")
    r = subprocess.run(["dbus-run-session", "--", "sh", "-c", text], capture_output=True, text=True, timeout=60, env=ENV)
    ok(r.stdout == "()\n" and open(f"{tmp}/v").read() == "", "the D-Bus service of the tutorial answers under its policy, without a refusal",
       r.stdout + r.stderr + open(f"{tmp}/v").read())


def guarded():
    """A name server that is running: no question longer than 60 bytes reaches it any more."""
    if not shutil.which("dnsmasq") or not shutil.which("dig"):
        return ok(True, "guard on dnsmasq", skip="not installed: dnsmasq dig")
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    p = subprocess.Popen(["dnsmasq", "-k", "-C", "/dev/null", f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
                          "--no-hosts", "--user=" + subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip(),
                          "--address=/test/10.1.2.3", f"--pid-file={tmp}/dns.pid", "--log-facility=/dev/null"])

    def ask(name):
        r = subprocess.run(["dig", "@127.0.0.1", "-p", str(port), "+short", "+tries=1", "+time=2", "+noedns", name], capture_output=True, text=True)
        return r.stdout.strip() if "10.1.2.3" in r.stdout else "nothing"
    for _ in range(100):
        if ask("a.test") != "nothing":
            break
        time.sleep(0.05)
    long = "x" * 60 + ".test"
    before = ask("a.test"), ask(long)
    fd = None
    for f in os.listdir(f"/proc/{p.pid}/fd"):
        link = os.readlink(f"/proc/{p.pid}/fd/{f}")
        m = re.match(r"socket:\[(\d+)\]", link)
        if m and re.search(rf"^\s*\d+: 0100007F:{port:04X} .*\s{m.group(1)} ", open("/proc/net/udp").read(), re.M):
            fd = f
    pol = os.path.join(tmp, "g.yaml")
    with open(pol, "w") as f:
        f.write("apiVersion: recvguard/v1\nkind: Policy\nmetadata: {name: short}\nspec:\n  default: allow\n  rules:\n"
                "    - {name: short questions, when: 'sock.type == dgram and msg.size > 60', then: drop}\n")
    r = subprocess.run([RG, "guard", "--pid", str(p.pid), "--fd", str(fd), "-p", pol], capture_output=True, text=True)
    after = ask("a.test"), ask(long)
    ok(before == ("10.1.2.3", "10.1.2.3") and r.returncode == 0 and after == ("10.1.2.3", "nothing"),
       "guard on a running dnsmasq: short questions are answered, long ones never arrive", f"{before} {after} {r.stdout} {r.stderr}")
    p.send_signal(signal.SIGTERM)
    p.wait(10)


try:
    learnt()
    tutorial()
    guarded()
finally:
    shutil.rmtree(tmp)
print(f"1..{count}")
sys.exit(failed > 0)
