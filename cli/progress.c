/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of a transfer. What the daemon says is text from images and registries: it is cleaned
 * before it is shown.
 */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/term.h"

#define ITEMS_MAX 256
#define BAR       20
#define REDRAW_NS (80 * NS_PER_MSEC)

struct item {
	char *name, *event;
	int64_t done, total;
	int fresh; /* not shown yet */
};

struct progress {
	int quiet, terminal;
	struct item items[ITEMS_MAX];
	size_t n;
	unsigned lines; /* drawn at last, to be drawn over */
	int64_t drawn_ns;
};

struct progress *progress_new(int quiet)
{
	struct progress *p = calloc(1, sizeof(*p));

	if (p) {
		p->quiet = quiet;
		p->terminal = !quiet && isatty(STDERR_FILENO);
	}
	return p;
}

/* "layer-sha256:0123456789ab..." and "manifest (sha256:...)" with twelve digits of the digest. */
static void short_name(struct buf *b, const char *name)
{
	const char *digest = strstr(name, "sha256:");

	if (!digest) {
		out_clean(b, name);
		return;
	}
	for (const char *p = name; p < digest; p++) {
		if (*p != '(' && *p >= ' ')
			buf_putc(b, *p == '-' ? ' ' : *p);
	}
	for (const char *p = digest + 7; *p && p < digest + 19; p++)
		buf_putc(b, (char)(*p >= ' ' ? *p : '?'));
}

/* An event without a name is a line of its own. */
static void put_state(struct buf *b, const struct item *i)
{
	short_name(b, i->name);
	if (i->event[0])
		buf_puts(b, ": ");
	out_clean(b, i->event);
}

static int over(const struct item *i)
{
	static const char *const words[] = { "complete", "extracted", "already exists", "saved" };

	for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
		if (str_eq(i->event, words[k]))
			return 1;
	}
	return 0;
}

static void draw_item(struct buf *b, const struct item *i)
{
	char done[16], total[16];

	put_state(b, i);
	if (i->total > 0 && !over(i)) {
		int filled = (int)(i->done >= i->total ? BAR : i->done * BAR / i->total);

		human_size_text((uint64_t)i->done, done);
		human_size_text((uint64_t)i->total, total);
		buf_puts(b, " [");
		for (int k = 0; k < BAR; k++)
			buf_putc(b, k < filled ? '=' : k == filled ? '>' : ' ');
		buf_printf(b, "] %s/%s", done, total);
	}
}

/* Only as many lines as the screen has, the latest ones, each cut to its width. */
static void draw(struct progress *p)
{
	AUTO_BUF out = BUF_INIT(1 << 20);
	unsigned width = 80, height = 24;
	size_t first;

	(void)term_size(STDERR_FILENO, &width, &height);
	/* a terminal that does not know its size says 0 */
	width = width ? MAX(width, 20) : 80;
	height = height ? height : 24;
	first = p->n > height - 1 && height > 1 ? p->n - (height - 1) : 0;
	if (p->lines)
		buf_printf(&out, "\x1b[%uA", p->lines);
	for (size_t i = first; i < p->n; i++) {
		AUTO_BUF line = BUF_INIT(4096);

		draw_item(&line, &p->items[i]);
		buf_puts(&out, "\r\x1b[2K");
		buf_append(&out, line.data ? line.data : "", MIN(line.len, (size_t)width - 1));
		buf_putc(&out, '\n');
	}
	p->lines = (unsigned)(p->n - first);
	if (!buf_failed(&out) && out.len)
		(void)io_write_full(STDERR_FILENO, out.data, out.len);
	p->drawn_ns = clock_now_ns();
}

static struct item *find(struct progress *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (str_eq(p->items[i].name, name))
			return &p->items[i];
	}
	if (p->n == ITEMS_MAX)
		return NULL;
	p->items[p->n].name = str_dup(name);
	p->items[p->n].event = str_dup("");
	if (!p->items[p->n].name || !p->items[p->n].event) {
		free(p->items[p->n].name);
		free(p->items[p->n].event);
		return NULL;
	}
	p->items[p->n].fresh = 1;
	return &p->items[p->n++];
}

/* Elsewhere than on a terminal: one line for each new state. */
static void print_change(const struct item *i)
{
	AUTO_BUF b = BUF_INIT(4096);
	char total[16];

	put_state(&b, i);
	if (i->total > 0) {
		human_size_text((uint64_t)i->total, total);
		buf_printf(&b, " (%s)", total);
	}
	buf_putc(&b, '\n');
	if (!buf_failed(&b))
		(void)io_write_full(STDERR_FILENO, b.data, b.len);
}

void progress_update(struct progress *p, const XFER(Progress) *update)
{
	const char *name = update->name && update->name[0] ? update->name : update->event;
	struct item *i;
	int changed;

	if (p->quiet || !name || !name[0])
		return;
	i = find(p, name);
	if (!i)
		return;
	changed = i->fresh || !str_eq(i->event, update->event);
	i->fresh = 0;
	if (changed) {
		char *event = str_dup(update->name && update->name[0] ? update->event : "");

		if (!event)
			return;
		free(i->event);
		i->event = event;
	}
	i->done = update->progress;
	i->total = update->total;
	if (!p->terminal && changed)
		print_change(i);
	else if (p->terminal && (changed || clock_now_ns() - p->drawn_ns >= REDRAW_NS))
		draw(p);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->terminal && p->n)
		draw(p);
	for (size_t i = 0; i < p->n; i++) {
		free(p->items[i].name);
		free(p->items[i].event);
	}
	free(p);
}
