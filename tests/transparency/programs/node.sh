# SPDX-License-Identifier: BSD-2-Clause
# Node.js: streams, datagrams, messages to a child, a worker thread, a spawned shell, a cluster that shares a port.
# suite: long
# needs: node
cat >prog.js <<'JS'
const net = require('net'), cp = require('child_process'), dgram = require('dgram'), http = require('http'), cluster = require('cluster');
const { Worker } = require('worker_threads');
function echo() {
  const s = net.createServer(c => c.pipe(c)).listen(0, '127.0.0.1', () => {
    const c = net.connect(s.address().port, '127.0.0.1'); let n = 0;
    c.on('data', d => { n += d.length; if (n == 1000000) { console.log('echo', n); c.destroy(); s.close(); udp(); } });
    c.write(Buffer.alloc(1000000, 120));
  });
}
function udp() {
  const u = dgram.createSocket('udp4');
  u.on('message', m => { console.log('udp', m.toString()); u.close(); child(); });
  u.bind(0, '127.0.0.1', () => u.send('hi', u.address().port, '127.0.0.1'));
}
function child() {
  const k = cp.fork(__filename, ['child']);
  k.on('message', m => console.log('message', m)); k.send({ a: 1 });
  k.on('exit', c => { console.log('exit', c); handle(); });
}
function handle() { // a connection is given to a child
  const k = cp.fork(__filename, ['handle']);
  const s = net.createServer({ pauseOnConnect: true }, c => k.send('take it', c)).listen(0, '127.0.0.1', () => {
    const c = net.connect(s.address().port, '127.0.0.1');
    c.on('data', d => console.log(d.toString())); c.on('end', () => { k.disconnect(); s.close(); worker(); });
  });
}
function worker() {
  const w = new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true });
  w.on('message', m => {
    console.log('worker', m);
    const p = cp.spawn('sh', ['-c', 'seq 20000; exit 3']); let n = 0;
    p.stdout.on('data', d => n += d.length); p.on('close', c => { console.log('spawn', n, c); shared(); });
  });
}
function shared() {
  for (let i = 0; i < 2; i++) cluster.fork();
  let up = 0;
  cluster.on('listening', (w, a) => {
    if (++up < 2) return;
    let done = 0;
    for (let i = 0; i < 10; i++) http.get({ port: a.port, host: '127.0.0.1', agent: false }, r => {
      r.resume(); r.on('end', () => { if (++done == 10) { console.log('cluster', done); cluster.disconnect(() => console.log('end')); } });
    });
  });
}
if (process.argv[2] == 'child') process.on('message', m => { process.send({ b: m.a + 1 }); process.disconnect(); });
else if (process.argv[2] == 'handle') process.on('message', (m, c) => c.end('from the child'));
else if (cluster.isPrimary) echo();
else http.createServer((q, r) => r.end('x'.repeat(100000))).listen(Number(process.env.PORT), '127.0.0.1');
JS
timeout 50 node prog.js; echo "status $?"
