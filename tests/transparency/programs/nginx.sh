# SPDX-License-Identifier: BSD-2-Clause
# nginx with two workers and a thread pool, a proxy in front of itself; curl in several ways.
# suite: quick
# needs: nginx curl
mkdir -p html logs tmp
echo small >html/small
head -c 5000000 /dev/zero | tr '\0' 'y' >html/big
cat >conf <<TXT
daemon on;
master_process on;
worker_processes 2;
error_log $T/logs/error warn;
pid $T/pid;
$([ "$(id -u)" = 0 ] && echo "user root;")
events { worker_connections 64; }
http {
  access_log $T/logs/access;
  client_body_temp_path $T/tmp/b; proxy_temp_path $T/tmp/p; fastcgi_temp_path $T/tmp/f; uwsgi_temp_path $T/tmp/u; scgi_temp_path $T/tmp/s;
  sendfile on; keepalive_timeout 5;
  server { listen 127.0.0.1:$PORT; listen unix:$T/sock; root $T/html;
    location /dav/ { proxy_pass http://unix:$T/sock:/; }
    location /threads/ { alias $T/html/; aio threads; }
    location /copied/ { alias $T/html/; sendfile off; }
    location /post { proxy_pass http://127.0.0.1:$PORT/echo; }
    location /echo { return 200 "\$request_method \$content_length\n"; }
  }
}
TXT
nginx -e $T/logs/early -p $T -c $T/conf || { cat logs/early >&2; exit 1; }
u=http://127.0.0.1:$PORT
for p in small big threads/big copied/big dav/big nothing; do
	curl -s -o got -w '%{http_code} %{size_download}\n' $u/$p
	md5sum <got
done
curl -s --unix-socket sock http://x/small
curl -s -r 100-199 $u/big | wc -c
curl -s -d @html/small $u/post
curl -s -T html/big $u/post
curl -s $u/small $u/small $u/small
seq 40 | xargs -P 8 -I{} curl -s -o /dev/null -w '%{http_code}\n' $u/big | sort | uniq -c
nginx -e $T/logs/early -p $T -c $T/conf -s reload; sleep 0.5
curl -s $u/small
nginx -e $T/logs/early -p $T -c $T/conf -s quit
for i in $(seq 400); do [ -e pid ] || break; sleep 0.05; done
[ -e pid ] && echo "still running"
# A client may end between a thread's last sendfile and the worker's hearing of it: then less is logged than was sent.
cut -d'"' -f2-3 logs/access | sed 's,\(/threads/.* 200\) .*,\1,' | sort | uniq -c
sed "s,.*\[,[,;s,[0-9]*#[0-9]*: ,," logs/error | grep -v "^.warn. .* is buffered to a temporary file"
