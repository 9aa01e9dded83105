/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cleanup.h"
#include "sink/json.h"
#include "sink/sqlite.h"

const char *const rec_table_names[REC_TABLES] = {"proc", "sock", "sender", "verdict", "message"};

enum rec_table rec_table_of(enum rg_field f)
{
	static const struct {
		const char *prefix;
		enum rec_table table;
	} prefixes[] = {{"proc.", REC_PROC},
			{"container.", REC_PROC},
			{"sock.", REC_SOCK},
			{"sender.", REC_SENDER},
			{"verdict.", REC_VERDICT}};

	if (rg_fields[f].type == RG_T_LIST || rg_fields[f].type == RG_T_OBJECT)
		return REC_LISTS;
	for (size_t i = 0; i < RG_ARRAY_LEN(prefixes); i++)
		if (!strncmp(rg_fields[f].name, prefixes[i].prefix, strlen(prefixes[i].prefix)))
			return prefixes[i].table;
	return REC_MESSAGE;
}

/* Enumerators are stored by name, or as the number where they have none: no affinity may change that. */
static const char *sql_type(enum rg_type type)
{
	switch (type) {
	case RG_T_ENUM: return "";
	case RG_T_STR:
	case RG_T_ADDR: return " TEXT";
	case RG_T_BYTES: return " BLOB";
	default: return " INTEGER";
	}
}

static void quoted(struct rg_buf *b, const char *name)
{
	rg_buf_char(b, '"');
	rg_buf_str(b, name);
	rg_buf_char(b, '"');
}

static void literal(struct rg_buf *b, const char *s)
{
	rg_buf_char(b, '\'');
	for (; *s; s++) {
		rg_buf_str(b, *s == '\'' ? "'" : "");
		rg_buf_char(b, *s);
	}
	rg_buf_char(b, '\'');
}

/* Columns with what they mean, for whoever looks at the schema. It also makes the schema longer than a page
 * from the start: SQLite moves it to the end of the file when it grows beyond one, and a file that is cut
 * short could not be read at all. */
static void ddl_table(struct rg_buf *b, enum rec_table t)
{
	rg_buf_printf(b, "CREATE TABLE %s(%s INTEGER PRIMARY KEY", rec_table_names[t],
		      t == REC_MESSAGE ? "n" : "id");
	if (t == REC_MESSAGE)
		rg_buf_str(b, ", proc INTEGER, sock INTEGER, sender INTEGER, verdict INTEGER, tags INTEGER");
	for (int f = 0; f < RG_F__COUNT; f++) {
		if (rec_table_of(f) != t)
			continue;
		rg_buf_str(b, ",\n ");
		quoted(b, rg_fields[f].name);
		rg_buf_str(b, sql_type(rg_fields[f].type));
		rg_buf_printf(b, " /* %s */", rg_fields[f].doc);
	}
	if (t == REC_MESSAGE)
		rg_buf_str(b, ", " REC_EXTRAS);
	rg_buf_str(b, ");\n");
}

/* The elements of lists, for questions in SQL; what is replayed comes from message.lists. */
static void ddl_elems(struct rg_buf *b)
{
	rg_buf_str(b, "CREATE TABLE fd(message INTEGER, i INTEGER");
	for (size_t i = 0; i < rg_field_elem_count(RG_F_FD); i++) {
		rg_buf_str(b, ", ");
		quoted(b, rg_field_elem(RG_F_FD, i)->name);
		rg_buf_str(b, sql_type(rg_field_elem(RG_F_FD, i)->type));
	}
	rg_buf_str(b, ", PRIMARY KEY(message, i)) WITHOUT ROWID;\n"
		      "CREATE TABLE cmsg(message INTEGER, i INTEGER, level, type, len INTEGER, decoded TEXT, "
		      "PRIMARY KEY(message, i)) WITHOUT ROWID;\n");
}

static void ddl_names(struct rg_buf *b)
{
	rg_buf_str(
		b,
		"CREATE TABLE field(n INTEGER PRIMARY KEY, name TEXT, type INTEGER, unit TEXT, doc TEXT);\n"
		"CREATE TABLE msgflag(name TEXT, value INTEGER);\n"
		"CREATE TABLE tagset(id INTEGER PRIMARY KEY, tags BLOB);\n");
	for (int f = 0; f < RG_F__COUNT; f++) {
		rg_buf_printf(b, "INSERT INTO field VALUES(%d, '%s', %d, '%s', ", f, rg_fields[f].name,
			      (int)rg_fields[f].type, rg_fields[f].unit);
		literal(b, rg_fields[f].doc);
		rg_buf_str(b, ");\n");
	}
	for (const struct rg_name *n = rg_names_msgflags; n->name; n++)
		rg_buf_printf(b, "INSERT INTO msgflag VALUES('%s', %llu);\n", n->name,
			      (unsigned long long)n->value);
}

static void event_columns(struct rg_buf *b)
{
	for (int f = 0; f < RG_F__COUNT; f++) {
		enum rec_table t = rec_table_of(f);

		if (t == REC_LISTS)
			continue;
		rg_buf_str(b, ", ");
		rg_buf_str(b, rec_table_names[t]);
		rg_buf_char(b, '.');
		quoted(b, rg_fields[f].name);
		rg_buf_str(b, " AS ");
		quoted(b, rg_fields[f].name);
	}
}

#define JOINS                                                                                              \
	" FROM message LEFT JOIN proc ON proc.id = message.proc LEFT JOIN sock ON sock.id = message.sock " \
	"LEFT JOIN sender ON sender.id = message.sender LEFT JOIN verdict ON verdict.id = message.verdict"

/* Answers to common questions. */
static const struct {
	const char *name, *select;
} views[] = {
	{"conversation",
	 "SELECT \"proc.comm\", \"proc.pid\", \"sock.family\", \"sock.type\", \"sock.path\", "
	 "\"sock.local.addr\", \"sock.local.port\", \"sock.remote.addr\", \"sock.remote.port\", "
	 "\"sender.comm\", \"sender.pid\", count(*) AS messages, sum(max(\"ret\", 0)) AS bytes, "
	 "sum(\"fd.count\") AS descriptors, min(\"time\") AS first, max(\"time\") AS last FROM event WHERE "
	 "\"event\" <> 'lost' GROUP BY 1,2,3,4,5,6,7,8,9,10,11 ORDER BY messages DESC"},
	{"process",
	 "SELECT \"proc.comm\", \"proc.pid\", \"proc.exe\", \"container.name\", count(*) AS messages, "
	 "sum(max(\"ret\", 0)) AS bytes, sum(\"fd.count\") AS descriptors, sum(\"ret\" < 0) AS errors, "
	 "count(DISTINCT \"sock.cookie\") AS sockets, min(\"time\") AS first, max(\"time\") AS last FROM "
	 "event "
	 "WHERE \"event\" <> 'lost' GROUP BY 1,2,3,4 ORDER BY messages DESC"},
	{"finding", "SELECT n, \"time\", \"proc.comm\", \"proc.pid\", \"sock.path\", \"ret\", \"msg.size\", "
		    "\"msg.truncated\", \"msg.control_truncated\", \"msg.fds_lost\" FROM event WHERE "
		    "\"msg.truncated\" OR \"msg.control_truncated\" OR \"msg.fds_lost\""},
	{"descriptor", "SELECT event.\"time\", event.\"proc.comm\", event.\"proc.pid\", "
		       "event.\"sender.comm\", event.\"sender.pid\", event.\"sock.path\" AS \"over\", fd.* "
		       "FROM fd JOIN event ON event.n = fd.message"},
	{"loss", "SELECT n, \"time\", \"cpu\", \"lost.count\", \"lost.reason\", \"proc.comm\", \"proc.pid\" "
		 "FROM event WHERE \"event\" = 'lost'"},
	{"denial", "SELECT n, \"time\", \"proc.comm\", \"proc.pid\", \"sock.path\", \"verdict.policy\", "
		   "\"verdict.rule\", \"verdict.action\", \"verdict.errno\" FROM event WHERE "
		   "\"verdict.action\" NOT IN ('allow', 'log')"},
};

static void ddl_views(struct rg_buf *b, const char *kind)
{
	for (size_t i = 0; i < RG_ARRAY_LEN(views); i++)
		rg_buf_printf(b, "CREATE %s %s AS %s;\n", kind, views[i].name, views[i].select);
}

void rec_join(struct rg_buf *b, unsigned n)
{
	static const char *const whole[] = {"event", "fd", "cmsg"};

	for (size_t t = 0; t < RG_ARRAY_LEN(whole); t++) {
		rg_buf_printf(b, "CREATE TEMP VIEW %s AS SELECT * FROM main.%s", whole[t], whole[t]);
		for (unsigned i = 1; i < n; i++)
			rg_buf_printf(b, " UNION ALL SELECT * FROM file%u.%s", i, whole[t]);
		rg_buf_str(b, ";\n");
	}
	ddl_views(b, "TEMP VIEW");
}

const char rec_indexes[] = "CREATE INDEX IF NOT EXISTS message_proc ON message(proc);\n"
			   "CREATE INDEX IF NOT EXISTS message_sock ON message(sock);\n"
			   "CREATE INDEX IF NOT EXISTS message_time ON message(\"time\");\n"
			   "CREATE INDEX IF NOT EXISTS fd_kind ON fd(kind);\n"
			   "CREATE INDEX IF NOT EXISTS cmsg_type ON cmsg(type);\n"
			   "CREATE INDEX IF NOT EXISTS proc_comm ON proc(\"proc.comm\");\n"
			   "CREATE INDEX IF NOT EXISTS sock_path ON sock(\"sock.path\");\n";

void rec_ddl(struct rg_buf *b)
{
	rg_buf_str(b, "CREATE TABLE recording(key TEXT PRIMARY KEY, value) WITHOUT ROWID;\n");
	ddl_names(b);
	for (int t = 0; t < REC_TABLES; t++)
		ddl_table(b, t);
	ddl_elems(b);
	rg_buf_str(b, "CREATE VIEW event AS SELECT message.n AS n");
	event_columns(b);
	rg_buf_str(b, ", message.\"fd.count\" AS \"fd.count\", message.\"cmsg.count\" AS \"cmsg.count\", "
		      "message.data_zstd AS data_zstd" JOINS ";\n");
	ddl_views(b, "VIEW");
}

void rec_insert(struct rg_buf *b, enum rec_table t)
{
	rg_buf_printf(b, "INSERT INTO %s VALUES(%s", rec_table_names[t],
		      t == REC_MESSAGE ? "?,?,?,?,?,?" : "?");
	for (int f = 0; f < RG_F__COUNT; f++)
		rg_buf_str(b, rec_table_of(f) == t ? ",?" : "");
	rg_buf_str(b, t == REC_MESSAGE ? ",?,?,?,?,?)" : ")");
}

void rec_select(struct rg_buf *b, const bool *have)
{
	rg_buf_str(b, "SELECT message.n, tagset.tags, data_full, data_zstd, lists");
	for (int f = 0; f < RG_F__COUNT; f++) {
		if (!have[f] || rec_table_of(f) == REC_LISTS)
			continue;
		rg_buf_char(b, ',');
		rg_buf_str(b, rec_table_names[rec_table_of(f)]);
		rg_buf_char(b, '.');
		quoted(b, rg_fields[f].name);
	}
	rg_buf_str(b,
		   JOINS " JOIN tagset ON tagset.id = message.tags WHERE message.n > ?1 ORDER BY message.n");
}
