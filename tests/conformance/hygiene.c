/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of the process that a plugin must leave alone, as lines of text: taken before and after, compared as text.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "tests/conformance/kit.h"

#define TEXT_MAX (4 * 1024 * 1024)
#define TRIES    200
#define PAUSE_NS (5L * 1000 * 1000)

static int by_number(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static int take_fds(struct buf *b)
{
	struct dirent **entries = NULL;
	int n = scandir("/proc/self/fd", &entries, NULL, by_number);

	for (int i = 0; i < n; i++) {
		char path[64], target[KIT_PATH] = "";
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%.20s", entries[i]->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0) /* not the one that listed them */
			buf_printf(b, "descriptor %s: %s\n", entries[i]->d_name, target);
		free(entries[i]);
	}
	free(entries);
	return n < 0 ? -errno : 0;
}

static int take_status(struct buf *b)
{
	static const char *const kept[] = { "Umask:",   "Uid:",    "Gid:",       "Groups:",
					    "Threads:", "SigBlk:", "SigIgn:",    "SigCgt:",
					    "CapEff:",  "CapBnd:", "NoNewPrivs:" };
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = io_read_file(AT_FDCWD, "/proc/self/status", TEXT_MAX, &text, NULL);

	if (r < 0)
		return r;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
			if (str_starts(line, kept[i]))
				buf_printf(b, "%s\n", line);
		}
	}
	return 0;
}

static int take_links(struct buf *b)
{
	static const char *const links[] = { "/proc/self/cwd", "/proc/self/root",
					     "/proc/self/ns/mnt", "/proc/self/ns/net" };

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		char target[KIT_PATH] = "";

		if (readlink(links[i], target, sizeof(target) - 1) < 0)
			return -errno;
		buf_printf(b, "%s: %s\n", links[i], target);
	}
	return 0;
}

void hygiene_done(struct hygiene *h)
{
	buf_done(&h->state);
	buf_done(&h->mounts);
}

int hygiene_take(struct hygiene *ret)
{
	AUTO_FREE char *mounts = NULL;
	int r;

	*ret = (struct hygiene){ BUF_INIT(TEXT_MAX), BUF_INIT(TEXT_MAX) };
	r = take_fds(&ret->state);
	if (r == 0)
		r = take_status(&ret->state);
	if (r == 0)
		r = take_links(&ret->state);
	if (r == 0)
		r = io_read_file(AT_FDCWD, "/proc/self/mountinfo", TEXT_MAX, &mounts, NULL);
	if (r < 0)
		return r;
	buf_printf(&ret->state, "locale: %s\n", setlocale(LC_ALL, NULL));
	for (char **e = environ; e && *e; e++)
		buf_printf(&ret->state, "environment: %s\n", *e);
	buf_printf(&ret->mounts, "\n%s", mounts);
	return buf_failed(&ret->state) ? buf_failed(&ret->state) : buf_failed(&ret->mounts);
}

/* The first line that is in only one of the two. */
static int tell(struct kit *k, char *before, char *after)
{
	char *rest_b, *rest_a;
	char *b = strtok_r(before, "\n", &rest_b), *a = strtok_r(after, "\n", &rest_a);

	while (a && b && str_eq(a, b)) {
		b = strtok_r(NULL, "\n", &rest_b);
		a = strtok_r(NULL, "\n", &rest_a);
	}
	return kit_fail(k, "state of the process was '%s', is '%s'", str_or(b, "nothing"),
			str_or(a, "nothing"));
}

static int compare_mounts(struct kit *k, const char *before, char *after)
{
	char *rest;

	for (char *line = strtok_r(after, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		AUTO_FREE char *whole = str_printf("\n%s\n", line);

		MUST(k, whole && strstr(before, whole), "a mount is left: %s", line);
	}
	return 0;
}

int hygiene_compare(struct kit *k, const struct hygiene *before)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct hygiene after = { BUF_INIT(TEXT_MAX), BUF_INIT(TEXT_MAX) };
	AUTO_FREE char *copy = str_ndup(before->state.data, before->state.len);
	int r = -1;

	MUST(k, copy, "out of memory");
	for (int i = 0; i < TRIES; i++) {
		hygiene_done(&after);
		MUST(k, hygiene_take(&after) == 0, "read the state of the process");
		r = after.state.len == before->state.len &&
				    !memcmp(after.state.data, before->state.data, after.state.len)
			    ? 0
			    : -1;
		if (r == 0)
			break;
		nanosleep(&pause, NULL); /* a thread that has been joined may still be listed */
	}
	r = r < 0 ? tell(k, copy, after.state.data)
		  : compare_mounts(k, before->mounts.data, after.mounts.data);
	hygiene_done(&after);
	return r;
}
