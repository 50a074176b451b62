/* SPDX-License-Identifier: Apache-2.0
 *
 * libarchive as a pull reader. Its read callback hands out the codec's own blocks, so that file content
 * goes from the decoder's buffer to write(2) without a copy.
 */
#include "worker/tar/reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/str.h"
#include "worker/tar/acl.h"

struct tar_reader {
	struct codec *codec;
	struct archive *ar;
	struct archive_entry *entry; /* libarchive's, of the current entry */
	struct ctr_error source_err; /* what codec_read() said, kept across libarchive */
	struct acl_xattr acl[2];
	size_t acl_at, acl_n;
};

static la_ssize_t read_block(struct archive *ar, void *ud, const void **ret)
{
	struct tar_reader *r = ud;
	size_t n = 0;

	if (codec_read(r->codec, ret, &n, &r->source_err) != CTR_OK) {
		archive_set_error(ar, -1, "source failed");
		return -1;
	}
	return (la_ssize_t)n;
}

static ctr_code failed(struct tar_reader *r, const char *what, struct ctr_error *err)
{
	const char *why = archive_error_string(r->ar);

	if (r->source_err.code != CTR_OK)
		return ctr_move_error(err, &r->source_err);
	if (archive_errno(r->ar) == ENOMEM)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "%s: out of memory", what);
	return ctr_fail(err, CTR_DATA_LOSS, "%s: %s", what, str_or(why, "damaged"));
}

ctr_code tar_open(struct codec *c, struct tar_reader **ret, struct ctr_error *err)
{
	AUTO_TAR *r = calloc(1, sizeof(*r));

	if (!r)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");

	r->codec = c;
	r->ar = archive_read_new();
	if (!r->ar)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	if (archive_read_support_format_tar(r->ar) != ARCHIVE_OK ||
	    archive_read_support_format_empty(r->ar) != ARCHIVE_OK)
		return failed(r, "start tar reader", err);
	if (archive_read_open(r->ar, r, NULL, read_block, NULL) != ARCHIVE_OK)
		return failed(r, "read tar", err);

	*ret = take_ptr(&r);
	return CTR_OK;
}

void tar_close(struct tar_reader *r)
{
	if (!r)
		return;

	archive_read_free(r->ar);
	error_done(&r->source_err);
	for (size_t i = 0; i < r->acl_n; i++)
		free(r->acl[i].value);
	free(r);
}

/*
 * libarchive keeps names that are no UTF-8 as they stand in the header and warns; user and group names
 * are not used. Nothing else may be wrong with an entry.
 */
static bool harmless(const char *text)
{
	static const char *const about[] = { "Pathname", "Linkname", "Uname", "Gname" };

	if (!text || !strstr(text, "can't be converted from UTF-8 to current locale"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(about); i++)
		if (str_starts(text, about[i]))
			return true;
	return false;
}

static enum tar_type type_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return TAR_HARDLINK;

	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return TAR_FILE;
	case AE_IFDIR:
		return TAR_DIR;
	case AE_IFLNK:
		return TAR_SYMLINK;
	case AE_IFCHR:
		return TAR_CHAR;
	case AE_IFBLK:
		return TAR_BLOCK;
	case AE_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_OTHER;
	}
}

static ctr_code load_acls(struct tar_reader *r, const char *name, struct ctr_error *err)
{
	for (size_t i = 0; i < r->acl_n; i++)
		free(r->acl[i].value);
	r->acl_n = r->acl_at = 0;
	if (!(archive_entry_acl_types(r->entry) & ARCHIVE_ENTRY_ACL_TYPE_POSIX1E))
		return CTR_OK;

	for (int i = 0; i < 2; i++) {
		int rc = acl_to_xattr(r->entry, i == 1, &r->acl[r->acl_n]);

		if (rc < 0)
			return ctr_fail_errno(err, rc, "ACL of '%s'", name);
		r->acl_n += (size_t)rc;
	}
	return CTR_OK;
}

static ctr_code fill_entry(struct tar_reader *r, struct tar_entry *ret, struct ctr_error *err)
{
	struct archive_entry *e = r->entry;
	const char *name = archive_entry_pathname(e);
	const char *link = NULL;
	enum tar_type type = type_of(e);
	struct timespec mtime = { 0 }, atime;

	if (!name || !*name)
		return ctr_fail(err, CTR_DATA_LOSS, "tar entry without a name");
	if (type == TAR_HARDLINK)
		link = archive_entry_hardlink(e);
	else if (type == TAR_SYMLINK)
		link = archive_entry_symlink(e);
	if ((type == TAR_HARDLINK || type == TAR_SYMLINK) && (!link || !*link))
		return ctr_fail(err, CTR_DATA_LOSS, "link '%s' has no target", name);
	if (archive_entry_uid(e) < 0 || archive_entry_gid(e) < 0 || archive_entry_size(e) < 0)
		return ctr_fail(err, CTR_DATA_LOSS, "entry '%s' has a negative owner or size",
				name);

	if (archive_entry_mtime_is_set(e))
		mtime = (struct timespec){ archive_entry_mtime(e), archive_entry_mtime_nsec(e) };
	atime = mtime;
	if (archive_entry_atime_is_set(e) && archive_entry_atime(e) > mtime.tv_sec)
		atime = (struct timespec){ archive_entry_atime(e), archive_entry_atime_nsec(e) };

	*ret = (struct tar_entry){
		.name = name,
		.link = link,
		.type = type,
		.perm = archive_entry_perm(e) & 07777,
		.uid = (uint64_t)archive_entry_uid(e),
		.gid = (uint64_t)archive_entry_gid(e),
		.size = (uint64_t)archive_entry_size(e),
		.times = { atime, mtime },
		.rdev = makedev((unsigned int)archive_entry_rdevmajor(e),
				(unsigned int)archive_entry_rdevminor(e)),
		.n_xattr = (size_t)archive_entry_xattr_reset(e),
	};
	return load_acls(r, name, err);
}

ctr_code tar_next(struct tar_reader *r, struct tar_entry *ret, bool *ret_end, struct ctr_error *err)
{
	int rc = archive_read_next_header(r->ar, &r->entry);
	ctr_code code;

	if (rc == ARCHIVE_EOF) {
		code = codec_drain(r->codec, err);
		if (code == CTR_OK)
			*ret_end = true;
		return code;
	}
	if (rc != ARCHIVE_OK && !(rc == ARCHIVE_WARN && harmless(archive_error_string(r->ar))))
		return failed(r, "read tar header", err);

	code = fill_entry(r, ret, err);
	if (code == CTR_OK)
		*ret_end = false;
	return code;
}

ctr_code tar_data(struct tar_reader *r, const void **ret, size_t *ret_n, uint64_t *ret_offset,
		  struct ctr_error *err)
{
	la_int64_t offset = 0;
	size_t n = 0;
	int rc;

	do
		rc = archive_read_data_block(r->ar, ret, &n, &offset);
	while (rc == ARCHIVE_OK && !n);
	if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF)
		return failed(r, "read tar data", err);
	if (rc == ARCHIVE_OK && offset < 0)
		return ctr_fail(err, CTR_DATA_LOSS, "tar data at a negative offset");

	*ret_n = rc == ARCHIVE_EOF ? 0 : n;
	*ret_offset = (uint64_t)offset;
	return CTR_OK;
}

bool tar_xattr(struct tar_reader *r, const char **ret_name, const void **ret_value, size_t *ret_n)
{
	if (archive_entry_xattr_next(r->entry, ret_name, ret_value, ret_n) == ARCHIVE_OK &&
	    *ret_name)
		return true;
	if (r->acl_at >= r->acl_n)
		return false;

	const struct acl_xattr *a = &r->acl[r->acl_at++];
	*ret_name = a->name;
	*ret_value = a->value;
	*ret_n = a->n;
	return true;
}
