#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A session of real programs, all on this machine and gone afterwards: D-Bus, tmux, DNS (dig, dnsmasq), HTTP (curl,
# nginx), ssh. To be traced or recorded: docs/tutorial-record.md. A part whose program is missing is left out, and named.
set -uo pipefail
dir=$(mktemp -d "${TMPDIR:-/tmp}/rg-session.XXXXXX")
chmod 755 "$dir"
pids=()
finish() {
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$dir"
}
trap finish EXIT

have() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || PATH=$PATH:/usr/sbin command -v "$p" >/dev/null || { echo "session: $p is not installed" >&2; return 1; }
	done
}
PATH=$PATH:/usr/sbin:/sbin

# Free ports, by asking the kernel for them.
read -r web dns ssh < <(python3 - <<'PY'
import socket
s = [socket.socket() for _ in range(3)]
for x in s: x.bind(("127.0.0.1", 0))
print(*(x.getsockname()[1] for x in s))
PY
)
# retry COMMAND...: until a server that was just started answers
retry() {
	local i
	for i in $(seq 100); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	echo "session: no answer: $*" >&2
	return 1
}

if have dbus-run-session dbus-send; then
	dbus-run-session -- dbus-send --session --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus \
		org.freedesktop.DBus.ListNames >/dev/null 2>&1 && echo "dbus: names listed"
fi

if have tmux; then
	TMUX='' tmux -S "$dir/tmux" -f /dev/null new-session -d -s session 'cat' && tmux -S "$dir/tmux" kill-server && echo "tmux: a session"
fi

if have dnsmasq dig; then
	dnsmasq --no-daemon --no-resolv --no-hosts --bind-interfaces --listen-address=127.0.0.1 --port="$dns" --user=root \
		--pid-file= --address=/recorded.test/192.0.2.7 >/dev/null 2>&1 &
	pids+=($!)
	retry dig +short +time=1 +tries=1 -p "$dns" @127.0.0.1 first.recorded.test &&
		echo "dig: recorded.test is $(dig +short -p "$dns" @127.0.0.1 recorded.test)"
fi

if have nginx curl; then
	mkdir "$dir/www"
	echo "hello from nginx" >"$dir/www/hello.txt"
	cat >"$dir/nginx.conf" <<-CONF
		daemon off; pid $dir/nginx.pid; error_log stderr crit; user root; worker_processes 1;
		events {}
		http { access_log off; client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
			uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
			server { listen 127.0.0.1:$web; root $dir/www; } }
	CONF
	nginx -c "$dir/nginx.conf" -e stderr >/dev/null 2>&1 &
	pids+=($!)
	retry curl -s "http://127.0.0.1:$web/" &&
		curl -s -H "Authorization: Basic c2VjcmV0OmhpZGRlbg==" "http://127.0.0.1:$web/hello.txt?token=hunter2"
fi

if have sshd ssh ssh-keygen; then
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host" && ssh-keygen -q -t ed25519 -N '' -f "$dir/key" && cp "$dir/key.pub" "$dir/authorized"
	mkdir -p /run/sshd 2>/dev/null
	"$(command -v sshd)" -D -f /dev/null -p "$ssh" -h "$dir/host" -o ListenAddress=127.0.0.1 -o PidFile=none -o UsePAM=no \
		-o StrictModes=no -o AuthorizedKeysFile="$dir/authorized" >/dev/null 2>&1 &
	pids+=($!)
	login=(ssh -F /dev/null -i "$dir/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o LogLevel=ERROR -p "$ssh" 127.0.0.1)
	retry "${login[@]}" true && "${login[@]}" echo "ssh: logged in"
fi
exit 0
