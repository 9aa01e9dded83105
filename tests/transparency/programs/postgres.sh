# SPDX-License-Identifier: BSD-2-Clause
# PostgreSQL: a new cluster, queries by socket and TCP, notifications, pgbench.
# suite: long
# needs: psql
# seconds: 180
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
[ -x "$bin/initdb" ] || { echo "no server" >&2; exit 1; }
as=; if [ "$(id -u)" = 0 ]; then as="setpriv --reuid=postgres --regid=postgres --clear-groups"; chown postgres $T; chmod 700 $T; fi
$as $bin/initdb -D $T/db -A trust -U me >/dev/null; echo "initdb $?"
$as $bin/pg_ctl -D $T/db -w -l $T/log -o "-p $PORT -k $T -c listen_addresses=127.0.0.1" start >/dev/null; echo "start $?"
for h in $T 127.0.0.1; do
	psql -h $h -p $PORT -U me -d postgres -At -c 'select count(*) from generate_series(1,100000)' -c 'select md5(repeat($$x$$,1000000))'
done
psql -h $T -p $PORT -U me -d postgres -q -At -c 'create table t(i int)' -c 'copy t from program $$seq 20000$$' -c 'select sum(i) from t' -c 'listen l; notify l' | sed 's/PID [0-9]*/PID/'
$as $bin/pgbench -h $T -p $PORT -U me -i -q postgres >/dev/null 2>&1; echo "pgbench -i $?"
$as $bin/pgbench -h $T -p $PORT -U me -c 4 -j 2 -t 50 postgres 2>/dev/null | grep processed
$as $bin/pg_ctl -D $T/db -w -m fast stop >/dev/null; echo "stop $?"
