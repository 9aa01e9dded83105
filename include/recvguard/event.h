/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef RECVGUARD_EVENT_H
#define RECVGUARD_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The decoded event: one received (or sent) message.
 *
 * An event is an array of values indexed by field id (fields.def) and, beside it, an array of tags. A field
 * is present exactly when its tag is not 0. Everything a value points to lives in the event's arena or in the
 * record it was decoded from: it is valid until the next event is decoded into the same struct rg_event.
 */

struct rg_arena;

/* How one value was obtained (seed page: "Available Tags"). 0 = the value is absent. */
enum rg_tag {
	RG_TAG_NONE = 0,
	RG_TAG_K = 1 << 0, /* from the kernel's own copy */
	RG_TAG_U = 1 << 1, /* read from user memory */
	RG_TAG_TOCTOU =
		1 << 2,	      /* the program could have changed it between the kernel's use and our reading */
	RG_TAG_OPT = 1 << 3,  /* (field table only) may be absent */
	RG_TAG_LATE = 1 << 4, /* read after the event, e.g. from /proc: may show a later state */
	RG_TAG_FULL = 1 << 5, /* (field table only) not in events recorded with --metadata */
};

enum rg_type {
	RG_T_BOOL,
	RG_T_INT,      /* .i */
	RG_T_UINT,     /* .u */
	RG_T_SIZE,     /* .u, bytes */
	RG_T_TIME,     /* .u, nanoseconds since the epoch, UTC */
	RG_T_DURATION, /* .u, nanoseconds */
	RG_T_ENUM,     /* .i, named by a table */
	RG_T_FLAGS,    /* .u, bits named by a table */
	RG_T_STR,      /* .p/.len: text for people, yet any byte may occur; not NUL-terminated */
	RG_T_BYTES,    /* .p/.len: captured bytes; .full: how many there were */
	RG_T_ADDR,     /* .addr */
	RG_T_OBJECT,   /* .node: first child, chained by next */
	RG_T_LIST,     /* .node: first element, chained by next */
	RG_T__COUNT
};

/* An address that expressions can compare with CIDR ranges. */
struct rg_addr {
	uint16_t family; /* AF_* */
	uint8_t ip_len;	 /* 4, 16, or 0 for families without IP addresses */
	uint8_t ip[16];	 /* network order */
	uint32_t text_len;
	const char *text; /* as printed: 127.0.0.1, fe80::1%2, /run/x, @abstract; not NUL-terminated */
};

struct rg_node;

struct rg_value {
	union {
		int64_t i;
		uint64_t u;
		struct {
			const char *p;
			uint32_t len;
			uint32_t full;
		};
		const struct rg_addr *addr;
		struct rg_node *node;
	};
};

/* The names of an enumeration or of flag bits. Ends with a NULL name. */
struct rg_name {
	uint64_t value;
	const char *name;
};

/* One value inside an object or list: what decoders build (control messages, addresses, descriptors). */
struct rg_node {
	const char *name; /* static string; NULL for list elements */
	struct rg_node *next;
	const struct rg_name *names; /* ENUM, FLAGS */
	struct rg_value v;
	uint8_t type; /* enum rg_type */
	uint8_t tag;  /* enum rg_tag bits; 0: as the field the node hangs from */
};

enum rg_field {
#define RG_FIELD(ID, name, type, unit, tags, names, doc) RG_F_##ID,
#include <recvguard/fields.def>
#undef RG_FIELD
	RG_F__COUNT
};

struct rg_event {
	struct rg_value v[RG_F__COUNT];
	uint8_t tag[RG_F__COUNT]; /* enum rg_tag bits, 0 = absent */
	struct rg_arena *arena;	  /* owned by whoever created the event (rg_event_new) */
};

/* One row of the field table. */
struct rg_field_info {
	const char *name; /* dotted */
	enum rg_type type;
	const char *unit;
	uint8_t tags;		     /* best possible tags, with OPT */
	const struct rg_name *names; /* ENUM, FLAGS; NULL where they depend on another field */
	const char *doc;
};

extern const struct rg_field_info rg_fields[RG_F__COUNT];

/* Field with this dotted name, or -1. */
int rg_field_find(const char *name, size_t len);

/* The fields of the elements of a list field (cmsg, fd, msg.iov) and of msg.name (elems.def), for expressions
 * and schemas: 0 and NULL for fields without elements. */
struct rg_elem_info {
	const char *name;
	enum rg_type type;
	const struct rg_name *names; /* NULL where they depend on the element */
	const char *unit;
	const char *doc;
};
size_t rg_field_elem_count(enum rg_field f);
const struct rg_elem_info *rg_field_elem(enum rg_field f, size_t index);

/* One row of the event table (events.def). */
enum rg_event_id {
#define RG_EVENT(ID, name, dir, nr64, nr32, related, summary, purpose, example, limits) RG_EV_##ID,
#include <recvguard/events.def>
#undef RG_EVENT
	RG_EV__COUNT
};
enum rg_dir { RG_DIR_NONE, RG_DIR_RECV, RG_DIR_SEND };

struct rg_event_info {
	const char *name;
	enum rg_dir dir;
	int nr64, nr32; /* x86-64 and i386 system call numbers, -1 where there is none; Tracee's id is nr64 */
	const char *related, *summary, *purpose, *example, *limits;
};
extern const struct rg_event_info rg_events[RG_EV__COUNT];

/* The entry by which a message came: `route`. */
enum rg_route {
#define RG_ROUTE(ID, name, event, doc) RG_RT_##ID,
#include <recvguard/routes.def>
#undef RG_ROUTE
	RG_RT__COUNT
};
struct rg_route_info {
	const char *name;
	enum rg_event_id event;
	const char *doc;
};
extern const struct rg_route_info rg_routes[RG_RT__COUNT];

/* What a descriptor stands for: fd.kind. Names in event/names.c. */
enum rg_fdkind {
	RG_FDK_UNKNOWN,
	RG_FDK_FILE,
	RG_FDK_DIRECTORY,
	RG_FDK_CHARDEV,
	RG_FDK_BLOCKDEV,
	RG_FDK_SYMLINK, /* O_PATH | O_NOFOLLOW */
	RG_FDK_FIFO,	/* a pipe with a path */
	RG_FDK_PIPE,
	RG_FDK_SOCKET,
	RG_FDK_MEMFD,
	RG_FDK_EVENTFD,
	RG_FDK_EVENTPOLL,
	RG_FDK_TIMERFD,
	RG_FDK_SIGNALFD,
	RG_FDK_INOTIFY,
	RG_FDK_FANOTIFY,
	RG_FDK_PIDFD,
	RG_FDK_IO_URING,
	RG_FDK_USERFAULTFD,
	RG_FDK_BPF, /* map, program, link, BTF, token, iterator */
	RG_FDK_PERF_EVENT,
	RG_FDK_DMABUF,
	RG_FDK_SYNC_FILE,
	RG_FDK_NAMESPACE,
	RG_FDK_SECCOMP, /* the listener of user notifications */
	RG_FDK_KVM,
	RG_FDK_ANON, /* another anonymous inode: its name is in fd.path */
	RG_FDK__COUNT
};

/* One row of the table of MSG_* flags (msgflags.def); ends with a NULL name. */
enum { RG_MSGFLAG_IN = 1, RG_MSGFLAG_OUT = 2, RG_MSGFLAG_SEND = 4 };
struct rg_msgflag_info {
	const char *name;
	uint32_t value;
	uint8_t dirs;		      /* RG_MSGFLAG_* of its uses; 0: inside the kernel only */
	const char *given, *returned; /* what it means there, "" nothing */
};
extern const struct rg_msgflag_info rg_msgflags[];

/* The field `detail`; absent: the full record. */
enum rg_detail { RG_DETAIL_METADATA };
enum rg_how { RG_HOW_MESSAGE, RG_HOW_CONNECT, RG_HOW_KERNEL, RG_HOW_MSGID };
enum rg_action { RG_ACT_ALLOW, RG_ACT_DENY, RG_ACT_DROP, RG_ACT_STRIP, RG_ACT_KILL, RG_ACT_LOG };
enum rg_loss {
	RG_LOSS_RING_FULL,  /* the kernel could not reserve ring memory */
	RG_LOSS_PART,	    /* a part (payload, descriptor) of a recorded message is missing */
	RG_LOSS_NO_STATE,   /* no per-task state could be had; or a child, proc.pid, could not be followed */
	RG_LOSS_BAD_RECORD, /* a record the decoder refused */
	RG_LOSS_SINK,	    /* an output could not keep up or failed */
	RG_LOSS_SAMPLED,    /* left out on purpose by --on-full sample */
	RG_LOSS_SKIPPED,    /* runs of programs that the kernel left out, as the same program was under way
			       on that processor: what they had told of is missing or incomplete */
	RG_LOSS__COUNT
};

/* A new, empty event with an arena of its own; NULL when out of memory. Freed with rg_event_free. */
struct rg_event *rg_event_new(void);
void rg_event_free(struct rg_event *ev);
/* Forget all values; memory is kept for the next event. */
void rg_event_reset(struct rg_event *ev);

/* Memory that lives until the event's next reset; NULL when the arena's bound (1 MiB + what large payloads
 * need) is reached. Aligned to 8. */
void *rg_event_alloc(struct rg_event *ev, size_t size);

static inline bool rg_has(const struct rg_event *ev, enum rg_field f)
{
	return ev->tag[f] != 0;
}
static inline void rg_set_u(struct rg_event *ev, enum rg_field f, uint64_t u, uint8_t tag)
{
	ev->v[f].u = u;
	ev->tag[f] = tag;
}
static inline void rg_set_i(struct rg_event *ev, enum rg_field f, int64_t i, uint8_t tag)
{
	ev->v[f].i = i;
	ev->tag[f] = tag;
}
static inline void rg_set_bytes(struct rg_event *ev, enum rg_field f, const void *p, uint32_t len,
				uint32_t full, uint8_t tag)
{
	ev->v[f].p = (const char *)p;
	ev->v[f].len = len;
	ev->v[f].full = full;
	ev->tag[f] = tag;
}
/* p is not copied. */
static inline void rg_set_str(struct rg_event *ev, enum rg_field f, const char *p, uint32_t len, uint8_t tag)
{
	rg_set_bytes(ev, f, p, len, len, tag);
}

/*
 * Building lists and objects. A builder appends to one chain; all nodes come from the event's arena. When the
 * arena is exhausted the rest is left out and b->full is set: decoders then mark what they decode truncated.
 */
struct rg_builder {
	struct rg_event *ev;
	struct rg_node **tail;
	bool full;
};
void rg_build_field(struct rg_builder *b, struct rg_event *ev, enum rg_field f,
		    uint8_t tag); /* LIST, OBJECT */
/* Append to the chain of b. name must outlive the event (a literal). They return the node, or NULL. */
struct rg_node *rg_add_u(struct rg_builder *b, const char *name, enum rg_type type, uint64_t u);
struct rg_node *rg_add_i(struct rg_builder *b, const char *name, int64_t i);
struct rg_node *rg_add_bool(struct rg_builder *b, const char *name, bool v);
struct rg_node *rg_add_enum(struct rg_builder *b, const char *name, int64_t i, const struct rg_name *names);
struct rg_node *rg_add_flags(struct rg_builder *b, const char *name, uint64_t u, const struct rg_name *names);
struct rg_node *rg_add_str(struct rg_builder *b, const char *name, const char *s, size_t len); /* copied */
struct rg_node *rg_add_bytes(struct rg_builder *b, const char *name, const void *p, size_t len, size_t full);
struct rg_node *rg_add_addr(struct rg_builder *b, const char *name, const struct rg_addr *a); /* copied */
/* Open an object or list inside b's chain: *sub appends to it. */
struct rg_node *rg_add_object(struct rg_builder *b, const char *name, struct rg_builder *sub);
struct rg_node *rg_add_list(struct rg_builder *b, const char *name, struct rg_builder *sub);

/* Child of an object chain by name, or NULL. */
const struct rg_node *rg_node_find(const struct rg_node *chain, const char *name);

/* Name of a value in a table, or NULL; value of a name (length given, exact case): 0, or -ENOENT. */
const char *rg_name_of(const struct rg_name *names, uint64_t value);
int rg_name_value(const struct rg_name *names, const char *name, size_t len, uint64_t *ret);
/* The table for a field of this event: resolves sock.protocol, whose names depend on sock.family. */
const struct rg_name *rg_event_names(const struct rg_event *ev, enum rg_field f);

extern const struct rg_name rg_names_events[], rg_names_routes[], rg_names_families[], rg_names_socktypes[],
	rg_names_msgflags[], rg_names_msgoutflags[], rg_names_errnos[], rg_names_hows[], rg_names_details[],
	rg_names_actions[], rg_names_losses[], rg_names_ipprotos[], rg_names_netlink_protos[],
	rg_names_etherprotos[], rg_names_fdkinds[], rg_names_openflags[], rg_names_seals[],
	rg_names_pkttypes[], rg_names_hatypes[];

#endif
