# SPDX-License-Identifier: BSD-2-Clause
# Xwayland under a headless weston, and an X client.
# suite: long
# needs: weston Xwayland
weston --backend=headless-backend.so --socket=rg-xw --idle-time=0 --log=$T/log >/dev/null 2>&1 & w=$!
for i in $(seq 200); do [ -S rg-xw ] && break; sleep 0.05; done
export WAYLAND_DISPLAY=rg-xw
Xwayland :77 -rootless -displayfd 3 3>display >/dev/null 2>&1 & x=$!
for i in $(seq 200); do [ -s display ] && break; sleep 0.05; done
cat display
command -v xdpyinfo >/dev/null && DISPLAY=:77 xdpyinfo | grep -c screen
kill $x; wait $x; echo "server $?"
kill $w; wait $w; echo "compositor $?"
