/* SPDX-License-Identifier: Apache-2.0
 *
 * An open ingest: one writer a ref, bytes appended, the digest kept as they pass. Bytes that came in another way (an
 * earlier run, a descriptor given out) are hashed only when somebody asks for the digest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "local.h"

#define READ_BYTES (256 * 1024)

static void writer_free(struct writer *w)
{
	fd_close(&w->data_fd);
	fd_close(&w->dir_fd);
	hash_done(&w->hash);
	free(w);
}

/* Take the ref, or say who has it. */
static ctr_code lock_ref(struct local *l, struct writer *w, struct ctr_error *err)
{
	int64_t since_ns = 0;

	pthread_mutex_lock(&l->lock);
	list_for (it, &l->writers) {
		struct writer *other = list_entry(it, struct writer, link);

		if (strcmp(other->name, w->name) == 0)
			since_ns = other->locked_ns;
	}
	if (!since_ns)
		list_add(&l->writers, &w->link);
	pthread_mutex_unlock(&l->lock);

	if (since_ns) {
		char since[RFC3339_ROOM], lasted[32];

		clock_rfc3339(since_ns, since);
		str_from_duration(clock_wall_ns() - since_ns, lasted, sizeof(lasted));
		return l->host->fail(err, CTR_UNAVAILABLE, "ref %s locked for %s (since %s)",
				     w->meta.ref, lasted, since);
	}
	return CTR_OK;
}

static void unlock_ref(struct local *l, struct writer *w)
{
	pthread_mutex_lock(&l->lock);
	list_del(&w->link);
	pthread_mutex_unlock(&l->lock);
}

/* Open the ingest's directory and files, making what is missing. What an earlier run left is continued. */
static int open_files(struct local *l, struct writer *w)
{
	struct ingest_meta old;

	if (mkdirat(l->ingest_fd, w->name, 0700) < 0 && errno != EEXIST)
		return -errno;
	w->dir_fd = openat(l->ingest_fd, w->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (w->dir_fd < 0)
		return -errno;
	w->data_fd = openat(w->dir_fd, "data", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (w->data_fd < 0)
		return -errno;

	int fresh = ingest_meta_read(w->dir_fd, &old) < 0;
	if (!fresh) {
		w->meta.started_ns = old.started_ns;
		if (!w->meta.total)
			w->meta.total = old.total;
		if (!w->meta.expected[0])
			snprintf(w->meta.expected, sizeof(w->meta.expected), "%s", old.expected);
	}
	if (fresh || old.total != w->meta.total || strcmp(old.expected, w->meta.expected) != 0) {
		int r = ingest_meta_write(w->dir_fd, &w->meta);
		if (r < 0)
			return r;
	}
	return writer_length(w);
}

static ctr_code check_open(struct local *l, const struct ctr_ingest_open *args,
			   struct ctr_error *err)
{
	if (!args->ref || !*args->ref)
		return l->host->fail(err, CTR_INVALID_ARGUMENT, "ref must not be empty");
	if (strlen(args->ref) > REF_MAX)
		return l->host->fail(err, CTR_INVALID_ARGUMENT, "ref is longer than %d bytes",
				     REF_MAX);
	if (args->total_bytes < 0)
		return l->host->fail(err, CTR_INVALID_ARGUMENT, "ref %s: negative total",
				     args->ref);
	if (args->expected && *args->expected) {
		if (!digest_valid(args->expected))
			return l->host->fail(err, CTR_INVALID_ARGUMENT,
					     "ref %s: digest '%s' is malformed", args->ref,
					     args->expected);
		if (blob_exists(l, args->expected))
			return l->host->fail(err, CTR_ALREADY_EXISTS, "content %s", args->expected);
	}
	return CTR_OK;
}

ctr_code writer_open(void *self, const struct ctr_call *call, const struct ctr_ingest_open *args,
		     void **ret_writer, struct ctr_error *err)
{
	struct local *l = self;

	(void)call;
	ctr_code code = check_open(l, args, err);
	if (code != CTR_OK)
		return code;

	struct writer *w = calloc(1, sizeof(*w));
	if (!w)
		return l->host->fail_errno(err, ENOMEM, "ref %s", args->ref);
	list_init(&w->link);
	w->dir_fd = w->data_fd = -1;
	w->locked_ns = w->meta.started_ns = clock_wall_ns();
	w->meta.total = args->total_bytes;
	snprintf(w->meta.ref, sizeof(w->meta.ref), "%s", args->ref);
	snprintf(w->meta.expected, sizeof(w->meta.expected), "%s", str_or(args->expected, ""));

	int r = ingest_name(args->ref, w->name);
	if (r == 0)
		r = hash_init(&w->hash, w->meta.expected);
	if (r < 0) {
		writer_free(w);
		return l->host->fail_errno(err, r, "ref %s", args->ref);
	}

	code = lock_ref(l, w, err);
	if (code != CTR_OK) {
		writer_free(w);
		return code;
	}
	r = open_files(l, w);
	if (r < 0) {
		code = l->host->fail_errno(err, r, "open ingest '%s'", args->ref);
		unlock_ref(l, w);
		writer_free(w);
		return code;
	}
	*ret_writer = w;
	return CTR_OK;
}

void writer_close(void *self, void *writer)
{
	unlock_ref(self, writer);
	writer_free(writer);
}

int writer_length(struct writer *w)
{
	struct stat st;

	if (fstat(w->data_fd, &st) < 0)
		return -errno;
	w->offset = st.st_size;
	return 0;
}

static ctr_code hash_restart(struct local *l, struct writer *w, struct ctr_error *err)
{
	char algorithm[8];

	snprintf(algorithm, sizeof(algorithm), "%s", w->hash.algorithm);
	hash_done(&w->hash);
	w->hashed = 0;
	int r = hash_init(&w->hash, algorithm);
	return r < 0 ? l->host->fail_errno(err, r, "ref %s", w->meta.ref) : CTR_OK;
}

ctr_code writer_catch_up(struct local *l, struct writer *w, struct ctr_error *err)
{
	AUTO_FREE char *data = NULL;

	if (w->given) {
		int r = writer_length(w);
		if (r < 0)
			return l->host->fail_errno(err, r, "ref %s", w->meta.ref);
	}
	if (w->hashed == w->offset)
		return CTR_OK;
	data = malloc(READ_BYTES);
	if (!data)
		return l->host->fail_errno(err, ENOMEM, "ref %s", w->meta.ref);

	while (w->hashed < w->offset) {
		size_t want = (size_t)MIN(w->offset - w->hashed, (int64_t)READ_BYTES);
		ssize_t n = io_pread_full(w->data_fd, data, want, w->hashed);
		if (n <= 0)
			return l->host->fail_errno(err, n < 0 ? (int)n : EIO, "read ingest '%s'",
						   w->meta.ref);
		if (hash_add(&w->hash, data, (size_t)n) < 0)
			return l->host->fail_errno(err, EIO, "hash ingest '%s'", w->meta.ref);
		w->hashed += n;
	}
	return CTR_OK;
}

ctr_code writer_write(void *self, void *writer, const void *data, uint64_t n, struct ctr_error *err)
{
	struct local *l = self;
	struct writer *w = writer;

	int r = io_pwrite_full(w->data_fd, data, n, w->offset);
	if (r < 0) {
		/* What a full disk cut short must not stay behind as if it had been accepted. */
		if (ftruncate(w->data_fd, w->offset) < 0)
			l->host->log(l->host, CTR_LOG_WARN, "ingest '%s': cannot cut back",
				     w->meta.ref);
		return l->host->fail_errno(err, r, "write ingest '%s'", w->meta.ref);
	}
	if (w->hashed == w->offset) {
		if (hash_add(&w->hash, data, n) < 0)
			return l->host->fail_errno(err, EIO, "hash ingest '%s'", w->meta.ref);
		w->hashed += (int64_t)n;
	}
	w->offset += (int64_t)n;
	return CTR_OK;
}

ctr_code writer_truncate(void *self, void *writer, int64_t length, struct ctr_error *err)
{
	struct local *l = self;
	struct writer *w = writer;

	if (length < 0 || length > w->offset)
		return l->host->fail(err, CTR_OUT_OF_RANGE,
				     "truncate ingest '%s' of %" PRId64 " bytes to %" PRId64,
				     w->meta.ref, w->offset, length);
	if (ftruncate(w->data_fd, length) < 0)
		return l->host->fail_errno(err, errno, "truncate ingest '%s'", w->meta.ref);
	w->offset = length;
	return w->hashed > length ? hash_restart(l, w, err) : CTR_OK;
}

ctr_code writer_status(void *self, void *writer, ctr_ingest_sink sink, void *ud,
		       char ret_digest[CTR_DIGEST_ROOM], struct ctr_error *err)
{
	struct local *l = self;
	struct writer *w = writer;
	struct stat st;

	if (ret_digest) {
		ctr_code code = writer_catch_up(l, w, err);
		if (code != CTR_OK)
			return code;
		if (hash_text(&w->hash, ret_digest) < 0)
			return l->host->fail_errno(err, ENOMEM, "hash ingest '%s'", w->meta.ref);
	}
	if (fstat(w->data_fd, &st) < 0)
		return l->host->fail_errno(err, errno, "stat ingest '%s'", w->meta.ref);

	struct ctr_ingest_status s = {
		.size = sizeof(s),
		.ref = w->meta.ref,
		.expected = w->meta.expected,
		.offset_bytes = st.st_size,
		.total_bytes = w->meta.total,
		.started_ns = w->meta.started_ns,
		.updated_ns = st.st_mtim.tv_sec * NS_PER_SEC + st.st_mtim.tv_nsec,
	};
	return sink ? sink(ud, &s) : CTR_OK;
}

ctr_code writer_fd(void *self, void *writer, int32_t *ret_fd, struct ctr_error *err)
{
	struct local *l = self;
	struct writer *w = writer;

	int fd = fd_dup(w->data_fd);
	if (fd < 0)
		return l->host->fail_errno(err, fd, "ingest '%s'", w->meta.ref);
	w->given = 1;
	*ret_fd = fd;
	return CTR_OK;
}
