/* SPDX-License-Identifier: Apache-2.0
 *
 * libarchive's pax writer. The entry object is made anew for each entry: what is set on it before tar_put()
 * belongs to that entry alone.
 */
#include "worker/tar/writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"

#define BLOCK_BYTES (128 << 10)

struct tar_writer {
	struct encoder *enc;
	struct archive *ar;
	struct archive_entry *entry;
	struct ctr_error sink_err;
};

static la_ssize_t write_block(struct archive *ar, void *ud, const void *data, size_t n)
{
	struct tar_writer *w = ud;

	/* After a failure libarchive still flushes: the first error is the one to report. */
	if (w->sink_err.code != CTR_OK || encoder_write(w->enc, data, n, &w->sink_err) != CTR_OK) {
		archive_set_error(ar, -1, "sink failed");
		return -1;
	}
	return (la_ssize_t)n;
}

static ctr_code failed(struct tar_writer *w, const char *name, struct ctr_error *err)
{
	if (w->sink_err.code != CTR_OK)
		return ctr_move_error(err, &w->sink_err);
	if (archive_errno(w->ar) == ENOMEM)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	return ctr_fail(err, CTR_INTERNAL, "write tar entry '%s': %s", name,
			str_or(archive_error_string(w->ar), "failed"));
}

static ctr_code start(struct tar_writer *w, struct ctr_error *err)
{
	w->ar = archive_write_new();
	w->entry = archive_entry_new();
	if (!w->ar || !w->entry)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (archive_write_set_format_pax(w->ar) != ARCHIVE_OK ||
	    archive_write_set_format_option(w->ar, "pax", "xattrheader", "SCHILY") != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(w->ar, BLOCK_BYTES) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(w->ar, 1) != ARCHIVE_OK ||
	    archive_write_open(w->ar, w, NULL, write_block, NULL) != ARCHIVE_OK)
		return failed(w, "", err);
	return CTR_OK;
}

ctr_code tar_writer_open(struct encoder *e, struct tar_writer **ret, struct ctr_error *err)
{
	AUTO_TAR_WRITER *w = calloc(1, sizeof(*w));
	ctr_code code;

	if (!w)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	w->enc = e;
	code = start(w, err);
	if (code != CTR_OK)
		return code;

	*ret = take_ptr(&w);
	return CTR_OK;
}

void tar_writer_free(struct tar_writer *w)
{
	if (!w)
		return;

	/* Nothing more goes out, whatever is in libarchive's buffer. */
	if (w->sink_err.code == CTR_OK)
		ctr_fail(&w->sink_err, CTR_CANCELLED, "closed");
	archive_entry_free(w->entry);
	archive_write_free(w->ar);
	error_done(&w->sink_err);
	free(w);
}

ctr_code tar_put_xattr(struct tar_writer *w, const char *name, const void *value, size_t n,
		       struct ctr_error *err)
{
	(void)err;
	archive_entry_xattr_add_entry(w->entry, name, value, n);
	return CTR_OK;
}

ctr_code tar_put_region(struct tar_writer *w, uint64_t size, uint64_t offset, uint64_t n,
			struct ctr_error *err)
{
	if (size > INT64_MAX || offset > size || n > size - offset)
		return ctr_fail(err, CTR_INTERNAL, "region of a sparse file is out of range");
	archive_entry_set_size(w->entry, (la_int64_t)size); /* or libarchive drops the region */
	archive_entry_sparse_add_entry(w->entry, (la_int64_t)offset, (la_int64_t)n);
	return CTR_OK;
}

static mode_t type_mode(enum tar_type type)
{
	switch (type) {
	case TAR_DIR:
		return AE_IFDIR;
	case TAR_SYMLINK:
		return AE_IFLNK;
	case TAR_CHAR:
		return AE_IFCHR;
	case TAR_BLOCK:
		return AE_IFBLK;
	case TAR_FIFO:
		return AE_IFIFO;
	case TAR_FILE:
	case TAR_HARDLINK:
	case TAR_OTHER:
		break;
	}
	return AE_IFREG;
}

static void fill(struct archive_entry *to, const struct tar_entry *e)
{
	archive_entry_copy_pathname(to, e->name);
	archive_entry_set_mode(to, type_mode(e->type) | e->perm);
	archive_entry_set_uid(to, (la_int64_t)e->uid);
	archive_entry_set_gid(to, (la_int64_t)e->gid);
	archive_entry_set_mtime(to, e->times[1].tv_sec, e->times[1].tv_nsec);
	archive_entry_set_size(to, e->type == TAR_FILE ? (la_int64_t)e->size : 0);
	if (e->type == TAR_HARDLINK)
		archive_entry_copy_hardlink(to, e->link);
	if (e->type == TAR_SYMLINK)
		archive_entry_copy_symlink(to, e->link);
	if (e->type == TAR_CHAR || e->type == TAR_BLOCK) {
		archive_entry_set_rdevmajor(to, major(e->rdev));
		archive_entry_set_rdevminor(to, minor(e->rdev));
	}
}

/* A name that is no UTF-8 goes out as it is, marked as binary. */
static bool harmless(const char *text)
{
	return text && (strstr(text, "Can't translate pathname") ||
			strstr(text, "Can't translate linkname"));
}

ctr_code tar_put(struct tar_writer *w, const struct tar_entry *e, struct ctr_error *err)
{
	int rc;

	fill(w->entry, e);
	rc = archive_write_header(w->ar, w->entry);
	archive_entry_clear(w->entry);
	if (rc != ARCHIVE_OK && !(rc == ARCHIVE_WARN && harmless(archive_error_string(w->ar))))
		return failed(w, e->name, err);
	return CTR_OK;
}

ctr_code tar_put_data(struct tar_writer *w, const void *data, size_t n, struct ctr_error *err)
{
	const char *p = data;

	while (n) {
		la_ssize_t r = archive_write_data(w->ar, p, n);

		if (r <= 0)
			return failed(w, "content", err);
		p += r;
		n -= (size_t)r;
	}
	return CTR_OK;
}

ctr_code tar_writer_end(struct tar_writer *w, struct ctr_error *err)
{
	return archive_write_close(w->ar) == ARCHIVE_OK ? CTR_OK : failed(w, "end", err);
}
