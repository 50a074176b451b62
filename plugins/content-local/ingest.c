/* SPDX-License-Identifier: Apache-2.0
 *
 * Ingests at rest: where one lives, its meta file, the list, and abort.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "local.h"

#define META_MAX (REF_MAX + CTR_DIGEST_ROOM + 64)

int ingest_name(const char *ref, char ret[INGEST_NAME_ROOM])
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (EVP_Digest(ref, strlen(ref), sum, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	hex_encode(sum, 32, ret);
	return 0;
}

int ingest_meta_write(int dir_fd, const struct ingest_meta *m)
{
	AUTO_BUF b = BUF_INIT(META_MAX);

	buf_append(&b, m->ref, strlen(m->ref) + 1);
	buf_append(&b, m->expected, strlen(m->expected) + 1);
	buf_printf(&b, "%lld%c%lld", (long long)m->total, 0, (long long)m->started_ns);
	if (buf_failed(&b))
		return buf_failed(&b);
	return io_write_file(dir_fd, "meta", b.data, b.len, 0600, 0);
}

/* The next NUL-ended field, or NULL past the end. */
static const char *field(const char **at, const char *end)
{
	const char *s = *at;

	if (s > end)
		return NULL;
	*at = s + strlen(s) + 1;
	return s;
}

int ingest_meta_read(int dir_fd, struct ingest_meta *ret)
{
	AUTO_FREE char *data = NULL;
	size_t n = 0;

	int r = io_read_file(dir_fd, "meta", META_MAX, &data, &n);
	if (r < 0)
		return r;

	const char *at = data, *end = data + n;
	const char *ref = field(&at, end), *expected = field(&at, end);
	const char *total = field(&at, end), *started = field(&at, end);
	if (!ref || !expected || !total || !started || strlen(ref) > REF_MAX ||
	    strlen(expected) >= CTR_DIGEST_ROOM)
		return -EINVAL;
	if (parse_i64(total, &ret->total) < 0 || parse_i64(started, &ret->started_ns) < 0)
		return -EINVAL;

	snprintf(ret->ref, sizeof(ret->ref), "%s", ref);
	snprintf(ret->expected, sizeof(ret->expected), "%s", expected);
	return 0;
}

int ingest_locked(struct local *l, const char *name, int64_t *ret_since_ns)
{
	int found = 0;

	pthread_mutex_lock(&l->lock);
	list_for (it, &l->writers) {
		struct writer *w = list_entry(it, struct writer, link);

		if (strcmp(w->name, name) == 0) {
			*ret_since_ns = w->locked_ns;
			found = 1;
			break;
		}
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}

/* One ingest directory as a status; an unreadable one is passed over: abort by ref still removes it. */
static ctr_code report(struct local *l, const char *name, ctr_ingest_sink sink, void *ud)
{
	struct ingest_meta m;
	struct stat st;

	AUTO_CLOSE int dir =
		openat(l->ingest_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || ingest_meta_read(dir, &m) < 0 ||
	    fstatat(dir, "data", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return CTR_OK;

	struct ctr_ingest_status s = {
		.size = sizeof(s),
		.ref = m.ref,
		.expected = m.expected,
		.offset_bytes = st.st_size,
		.total_bytes = m.total,
		.started_ns = m.started_ns,
		.updated_ns = st.st_mtim.tv_sec * NS_PER_SEC + st.st_mtim.tv_nsec,
	};
	return sink(ud, &s);
}

ctr_code ingest_statuses(void *self, const struct ctr_call *call, ctr_ingest_sink sink, void *ud,
			 struct ctr_error *err)
{
	struct local *l = self;

	int fd = openat(l->ingest_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int e = errno;

		fd_close(&fd);
		return l->host->fail_errno(err, e, "list ingests");
	}

	ctr_code code = CTR_OK;
	struct dirent *e;
	while (code == CTR_OK && (e = readdir(dir))) {
		if (strlen(e->d_name) != INGEST_NAME_ROOM - 1)
			continue;
		code = report(l, e->d_name, sink, ud);
		if (code == CTR_OK)
			code = l->host->call->check(call, err);
	}
	closedir(dir);
	return code;
}

ctr_code ingest_abort(void *self, const struct ctr_call *call, const char *ref,
		      struct ctr_error *err)
{
	struct local *l = self;
	char name[INGEST_NAME_ROOM];
	int64_t since;

	(void)call;
	if (ingest_name(ref, name) < 0)
		return l->host->fail_errno(err, ENOMEM, "abort ingest '%s'", ref);
	if (ingest_locked(l, name, &since))
		return l->host->fail(err, CTR_UNAVAILABLE,
				     "abort ingest '%s': a writer has it open", ref);
	if (faccessat(l->ingest_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return l->host->fail(err, CTR_NOT_FOUND, "ingest ref %s", ref);

	int r = path_remove_tree(l->ingest_fd, name);
	return r < 0 ? l->host->fail_errno(err, r, "abort ingest '%s'", ref) : CTR_OK;
}
