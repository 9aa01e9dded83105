# SPDX-License-Identifier: BSD-2-Clause
# A browser of several processes, without a screen: a page with a script, over HTTP from Python's server.
# suite: long
# needs: chromium
# seconds: 180
mkdir www
cat >www/index.html <<'TXT'
<html><body><p id=a>before</p><script>
fetch('data.txt').then(r=>r.text()).then(t=>{document.getElementById('a').textContent='fetched '+t.length;
 let w=new Worker(URL.createObjectURL(new Blob(['postMessage(6*7)'])));w.onmessage=e=>{document.body.append('worker '+e.data)}});
</script></body></html>
TXT
head -c 100000 /dev/zero | tr '\0' d >www/data.txt
(cd www; exec python3 -m http.server --bind 127.0.0.1 $PORT >/dev/null 2>&1) & s=$!
for i in $(seq 400); do python3 -c "import socket; socket.create_connection(('127.0.0.1', $PORT))" 2>/dev/null && break; sleep 0.05; done
timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir=$T/profile --virtual-time-budget=5000 \
	--dump-dom http://127.0.0.1:$PORT/index.html 2>err; echo "status $?"
kill $s
