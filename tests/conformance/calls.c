/* SPDX-License-Identifier: Apache-2.0
 *
 * Every call of the kit goes through here, so that what all calls promise is checked at each of them: a failure has a
 * message of the plugin's own in the form that the SDK asks for, hands nothing out, and leaves out parameters alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "tests/conformance/kit.h"

#define PATTERN 0x5a

/* "<cause>: not found" would stand twice on the wire. */
static int has_class_text(const struct ctr_error *err)
{
	const char *class = code_class_text(err->code);
	AUTO_FREE char *end = str_printf(": %s", class);

	return *class && end && (str_ends(err->message, end) || str_eq(err->message, class));
}

static ctr_code checked(struct kit *k, const char *method, ctr_code code, uint64_t handed_out)
{
	const char *text = str_or(k->err.message, "");

	if (code == CTR_OK)
		return code;
	if (!*text || strstr(text, "failed without a message"))
		kit_fail(k, "%s failed with %s and no message", method, kit_code(code));
	else if (strstr(text, "returned the unknown code"))
		kit_fail(k, "%s: %s", method, text);
	else if (str_ends(text, "."))
		kit_fail(k, "%s: the message '%s' ends with a full stop", method, text);
	else if (has_class_text(&k->err))
		kit_fail(
			k,
			"%s: the message '%s' ends with the class text, which is the host's to add",
			method, text);
	else if (handed_out)
		kit_fail(k, "%s failed (%s), but its sink was called", method, text);
	return code;
}

/* ---- mounts ---- */

static void mount_done(struct ctr_mount *m)
{
	free((void *)(uintptr_t)m->type);
	free((void *)(uintptr_t)m->source);
	free((void *)(uintptr_t)m->target);
	for (uint64_t i = 0; m->options && i < m->n_options; i++)
		free((void *)(uintptr_t)m->options[i]);
	free((void *)(uintptr_t)m->options);
}

void kit_mounts_done(struct kit *k)
{
	for (uint64_t i = 0; i < k->mounts.n; i++)
		mount_done(&k->mounts.items[i]);
	free(k->mounts.items);
	k->mounts = (struct kit_mounts){ 0 };
}

static int mount_copy(struct ctr_mount *to, const struct ctr_mount *from)
{
	const char **options = calloc(from->n_options + 1, sizeof(*options));

	*to = (struct ctr_mount){
		.type = str_dup(from->type),
		.source = str_dup(from->source),
		.target = str_dup(from->target),
		.options = options,
	};
	for (; options && to->n_options < from->n_options; to->n_options++)
		options[to->n_options] = str_dup(from->options[to->n_options]);
	return to->type && to->source && to->target && options ? 0 : -1;
}

struct taken {
	struct kit *k;
	uint64_t calls;
};

static ctr_code take_mounts(void *ud, const struct ctr_mount *mounts, uint64_t n)
{
	struct taken *t = ud;
	struct kit *k = t->k;

	t->calls++;
	kit_mounts_done(k);
	k->mounts.items = calloc(n + 1, sizeof(*k->mounts.items));
	if (!k->mounts.items)
		return ctr_fail(&k->err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	for (; k->mounts.n < n; k->mounts.n++) {
		if (mount_copy(&k->mounts.items[k->mounts.n], &mounts[k->mounts.n]) < 0)
			kit_fail(k, "mount %llu lacks its type, source or target",
				 (unsigned long long)k->mounts.n);
	}
	return CTR_OK;
}

static ctr_code mounts_given(struct kit *k, const char *method, ctr_code code, uint64_t calls)
{
	if (code == CTR_OK && calls != 1)
		kit_fail(k, "%s called its sink %llu times, not once", method,
			 (unsigned long long)calls);
	else if (code == CTR_OK && k->mounts.n == 0)
		kit_fail(k, "%s gave no mounts", method);
	return checked(k, method, code, calls);
}

ctr_code kit_prepare_labels(struct kit *k, const char *key, const char *parent,
			    struct ctr_labels labels, int view)
{
	const struct ctr_snapshot_new args = { sizeof(args), 0, key, parent, labels };
	struct taken t = { .k = k };
	ctr_code code;

	error_done(&k->err);
	code = (view ? k->ops->view : k->ops->prepare)(k->self, k->call, &args, take_mounts, &t,
						       &k->err);
	return mounts_given(k, view ? "view" : "prepare", code, t.calls);
}

ctr_code kit_prepare(struct kit *k, const char *key, const char *parent)
{
	return kit_prepare_labels(k, key, parent, (struct ctr_labels){ NULL, 0 }, 0);
}

ctr_code kit_view(struct kit *k, const char *key, const char *parent)
{
	return kit_prepare_labels(k, key, parent, (struct ctr_labels){ NULL, 0 }, 1);
}

ctr_code kit_mounts(struct kit *k, const char *key)
{
	struct taken t = { .k = k };
	ctr_code code;

	error_done(&k->err);
	code = k->ops->mounts(k->self, k->call, key, take_mounts, &t, &k->err);
	return mounts_given(k, "mounts", code, t.calls);
}

/* ---- what changes rows ---- */

ctr_code kit_commit_args(struct kit *k, const struct ctr_snapshot_commit *args)
{
	error_done(&k->err);
	return checked(k, "commit", k->ops->commit(k->self, k->call, args, &k->err), 0);
}

ctr_code kit_commit(struct kit *k, const char *name, const char *key)
{
	const struct ctr_snapshot_commit args = { sizeof(args), 0, name, key, "", { NULL, 0 } };

	return kit_commit_args(k, &args);
}

ctr_code kit_remove(struct kit *k, const char *key)
{
	error_done(&k->err);
	return checked(k, "remove", k->ops->remove(k->self, k->call, key, &k->err), 0);
}

ctr_code kit_update(struct kit *k, const char *key, struct ctr_labels labels)
{
	error_done(&k->err);
	return checked(k, "update", k->ops->update(k->self, k->call, key, labels, &k->err), 0);
}

/* ---- what asks ---- */

static int by_key(const void *a, const void *b)
{
	const struct ctr_label *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void labels_text(struct kit *k, struct ctr_labels labels, char *ret, size_t room)
{
	struct ctr_label sorted[16];
	size_t at = 0;

	*ret = '\0';
	if (labels.n > 16) {
		kit_fail(k, "%llu labels came back", (unsigned long long)labels.n);
		return;
	}
	if (labels.n > 0)
		memcpy(sorted, labels.items, labels.n * sizeof(*sorted));
	qsort(sorted, labels.n, sizeof(*sorted), by_key);
	for (uint64_t i = 0; i < labels.n && at < room; i++)
		at += (size_t)snprintf(ret + at, room - at, "%s%s=%s", i ? " " : "", sorted[i].key,
				       sorted[i].value);
}

static void take_row(struct kit *k, const struct ctr_snapshot_info *info, struct kit_row *ret)
{
	if (info->size < sizeof(*info))
		kit_fail(k, "a row has size %u, not %zu", info->size, sizeof(*info));
	else if (!info->name || !info->parent)
		kit_fail(k, "a row has a NULL name or parent");
	else {
		ret->kind = info->kind;
		snprintf(ret->name, sizeof(ret->name), "%s", info->name);
		snprintf(ret->parent, sizeof(ret->parent), "%s", info->parent);
		labels_text(k, info->labels, ret->labels, sizeof(ret->labels));
		ret->created_ns = info->created_ns;
		ret->updated_ns = info->updated_ns;
	}
}

struct stat_taken {
	struct kit *k;
	struct kit_row *ret;
	uint64_t calls;
};

static ctr_code on_stat(void *ud, const struct ctr_snapshot_info *info)
{
	struct stat_taken *t = ud;

	t->calls++;
	take_row(t->k, info, t->ret);
	return CTR_OK;
}

ctr_code kit_stat(struct kit *k, const char *key, struct kit_row *ret)
{
	struct stat_taken t = { .k = k, .ret = ret };
	ctr_code code;

	error_done(&k->err);
	code = k->ops->stat(k->self, k->call, key, on_stat, &t, &k->err);
	if (code == CTR_OK && t.calls != 1)
		kit_fail(k, "stat called its sink %llu times, not once",
			 (unsigned long long)t.calls);
	return checked(k, "stat", code, t.calls);
}

struct walk_taken {
	struct kit *k;
	struct kit_rows *ret;
};

static ctr_code on_walk(void *ud, const struct ctr_snapshot_info *info)
{
	struct walk_taken *t = ud;

	if (t->ret->n == ARRAY_SIZE(t->ret->items))
		return ctr_fail(&t->k->err, CTR_RESOURCE_EXHAUSTED,
				"more rows than the kit expects");
	take_row(t->k, info, &t->ret->items[t->ret->n++]);
	return CTR_OK;
}

static int by_name(const void *a, const void *b)
{
	const struct kit_row *x = a, *y = b;

	return strcmp(x->name, y->name);
}

ctr_code kit_walk(struct kit *k, struct kit_rows *ret)
{
	struct walk_taken t = { .k = k, .ret = ret };
	ctr_code code;

	ret->n = 0;
	error_done(&k->err);
	code = k->ops->walk(k->self, k->call, on_walk, &t, &k->err);
	qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
	for (size_t i = 1; i < ret->n; i++) {
		if (str_eq(ret->items[i - 1].name, ret->items[i].name))
			kit_fail(k, "walk gave '%s' twice", ret->items[i].name);
	}
	return checked(k, "walk", code, 0);
}

int kit_rows_equal(const struct kit_row *a, const struct kit_row *b)
{
	return a->kind == b->kind && str_eq(a->name, b->name) && str_eq(a->parent, b->parent) &&
	       str_eq(a->labels, b->labels) && a->created_ns == b->created_ns &&
	       a->updated_ns == b->updated_ns;
}

static int untouched(const void *p, size_t n)
{
	const unsigned char *bytes = p;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] != PATTERN)
			return 0;
	}
	return 1;
}

ctr_code kit_usage(struct kit *k, const char *key, struct ctr_usage *ret)
{
	struct ctr_usage usage;
	ctr_code code;

	memset(&usage, PATTERN, sizeof(usage));
	usage.size = sizeof(usage);
	error_done(&k->err);
	code = k->ops->usage(k->self, k->call, key, &usage, &k->err);
	if (code != CTR_OK && !untouched(&usage.reserved, sizeof(usage) - sizeof(usage.size)))
		kit_fail(k, "usage failed (%s) and wrote its result all the same",
			 error_text(&k->err));
	else if (code == CTR_OK &&
		 (usage.inodes < 0 || usage.bytes < 0 || usage.size != sizeof(usage)))
		kit_fail(k, "usage of '%s': size %u, %lld inodes, %lld bytes", key, usage.size,
			 (long long)usage.inodes, (long long)usage.bytes);
	if (code == CTR_OK)
		*ret = usage;
	return checked(k, "usage", code, 0);
}

ctr_code kit_open_tree(struct kit *k, const char *key, struct ctr_tree *ret)
{
	struct ctr_tree tree;
	ctr_code code;

	memset(&tree, PATTERN, sizeof(tree));
	tree.size = sizeof(tree);
	error_done(&k->err);
	code = k->ops->open_tree(k->self, k->call, key, &tree, &k->err);
	if (code != CTR_OK && !untouched(&tree.whiteouts, sizeof(tree) - sizeof(tree.size)))
		kit_fail(k, "open_tree failed (%s) and wrote its result all the same",
			 error_text(&k->err));
	if (code == CTR_OK)
		*ret = tree;
	return checked(k, "open_tree", code, 0);
}
