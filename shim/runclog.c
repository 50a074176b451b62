/* SPDX-License-Identifier: Apache-2.0
 *
 * Records are one JSON object a line. Read only after a failed call, so the parser costs nothing
 * while all is well.
 */
#include "shim/runclog.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"

static char *record_message(const char *line, size_t n)
{
	json_t *record = json_loadb(line, n, 0, NULL);
	const char *level = json_string_value(json_object_get(record, "level"));
	const char *msg = json_string_value(json_object_get(record, "msg"));
	char *text = NULL;

	if (level && msg && (strcmp(level, "error") == 0 || strcmp(level, "fatal") == 0))
		text = str_dup(msg);
	json_decref(record);
	return text;
}

char *runc_log_message(const char *text, size_t n)
{
	char *last = NULL;

	while (n > 0) {
		const char *nl = memchr(text, '\n', n);
		size_t len = nl ? (size_t)(nl - text) : n;
		char *msg = record_message(text, len);

		if (msg) {
			free(last);
			last = msg;
		}
		text += len + (nl != NULL);
		n -= len + (nl != NULL);
	}
	return last;
}

char *runc_log_file_message(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	AUTO_FREE char *text = NULL;
	size_t n;

	if (fd < 0)
		return NULL;
	if (lseek(fd, -RUNC_LOG_MAX, SEEK_END) < 0)
		(void)lseek(fd, 0, SEEK_SET);
	if (io_read_fd(fd, RUNC_LOG_MAX, &text, &n) < 0)
		return NULL;
	return runc_log_message(text, n);
}
