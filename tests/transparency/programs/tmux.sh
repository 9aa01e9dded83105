# SPDX-License-Identifier: BSD-2-Clause
# A tmux server and clients: windows, keys, captured panes, buffers, a client with a terminal of its own.
# suite: quick
# needs: tmux script
t="tmux -L rg$$ -f /dev/null"
$t new-session -d -x 80 -y 24 'PS1="\$ " exec sh'
$t ls | cut -d: -f1-2
for i in $(seq 400); do $t capture-pane -p | grep -q '^\$' && break; sleep 0.05; done
$t send-keys 'echo typed $((6*7))' Enter
for i in $(seq 400); do $t capture-pane -p | grep -q '^typed 42' && break; sleep 0.05; done
$t capture-pane -p | grep typed
$t new-window 'seq 1000; exec sleep 300'; $t split-window 'exec sleep 300'
$t list-panes -a | wc -l
seq 5000 | $t load-buffer -
$t save-buffer - | md5sum
(for i in $(seq 400); do [ -n "$($t list-clients)" ] && break; sleep 0.05; done; $t detach-client -s 0) &
script -qc "$t attach" typescript </dev/null >/dev/null; echo "status $?"
grep -ac detached typescript
p=$($t display-message -p '#{pid}')
$t kill-server; echo "status $?"
# The client ends before the server does: until then its socket still takes connections.
for i in $(seq 400); do grep -qs '^State:[[:space:]]*[^Z[:space:]]' /proc/$p/status || break; sleep 0.05; done
$t ls 2>&1 | sed 's/rg[0-9]*//'
