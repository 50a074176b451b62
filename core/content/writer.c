/* SPDX-License-Identifier: Apache-2.0
 *
 * Writers: a locked ingest of the plugin, or, when another namespace has the wanted blob already, a writer that is
 * complete before a byte was sent. Data sent to such a one all the same makes an ordinary ingest of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/content/content.h"
#include "core/daemon.h"
#include "core/gc/gc.h"
#include "core/meta/meta.h"

struct ctr_content_writer {
	struct daemon *daemon;
	struct content_store store;
	void *writer; /* the plugin's; NULL while shared */
	char ns[IDENT_MAX + 1];
	char ref[CONTENT_REF_MAX + 1]; /* the plugin's */
	char expected[CTR_DIGEST_ROOM];
	int64_t total;
	int64_t shared; /* length of the blob that another namespace has, -1: none */
	int64_t started_ns;
};

static const char *own_ref(const struct ctr_content_writer *w)
{
	return w->ref + strlen(w->ns) + 1;
}

/* The plugin's writer. What it says exists may be another namespace's blob, which is no error here. */
static ctr_code open_backend(struct ctr_content_writer *w, const struct ctr_call *call,
			     const char *expected, struct ctr_error *err)
{
	const struct ctr_ingest_open args = {
		.size = sizeof(args), .ref = w->ref, .expected = expected, .total_bytes = w->total
	};

	return w->store.ops->writer(w->store.self, call, &args, &w->writer, err);
}

static ctr_code choose(struct ctr_content_writer *w, const struct ctr_call *call,
		       struct ctr_error *err)
{
	int64_t elsewhere = -1;
	int here = 0;

	if (*w->expected) {
		ctr_code code = content_hold(w->daemon, call, w->expected, &here, &elsewhere, err);
		if (code != CTR_OK)
			return code;
		if (here)
			return ctr_fail(err, CTR_ALREADY_EXISTS, "content %s", w->expected);
	}
	if (elsewhere >= 0 && (w->total == 0 || w->total == elsewhere)) {
		w->shared = elsewhere;
		return CTR_OK;
	}
	ctr_code code = open_backend(w, call, w->expected, err);
	/* Bytes without a row in any namespace: a crash came between the two. Commit will give them one. */
	return code == CTR_ALREADY_EXISTS ? open_backend(w, call, "", err) : code;
}

ctr_code content_writer(const struct ctr_host *h, const struct ctr_call *call,
			const struct ctr_ingest_open *args, struct ctr_content_writer **ret,
			struct ctr_error *err)
{
	AUTO_FREE struct ctr_content_writer *w = calloc(1, sizeof(*w));
	const char *expected = str_or(args->expected, "");

	if (!w)
		return ctr_fail_errno(err, ENOMEM, "ref %s", args->ref);
	w->daemon = host_daemon(h);
	w->shared = -1;
	w->total = args->total_bytes;
	w->started_ns = clock_wall_ns();

	ctr_code code = content_backend_ref(call, args->ref, w->ref, err);
	if (code == CTR_OK && *expected)
		code = meta_digest_check(expected, err);
	if (code == CTR_OK)
		code = content_store(w->daemon, &w->store, err);
	if (code != CTR_OK)
		return code;
	snprintf(w->ns, sizeof(w->ns), "%s", call_ns(call));
	snprintf(w->expected, sizeof(w->expected), "%s", expected);

	code = choose(w, call, err);
	if (code == CTR_OK)
		*ret = take_ptr(&w);
	return code;
}

void content_writer_close(struct ctr_content_writer *w)
{
	if (!w)
		return;
	if (w->writer)
		w->store.ops->writer_close(w->store.self, w->writer);
	free(w);
}

/* From now on with bytes of its own. */
static ctr_code unshare(struct ctr_content_writer *w, struct ctr_error *err)
{
	if (w->writer)
		return CTR_OK;
	ctr_code code = open_backend(w, NULL, "", err);
	if (code == CTR_OK)
		w->shared = -1;
	return code;
}

ctr_code content_write(struct ctr_content_writer *w, const void *data, uint64_t n,
		       struct ctr_error *err)
{
	ctr_code code = unshare(w, err);

	return code == CTR_OK ? w->store.ops->write(w->store.self, w->writer, data, n, err) : code;
}

ctr_code content_truncate(struct ctr_content_writer *w, int64_t length, struct ctr_error *err)
{
	ctr_code code = unshare(w, err);

	return code == CTR_OK ? w->store.ops->truncate(w->store.self, w->writer, length, err)
			      : code;
}

struct own_status {
	const struct ctr_content_writer *w;
	ctr_ingest_sink sink;
	void *ud;
};

static ctr_code rename_ref(void *ud, const struct ctr_ingest_status *status)
{
	const struct own_status *o = ud;
	struct ctr_ingest_status own = *status;

	own.ref = own_ref(o->w);
	return o->sink(o->ud, &own);
}

ctr_code content_writer_status(struct ctr_content_writer *w, ctr_ingest_sink sink, void *ud,
			       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	struct own_status own = { w, sink, ud };

	if (w->writer)
		return w->store.ops->writer_status(w->store.self, w->writer,
						   sink ? rename_ref : NULL, &own, ret_digest, err);
	const struct ctr_ingest_status s = {
		.size = sizeof(s),
		.ref = own_ref(w),
		.expected = w->expected,
		.offset_bytes = w->shared,
		.total_bytes = w->total,
		.started_ns = w->started_ns,
		.updated_ns = w->started_ns,
	};
	if (ret_digest)
		snprintf(ret_digest, CTR_DIGEST_ROOM, "%s", w->expected);
	return sink ? sink(ud, &s) : CTR_OK;
}

ctr_code content_writer_fd(struct ctr_content_writer *w, int32_t *ret_fd, struct ctr_error *err)
{
	ctr_code code = unshare(w, err);

	return code == CTR_OK ? w->store.ops->writer_fd(w->store.self, w->writer, ret_fd, err)
			      : code;
}

/* ---- commit ---- */

static ctr_code length_of(void *ud, const struct ctr_blob_info *info)
{
	*(int64_t *)ud = info->length_bytes;
	return CTR_OK;
}

static ctr_code commit_shared(struct ctr_content_writer *w, const struct ctr_call *call,
			      const struct ctr_content_commit *args, struct ctr_labels labels,
			      struct ctr_error *err)
{
	int64_t length = 0;

	if (args->total_bytes > 0 && args->total_bytes != w->shared)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"\"%s\" failed size validation: %" PRId64 " != %" PRId64,
				own_ref(w), w->shared, args->total_bytes);
	if (args->expected && *args->expected && strcmp(args->expected, w->expected) != 0)
		return ctr_fail(err, CTR_FAILED_PRECONDITION,
				"unexpected commit digest %s, expected %s", w->expected,
				args->expected);
	/* The other namespace's row may be gone by now, and the bytes with it. */
	if (gc_pin(w->daemon->gc, w->expected) < 0)
		return ctr_fail_errno(err, ENOMEM, "commit %s", own_ref(w));
	ctr_code code =
		w->store.ops->info(w->store.self, call, w->expected, length_of, &length, err);
	if (code == CTR_OK)
		code = content_record(w->daemon, call, w->expected, length, labels, err);
	gc_unpin(w->daemon->gc, w->expected);
	return code;
}

/* Pin, bytes, row, unpin. The digest that is pinned is the wanted one, or, when none was named, the one so far. */
static ctr_code commit_own(struct ctr_content_writer *w, const struct ctr_call *call,
			   const struct ctr_content_commit *args, struct ctr_labels labels,
			   char digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	const struct content_store *s = &w->store;
	char pinned[CTR_DIGEST_ROOM];
	int64_t length = 0;
	ctr_code code = CTR_OK;

	if (args->digest && *args->digest)
		snprintf(pinned, sizeof(pinned), "%s", args->digest);
	else if (args->expected && *args->expected)
		snprintf(pinned, sizeof(pinned), "%s", args->expected);
	else
		code = s->ops->writer_status(s->self, w->writer, NULL, NULL, pinned, err);
	if (code != CTR_OK)
		return code;
	if (gc_pin(w->daemon->gc, pinned) < 0)
		return ctr_fail_errno(err, ENOMEM, "commit %s", own_ref(w));

	code = s->ops->commit(s->self, w->writer, args, digest, err);
	/* The bytes were there: another namespace's, or a row was never written. */
	if (code == CTR_ALREADY_EXISTS)
		code = CTR_OK;
	if (code == CTR_OK)
		code = s->ops->info(s->self, call, digest, length_of, &length, err);
	if (code == CTR_OK)
		code = content_record(w->daemon, call, digest, length, labels, err);
	gc_unpin(w->daemon->gc, pinned);
	if (code != CTR_OK && code != CTR_ALREADY_EXISTS)
		gc_drop_blob(w->daemon->gc,
			     pinned); /* such as a cancelled call: bytes without a row */
	return code;
}

ctr_code content_commit(struct ctr_content_writer *w, const struct ctr_call *call,
			const struct ctr_content_commit *args, struct ctr_labels labels,
			char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	char digest[CTR_DIGEST_ROOM];
	ctr_code code = meta_labels_check("", labels, err);

	if (code == CTR_OK && args->expected && *args->expected)
		code = meta_digest_check(args->expected, err);
	if (code != CTR_OK)
		return code;
	if (w->writer) {
		code = commit_own(w, call, args, labels, digest, err);
	} else {
		snprintf(digest, sizeof(digest), "%s", w->expected);
		code = commit_shared(w, call, args, labels, err);
	}
	if (code == CTR_OK || code == CTR_ALREADY_EXISTS)
		snprintf(ret_digest, CTR_DIGEST_ROOM, "%s", digest);
	return code;
}
