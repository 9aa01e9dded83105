# SPDX-License-Identifier: BSD-2-Clause
# A shell, a terminal and a file copy over sshd with privilege separation.
# suite: quick
# needs: ssh-keygen ssh scp
# clean: debug.*
[ -x /usr/sbin/sshd ] || { echo "no sshd" >&2; exit 1; }
me=$(id -un)
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub authorized
cat >config <<TXT
Port $PORT
ListenAddress 127.0.0.1
HostKey $T/host
AuthorizedKeysFile $T/authorized
PidFile $T/pid
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
AllowTcpForwarding yes
AllowAgentForwarding yes
Subsystem sftp internal-sftp
TXT
[ "$(id -u)" = 0 ] && mkdir -p /run/sshd
/usr/sbin/sshd -f config -E log || { cat log >&2; exit 1; }
for i in $(seq 400); do [ -s pid ] && break; sleep 0.05; done
o="-F none -i $T/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
ssh $o -p $PORT $me@127.0.0.1 'echo hello; id -u; exit 3'; echo "status $?"
echo typed | ssh $o -p $PORT $me@127.0.0.1 'cat; kill -TERM $$'; echo "status $?"
ssh $o -tt -p $PORT $me@127.0.0.1 'tty >/dev/null && echo a terminal; stty size' </dev/null; echo "status $?"
head -c 3000000 /dev/zero | tr '\0' 'x' >big
scp $o -q -P $PORT big $me@127.0.0.1:$T/copied; echo "status $?"
cmp big copied && echo same
# a program that listens behind the forwarded port
eval $(ssh-agent -s) >/dev/null
ssh-add -q key
ssh $o -A -p $PORT $me@127.0.0.1 'ssh-add -l | wc -l'
kill $SSH_AGENT_PID
kill $(cat pid)
grep -ciE 'error|fatal' log
exit 0
