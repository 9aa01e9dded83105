# SPDX-License-Identifier: BSD-2-Clause
# redis: commands over TCP and a unix socket, publish and subscribe, a blocking pop, a pipeline, saving.
# suite: quick
# needs: redis-server redis-cli
redis-server --port $PORT --bind 127.0.0.1 --unixsocket $T/sock --save '' --appendonly no --daemonize yes --pidfile $T/pid --logfile $T/log --dir $T >/dev/null
for i in $(seq 400); do redis-cli -p $PORT ping >/dev/null 2>&1 && break; sleep 0.05; done
c="redis-cli -p $PORT"
$c set a 1; $c incr a; $c append a xyz; $c get a; $c lpush l 1 2 3; $c lrange l 0 -1; $c hset h f v; $c hgetall h
redis-cli -s sock get a
$c eval 'return {1,2,{3,"four"}}' 0
(sleep 0.3; $c publish news hello >/dev/null; $c rpush q item >/dev/null) &
$c blpop q 50
seq 2000 | sed 's/.*/SET k& v&/' | $c --pipe 2>&1
$c dbsize
$c set big "$(head -c 100000 /dev/zero | tr '\0' z)"; $c strlen big
$c bgsave; for i in $(seq 400); do [ -s dump.rdb ] && break; sleep 0.05; done; [ -s dump.rdb ] && echo saved
$c shutdown nosave; echo "status $?"
for i in $(seq 400); do [ -e pid ] || break; sleep 0.05; done
[ -e pid ] && echo "still running"
true
