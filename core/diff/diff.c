/* SPDX-License-Identifier: Apache-2.0
 *
 * Service ctr.diffs.v0. A blob is read through its descriptor, or, from a store that has none,
 * through a temporary file of the daemon's state; a layer is written the same ways. Bulk threads.
 */
#include "core/diff/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/daemon.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"

#define DEFAULT_TYPE "application/vnd.oci.image.layer.v1.tar+gzip"
#define UNCOMPRESSED "containerd.io/uncompressed"
#define COPY_BYTES   (1024 * 1024)

/* ---- the plugins, one after another ---- */

typedef ctr_code (*differ_fn)(const struct ctr_differ_ops *ops, void *self, void *ud,
			      struct ctr_error *err);

static ctr_code each_differ(struct daemon *d, const char *media_type, differ_fn fn, void *ud,
			    struct ctr_error *err)
{
	const void *ops;
	void *self;

	for (uint32_t i = 0; registry_nth(d->registry, CTR_KIND_DIFFER, i, &ops, &self, NULL) == 0;
	     i++) {
		ctr_code code = fn(ops, self, ud, err);

		if (code != CTR_UNIMPLEMENTED)
			return code;
	}
	return ctr_fail(err, CTR_UNIMPLEMENTED, "no differ takes layers of media type '%s'",
			media_type);
}

struct apply {
	const struct ctr_call *call;
	const struct ctr_apply *args;
	struct ctr_applied *ret;
};

static ctr_code apply_one(const struct ctr_differ_ops *ops, void *self, void *ud,
			  struct ctr_error *err)
{
	struct apply *a = ud;

	return ops->apply(self, a->call, a->args, a->ret, err);
}

ctr_code diff_apply(struct daemon *d, const struct ctr_call *call, const struct ctr_apply *args,
		    struct ctr_applied *ret, struct ctr_error *err)
{
	struct apply a = { call, args, ret };

	return each_differ(d, args->layer->media_type, apply_one, &a, err);
}

struct compare {
	const struct ctr_call *call;
	const struct ctr_compare *args;
	struct ctr_compared *ret;
};

static ctr_code compare_one(const struct ctr_differ_ops *ops, void *self, void *ud,
			    struct ctr_error *err)
{
	struct compare *c = ud;

	return ops->compare(self, c->call, c->args, c->ret, err);
}

ctr_code diff_compare(struct daemon *d, const struct ctr_call *call, const struct ctr_compare *args,
		      struct ctr_compared *ret, struct ctr_error *err)
{
	struct compare c = { call, args, ret };

	return each_differ(d, args->media_type, compare_one, &c, err);
}

/* ---- apply ---- */

static ctr_code whole(const struct ctr_source *src, int64_t *ret_available, int32_t *ret_complete,
		      struct ctr_error *err)
{
	const struct diff_source *s = src->self;

	(void)err;
	*ret_available = s->length;
	*ret_complete = 1;
	return CTR_OK;
}

void diff_source_init(struct diff_source *s, int fd, int64_t length)
{
	s->length = length;
	s->source = (struct ctr_source){
		.size = sizeof(s->source),
		.fd = fd,
		.event_fd = -1,
		.status = whole,
		.self = s,
	};
}

ctr_code diff_temp_file(struct daemon *d, int *ret_fd, struct ctr_error *err)
{
	int fd = openat(d->root_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return ctr_fail_errno(err, errno, "make a temporary file in '%s'", d->root);
	*ret_fd = fd;
	return CTR_OK;
}

static ctr_code copy_out(struct daemon *d, const struct ctr_contents_ops *contents,
			 struct ctr_content_reader *r, const struct ctr_call *call, int *ret_fd,
			 struct ctr_error *err)
{
	AUTO_FREE void *data = malloc(COPY_BYTES);
	AUTO_CLOSE int fd = -1;
	ctr_code code =
		data ? diff_temp_file(d, &fd, err) : ctr_fail_errno(err, ENOMEM, "copy a blob");
	uint64_t n = COPY_BYTES;

	for (int64_t at = 0; code == CTR_OK && n == COPY_BYTES; at += (int64_t)n) {
		code = call_check(call, err);
		if (code == CTR_OK)
			code = contents->read_at(r, data, COPY_BYTES, at, &n, err);
		int w = code == CTR_OK ? io_write_full(fd, data, n) : 0;
		if (w < 0)
			code = ctr_fail_errno(err, w, "copy a blob");
	}
	if (code == CTR_OK)
		*ret_fd = take_fd(&fd);
	return code;
}

ctr_code diff_reader_fd(struct daemon *d, const struct ctr_contents_ops *contents,
			struct ctr_content_reader *r, const struct ctr_call *call, int *ret_fd,
			struct ctr_error *err)
{
	ctr_code code = contents->reader_fd(r, ret_fd, err);

	return code == CTR_UNIMPLEMENTED ? copy_out(d, contents, r, call, ret_fd, err) : code;
}

static ctr_code apply_reader(const struct ctr_host *h, const struct ctr_contents_ops *contents,
			     struct ctr_content_reader *r, int64_t length, struct apply *a,
			     struct ctr_apply *args, struct ctr_error *err)
{
	struct daemon *d = host_daemon(h);
	struct diff_source source;
	AUTO_CLOSE int fd = -1;
	ctr_code code;

	if (args->layer->length_bytes > 0 && args->layer->length_bytes != length)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"content %s has %" PRId64 " bytes, expected %" PRId64,
				args->layer->digest, length, args->layer->length_bytes);
	code = diff_reader_fd(d, contents, r, a->call, &fd, err);
	if (code != CTR_OK)
		return code;
	diff_source_init(&source, fd, length);
	args->source = &source.source;
	return diff_apply(d, a->call, args, a->ret, err);
}

static ctr_code diffs_apply(const struct ctr_host *h, const struct ctr_call *call,
			    const struct ctr_descriptor *layer, const struct ctr_mount *mounts,
			    uint64_t n_mounts, uint32_t flags, struct ctr_applied *ret,
			    struct ctr_error *err)
{
	const struct ctr_contents_ops *contents =
		services_find(host_daemon(h), CTR_SERVICE_CONTENTS, NULL);
	struct ctr_apply args = { .size = sizeof(args),
				  .flags = flags,
				  .layer = layer,
				  .mounts = mounts,
				  .n_mounts = n_mounts };
	struct apply a = { call, &args, ret };
	struct ctr_content_reader *r = NULL;
	int64_t length = 0;
	ctr_code code;

	if (!contents)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "this daemon has no content store");
	code = contents->reader(h, call, layer->digest, &r, &length, err);
	if (code == CTR_OK)
		code = apply_reader(h, contents, r, length, &a, &args, err);
	contents->reader_close(r);
	return code;
}

/* ---- compare ---- */

ctr_code diff_copy_in(const struct ctr_contents_ops *contents, struct ctr_content_writer *w, int fd,
		      struct ctr_error *err)
{
	AUTO_FREE void *data = malloc(COPY_BYTES);
	ctr_code code = data ? CTR_OK : ctr_fail_errno(err, ENOMEM, "copy a layer");
	ssize_t n = 1;

	for (off_t at = 0; code == CTR_OK && n > 0; at += n) {
		n = io_pread_full(fd, data, COPY_BYTES, at);
		if (n < 0)
			return ctr_fail_errno(err, (int)n, "read a layer");
		if (n > 0)
			code = contents->write(w, data, (uint64_t)n, err);
	}
	return code;
}

static ctr_code commit_layer(const struct ctr_contents_ops *contents, struct ctr_content_writer *w,
			     const struct ctr_call *call, const struct ctr_diff_args *args,
			     const struct ctr_compared *made, int direct, struct ctr_error *err)
{
	const struct ctr_content_commit commit = {
		.size = sizeof(commit),
		.total_bytes = made->length_bytes,
		.expected = made->digest,
		.digest = direct ? made->digest : "",
	};
	AUTO_FREE struct ctr_label *labels = calloc(args->labels.n + 1, sizeof(*labels));
	char digest[CTR_DIGEST_ROOM];
	ctr_code code;

	if (!labels)
		return ctr_fail_errno(err, ENOMEM, "layer %s", made->digest);
	for (uint64_t i = 0; i < args->labels.n; i++)
		labels[i] = args->labels.items[i];
	labels[args->labels.n] = (struct ctr_label){ UNCOMPRESSED, made->diff_id };
	code = contents->commit(w, call, &commit, (struct ctr_labels){ labels, args->labels.n + 1 },
				digest, err);
	return code == CTR_ALREADY_EXISTS ? CTR_OK : code;
}

static ctr_code make_layer(struct daemon *d, const struct ctr_contents_ops *contents,
			   struct ctr_content_writer *w, const struct ctr_call *call,
			   const struct ctr_diff_args *args, struct ctr_compared *made,
			   struct ctr_error *err)
{
	struct ctr_compare compare = {
		.size = sizeof(compare),
		.lower = args->lower,
		.upper = args->upper,
		.n_lower = args->n_lower,
		.n_upper = args->n_upper,
		.media_type = str_or(args->media_type, DEFAULT_TYPE),
		.source_date_ns = args->source_date_ns,
	};
	AUTO_CLOSE int fd = -1;
	/* What an earlier attempt left under this ref is no beginning of this layer. */
	ctr_code code = contents->truncate(w, 0, err);
	int direct = 1;

	if (code == CTR_OK)
		code = contents->writer_fd(w, &fd, err);
	if (code == CTR_UNIMPLEMENTED) {
		direct = 0;
		code = diff_temp_file(d, &fd, err);
	}
	compare.out_fd = fd;
	if (code == CTR_OK)
		code = diff_compare(d, call, &compare, made, err);
	if (code == CTR_OK && !direct)
		code = diff_copy_in(contents, w, fd, err);
	return code == CTR_OK ? commit_layer(contents, w, call, args, made, direct, err) : code;
}

static ctr_code diffs_compare(const struct ctr_host *h, const struct ctr_call *call,
			      const struct ctr_diff_args *args, ctr_diff_sink sink, void *ud,
			      struct ctr_error *err)
{
	const struct ctr_contents_ops *contents =
		services_find(host_daemon(h), CTR_SERVICE_CONTENTS, NULL);
	struct ctr_compared made = { .size = sizeof(made) };
	struct ctr_content_writer *w = NULL;
	char own[48], random[17];
	ctr_code code;

	if (!contents)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "this daemon has no content store");
	rand_hex(random, 16);
	snprintf(own, sizeof(own), "diff-%s", random);
	const struct ctr_ingest_open open = { .size = sizeof(open),
					      .ref = str_or(args->ref, own),
					      .expected = "" };
	code = contents->writer(h, call, &open, &w, err);
	if (code != CTR_OK)
		return code;
	code = make_layer(host_daemon(h), contents, w, call, args, &made, err);
	contents->writer_close(w);
	if (code != CTR_OK) {
		(void)contents->abort(h, call, open.ref, NULL);
		return code;
	}
	const struct ctr_label uncompressed = { UNCOMPRESSED, made.diff_id };
	const struct ctr_descriptor blob = {
		.size = sizeof(blob),
		.media_type = str_or(args->media_type, DEFAULT_TYPE),
		.digest = made.digest,
		.length_bytes = made.length_bytes,
		.annotations = { &uncompressed, 1 },
	};
	return sink(ud, &blob);
}

static const struct ctr_diffs_ops ops = {
	.size = sizeof(ops),
	.apply = diffs_apply,
	.compare = diffs_compare,
};

int diffs_provide(struct daemon *d)
{
	return daemon_provide(d, CTR_SERVICE_DIFFS, &ops, sizeof(ops));
}
