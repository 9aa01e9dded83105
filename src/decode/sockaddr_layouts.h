/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RG_DECODE_SOCKADDR_LAYOUTS_H
#define RG_DECODE_SOCKADDR_LAYOUTS_H

#include <recvguard/event.h>

/* How one member of a sockaddr is read, named and printed. */
enum rg_sa_kind {
	RG_SA_END,
	RG_SA_U,      /* native byte order, size 1, 2, 4 or 8 */
	RG_SA_X,      /* the same, printed in hexadecimal */
	RG_SA_I,      /* native, signed */
	RG_SA_BE,     /* network byte order */
	RG_SA_LE,     /* little endian (bluetooth) */
	RG_SA_ENUM,   /* native, with names */
	RG_SA_ENUMBE, /* network byte order, with names */
	RG_SA_FLOW,   /* sin6_flowinfo: host order, hexadecimal */
	RG_SA_IP4,
	RG_SA_IP6,
	RG_SA_HW,     /* hardware address; its length is the byte at aux, at most size */
	RG_SA_MAC,    /* hardware address of size bytes */
	RG_SA_BDADDR, /* bluetooth: six bytes, least significant first */
	RG_SA_HEX,    /* bytes as text in hexadecimal */
	RG_SA_STR,    /* char[size], ends at the first NUL or the end; trailing blanks go (IUCV) */
	RG_SA_CALL,   /* AX.25 call sign, seven bytes */
	RG_SA_CALLS,  /* list of at most size call signs; how many is the int at aux */
	RG_SA_INET,   /* a sockaddr_in or sockaddr_in6 inside (RxRPC) */
};

struct rg_sa_row {
	const char *name; /* elems.def */
	uint8_t kind;	  /* enum rg_sa_kind */
	uint8_t off, size, aux;
	const struct rg_name *names;
};

#define RG_SA_ANY (-1)

struct rg_sa_layout {
	uint16_t family;
	uint8_t size;	  /* bytes up to the end of the last fixed member */
	int16_t protocol; /* of the socket, RG_SA_ANY */
	uint8_t sel_off;  /* the member that chooses among layouts of a family, 0: none */
	uint8_t sel_size;
	int8_t sel_val;
	int8_t port;	  /* row that is the port, -1 none */
	const char *name; /* C name of the struct */
	const char *text; /* template: {N} is row N; ?N{...} only when row N is not 0 */
	const char *addr; /* template of the address without its port; NULL: as text */
	struct rg_sa_row rows[8];
};

extern const struct rg_sa_layout rg_sa_layouts[];
extern const size_t rg_sa_n_layouts;
/* Not chosen by family: what SOCK_PACKET sockets return, whose first member is the device's ARPHRD type. */
extern const struct rg_sa_layout rg_sa_layout_pkt;

#endif
