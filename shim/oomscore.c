/* SPDX-License-Identifier: Apache-2.0
 *
 * /proc/<pid>/oom_score_adj, read and written.
 */
#include "shim/oomscore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/str.h"

#define TEXT_MAX 16

static int open_score(pid_t pid, int flags)
{
	AUTO_FREE char *path = pid ? str_printf("/proc/%d/oom_score_adj", (int)pid)
				   : str_dup("/proc/self/oom_score_adj");
	int fd = path ? open(path, flags | O_CLOEXEC) : -1;

	if (!path)
		return -ENOMEM;
	return fd < 0 ? -errno : fd;
}

int oom_score_get(pid_t pid, int *ret)
{
	AUTO_CLOSE int fd = open_score(pid, O_RDONLY);
	AUTO_FREE char *text = NULL;
	int64_t score;

	if (fd < 0)
		return fd;
	int r = io_read_fd(fd, TEXT_MAX, &text, NULL);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	r = parse_i64(text, &score);
	if (r == 0)
		*ret = (int)score;
	return r;
}

int oom_score_set(pid_t pid, int score)
{
	AUTO_CLOSE int fd = open_score(pid, O_WRONLY);
	AUTO_FREE char *text = str_printf("%d", score);

	if (fd < 0)
		return fd;
	return text ? io_write_full(fd, text, strlen(text)) : -ENOMEM;
}
