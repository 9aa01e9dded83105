/* SPDX-License-Identifier: BSD-2-Clause */
/* Every system call that receives, recvmmsg batches, waiting, errors. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "oracle.h"

static void plain_reads(int type, const char *name)
{
	char a[4], b[40];
	struct iovec iov[2] = {{a, sizeof(a)}, {b, sizeof(b)}};
	int sv[2];

	pair(type, sv);
	o_case("%s read", name);
	put(sv[1], "by read", 7);
	o_read(sv[0], b, sizeof(b));
	o_case("%s readv", name);
	put(sv[1], "by readv", 8);
	o_readv(sv[0], iov, 2);
	o_case("%s preadv2", name);
	put(sv[1], "by preadv2", 10);
	o_preadv2(sv[0], iov, 2, 0);
	o_case("%s recv", name);
	put(sv[1], "by recv", 7);
	o_recvfrom(sv[0], b, sizeof(b), MSG_NOSIGNAL, NULL, NULL);
	o_case("%s recvfrom", name);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	put(sv[1], "by recvfrom", 11);
	o_recvfrom(sv[0], b, sizeof(b), 0, &ss, &len);
	o_case("%s read, non-blocking", name);
	O_OK(fcntl(sv[0], F_SETFL, O_NONBLOCK));
	put(sv[1], "at once", 7);
	o_read(sv[0], b, sizeof(b));
	O_OK(fcntl(sv[0], F_SETFL, 0));
	if (type != SOCK_STREAM) {
		o_case("%s read cuts a message", name);
		put(sv[1], pattern(100), 100);
		O_HINT(.size = 100);
		o_read(sv[0], b, 30);
	}
	close(sv[0]);
	close(sv[1]);
}

static void batch(int type, const char *name, int given, int queued, int flags)
{
	static char buf[8][64], ctl[8][64];
	struct iovec iov[8];
	struct mmsghdr v[8] = {0};
	int sv[2];

	o_case("recvmmsg of %s: %d asked, %d queued, flags %#x", name, given, queued, flags);
	pair(type, sv);
	for (int i = 0; i < queued; i++) {
		if (i == 2) {
			int fd = O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
			put_fds(sv[1], "with a descriptor", 17, &fd, 1);
			close(fd);
		} else {
			put(sv[1], pattern(50), i + 1);
		}
	}
	for (int i = 0; i < given; i++) {
		iov[i] = (struct iovec){buf[i], sizeof(buf[i])};
		v[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
					       .msg_iovlen = 1,
					       .msg_control = ctl[i],
					       .msg_controllen = sizeof(ctl[i])};
	}
	int got = o_recvmmsg(sv[0], v, given, flags, NULL);
	for (int i = 0; i < got; i++)
		o_close_fds(&v[i].msg_hdr);
	close(sv[0]);
	close(sv[1]);
}

struct waiter {
	int fd;
	void (*send)(int fd);
	pid_t tid;
};

static void *sender(void *arg)
{
	struct waiter *w = arg;

	wait_asleep(w->tid);
	nanosleep(&(struct timespec){0, 5000000}, NULL);
	w->send(w->fd);
	return NULL;
}

static void send_one(int fd)
{
	put(fd, "awaited", 7);
}

static void send_three(int fd)
{
	for (int i = 0; i < 3; i++) {
		put(fd, pattern(30), 10);
		nanosleep(&(struct timespec){0, 3000000}, NULL);
	}
}

static void waiting(void)
{
	struct waiter w = {.tid = getpid(), .send = send_one};
	pthread_t th;
	int sv[2];

	pair(SOCK_STREAM, sv);
	w.fd = sv[1];
	o_case("recvmsg that waits");
	O_OK(-pthread_create(&th, NULL, sender, &w));
	O_HINT(.wait = "yes");
	o_take(sv[0], 100, 0, 0);
	pthread_join(th, NULL);
	o_case("read that waits");
	char buf[20];
	O_OK(-pthread_create(&th, NULL, sender, &w));
	O_HINT(.wait = "yes");
	o_read(sv[0], buf, sizeof(buf));
	pthread_join(th, NULL);
	o_case("WAITALL that waits for three sends");
	w.send = send_three;
	O_OK(-pthread_create(&th, NULL, sender, &w));
	O_HINT(.wait = "yes");
	o_take(sv[0], 30, 0, MSG_WAITALL);
	pthread_join(th, NULL);
	close(sv[0]);
	close(sv[1]);
}

static void nothing(int sig)
{
}

static void eintr(void)
{
	struct sigaction sa = {.sa_handler = nothing};
	struct itimerval soon = {.it_value = {0, 20000}};
	int sv[2];

	o_case("EINTR");
	pair(SOCK_DGRAM, sv);
	O_OK(sigaction(SIGALRM, &sa, NULL));
	O_OK(setitimer(ITIMER_REAL, &soon, NULL));
	o_take(sv[0], 10, 0, 0);
	close(sv[0]);
	close(sv[1]);
}

static void errors(void)
{
	static struct o_buf b;
	struct msghdr *m = o_msg(&b, 10, 0);
	char buf[10];
	int sv[2], file = O_OK(open("/etc/passwd", O_RDONLY | O_CLOEXEC));

	pair(SOCK_STREAM, sv);
	o_case("EAGAIN");
	o_recvmsg(sv[0], m, MSG_DONTWAIT);
	o_recvfrom(sv[0], buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL);
	o_case("EBADF");
	o_recvmsg(-1, m, 0);
	o_recvfrom(12345, buf, sizeof(buf), 0, NULL, NULL);
	o_case("ENOTSOCK");
	o_recvmsg(file, m, 0);
	o_case("EFAULT: msghdr");
	o_recvmsg(sv[0], NULL, 0);
	o_case("EFAULT: buffer");
	put(sv[1], "x", 1);
	o_recvfrom(sv[0], (void *)8, 100, 0, NULL, NULL);
	o_recvfrom(sv[0], buf, sizeof(buf), 0, NULL, NULL);
	o_case("EMSGSIZE: 1025 iovecs");
	static struct iovec many[1025];
	struct msghdr big = {.msg_iov = many, .msg_iovlen = 1025};
	o_recvmsg(sv[0], &big, 0);
	o_case("ECONNRESET");
	put(sv[0], "unread", 6);
	close(sv[1]);
	o_take(sv[0], 10, 0, 0);
	close(sv[0]);
	close(file);
}

/* splice and sendfile are receives that no read or recv hook sees. */
static void spliced(const char *name, int sv[2])
{
	int p[2];
	struct o_call c;

	o_case("splice from a %s", name);
	O_OK(pipe2(p, O_CLOEXEC));
	put(sv[1], "spliced", 7);
	O_HINT(.absent = "msg.data,msg.size,msg.iov");
	o_begin(&c, "splice", sv[0], 0, false);
	ssize_t n = splice(sv[0], NULL, p[1], NULL, 100, 0);
	int err = errno;
	char buf[100];
	if (n > 0 && read(p[0], buf, sizeof(buf)) != n)
		o_die("read of the pipe");
	c.data = buf;
	o_end(&c, n, err);
	close(p[0]);
	close(p[1]);
}

static void sent_as_file(const char *name, int sv[2])
{
	int out = O_OK(memfd_create("out", MFD_CLOEXEC));
	struct o_call c;
	char buf[100];

	o_case("sendfile from a %s", name);
	put(sv[1], "by sendfile", 11);
	O_HINT(.absent = "msg.data,msg.size,msg.iov", .route = "sendfile");
	o_begin(&c, "splice", sv[0], 0, false);
	ssize_t n = sendfile(out, sv[0], NULL, 11);
	int err = errno;
	if (n > 0 && pread(out, buf, sizeof(buf), 0) != n)
		o_die("read of the file");
	c.data = buf;
	o_end(&c, n, err);
	close(out);
}

static void moved(void)
{
	int unix_stream[2], tcp[2];

	pair(SOCK_STREAM, unix_stream);
	tcp_pair(AF_INET, tcp);
	spliced("unix stream", unix_stream);
	sent_as_file("unix stream", unix_stream);
	spliced("TCP stream", tcp);
	sent_as_file("TCP stream", tcp);
	for (int i = 0; i < 2; i++) {
		close(unix_stream[i]);
		close(tcp[i]);
	}
}

int main(void)
{
	plain_reads(SOCK_STREAM, "stream");
	plain_reads(SOCK_DGRAM, "dgram");
	plain_reads(SOCK_SEQPACKET, "seqpacket");
	batch(SOCK_DGRAM, "dgram", 8, 8, 0);
	batch(SOCK_DGRAM, "dgram", 8, 5, MSG_DONTWAIT);
	batch(SOCK_SEQPACKET, "seqpacket", 4, 2, MSG_WAITFORONE);
	batch(SOCK_STREAM, "stream", 4, 1, MSG_WAITFORONE);
	batch(SOCK_DGRAM, "dgram", 3, 0, MSG_DONTWAIT);
	waiting();
	eintr();
	errors();
	moved();
	return 0;
}
