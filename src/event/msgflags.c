/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of MSG_* flags, from msgflags.def; numbers held against the C library's where it has them. */
#include <sys/socket.h>

#include <recvguard/event.h>

#define I RG_MSGFLAG_IN
#define O RG_MSGFLAG_OUT
#define S RG_MSGFLAG_SEND
#define X 0
const struct rg_msgflag_info rg_msgflags[] = {
#define RG_MSGFLAG(NAME, value, dirs, given, returned) {"MSG_" #NAME, value, dirs, given, returned},
#include <recvguard/msgflags.def>
#undef RG_MSGFLAG
	{NULL, 0, 0, NULL, NULL}};

const struct rg_name rg_names_msgflags[] = {
#define RG_MSGFLAG(NAME, value, ...) {value, "MSG_" #NAME},
#include <recvguard/msgflags.def>
#undef RG_MSGFLAG
	{0x200, "MSG_EOF"},   /* second name of MSG_FIN */
	{0x4, "MSG_TRYHARD"}, /* second name of MSG_DONTROUTE */
	{0, NULL}};

/* What comes back: one bit has another meaning there (linux/sctp.h, enum sctp_msg_flags). */
const struct rg_name rg_names_msgoutflags[] = {{0x8000, "MSG_NOTIFICATION"},
#define RG_MSGFLAG(NAME, value, ...) {value, "MSG_" #NAME},
#include <recvguard/msgflags.def>
#undef RG_MSGFLAG
					       {0, NULL}};

enum {
#define RG_MSGFLAG(NAME, value, ...) TABLE_##NAME = (int)value,
#include <recvguard/msgflags.def>
#undef RG_MSGFLAG
};
#define SAME(NAME) _Static_assert(TABLE_##NAME == (int)MSG_##NAME, "msgflags.def: MSG_" #NAME)
SAME(OOB);
SAME(PEEK);
SAME(DONTROUTE);
SAME(CTRUNC);
SAME(TRUNC);
SAME(DONTWAIT);
SAME(EOR);
SAME(WAITALL);
SAME(FIN);
SAME(SYN);
SAME(CONFIRM);
SAME(RST);
SAME(ERRQUEUE);
SAME(NOSIGNAL);
SAME(MORE);
SAME(WAITFORONE);
SAME(BATCH);
SAME(ZEROCOPY);
SAME(FASTOPEN);
SAME(CMSG_CLOEXEC);
