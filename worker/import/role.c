/* SPDX-License-Identifier: Apache-2.0
 *
 * The role `import`: an image archive (plain or compressed tar) from a pipe; the contents of its
 * files go one after another into the file that came with the request, and what was found is told
 * entry by entry. Names are only reported, never opened. One thread; the process sees no file
 * system.
 */
#include "worker/role.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/io.h"
#include "base/str.h"
#include "worker/tar/name.h"
#include "worker/tar/reader.h"

#define ENTRIES_MAX 65536
#define PATH_MAX_   512 /* longer names are none that an image archive has */
#define BYTES_MAX   (UINT64_C(1) << 40)
#define RATIO_MAX   400
#define TELL_BYTES  (UINT64_C(4) << 20)

struct import {
	struct role *role;
	uint64_t id;
	int out_fd;
	uint64_t max_entries, max_bytes;
	uint64_t entries, bytes, told;
	EVP_MD_CTX *md;
};

static ctr_code tell(struct import *im, struct ctr_error *err)
{
	if (im->bytes - im->told < TELL_BYTES)
		return CTR_OK;
	im->told = im->bytes;
	if (role_progress(im->role, im->id, im->bytes, 0, im->entries) < 0)
		return ctr_fail(err, CTR_CANCELLED, "the daemon hung up");
	return CTR_OK;
}

static ctr_code send_entry(struct import *im, char *path, uint64_t size, char *digest,
			   const char *link, int hard, struct ctr_error *err)
{
	Ctr__Worker__V1__ArchiveEntry entry;
	worker_reply_pb rep;

	ctr__worker__v1__archive_entry__init(&entry);
	ctr__worker__v1__reply__init(&rep);
	entry.path = path;
	entry.offset = im->bytes;
	entry.size = size;
	entry.digest = digest;
	entry.link = (char *)(uintptr_t)link;
	entry.hard = hard;
	rep.id = im->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_ARCHIVE_ENTRY;
	rep.archive_entry = &entry;
	int r = role_send(im->role, &rep, NULL, 0);
	return r < 0 ? ctr_fail_errno(err, r, "tell of an entry") : CTR_OK;
}

/* One file's content to the end of what is there; *ret_size bytes. */
static ctr_code copy(struct import *im, struct tar_reader *r, const struct tar_entry *e,
		     uint64_t *ret_size, struct ctr_error *err)
{
	const void *data;
	uint64_t offset, at = 0;
	size_t n;

	if (e->size > im->max_bytes - im->bytes)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the archive holds more than %" PRIu64 " bytes", im->max_bytes);
	if (EVP_DigestInit_ex(im->md, EVP_sha256(), NULL) != 1)
		return ctr_fail(err, CTR_INTERNAL, "hash failed");
	for (;;) {
		ctr_code code = tar_data(r, &data, &n, &offset, err);

		if (code != CTR_OK)
			return code;
		if (n == 0)
			break;
		if (offset != at || n > e->size - at)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "a file with holes");
		int w = io_pwrite_full(im->out_fd, data, n, (off_t)(im->bytes + at));
		if (w < 0)
			return ctr_fail_errno(err, w, "write the contents");
		if (EVP_DigestUpdate(im->md, data, n) != 1)
			return ctr_fail(err, CTR_INTERNAL, "hash failed");
		at += n;
	}
	if (at != e->size)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "a file with holes");
	*ret_size = at;
	return CTR_OK;
}

static ctr_code take_file(struct import *im, struct tar_reader *r, const struct tar_entry *e,
			  char *path, struct ctr_error *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char digest[72] = "sha256:";
	uint64_t size = 0;
	ctr_code code = copy(im, r, e, &size, err);

	if (code != CTR_OK)
		return code;
	if (EVP_DigestFinal_ex(im->md, sum, NULL) != 1)
		return ctr_fail(err, CTR_INTERNAL, "hash failed");
	hex_encode(sum, 32, digest + 7);
	code = send_entry(im, path, size, digest, "", 0, err);
	im->bytes += size;
	return code == CTR_OK ? tell(im, err) : code;
}

/* Is it a name that an archive of images could have? Others are passed over. */
static int wanted(const struct tar_entry *e, char path[NAME_PATH_MAX])
{
	size_t n;

	if (e->type != TAR_FILE && e->type != TAR_SYMLINK && e->type != TAR_HARDLINK)
		return 0;
	if (name_clean(e->name, path, &n) < 0 || n == 0 || n > PATH_MAX_ || !str_is_utf8(path, n))
		return 0;
	return e->type == TAR_FILE ||
	       (strlen(e->link) <= PATH_MAX_ && str_is_utf8(e->link, strlen(e->link)));
}

static ctr_code take(struct import *im, struct tar_reader *r, const struct tar_entry *e,
		     struct ctr_error *err)
{
	char path[NAME_PATH_MAX];
	ctr_code code;

	if (++im->entries > im->max_entries)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"the archive has more than %" PRIu64 " entries", im->max_entries);
	if (!wanted(e, path))
		return CTR_OK;
	if (e->type == TAR_FILE)
		code = take_file(im, r, e, path, err);
	else
		code = send_entry(im, path, 0, (char *)(uintptr_t) "", e->link,
				  e->type == TAR_HARDLINK, err);
	return code == CTR_OK ? code : ctr_wrap(err, "'%s'", path);
}

static ctr_code read_archive(struct import *im, int in_fd, struct ctr_error *err)
{
	const struct codec_options options = { .max_bytes = BYTES_MAX, .max_ratio = RATIO_MAX };
	AUTO_CODEC *codec = NULL;
	AUTO_TAR *reader = NULL;
	struct source src;
	struct tar_entry e;
	bool end = false;
	ctr_code code;

	source_stream(&src, in_fd);
	code = codec_open(&src, &options, &codec, err);
	if (code == CTR_OK)
		code = tar_open(codec, &reader, err);
	while (code == CTR_OK && !end) {
		code = tar_next(reader, &e, &end, err);
		if (code == CTR_OK && !end)
			code = take(im, reader, &e, err);
	}
	return code;
}

static int say_archived(const struct import *im)
{
	Ctr__Worker__V1__Archived done;
	worker_reply_pb rep;

	ctr__worker__v1__archived__init(&done);
	ctr__worker__v1__reply__init(&rep);
	done.entries = im->entries;
	done.size = im->bytes;
	rep.id = im->id;
	rep.result_case = CTR__WORKER__V1__REPLY__RESULT_ARCHIVED;
	rep.archived = &done;
	return role_send(im->role, &rep, NULL, 0);
}

/* Names in the archive may hold any byte; a message may not. */
static int say_failed(const struct import *im, const struct ctr_error *err)
{
	AUTO_ERROR clean = { .code = err->code, .message = name_printable(error_text(err)) };

	return role_failed(im->role, im->id, &clean, 0, 0);
}

static int serve(struct role *r, const worker_request *req, const struct wire_fds *fds)
{
	struct import im = {
		.role = r, .id = req->id, .max_entries = ENTRIES_MAX, .max_bytes = BYTES_MAX
	};
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;

	if (req->op_case != CTR__WORKER__V1__REQUEST__OP_IMPORT || fds->n != 2) {
		ctr_fail(&err, CTR_INVALID_ARGUMENT,
			 "worker import: no request to read an archive");
		return say_failed(&im, &err);
	}
	if (req->import->limits && req->import->limits->max_entries)
		im.max_entries = req->import->limits->max_entries;
	if (req->import->limits && req->import->limits->max_bytes)
		im.max_bytes = req->import->limits->max_bytes;
	im.out_fd = fds->fd[1];
	im.md = EVP_MD_CTX_new();
	code = im.md ? read_archive(&im, fds->fd[0], &err)
		     : ctr_fail(&err, CTR_RESOURCE_EXHAUSTED, "worker import: out of memory");
	EVP_MD_CTX_free(im.md);
	return code == CTR_OK ? say_archived(&im) : say_failed(&im, &err);
}

int role_import(struct role *r)
{
	for (;;) {
		AUTO(wire_fds_done) struct wire_fds fds = { .n = 0 };
		worker_request *req = NULL;
		int res = role_recv(r, NULL, &req, &fds);

		if (res == -EPIPE)
			return 0;
		if (res < 0)
			return 1;
		res = serve(r, req, &fds);
		role_request_free(req);
		if (res < 0)
			return res == -EPIPE ? 0 : 1;
	}
}
