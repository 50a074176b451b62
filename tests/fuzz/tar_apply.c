/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a layer, applied to a throwaway tree in both whiteout conventions: never a crash, and nothing ever
 * appears beside the tree's root. The tree lies under /tmp.
 */
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "worker/tar/name.h"
#include "worker/unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top[64];
static int top_fd = -1, lower_fd = -1;

static void remove_top(void)
{
	AUTO_CLOSE int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	path_remove_tree(tmp, top + 5);
}

static void start(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	memcpy(top, "/tmp/ctr-fuzz-XXXXXX", 21);
	if (!mkdtemp(top))
		abort();
	atexit(remove_top);
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top_fd < 0 || mkdirat(top_fd, "lower", 0755) < 0 ||
	    mkdirat(top_fd, "lower/d", 01777) < 0)
		abort();
	lower_fd = openat(top_fd, "lower", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static ctr_code opaque(void *ud, int dir_fd, struct ctr_error *err)
{
	struct stat st;

	(void)ud;
	(void)err;
	if (fstat(dir_fd, &st) < 0 || !S_ISDIR(st.st_mode))
		abort();
	return CTR_OK;
}

/* Nothing is there but what was put there. */
static void check_outside(void)
{
	int fd = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		abort();
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    strcmp(e->d_name, "root") != 0 && strcmp(e->d_name, "lower") != 0)
			abort();
	closedir(d);
}

static void apply(int fd, enum unpack_whiteouts how)
{
	static const struct id_map map = { .container_id = 0, .host_id = 1, .size = 65535 };
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *text = NULL;
	AUTO_CLOSE int root = -1;
	struct unpack_result res;
	struct source src;

	if (mkdirat(top_fd, "root", 0755) < 0)
		abort();
	root = openat(top_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (how == UNPACK_NATIVE &&
	    (mkdirat(root, "a", 0755) < 0 || mkdirat(root, "a/b", 0755) < 0 ||
	     symlinkat("../a", root, "a/l") < 0))
		abort();

	struct unpack_options opt = {
		.root_fd = root,
		.whiteouts = how,
		.opaque = opaque,
		.limits = { .max_entries = 200, .max_bytes = 1U << 20 },
		.parents = &lower_fd,
		.n_parents = how == UNPACK_OVERLAY ? 1 : 0,
	};
	if (how == UNPACK_NATIVE && geteuid() == 0)
		opt.uids = (struct id_maps){ &map, 1 };
	if (source_file(&src, fd, &err) == CTR_OK)
		unpack_layer(&src, &opt, &res, &err);
	text = name_printable(error_text(&err));
	if (!text || !str_is_utf8(text, strlen(text)))
		abort();
	check_outside();
	if (path_remove_tree(top_fd, "root") < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_CLOSE int fd = memfd_create("layer", MFD_CLOEXEC);

	if (top_fd < 0)
		start();
	if (fd < 0 || io_write_full(fd, data, n) < 0)
		return 0;
	apply(fd, UNPACK_OVERLAY);
	apply(fd, UNPACK_NATIVE);
	return 0;
}
