/* SPDX-License-Identifier: Apache-2.0
 *
 * Who needs whom: a topological order that keeps the configuration's where nothing forces another,
 * cycles, and needs that nobody meets. Every message names the path that leads there. Core thread
 * only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "core/registry/internal.h"

#define PATH_TEXT_MAX 4096

const struct ctr_require *entry_needs(const struct entry *e)
{
	static const struct ctr_require none[] = { { .kind = NULL } };

	return e->plugin && e->plugin->needs ? e->plugin->needs : none;
}

int need_matches(const struct ctr_require *need, const struct entry *provider)
{
	return str_eq(need->kind, provider->kind_name) &&
	       (!need->id || str_eq(need->id, provider->id));
}

/* The stack of the walk, from the first entry to the one at hand. */
struct path {
	const struct path *up;
	struct entry *entry;
};

static void put_path(struct buf *b, const struct path *p, const struct entry *from)
{
	if (p->up && p->entry != from)
		put_path(b, p->up, from);
	buf_printf(b, "%s%s", b->len > 0 ? " -> " : "", p->entry->uri);
}

/* first is on the path: everything from it down to here needs itself. */
static void fail_cycle(const struct path *p, struct entry *first)
{
	AUTO_BUF text = BUF_INIT(PATH_TEXT_MAX);
	AUTO_ERROR err = ERROR_INIT;

	put_path(&text, p, first);
	buf_printf(&text, " -> %s", first->uri);
	ctr_fail(&err, CTR_FAILED_PRECONDITION, "plugins need each other in a cycle: %s",
		 text.data ? text.data : "");
	for (;; p = p->up) {
		if (p->entry->state == PLUGIN_LOADED)
			entry_fail(p->entry, PLUGIN_FAILED, err.code, &err);
		if (p->entry == first)
			break;
	}
}

struct sort {
	struct registry *registry;
	struct entry **sorted;
	size_t n;
};

static void visit(struct sort *s, const struct path *at)
{
	struct entry *e = at->entry;

	e->visit = 1;
	for (const struct ctr_require *need = entry_needs(e); need->kind; need++) {
		for (size_t i = 0; i < s->registry->n; i++) {
			struct entry *other = s->registry->entries[i];

			if (other == e || other->state != PLUGIN_LOADED ||
			    !need_matches(need, other))
				continue;
			if (other->visit == 1)
				fail_cycle(at, other);
			else if (other->visit == 0)
				visit(s, &(struct path){ .up = at, .entry = other });
		}
	}
	e->visit = 2;
	s->sorted[s->n++] = e;
}

void graph_sort(struct registry *r)
{
	struct sort s = { .registry = r, .sorted = calloc(r->n + 1, sizeof(struct entry *)) };

	/* Out of memory: the configuration's order stays, and needs that come too late are reported
	 * one by one. */
	if (!s.sorted)
		return;
	for (size_t i = 0; i < r->n; i++) {
		if (r->entries[i]->visit == 0)
			visit(&s, &(struct path){ .entry = r->entries[i] });
	}
	free(r->entries);
	r->entries = s.sorted;
}

static const char *why_not(const struct entry *e)
{
	switch (e->state) {
	case PLUGIN_DISABLED:
		return "disabled";
	case PLUGIN_SKIPPED:
		return "skipped";
	case PLUGIN_FAILED:
		return "failed";
	case PLUGIN_LOADED:
		return "not initialised yet";
	case PLUGIN_READY:
	case PLUGIN_RUNNING:
		break;
	}
	return "there";
}

static int builtin_meets(const struct registry *r, const struct ctr_require *need)
{
	for (size_t i = 0; i < r->n_builtins; i++) {
		if (need_matches(need, r->builtins[i]))
			return 1;
	}
	return 0;
}

/* The need is not met: say what is known about those who could. */
static ctr_code fail_need(const struct entry *e, const struct ctr_require *need,
			  struct ctr_error *err)
{
	AUTO_FREE char *name =
		need->id ? str_printf("%s.%s", need->kind, need->id) : str_dup(need->kind);
	const struct registry *r = e->registry;

	for (size_t i = 0; name && i < r->n; i++) {
		const struct entry *other = r->entries[i];

		if (other == e || !need_matches(need, other))
			continue;
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "%s needs %s, which is %s%s%s",
				e->uri, other->uri, why_not(other), other->error ? ": " : "",
				other->error ? other->error : "");
	}
	return ctr_fail(err, CTR_FAILED_PRECONDITION, "%s needs %s, which no plugin offers", e->uri,
			name ? name : need->kind);
}

ctr_code graph_check(struct entry *e, struct ctr_error *err)
{
	const struct registry *r = e->registry;

	for (const struct ctr_require *need = entry_needs(e); need->kind; need++) {
		int met = builtin_meets(r, need);

		for (size_t i = 0; i < r->n && !met; i++)
			met = r->entries[i] != e && entry_usable(r->entries[i]) &&
			      need_matches(need, r->entries[i]);
		if (!met && !(need->flags & CTR_NEED_OPTIONAL))
			return fail_need(e, need, err);
	}
	return CTR_OK;
}
