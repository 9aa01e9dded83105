# SPDX-License-Identifier: BSD-2-Clause
# A tmux server and clients: windows, keys, captured panes, buffers, a client with a terminal of its own.
# suite: quick
# needs: tmux script
t="tmux -L rg$$ -f /dev/null"
$t new-session -d -x 80 -y 24 'PS1="\$ " exec sh'
$t ls | cut -d: -f1-2
$t send-keys 'echo typed $((6*7))' Enter
for i in $(seq 100); do $t capture-pane -p | grep -q '^typed 42' && break; sleep 0.05; done
$t capture-pane -p | grep typed
$t new-window 'seq 1000; exec sleep 5'; $t split-window 'exec sleep 5'
$t list-panes -a | wc -l
seq 5000 | $t load-buffer -
$t save-buffer - | md5sum
(sleep 1; $t detach-client -a; $t detach-client -s 0) &
script -qc "$t attach" typescript </dev/null >/dev/null; echo "status $?"
grep -ac detached typescript
$t kill-server; echo "status $?"
$t ls 2>&1 | sed 's/rg[0-9]*//'
