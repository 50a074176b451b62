/* SPDX-License-Identifier: Apache-2.0
 *
 * Import: an archive from the client's stream. The import worker takes it apart into one file
 * without a name; from there the contents go into the store, which verifies them, and the images
 * are unpacked as those of a pull are. Names and documents of the archive are foreign: paths are
 * only compared, JSON is read by the parse worker.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/rand.h"
#include "base/str.h"
#include "core/diff/diff.h"
#include "core/transfer/archive.h"
#include "core/transfer/pull.h"

#define COPY_BYTES (1024 * 1024)

/* ---- from the stream to the worker ---- */

struct pump {
	struct pull *p;
	struct ctr_stream *stream;
	int pipe_fd;
	ctr_code code;
	struct ctr_error err;
};

/* On a thread: until the client has sent all, or the worker reads no more. */
static void pump_thread(void *ud)
{
	struct pump *pump = ud;
	struct stream_reader r = { .stream = pump->stream, .call = &pump->p->work };

	for (;;) {
		AUTO_FREE void *data = NULL;
		size_t n = 0;

		pump->code = stream_read(&r, &data, &n, &pump->err);
		if (pump->code != CTR_OK || n == 0 || io_write_full(pump->pipe_fd, data, n) < 0)
			break;
	}
	fd_close(&pump->pipe_fd);
	pump->pipe_fd = -1;
	pull_thread_done(pump->p);
}

static ctr_code keep_entry(struct archive *a, const WORKER(ArchiveEntry) *from,
			   struct ctr_error *err)
{
	struct archive_entry *grown;

	if (a->n >= ARCHIVE_ENTRIES_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "the archive has more than %d files",
				ARCHIVE_ENTRIES_MAX);
	if (a->n == a->cap) {
		size_t cap = a->cap ? 2 * a->cap : 64;

		grown = reallocarray(a->entries, cap, sizeof(*grown));
		if (!grown)
			return ctr_fail_errno(err, ENOMEM, "read the archive");
		a->entries = grown;
		a->cap = cap;
	}
	grown = a->entries;
	grown[a->n] = (struct archive_entry){
		.path = str_dup(from->path),
		.link = *from->link ? str_dup(from->link) : NULL,
		.hard = from->hard,
		.offset = (int64_t)from->offset,
		.size = (int64_t)from->size,
	};
	snprintf(grown[a->n].digest, sizeof(grown[a->n].digest), "%s", from->digest);
	a->n++;
	if (!grown[a->n - 1].path || (*from->link && !grown[a->n - 1].link))
		return ctr_fail_errno(err, ENOMEM, "read the archive");
	return CTR_OK;
}

static ctr_code collect(struct pull *p, struct worker *w, struct archive *a, struct ctr_error *err)
{
	struct wire_wait wait = job_wait(p->job);

	for (;;) {
		AUTO_WORKER_REPLY reply = { .msg = NULL };
		ctr_code code = worker_recv(w, &wait, &reply, err);

		if (code != CTR_OK)
			return code;
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_FAILED)
			return worker_failed(reply.msg->failed, err);
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_ARCHIVED)
			return CTR_OK;
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_ARCHIVE_ENTRY)
			code = keep_entry(a, reply.msg->archive_entry, err);
		if (code != CTR_OK)
			return code;
	}
}

static ctr_code send_import(struct pull *p, struct worker *w, int in_fd, int out_fd,
			    struct ctr_error *err)
{
	struct wire_wait wait = job_wait(p->job);
	const int fds[] = { in_fd, out_fd };
	WORKER(Import) import;
	worker_request req;

	ctr__worker__v1__import__init(&import);
	ctr__worker__v1__request__init(&req);
	req.id = 1;
	req.op_case = CTR__WORKER__V1__REQUEST__OP_IMPORT;
	req.import = &import;
	return worker_send(w, &req, fds, ARRAY_SIZE(fds), &wait, err);
}

static ctr_code take_apart(struct pull *p, struct pump *pump, struct worker **w, struct archive *a,
			   struct ctr_error *err)
{
	AUTO_CLOSE int in = -1;
	int pipe_fds[2];
	ctr_code code = diff_temp_file(p->job->t->daemon, &a->fd, err);
	int r;

	if (code == CTR_OK)
		code = start_worker(p->job, ROLE_IMPORT, NULL, w, err);
	if (code != CTR_OK)
		return code;
	r = fd_pipe(pipe_fds, 0);
	if (r < 0)
		return ctr_fail_errno(err, r, "%s", p->what);
	in = pipe_fds[0];
	pump->pipe_fd = pipe_fds[1];
	code = send_import(p, *w, in, a->fd, err);
	if (code == CTR_OK)
		code = pull_thread(p, pump_thread, pump, err);
	if (code != CTR_OK) {
		fd_close(&pump->pipe_fd);
		return code;
	}
	fd_close(&in);
	in = -1;
	return collect(p, *w, a, err);
}

/* The thread of the pump ends before the stream goes. */
static void await_pump(struct pull *p)
{
	pthread_mutex_lock(&p->lock);
	while (p->running > 0)
		pthread_cond_wait(&p->idle, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

static ctr_code read_archive(struct pull *p, struct archive *a, struct ctr_error *err)
{
	const TRANSFER(ImageImportStream) *from = p->job->source;
	struct pump pump = { .p = p, .pipe_fd = -1 };
	struct worker *w = NULL;
	AUTO_ERROR why = ERROR_INIT;
	ctr_code code =
		streams_get(p->job->t->streams, &p->job->call, from->stream, &pump.stream, &why);

	if (code == CTR_OK)
		code = take_apart(p, &pump, &w, a, &why);
	/* Without a reader the pump stops at its next write; at a client that sends nothing it is
	 * stopped. */
	worker_stop(w);
	if (code != CTR_OK)
		call_cancel(&p->work, CTR_CANCELLED);
	await_pump(p);
	stream_close(pump.stream, CTR_OK, NULL);
	/* An archive that ends early for the worker does so because the client is gone. */
	if (code != CTR_OK && pump.code == CTR_CANCELLED &&
	    call_check(&p->job->call, NULL) != CTR_OK)
		code = ctr_move_error(err, &pump.err);
	else if (code != CTR_OK)
		code = ctr_move_error(err, &why);
	error_done(&pump.err);
	return code == CTR_OK ? code : ctr_wrap(err, "%s", p->what);
}

/* ---- into the store ---- */

static ctr_code copy_content(struct pull *p, const struct archive *a, const struct archive_entry *e,
			     struct ctr_content_writer *w, struct ctr_error *err)
{
	AUTO_FREE void *data = malloc(COPY_BYTES);
	ctr_code code = data ? CTR_OK : ctr_fail_errno(err, ENOMEM, "%s", p->what);

	for (int64_t at = 0; code == CTR_OK && at < e->size;) {
		size_t want = (size_t)MIN(e->size - at, (int64_t)COPY_BYTES);
		ssize_t n = io_pread_full(a->fd, data, want, e->offset + at);

		if (n != (ssize_t)want)
			return ctr_fail_errno(err, n < 0 ? (int)n : EIO, "%s: read '%s'", p->what,
					      e->path);
		code = call_check(&p->work, err);
		if (code == CTR_OK)
			code = p->job->s.contents->write(w, data, want, err);
		at += n;
	}
	return code;
}

static ctr_code fill_blob(struct pull *p, const struct archive *a, const struct archive_entry *e,
			  const char *digest, struct ctr_content_writer *w, struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = p->job->s.contents;
	const struct ctr_content_commit commit = {
		.size = sizeof(commit), .total_bytes = e->size, .expected = digest, .digest = ""
	};
	const struct ctr_labels none = { NULL, 0 };
	char ret[CTR_DIGEST_ROOM];
	ctr_code code = contents->truncate(w, 0, err); /* what an earlier import left */

	if (code == CTR_OK)
		code = copy_content(p, a, e, w, err);
	if (code == CTR_OK)
		code = contents->commit(w, &p->job->call, &commit, none, ret, err);
	return code == CTR_ALREADY_EXISTS ? CTR_OK : code;
}

char *archive_ref(const char *digest)
{
	char random[17];

	rand_hex(random, 16);
	return str_printf("import-%s-%s", random, digest);
}

ctr_code archive_store(struct pull *p, const struct archive *a, const struct archive_entry *e,
		       const char *digest, struct ctr_error *err)
{
	const struct ctr_contents_ops *contents = p->job->s.contents;
	AUTO_FREE char *ref = archive_ref(digest);
	struct ctr_ingest_open open = {
		.size = sizeof(open), .ref = ref, .expected = digest, .total_bytes = e->size
	};
	struct ctr_content_writer *w = NULL;
	AUTO_ERROR why = ERROR_INIT;
	AUTO_CLOSE int fd = -1;
	ctr_code code;

	if (!ref)
		return ctr_fail_errno(err, ENOMEM, "%s", p->what);
	code = contents->writer(p->job->host, &p->job->call, &open, &w, &why);
	if (code == CTR_ALREADY_EXISTS) {
		code = content_open(p->job, digest, e->size, &fd, &why);
		if (code == CTR_OK)
			return CTR_OK;
		code = content_drop(p->job, digest, &why);
		if (code == CTR_OK)
			code = contents->writer(p->job->host, &p->job->call, &open, &w, &why);
	}
	if (code == CTR_OK)
		code = fill_blob(p, a, e, digest, w, &why);
	contents->writer_close(w);
	if (code == CTR_OK)
		return CTR_OK;
	(void)contents->abort(p->job->host, &p->job->call, ref, NULL);
	ctr_move_error(err, &why);
	return ctr_wrap(err, "%s: '%s'", p->what, e->path);
}

/* "blobs/sha256/<hex>": ret is the digest. */
static int is_blob(const char *path, char ret[CTR_DIGEST_ROOM])
{
	char *slash;

	if (!str_starts(path, "blobs/") || strlen(path) - 6 >= CTR_DIGEST_ROOM)
		return 0;
	snprintf(ret, CTR_DIGEST_ROOM, "%s", path + 6);
	slash = strchr(ret, '/');
	if (!slash)
		return 0;
	*slash = ':';
	return digest_valid(ret);
}

static ctr_code store_blobs(struct pull *p, const struct archive *a, struct ctr_error *err)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct archive_entry *e = &a->entries[i];
		char digest[CTR_DIGEST_ROOM];
		ctr_code code;

		if (e->link || !is_blob(e->path, digest))
			continue;
		if (str_starts(digest, "sha256:") && !str_eq(digest, e->digest))
			return ctr_fail(err, CTR_DATA_LOSS, "%s: '%s' has the digest %s", p->what,
					e->path, e->digest);
		code = archive_store(p, a, e, digest, err);
		if (code != CTR_OK)
			return code;
	}
	return CTR_OK;
}

/* ---- all of it ---- */

const struct archive_entry *archive_find(const struct archive *a, const char *path)
{
	/* The last of a name counts, as it would on a disk. */
	for (size_t i = a->n; i-- > 0;)
		if (str_eq(a->entries[i].path, path))
			return &a->entries[i];
	return NULL;
}

ctr_code archive_parse(struct pull *p, const struct archive *a, const struct archive_entry *e,
		       WORKER(DocumentKind) kind, const char *media_type, struct worker_reply *ret,
		       struct ctr_error *err)
{
	AUTO_FREE char *data = NULL;
	AUTO_CLOSE int fd = -1;
	ssize_t n;
	ctr_code code;

	if (e->link || e->size > ARCHIVE_DOCUMENT_MAX)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: '%s' is no file of at most %d bytes", p->what, e->path,
				ARCHIVE_DOCUMENT_MAX);
	data = malloc((size_t)e->size + 1);
	n = data ? io_pread_full(a->fd, data, (size_t)e->size, e->offset) : -ENOMEM;
	if (n != (ssize_t)e->size)
		return ctr_fail_errno(err, n < 0 ? (int)n : EIO, "%s: read '%s'", p->what, e->path);
	code = diff_temp_file(p->job->t->daemon, &fd, err);
	if (code == CTR_OK && io_write_full(fd, data, (size_t)n) < 0)
		code = ctr_fail_errno(err, EIO, "%s: copy '%s'", p->what, e->path);
	if (code == CTR_OK)
		code = parse_document_fd(p->job, &p->parser, fd, kind, media_type, NULL, ret, err);
	return code == CTR_OK ? code : ctr_wrap(err, "%s: '%s'", p->what, e->path);
}

static ctr_code import(struct pull *p, struct archive *a, struct ctr_error *err)
{
	const struct archive_entry *index, *docker;
	ctr_code code = pull_begin(p, err);

	if (code == CTR_OK)
		code = read_archive(p, a, err);
	if (code != CTR_OK)
		return code;
	index = archive_find(a, "index.json");
	docker = archive_find(a, "manifest.json");
	if (!index && !docker)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: neither index.json nor manifest.json is in it", p->what);
	code = store_blobs(p, a, err);
	if (code == CTR_OK)
		code = index ? import_oci(p, a, index, err) : import_docker(p, a, docker, err);
	return code;
}

ctr_code import_run(struct job *job, struct ctr_error *err)
{
	struct archive a = { .fd = -1 };
	struct pull *p = pull_new(job);
	ctr_code code;

	if (!p)
		return ctr_fail_errno(err, ENOMEM, "import");
	p->what = str_dup("import");
	p->name = "import";
	progress_text(job, "Importing");
	code = p->what ? import(p, &a, err) : ctr_fail_errno(err, ENOMEM, "import");
	if (code == CTR_OK)
		progress_text(job, "Completed import");
	pull_free(p);
	for (size_t i = 0; i < a.n; i++) {
		free(a.entries[i].path);
		free(a.entries[i].link);
	}
	free(a.entries);
	fd_close(&a.fd);
	return code;
}
