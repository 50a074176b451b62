/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client mounts: overlay with its options in containerd's order, or a bind where one directory is all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/str.h"
#include "overlay.h"

#define LOWERDIR_MAX (1024 * 1024) /* 128 layers of long paths are 20 KiB */
#define EXTRA_MAX    16

static char *dir_path(const struct overlay *o, uint64_t id, const char *name)
{
	return str_printf("%s/snapshots/%" PRIu64 "/%s", o->dirs.host->root_dir, id, name);
}

static ctr_code bind_one(struct overlay *o, uint64_t id, const char *access, ctr_mounts_sink sink,
			 void *ud, struct ctr_error *err)
{
	AUTO_FREE char *source = dir_path(o, id, "fs");
	const char *options[] = { access, "rbind" };
	const struct ctr_mount m = {
		.type = "bind", .source = source, .target = "", .options = options, .n_options = 2
	};

	if (!source)
		return o->dirs.host->fail_errno(err, ENOMEM, "mounts");
	return sink(ud, &m, 1);
}

/* "lowerdir=<nearest>:...:<base>"; a ':' or '\' in the root directory's own path is escaped. */
static char *lower_option(const struct overlay *o, const struct ctr_graph_node *node)
{
	AUTO_BUF b = BUF_INIT(LOWERDIR_MAX);

	buf_puts(&b, "lowerdir=");
	for (uint64_t i = 0; i < node->n_chain; i++) {
		AUTO_FREE char *dir = dir_path(o, node->chain[i], "fs");
		if (!dir)
			return NULL;
		if (i)
			buf_putc(&b, ':');
		for (const char *c = dir; *c; c++) {
			if (*c == ':' || *c == '\\')
				buf_putc(&b, '\\');
			buf_putc(&b, *c);
		}
	}
	return buf_take(&b, NULL);
}

static ctr_code overlay_one(struct overlay *o, const struct ctr_graph_node *node,
			    ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	const char *options[4 + EXTRA_MAX];
	uint64_t n = 0;
	int writable = node->kind == CTR_SNAPSHOT_ACTIVE;
	AUTO_FREE char *work_dir = writable ? dir_path(o, node->id, "work") : NULL;
	AUTO_FREE char *upper_dir = writable ? dir_path(o, node->id, "fs") : NULL;
	AUTO_FREE char *work = work_dir ? str_printf("workdir=%s", work_dir) : NULL;
	AUTO_FREE char *upper = upper_dir ? str_printf("upperdir=%s", upper_dir) : NULL;
	AUTO_FREE char *lower = lower_option(o, node);

	if (!lower || (writable && (!work || !upper)))
		return o->dirs.host->fail_errno(err, ENOMEM, "mounts");
	if (writable) {
		options[n++] = work;
		options[n++] = upper;
	}
	options[n++] = lower;
	if (o->index_off)
		options[n++] = "index=off";
	for (uint64_t i = 0; i < o->n_extra && i < EXTRA_MAX; i++)
		options[n++] = o->extra[i];

	const struct ctr_mount m = { .type = "overlay",
				     .source = "overlay",
				     .target = "",
				     .options = options,
				     .n_options = n };
	return sink(ud, &m, 1);
}

ctr_code overlay_mounts_of(struct overlay *o, const struct ctr_graph_node *node,
			   ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	if (!sink)
		return CTR_OK;
	if (node->n_chain == 0)
		return bind_one(o, node->id, node->kind == CTR_SNAPSHOT_VIEW ? "ro" : "rw", sink,
				ud, err);
	if (node->kind == CTR_SNAPSHOT_VIEW && node->n_chain == 1)
		return bind_one(o, node->chain[0], "ro", sink, ud, err);
	return overlay_one(o, node, sink, ud, err);
}
