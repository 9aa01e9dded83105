# SPDX-License-Identifier: BSD-2-Clause
# Xwayland under a headless weston, and an X client.
# suite: long
# needs: weston Xwayland
weston --backend=headless-backend.so --socket=rg-xw --idle-time=0 --log=$T/log >/dev/null 2>&1 & w=$!
for i in $(seq 400); do [ -S rg-xw ] && break; sleep 0.05; done
export WAYLAND_DISPLAY=rg-xw
Xwayland -rootless -displayfd 3 3>display >/dev/null 2>&1 & x=$!
for i in $(seq 400); do [ -s display ] && break; sleep 0.05; done
[ -s display ] && echo "it has a display"
command -v xdpyinfo >/dev/null && DISPLAY=:$(cat display) xdpyinfo | grep -c screen
kill $x; wait $x; echo "server $?"
kill $w; wait $w; echo "compositor $?"
