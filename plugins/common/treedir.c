/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbered directories: making, discarding, reaping and syncing them. See treedir.h for the order that makes a crash
 * harmless.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "plugins/common/treedir.h"

ctr_code treedir_open(struct treedir *t, const struct ctr_host *h, struct ctr_error *err)
{
	uint32_t size = 0;

	t->host = h;
	t->root_fd = t->fd = -1;
	t->graph = h->service(h, CTR_SERVICE_SNAPGRAPH, &size);
	if (!t->graph || size < sizeof(*t->graph))
		return h->fail(err, CTR_UNIMPLEMENTED, "the host has no service %s",
			       CTR_SERVICE_SNAPGRAPH);

	t->root_fd = path_own_dir(h->root_dir, 0700);
	if (t->root_fd < 0)
		return h->fail_errno(err, t->root_fd, "open '%s'", h->root_dir);
	t->fd = path_mkdirs(t->root_fd, "snapshots", PATH_BENEATH, 0700);
	if (t->fd < 0) {
		int r = t->fd;

		treedir_close(t);
		return h->fail_errno(err, r, "open '%s/snapshots'", h->root_dir);
	}
	return CTR_OK;
}

void treedir_close(struct treedir *t)
{
	fd_close(&t->fd);
	fd_close(&t->root_fd);
}

void treedir_name(uint64_t id, char ret[TREEDIR_NAME_ROOM])
{
	snprintf(ret, TREEDIR_NAME_ROOM, "%" PRIu64, id);
}

int treedir_make(const struct treedir *t, uint64_t id)
{
	char name[TREEDIR_NAME_ROOM];

	treedir_name(id, name);
	if (mkdirat(t->fd, name, 0700) < 0) {
		if (errno != EEXIST)
			return -errno;
		/* The number was just reserved, so no row has it: this is what a crash left. */
		int r = path_remove_tree(t->fd, name);
		if (r < 0)
			return r;
		if (mkdirat(t->fd, name, 0700) < 0)
			return -errno;
	}
	return path_open(t->fd, name, PATH_BENEATH | PATH_NO_SYMLINKS, O_RDONLY | O_DIRECTORY, 0);
}

void treedir_discard(const struct treedir *t, uint64_t id)
{
	char name[TREEDIR_NAME_ROOM];

	treedir_name(id, name);
	int r = path_remove_tree(t->fd, name);
	if (r < 0)
		t->host->log(t->host, CTR_LOG_WARN, "snapshot directory %s left to the reaper: %s",
			     name, strerrordesc_np(-r));
}

void treedir_undo(const struct treedir *t, uint64_t id)
{
	int32_t used = 1;

	/* The row may stand if only what came after it failed; then its directory must stand too. */
	t->graph->release(t->host, id);
	if (t->graph->has(t->host, id, &used, NULL) == CTR_OK && !used)
		treedir_discard(t, id);
}

ctr_code treedir_reap(struct treedir *t, struct ctr_error *err)
{
	if (!t->born) {
		ctr_code reserved = t->graph->reserve(t->host, &t->born, err);
		if (reserved != CTR_OK)
			return reserved;
	}

	int fd = openat(t->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		int e = errno;

		fd_close(&fd);
		return t->host->fail_errno(err, e, "list '%s/snapshots'", t->host->root_dir);
	}

	ctr_code code = CTR_OK;
	struct dirent *e;
	while (code == CTR_OK && (e = readdir(dir))) {
		int32_t used = 1;
		uint64_t id;

		if (parse_u64(e->d_name, &id) < 0 || id >= t->born)
			continue;
		code = t->graph->has(t->host, id, &used, err);
		if (code == CTR_OK && !used) {
			t->host->log(t->host, CTR_LOG_INFO, "removing orphan snapshot directory %s",
				     e->d_name);
			treedir_discard(t, id);
		}
	}
	closedir(dir);
	return code;
}

ctr_code treedir_sync(const struct treedir *t, struct ctr_error *err)
{
	if (syncfs(t->root_fd) < 0)
		return t->host->fail_errno(err, errno, "sync '%s'", t->host->root_dir);
	return CTR_OK;
}
