# SPDX-License-Identifier: BSD-2-Clause
# Java: an HTTP server with a pool of threads and its client, a datagram channel, a process.
# suite: long
# needs: java
# seconds: 120
cat >P.java <<'JAVA'
import com.sun.net.httpserver.*; import java.net.*; import java.net.http.*; import java.nio.*; import java.nio.channels.*; import java.util.concurrent.*;
public class P { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0); s.setExecutor(Executors.newFixedThreadPool(4));
  s.createContext("/", x -> { byte[] b = new byte[200000]; x.sendResponseHeaders(200, b.length); x.getResponseBody().write(b); x.close(); }); s.start();
  HttpClient c = HttpClient.newHttpClient(); int n = 0; URI u = URI.create("http://127.0.0.1:" + s.getAddress().getPort() + "/");
  for (int i = 0; i < 20; i++) n += c.send(HttpRequest.newBuilder(u).build(), HttpResponse.BodyHandlers.ofByteArray()).body().length;
  System.out.println(n); s.stop(0);
  DatagramChannel d = DatagramChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
  d.send(ByteBuffer.wrap("hi".getBytes()), d.getLocalAddress()); ByteBuffer r = ByteBuffer.allocate(9); d.receive(r); System.out.println(r.position());
  Process p = new ProcessBuilder("sh", "-c", "seq 1000; exit 4").start();
  System.out.println(p.getInputStream().readAllBytes().length + " " + p.waitFor()); System.exit(0); } }
JAVA
java P.java; echo "status $?"
