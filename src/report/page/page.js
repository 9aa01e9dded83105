// SPDX-License-Identifier: BSD-2-Clause
// The report's page. Whatever was received is text to it: elements are made one by one, never from markup.
"use strict";
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);

// ---- making elements, showing values ----

function el(tag, props, ...children) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(props || {})) {
		if (k === "class") e.className = v;
		else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
		else if (v !== false && v != null) e.setAttribute(k, v === true ? "" : v);
	}
	e.append(...children.filter((c) => c != null));
	return e;
}

const SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"};
// What a browser could obey instead of showing (controls, direction marks, invisible characters) as escapes.
function shown(s) {
	return String(s).replace(/[\p{C}\u2028\u2029]/gu, (c) => SHORT[c] ||
		(c.codePointAt(0) < 256 ? "\\x" + c.codePointAt(0).toString(16).padStart(2, "0") : "\\u{" + c.codePointAt(0).toString(16) + "}"));
}
// Bytes are a string, or {"base64": ...} where they are not UTF-8.
const isBytes = (v) => v !== null && typeof v === "object" && typeof v.base64 === "string";
function bytesOf(v) {
	return isBytes(v) ? Uint8Array.from(atob(v.base64), (c) => c.charCodeAt(0)) : new TextEncoder().encode(v);
}
function textOf(v) {
	if (v == null) return "";
	if (!isBytes(v)) return shown(v);
	let s = "";
	for (const b of bytesOf(v)) s += b >= 32 && b < 127 ? String.fromCharCode(b) : "\\x" + b.toString(16).padStart(2, "0");
	return s;
}
const whole = new Intl.NumberFormat("en");
const count = (n) => whole.format(n);
function scaled(v, units, step) {
	let i = 0;
	while (v >= step && i < units.length - 1) { v /= step; i++; }
	return (i && v < 100 ? v.toFixed(1) : Math.round(v)) + " " + units[i];
}
const size = (v) => scaled(v, ["B", "KiB", "MiB", "GiB", "TiB"], 1024);
function duration(ns) {
	return ns < 1e9 ? scaled(ns, ["ns", "µs", "ms"], 1000) : ns < 6e10 ? (ns / 1e9).toPrecision(3) + " s"
		: ns < 3.6e12 ? (ns / 6e10).toFixed(1) + " min" : (ns / 3.6e12).toFixed(1) + " h";
}
const moment = (t) => String(t).slice(0, 23).replace("T", " ");
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// ---- head ----

const span = Date.parse(data.last) - Date.parse(data.first);
$("span").textContent = data.events ? `${moment(data.first)} to ${moment(data.last)} UTC (${duration(span * 1e6)})` +
	(data.filter ? ` · only messages where ${shown(data.filter)}` : "") : "No messages.";
if (data.lost) {
	$("losses").hidden = false;
	$("losses").textContent = `${count(data.lost)} messages were lost while recording: this page does not show everything that was received.`;
}
for (const [name, value, kind] of [
	["Received", count(data.received), ""], ["Bytes received", size(data.bytes), ""],
	...(data.sent ? [["Sent", count(data.sent), ""], ["Bytes sent", size(data.sent_bytes), ""]] : []), ["Peeks", count(data.peeks), ""],
	["Descriptors", count(data.fds), ""], ["Truncated", count(data.truncated), data.truncated ? "warn" : ""],
	["Denied", count(data.denied), data.denied ? "bad" : ""], ["Failed calls", count(data.failed), ""],
	["Lost", count(data.lost), data.lost ? "bad" : ""]])
	$("totals").append(el("div", {class: kind}, el("dt", null, name), el("dd", null, value)));

// ---- theme ----

const THEMES = ["auto", "light", "dark"];
let redraw = () => {};
function setTheme(theme) {
	if (theme === "auto") document.documentElement.removeAttribute("data-theme");
	else document.documentElement.setAttribute("data-theme", theme);
	$("theme").textContent = "Theme: " + theme;
	try { localStorage.setItem("recvguard-theme", theme); } catch { /* files may have no storage */ }
	redraw();
}
let theme = "auto";
try { theme = THEMES.includes(localStorage.getItem("recvguard-theme")) ? localStorage.getItem("recvguard-theme") : "auto"; } catch { /* as above */ }
$("theme").addEventListener("click", () => setTheme(theme = THEMES[(THEMES.indexOf(theme) + 1) % 3]));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());

// ---- the graph ----

function graph() {
	const svg = $("picture").querySelector("svg");
	if (!svg) return;
	const natural = svg.viewBox.baseVal;
	const [w, h] = [natural.width * 1.25, natural.height * 1.25];
	let zoom = 1;
	const fit = (on) => {
		$("picture").classList.toggle("fit", on);
		$("fit").setAttribute("aria-pressed", on);
		svg.setAttribute("width", w * zoom);
		svg.setAttribute("height", h * zoom);
	};
	const scale = (by) => { zoom = Math.min(8, Math.max(.1, zoom * by)); fit(false); };
	$("fit").addEventListener("click", () => { zoom = 1; fit(!$("picture").classList.contains("fit")); });
	$("larger").addEventListener("click", () => scale(1.25));
	$("smaller").addEventListener("click", () => scale(.8));
	// a picture that would be too small to read is scrolled instead
	fit(w < 2.2 * ($("picture").clientWidth || 1000));
	const busiest = svg.querySelector("#node-0");
	if (busiest && !$("picture").classList.contains("fit")) {
		const at = busiest.getBoundingClientRect(), box = $("picture").getBoundingClientRect();
		$("picture").scrollTo(at.left - box.left - box.width / 2, at.top - box.top - box.height / 2);
	}
	for (const g of svg.querySelectorAll("g.node, g.edge")) {
		const a = g.querySelector("a"), title = g.querySelector("title");
		if (a && title) title.textContent = a.getAttribute("xlink:title") || title.textContent;
		const m = /^node-(\d+)$/.exec(g.id);
		if (!m) continue;
		const show = () => search(nodeQuery(data.graph.nodes[+m[1]]));
		g.setAttribute("tabindex", "0");
		g.setAttribute("role", "button");
		g.setAttribute("aria-label", title.textContent);
		g.addEventListener("click", show);
		g.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); show(); } });
	}
}
const nodeQuery = (n) => n.kind === "process" ? n.name : n.kind === "remote" || n.kind === "kernel" || n.kind === "exe" ? n.name : "";

// ---- charts ----

const plots = [];
function chart(parent, title, about, make, table) {
	const plot = el("div", {class: "plot", role: "img", "aria-label": `${title}. ${about}`});
	const box = el("div", {class: "chart"}, el("h3", null, title), el("p", {class: "quiet"}, about), plot,
		el("details", null, el("summary", null, "As a table"), el("div", {class: "scroll", tabindex: "0"})));
	box.querySelector("details").addEventListener("toggle", function () {
		const at = this.querySelector(".scroll");
		if (this.open && !at.firstChild) at.append(table());
	});
	parent.append(box);
	plots.push({plot, make, u: null});
}
const POWERS = Array.from({length: 54}, (_, i) => 2 ** i);
function axes(x, y, bytes) {
	const look = {stroke: color("--soft"), grid: {stroke: color("--line"), width: 1}, ticks: {stroke: color("--line"), width: 1}};
	return [{...look, values: x, space: 80}, {...look, values: y, size: 76, ...(bytes ? {incrs: POWERS} : {})}];
}
redraw = () => {
	for (const p of plots) {
		if (p.u) p.u.destroy();
		const {options, rows} = p.make();
		p.u = new uPlot({width: Math.max(240, p.plot.clientWidth), height: 190, ...options}, rows, p.plot);
	}
};
new ResizeObserver(() => {
	for (const p of plots) if (p.u) p.u.setSize({width: Math.max(240, p.plot.clientWidth), height: 190});
}).observe($("rates"));

const s = data.series, per = s.width / 1e9;
const column = (name) => { const i = s.columns.indexOf(name); return s.rows.map((r) => r[i]); };
const total = (v) => v.reduce((a, b) => a + b, 0);
// Seconds since the beginning.
const since = s.rows.map((_, i) => i * per);
const clock = (t) => per * s.rows.length < 600 ? +t.toFixed(6) + " s" : +(t / 60).toFixed(2) + " min";
const steps = () => uPlot.paths.stepped({align: 1});

function timeChart(title, about, names, unit, rate) {
	const values = names.map(([name]) => column(name).map((v) => rate ? v / per : v));
	chart($("rate-charts"), title, about, () => ({
		options: {
			scales: {x: {time: false}, y: {range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1]}},
			axes: axes((u, v) => v.map(clock), (u, v) => v.map(unit), unit === size),
			cursor: {sync: {key: "time"}, drag: {x: true, y: false}},
			series: [{label: "after", value: (u, v) => v == null ? "–" : clock(v)}, ...names.map(([name, c]) => ({
				label: name, stroke: color(c), width: 1.6, fill: color(c) + "22", paths: steps(), points: {show: false},
				value: (u, v) => v == null ? "–" : unit(v)}))],
		},
		rows: [since, ...values],
	}), () => table([["after", "num"], ...names.map(([n]) => [n, "num"])],
		since.map((t, i) => [[clock(t), t], ...values.map((v) => [unit(v[i]), v[i]])])));
}

function rates() {
	if (!s.rows.length) { $("rate-charts").append(el("p", {class: "none"}, "No messages.")); return; }
	$("bucket").textContent = `Each step is ${duration(s.width)}. Drag to look closer, double-click for all.`;
	const families = [["unix", "--c1"], ["inet", "--c2"], ["netlink", "--c3"], ["other", "--c4"]].filter(([n]) => total(column(n)));
	const n = families.map(([name]) => `${name} ${count(total(column(name)))}`).join(", ");
	timeChart("Messages per second", `Received, by family: ${n || "none"}.` + (data.sent ? ` Sent: ${count(data.sent)}.` : ""),
		[...families, ...(data.sent || !families.length ? [["sent", "--soft"]] : [])], (v) => count(+v.toPrecision(3)), true);
	timeChart("Bytes received per second", `${size(data.bytes)} in all.`, [["bytes", "--c1"]], size, true);
	const marks = [["fds", "--c2"], ["truncated", "--c3"], ["denied", "--bad"], ["lost", "--c4"]].filter(([n]) => total(column(n)));
	if (marks.length)
		timeChart("Descriptors and findings", marks.map(([n]) => `${n} ${count(total(column(n)))}`).join(", ") + ".", marks, (v) => count(v), false);
}

// First value of a bucket: four buckets for each power of two.
const from = (i) => i < 4 ? i : (4 + i % 4) * 2 ** (Math.floor(i / 4) - 1);
function histogram(title, h, unit) {
	if (!h.count) return;
	const [lo, hi] = [h.buckets[0][0], h.buckets[h.buckets.length - 1][0]];
	const at = new Map(h.buckets.map(([i, , n]) => [i, n]));
	const index = [], n = [];
	for (let i = lo; i <= hi; i++) { index.push(i); n.push(at.get(i) || 0); }
	const about = `${count(h.count)} values; half at most ${unit(h.p50)}, 90 % ${unit(h.p90)}, 99 % ${unit(h.p99)}, largest ${unit(h.max)}.`;
	chart($("hists"), title, about, () => ({
		options: {
			scales: {x: {time: false, range: [lo - .7, hi + .7]}, y: {range: (u, min, max) => [0, max * 1.08]}},
			axes: axes((u, v) => v.map((i) => Number.isInteger(i) && i >= 0 ? unit(from(i)) : ""), (u, v) => v.map((x) => count(x))),
			cursor: {drag: {x: false, y: false}},
			series: [{label: "from", value: (u, i) => i == null ? "–" : unit(from(i))},
				{label: "messages", stroke: color("--c1"), fill: color("--c1") + "88", width: 1, points: {show: false},
					paths: uPlot.paths.bars({size: [.9, 60], align: 0}), value: (u, v) => v == null ? "–" : count(v)}],
		},
		rows: [index, n],
	}), () => table([["from", "num"], ["messages", "num"]], h.buckets.map(([, a, c]) => [[unit(a), a], [count(c), c]])));
}

// ---- tables that can be sorted ----

// columns: [title, class]; a cell is text, or [text, value to sort by].
function table(columns, rows) {
	const body = el("tbody");
	let sorted = -1, up = false;
	const text = (c) => Array.isArray(c) ? c[0] : c;
	const value = (c) => Array.isArray(c) ? c[1] : c;
	const fill = () => body.replaceChildren(...rows.map((r) => el("tr", null,
		...r.map((c, i) => el("td", {class: columns[i][1] || ""}, c instanceof Node ? c : text(c) == null ? "" : String(text(c)))))));
	const heads = columns.map(([title, cls], i) => el("th", {scope: "col", class: cls || ""}, el("button", {type: "button", onclick: () => {
		up = sorted === i ? !up : cls !== "num";
		sorted = i;
		rows.sort((a, b) => (up ? 1 : -1) * (value(a[i]) < value(b[i]) ? -1 : value(a[i]) > value(b[i]) ? 1 : 0));
		heads.forEach((h, j) => j === i ? h.setAttribute("aria-sort", up ? "ascending" : "descending") : h.removeAttribute("aria-sort"));
		fill();
	}}, title)));
	fill();
	return el("table", null, el("thead", null, el("tr", null, ...heads)), body);
}
const LIMIT = 12;
function listing(id, columns, rows, none, note) {
	if (!rows.length) { $(id).append(el("p", {class: "none"}, none)); return; }
	const at = el("div", {class: "scroll"});
	const show = (n) => at.replaceChildren(table(columns, rows.slice(0, n)));
	show(LIMIT);
	$(id).append(at);
	if (rows.length > LIMIT)
		$(id).append(el("button", {type: "button", onclick: function () { show(rows.length); this.remove(); }}, `Show all ${count(rows.length)}`));
	if (note) $(id).append(el("p", {class: "quiet"}, note));
}
const way = (e) => e.received.messages ? e.received : e.sent;
const who = (comm, pid) => comm == null && pid == null ? "" : `${shown(comm ?? "?")}[${pid ?? "?"}]`;
const more = (c) => c.others ? `${count(c.others)} more in rows that had no room.` : "";

function tables() {
	const g = data.graph, name = (i) => shown(g.nodes[i].name);
	listing("nodes", [["Who"], ["Kind"], ["Received", "num"], ["Bytes", "num"], ["Sent", "num"], ["Bytes sent", "num"], ["Executable", "path"]],
		g.nodes.map((n) => [n.name, n.kind, [count(n.received.messages), n.received.messages], [size(n.received.bytes), n.received.bytes],
			[count(n.sent.messages), n.sent.messages], [size(n.sent.bytes), n.sent.bytes], textOf(n.exe)]), "No messages.",
		g.merged ? "Too many processes or sockets to tell all of them apart: the last ones are counted together." : "");
	listing("edges", [["From"], ["To"], ["Socket", "path"], ["Sockets", "num"], ["Messages", "num"], ["Bytes", "num"], ["Marks"]],
		g.edges.map((e) => [name(e.from), name(e.to), e.name, [count(e.sockets), e.sockets], [count(way(e).messages), way(e).messages],
			[size(way(e).bytes), way(e).bytes], [e.descriptors && `${count(e.descriptors.passed)} descriptors`, e.truncated && `${count(e.truncated)} truncated`,
				e.denied && `${count(e.denied)} denied`, e.how === "address" && "known by address", !e.received.messages && e.sent.messages && "as sent"].filter(Boolean).join(", ")]),
		"No messages.");
	listing("protocols", [["Protocol"], ["Messages", "num"], ["Bytes", "num"]],
		data.protocols.rows.map(([n, bytes, , , p]) => [shown(p), [count(n), n], [size(bytes), bytes]]), "None was recognised.", more(data.protocols));
	listing("fds", [["From"], ["To"], ["Over", "path"], ["Passed", "num"], ["Lost", "num"], ["Kinds"], ["Among them", "path"]],
		g.edges.filter((e) => e.descriptors).map((e) => [name(e.from), name(e.to), e.name, [count(e.descriptors.passed), e.descriptors.passed],
			[count(e.descriptors.lost || 0), e.descriptors.lost || 0], Object.entries(e.descriptors.kinds).map(([k, n]) => `${count(n)} ${k}`).join(", "),
			e.descriptors.paths.map(textOf).join(", ")]), "None was passed.");
	listing("denials", [["Action"], ["Policy"], ["Rule"], ["By"], ["Process"], ["Socket", "path"], ["Times", "num"], ["First (UTC)"]],
		data.denials.rows.map(([n, , , first, action, errno, policy, rule, backend, comm, pid, family, path]) =>
			[action + (errno ? " " + errno : ""), shown(policy ?? ""), shown(rule ?? ""), backend === "trace" ? "trace (not enforced)" : shown(backend ?? ""),
				who(comm, pid), shown(path ?? family ?? ""), [count(n), n], moment(first)]), "Nothing was denied.", more(data.denials));
	listing("truncations", [["What"], ["Process"], ["Socket", "path"], ["Times", "num"], ["Largest message", "num"], ["Descriptors lost", "num"], ["First (UTC)"]],
		data.truncations.rows.map(([n, lost, largest, first, what, comm, pid, family, path]) => [what, who(comm, pid), shown(path ?? family ?? ""),
			[count(n), n], [size(largest), largest], [count(lost), lost], moment(first)]), "Nothing was truncated.", more(data.truncations));
	listing("lost", [["Reason"], ["Process"], ["Socket", "path"], ["Messages", "num"], ["First (UTC)"]],
		data.losses.rows.map(([, n, , first, reason, comm, pid, family, path]) => [shown(reason ?? "?"), who(comm, pid), shown(path ?? family ?? ""), [count(n), n], moment(first)]),
		"Nothing was lost.", more(data.losses));
	listing("errors", [["Error"], ["Process"], ["Socket", "path"], ["Times", "num"], ["First (UTC)"]],
		data.errors.rows.map(([n, , , first, error, comm, pid, family, path]) => [shown(error ?? "?"), who(comm, pid), shown(path ?? family ?? ""), [count(n), n], moment(first)]),
		"No call failed.", more(data.errors));
}

// ---- messages ----

const PAGE = 100;
let all = [], hits = [], page = 0;
const only = new Set();

// Numbers too large for JavaScript stay as they are written.
const parse = (line) => JSON.parse(line.replace(/"(?:[^"\\]|\\.)*"|-?\d{16,}/g, (m) => m[0] === "\"" ? m : `"${m}"`));

function words(v, out) {
	if (v == null) return;
	if (isBytes(v) || typeof v !== "object") out.push(textOf(v));
	else for (const x of Object.values(v)) words(x, out);
}
const DENIED = ["deny", "drop", "strip", "kill"];
function read(line) {
	const ev = parse(line), out = [];
	const {tags, ...values} = ev;
	words(values, out);
	if (ev.proc) out.push(processOf(ev));
	if (ev.sender) out.push(senderOf(ev));
	const marks = {fds: (ev.fd || []).length > 0, truncated: !!ev.msg && (ev.msg.truncated || ev.msg.control_truncated),
		denied: !!ev.verdict && DENIED.includes(ev.verdict.action), error: ev.ret < 0};
	if (marks.denied) out.push("denied");
	return {ev, marks, hay: out.join(" ").toLowerCase()};
}
const processOf = (ev) => ev.proc ? `${textOf(ev.proc.comm)}[${ev.proc.pid}]` : "";
function senderOf(ev) {
	const q = ev.sender, name = ev.msg && ev.msg.name;
	if (q && q.how === "kernel") return "kernel";
	if (q && q.pid) return `${textOf(q.comm ?? "?")}[${q.pid}]`;
	if (name && name.text) return textOf(name.text);
	const r = ev.sock && ev.sock.remote;
	return r && r.addr ? textOf(r.addr) + (r.port ? ":" + r.port : "") : "";
}
function otherEnd(ev) {
	const name = senderOf(ev);
	return name && (/^(send|write|pwrite)/.test(ev.event) ? "→ " : "← ") + name;
}
function socketOf(ev) {
	const k = ev.sock;
	if (!k) return "";
	if (k.path) return textOf(k.path);
	return `${k.family ?? ""} ${k.protocol && k.protocol !== "0" ? k.protocol : k.type ?? ""}` + (k.local && k.local.port ? " :" + k.local.port : "");
}
function whatOf(m) {
	const ev = m.ev, out = [];
	const badge = (text, kind) => out.push(el("span", {class: "badge " + kind}, text));
	if (ev.event === "lost") {
		badge("lost", "bad");
		out.push(`${count(ev.lost ? ev.lost.count : 0)} messages: ${ev.lost ? shown(ev.lost.reason) : "?"}`);
		return out;
	}
	if (m.marks.denied) badge(ev.verdict.action, "bad");
	if (m.marks.truncated) badge("truncated", "warn");
	if (m.marks.fds) badge(`${ev.fd.length} fd`, "warn");
	if (ev.peek) badge("peek", "soft");
	if (ev.error) badge(ev.error, "bad");
	const text = ev.msg && (ev.msg.summary != null ? textOf(ev.msg.summary) : textOf(ev.msg.data));
	if (text) out.push(text.length > 200 ? text.slice(0, 200) + "…" : text);
	return out;
}

function hexdump(v) {
	const b = bytesOf(v), lines = [];
	for (let i = 0; i < b.length; i += 16) {
		const part = Array.from(b.slice(i, i + 16));
		lines.push(i.toString(16).padStart(6, "0") + "  " + part.map((x) => x.toString(16).padStart(2, "0")).join(" ").padEnd(48) + " " +
			part.map((x) => x >= 32 && x < 127 ? String.fromCharCode(x) : ".").join(""));
	}
	return lines.join("\n");
}
const UNITS = {duration: "ns", wait: "ns", latency: "ns", size: "bytes", ret: "bytes", len: "bytes"};
function tree(v, path, tags) {
	const list = el("dl");
	const entries = Array.isArray(v) ? v.map((x, i) => [String(i), x, `${path}[${i}]`]) : Object.entries(v).map(([k, x]) => [k, x, path ? `${path}.${k}` : k]);
	for (const [k, x, p] of entries) {
		const dd = el("dd");
		if (x !== null && typeof x === "object" && !isBytes(x)) {
			if (Array.isArray(x) && x.every((y) => typeof y !== "object")) dd.append(x.map(shown).join(", ") || "none");
			else dd.append(tree(x, p, tags));
		} else {
			dd.append(isBytes(x) ? textOf(x) : UNITS[k] && typeof x === "number" ? `${count(x)} ${UNITS[k]}` : shown(x));
		}
		if (tags[p]) dd.append(el("sup", {title: "how the value was obtained: K the kernel's copy, U user memory, TOCTOU could have changed, LATE read afterwards"}, tags[p]));
		list.append(el("dt", null, Array.isArray(v) ? `#${k}` : k), dd);
	}
	return list;
}
function detail(ev) {
	const {tags = {}, ...values} = ev, groups = {message: {}};
	let payload = null;
	for (const [k, v] of Object.entries(values)) {
		if (v !== null && typeof v === "object" && !isBytes(v)) groups[k] = v;
		else groups.message[k] = v;
	}
	if (groups.msg && groups.msg.data != null) {
		const {data: bytes, ...rest} = groups.msg;
		payload = bytes;
		groups.msg = rest;
	}
	const box = el("div", {class: "tree"}, ...Object.entries(groups).map(([k, v]) =>
		el("div", null, el("h4", null, k), tree(v, k === "message" ? "" : k, tags))));
	return payload == null ? [box] : [box, el("pre", {tabindex: "0", "aria-label": "Payload, in hexadecimal"},
		hexdump(payload) + (tags["msg.data"] ? `\n(${tags["msg.data"]})` : ""))];
}
function row(m) {
	const ev = m.ev, cell = (text, cls) => el("td", {class: cls || "", title: text}, text);
	const tr = el("tr", {class: "row", tabindex: "0", "aria-expanded": "false"}, cell(count(ev.id ?? 0), "num"), cell(String(ev.time).slice(11, 26)),
		cell(processOf(ev)), cell(ev.event, "wide"), cell(socketOf(ev), "wide"), cell(otherEnd(ev), "wide"),
		cell(ev.ret >= 0 ? count(ev.ret) : "", "num"), el("td", {class: "what"}, ...whatOf(m)));
	const toggle = () => {
		const open = tr.getAttribute("aria-expanded") === "true";
		tr.setAttribute("aria-expanded", !open);
		if (open) tr.nextSibling.remove();
		else tr.after(el("tr", null, el("td", {class: "detail", colspan: "8"}, ...detail(ev))));
	};
	tr.addEventListener("click", () => { if (!String(getSelection())) toggle(); });
	tr.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); toggle(); } });
	return tr;
}
function showPage() {
	const pages = Math.max(1, Math.ceil(hits.length / PAGE));
	page = Math.min(Math.max(0, page), pages - 1);
	$("rows").tBodies[0].replaceChildren(...hits.slice(page * PAGE, (page + 1) * PAGE).map(row));
	$("page").textContent = `page ${count(page + 1)} of ${count(pages)}`;
	$("prev").disabled = page === 0;
	$("next").disabled = page === pages - 1;
	$("found").textContent = `${count(hits.length)} of ${count(all.length)}`;
}
function find() {
	const want = $("find").value.toLowerCase().split(/\s+/).filter(Boolean);
	hits = all.filter((m) => want.every((w) => m.hay.includes(w)) && [...only].every((o) => m.marks[o]));
	page = 0;
	showPage();
}
function search(text) {
	$("find").value = text;
	find();
	$("messages").scrollIntoView();
	$("find").focus({preventScroll: true});
}

async function messages() {
	$("kept").textContent = (data.rows < data.events ? `The ${data.last_rows ? "last" : "first"} ${count(data.rows)} of ${count(data.events)} ` +
		"events are here (recvguard report --rows N); recvguard query finds the others. " : "All of them are here. ") + "Choose one to see it decoded.";
	if (data.rows) {
		if (!("DecompressionStream" in window)) {
			$("found").textContent = "This browser is too old to unpack the messages (it lacks DecompressionStream).";
			return;
		}
		const packed = Uint8Array.from(atob($("packed").textContent), (c) => c.charCodeAt(0));
		const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
		all = text.split("\n").filter(Boolean).map(read);
	}
	let timer = 0;
	$("find").disabled = false;
	$("find").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
	for (const b of document.querySelectorAll("button.only"))
		b.addEventListener("click", () => {
			if (!only.delete(b.dataset.only)) only.add(b.dataset.only);
			b.setAttribute("aria-pressed", only.has(b.dataset.only));
			find();
		});
	$("prev").addEventListener("click", () => { page--; showPage(); });
	$("next").addEventListener("click", () => { page++; showPage(); });
	find();
}

graph();
rates();
histogram("Message size, received", data.size, size);
histogram("Message size, sent", data.sent_size, size);
histogram("Latency, from send to receipt", data.latency, duration);
histogram("Duration of receiving calls", data.duration, duration);
histogram("Time asleep in receiving calls", data.wait, duration);
if (!$("hists").firstChild) $("hists").append(el("p", {class: "none"}, "No messages."));
tables();
setTheme(theme);
messages().catch((e) => { $("found").textContent = "The messages cannot be read: " + e.message; })
	.finally(() => document.documentElement.setAttribute("data-ready", "yes"));
})();
