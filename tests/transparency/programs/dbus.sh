# SPDX-License-Identifier: BSD-2-Clause
# A session bus: names, a service that is asked, signals watched, descriptors over the bus.
# suite: quick
# needs: dbus-run-session dbus-send gdbus
# clean: dbus-daemon\[\d+\]
# clean: :1\.\d+
# clean: pid=\d+
# clean: ^process \d+
# clean: [0-9a-f]{32}
cat >in <<'TXT'
dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames
dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListActivatableNames
gdbus introspect --session --dest org.freedesktop.DBus --object-path /org/freedesktop/DBus | head -60
me=$(gdbus call --session --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.GetConnectionUnixProcessID org.freedesktop.DBus)
[ -n "$me" ] && echo "the bus has a pid"
gdbus call --session --dest org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.GetConnectionUnixUser org.freedesktop.DBus
dbus-monitor --session "type='signal',interface='test.I'" >seen & m=$!
for i in $(seq 400); do [ -s seen ] && break; sleep 0.05; done
dbus-send --session --type=signal /x test.I.Hello string:world int32:42
dbus-send --session --type=signal /x test.I.Big array:string:$(seq -s, 3000)
for i in $(seq 400); do [ "$(grep -c Big seen)" = 1 ] && break; sleep 0.05; done
kill $m
grep -A2 -c test.I seen
dbus-send --session --print-reply --dest=no.such.name / a.b.C; echo "status $?"
TXT
dbus-run-session -- sh ./in; echo "status $?"
