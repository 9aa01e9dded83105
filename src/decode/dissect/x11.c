/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * X11 ("X Window System Protocol", encoding): requests on the way to the server, replies, events and errors
 * on the way back. The byte order is fixed at the connection's setup, which this message need not be: the
 * machine's own is taken, as on a local connection.
 */
#include "base/cleanup.h"
#include "decode/dissect/dissector.h"

#define SHOWN_MAX 6

static const char *const requests[128] = {[1] = "CreateWindow",
					  "ChangeWindowAttributes",
					  "GetWindowAttributes",
					  "DestroyWindow",
					  "DestroySubwindows",
					  "ChangeSaveSet",
					  "ReparentWindow",
					  "MapWindow",
					  "MapSubwindows",
					  "UnmapWindow",
					  "UnmapSubwindows",
					  "ConfigureWindow",
					  "CirculateWindow",
					  "GetGeometry",
					  "QueryTree",
					  "InternAtom",
					  "GetAtomName",
					  "ChangeProperty",
					  "DeleteProperty",
					  "GetProperty",
					  "ListProperties",
					  "SetSelectionOwner",
					  "GetSelectionOwner",
					  "ConvertSelection",
					  "SendEvent",
					  "GrabPointer",
					  "UngrabPointer",
					  "GrabButton",
					  "UngrabButton",
					  "ChangeActivePointerGrab",
					  "GrabKeyboard",
					  "UngrabKeyboard",
					  "GrabKey",
					  "UngrabKey",
					  "AllowEvents",
					  "GrabServer",
					  "UngrabServer",
					  "QueryPointer",
					  "GetMotionEvents",
					  "TranslateCoordinates",
					  "WarpPointer",
					  "SetInputFocus",
					  "GetInputFocus",
					  "QueryKeymap",
					  "OpenFont",
					  "CloseFont",
					  "QueryFont",
					  "QueryTextExtents",
					  "ListFonts",
					  "ListFontsWithInfo",
					  "SetFontPath",
					  "GetFontPath",
					  "CreatePixmap",
					  "FreePixmap",
					  "CreateGC",
					  "ChangeGC",
					  "CopyGC",
					  "SetDashes",
					  "SetClipRectangles",
					  "FreeGC",
					  "ClearArea",
					  "CopyArea",
					  "CopyPlane",
					  "PolyPoint",
					  "PolyLine",
					  "PolySegment",
					  "PolyRectangle",
					  "PolyArc",
					  "FillPoly",
					  "PolyFillRectangle",
					  "PolyFillArc",
					  "PutImage",
					  "GetImage",
					  "PolyText8",
					  "PolyText16",
					  "ImageText8",
					  "ImageText16",
					  "CreateColormap",
					  "FreeColormap",
					  "CopyColormapAndFree",
					  "InstallColormap",
					  "UninstallColormap",
					  "ListInstalledColormaps",
					  "AllocColor",
					  "AllocNamedColor",
					  "AllocColorCells",
					  "AllocColorPlanes",
					  "FreeColors",
					  "StoreColors",
					  "StoreNamedColor",
					  "QueryColors",
					  "LookupColor",
					  "CreateCursor",
					  "CreateGlyphCursor",
					  "FreeCursor",
					  "RecolorCursor",
					  "QueryBestSize",
					  "QueryExtension",
					  "ListExtensions",
					  "ChangeKeyboardMapping",
					  "GetKeyboardMapping",
					  "ChangeKeyboardControl",
					  "GetKeyboardControl",
					  "Bell",
					  "ChangePointerControl",
					  "GetPointerControl",
					  "SetScreenSaver",
					  "GetScreenSaver",
					  "ChangeHosts",
					  "ListHosts",
					  "SetAccessControl",
					  "SetCloseDownMode",
					  "KillClient",
					  "RotateProperties",
					  "ForceScreenSaver",
					  "SetPointerMapping",
					  "GetPointerMapping",
					  "SetModifierMapping",
					  "GetModifierMapping",
					  [127] = "NoOperation"};
_Static_assert(sizeof(requests) == 128 * sizeof(char *), "x11: opcodes above 127 are extensions'");

static const char *const events[] = {
	[2] = "KeyPress",   "KeyRelease",	"ButtonPress",	  "ButtonRelease",    "MotionNotify",
	"EnterNotify",	    "LeaveNotify",	"FocusIn",	  "FocusOut",	      "KeymapNotify",
	"Expose",	    "GraphicsExposure", "NoExposure",	  "VisibilityNotify", "CreateNotify",
	"DestroyNotify",    "UnmapNotify",	"MapNotify",	  "MapRequest",	      "ReparentNotify",
	"ConfigureNotify",  "ConfigureRequest", "GravityNotify",  "ResizeRequest",    "CirculateNotify",
	"CirculateRequest", "PropertyNotify",	"SelectionClear", "SelectionRequest", "SelectionNotify",
	"ColormapNotify",   "ClientMessage",	"MappingNotify",  "GenericEvent"};
static const char *const errors[] = {[1] = "Request", "Value",	       "Window",   "Pixmap",   "Atom",
				     "Cursor",	      "Font",	       "Match",	   "Drawable", "Access",
				     "Alloc",	      "Colormap",      "GContext", "IDChoice", "Name",
				     "Length",	      "Implementation"};

static const char *name_in(const char *const *names, size_t n, unsigned i)
{
	return i < n ? names[i] : NULL;
}

static void text_named(struct rg_text *t, const char *name, const char *kind, unsigned number)
{
	if (name) {
		rg_text_str(t, name);
		return;
	}
	rg_text_str(t, kind);
	rg_text_u64(t, number);
}

/* Each returns the bytes of the unit at `at` (at least 4 are there), 0: not one. */
static uint64_t request(struct rg_text *t, const struct rg_payload *p, size_t at)
{
	uint64_t len = 4u * (uint64_t)rg_u16(p->p + at + 2);

	if (!len && rg_pl_has(p, at, 8)) /* BIG-REQUESTS */
		len = 4 * (uint64_t)rg_u32(p->p + at + 4);
	if (t)
		text_named(t, name_in(requests, 128, p->p[at]), "extension request ", p->p[at]);
	return len < 4 || !p->p[at] ? 0 : len;
}

static uint64_t answer(struct rg_text *t, const struct rg_payload *p, size_t at)
{
	uint8_t kind = p->p[at] & 0x7f;
	const char *error = name_in(errors, RG_ARRAY_LEN(errors), p->p[at + 1]);
	bool longer = kind == 1 || kind == 35;

	if (t && kind == 0) {
		rg_text_str(t, error ? "error Bad" : "error ");
		text_named(t, error, "", p->p[at + 1]);
	} else if (t && kind == 1) {
		rg_text_str(t, "reply");
	} else if (t) {
		text_named(t, name_in(events, RG_ARRAY_LEN(events), kind), "extension event ", kind);
	}
	if (longer && !rg_pl_has(p, at, 8))
		return 32;
	return 32 + (longer ? 4 * (uint64_t)rg_u32(p->p + at + 4) : 0);
}

static bool setup(const struct rg_payload *p, bool to_server, struct rg_text *t)
{
	if (to_server && p->len >= 12 && (p->p[0] == 'l' || p->p[0] == 'B') && !p->p[1] &&
	    (rg_u16(p->p + 2) == 11 || rg_be16(p->p + 2) == 11)) {
		rg_text_str(t, "X11 setup");
		return true;
	}
	/* accepted, protocol 11.0; the additional data's length tells it from a reply */
	if (!to_server && p->len >= 8 && p->p[0] == 1 && !p->p[1] && rg_u16(p->p + 2) == 11 &&
	    !rg_u16(p->p + 4)) {
		rg_text_str(t, "X11 setup accepted");
		return true;
	}
	return false;
}

static bool summary(const struct rg_dissect_ctx *c, const struct rg_payload *p, struct rg_text *t)
{
	bool to_server = c->local_path != c->send;
	uint64_t (*unit)(struct rg_text *, const struct rg_payload *, size_t) = to_server ? request : answer;
	uint64_t len = 1;
	unsigned n = 0;
	size_t at = 0;

	if (setup(p, to_server, t))
		return true;
	rg_text_str(t, "X11 ");
	for (; rg_pl_has(p, at, 4); n++, at += len) {
		if (n && n < SHOWN_MAX)
			rg_text_str(t, ", ");
		len = unit(n < SHOWN_MAX ? t : NULL, p, at);
		if (!len)
			return n; /* the middle of a stream */
	}
	if (n > SHOWN_MAX) {
		rg_text_str(t, ", ");
		rg_text_u64(t, n - SHOWN_MAX);
		rg_text_str(t, rg_pl_cut(p) ? " more and what is not captured" : " more");
	}
	return n;
}

static bool match(const struct rg_dissect_ctx *c, const struct rg_payload *p)
{
	bool dir;

	if (c->family != AF_UNIX || c->type != SOCK_STREAM || !c->path || c->path_len < 13)
		return false;
	/* /tmp/.X11-unix/X0, the abstract name with an '@' in front, or any other prefix */
	dir = memmem(c->path, c->path_len, "/.X11-unix/X", 12) != NULL;
	return dir && p->len >= 4;
}

const struct rg_dissector rg_dissect_x11 = {"x11", match, summary};
