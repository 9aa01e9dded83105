# SPDX-License-Identifier: BSD-2-Clause
# A compositor without a screen and clients that pass it buffers.
# suite: quick
# needs: weston weston-simple-shm
exec 2>/dev/null # the shell reports ended jobs when it comes to it
weston --backend=headless-backend.so --socket=rg-wl --idle-time=0 --log=$T/log >/dev/null 2>&1 & w=$!
for i in $(seq 400); do [ -S rg-wl ] && break; sleep 0.05; done
export WAYLAND_DISPLAY=rg-wl
for client in "simple-shm INT" "simple-damage INT" "flower TERM"; do
	set -- $client; client=$1
	WAYLAND_DEBUG=1 weston-$client >$client.out 2>$client.err & c=$!
	for i in $(seq 400); do [ "$(grep -c 'wl_surface.*commit' $client.err)" -gt 5 ] && break; sleep 0.05; done
	kill -$2 $c; wait $c; echo "$client $?"
	cat $client.out
	grep -c 'wl_shm.*format' $client.err
	grep -oE 'wl_(compositor|shm|seat)[^(]*\.[a-z_]+\(' $client.err | tr -d '0-9' | sort -u
done
kill -0 $w && echo "the compositor runs"
kill $w; wait $w; echo "compositor $?"
