/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: formatted and escaped on the stack, then one write(2), so that lines of several
 * threads or processes never mix and no message can forge a second line. Settings are made once in
 * main; only the level changes later, atomically. Keeps errno.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define MESSAGE_MAX 4096 /* bytes of a message before escaping; the rest is cut, visibly */
#define LINE_MAX_   (MESSAGE_MAX * 6 + 256)

static struct {
	_Atomic int level;
	int json, journal;
	char program[32];
} settings = { .level = LOG_INFO_, .program = "ctr" };

struct line {
	char text[LINE_MAX_];
	size_t n;
};

struct level_name {
	const char *lower, *upper;
	int priority; /* syslog's */
};

static const struct level_name levels[] = {
	[LOG_ERROR_] = { "error", "ERROR", 3 }, [LOG_WARN_] = { "warn", "WARN", 4 },
	[LOG_INFO_] = { "info", "INFO", 6 },    [LOG_DEBUG_] = { "debug", "DEBUG", 7 },
	[LOG_TRACE_] = { "trace", "TRACE", 7 },
};

/* The variable names the socket's device and inode: stderr may have been redirected since. */
static int stderr_is_journal(void)
{
	const char *value = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!value || fstat(STDERR_FILENO, &st) < 0)
		return 0;
	snprintf(own, sizeof(own), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev,
		 (uintmax_t)st.st_ino);
	return str_eq(value, own);
}

void log_init(const char *program, enum log_level level, int json)
{
	snprintf(settings.program, sizeof(settings.program), "%s", program);
	settings.json = json;
	settings.journal = stderr_is_journal();
	log_set_level(level);
}

int log_level_parse(const char *s, enum log_level *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (str_eq(s, levels[i].lower)) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&settings.level, (int)level, memory_order_relaxed);
}

int log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&settings.level, memory_order_relaxed);
}

static void put(struct line *l, const char *s, size_t n)
{
	n = MIN(n, sizeof(l->text) - l->n);
	memcpy(l->text + l->n, s, n);
	l->n += n;
}

static void puts_to(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Bytes of the character at s that may stand as they are; 0: control character, or no UTF-8. */
static size_t plain(const char *s, size_t n)
{
	size_t step = utf8_sequence(s, n);
	unsigned char c = (unsigned char)s[0];

	if (step == 1 && (c < 0x20 || c == 0x7f))
		return 0;
	if (step == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0) /* C1 controls */
		return 0;
	return step;
}

static void put_escaped(struct line *l, const char *s, int json)
{
	size_t n = strlen(s);

	while (n > 0) {
		size_t step = plain(s, n);
		char escape[8];

		if (step == 0) {
			unsigned c = (unsigned char)s[0];

			step = 1;
			if (c == '\n' || c == '\t')
				snprintf(escape, sizeof(escape), "%s", c == '\n' ? "\\n" : "\\t");
			else if (json)
				snprintf(escape, sizeof(escape), "\\u%04x", c);
			else
				snprintf(escape, sizeof(escape), "\\x%02x", c);
			puts_to(l, escape);
		} else {
			if (json && (*s == '"' || *s == '\\'))
				put(l, "\\", 1);
			put(l, s, step);
		}
		s += step;
		n -= step;
	}
}

static void put_head(struct line *l, const struct level_name *level)
{
	char time[RFC3339_ROOM], priority[8];

	if (settings.journal) {
		snprintf(priority, sizeof(priority), "<%d>", level->priority);
		puts_to(l, priority);
	}
	clock_rfc3339(clock_wall_ns(), time);
	memcpy(strchr(time, '.') + 4, "Z", 2); /* milliseconds are enough here */
	if (settings.json) {
		puts_to(l, "{\"time\":\"");
		puts_to(l, time);
		puts_to(l, "\",\"level\":\"");
		puts_to(l, level->lower);
		puts_to(l, "\",\"program\":\"");
		put_escaped(l, settings.program, 1);
		puts_to(l, "\",\"msg\":\"");
	} else if (!settings.journal) {
		puts_to(l, time);
		puts_to(l, " ");
		puts_to(l, level->upper);
		puts_to(l, " ");
	}
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const char cut[] = "...";
	int keep = errno;
	char message[MESSAGE_MAX + sizeof(cut)];
	struct line l;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	int n = vsnprintf(message, MESSAGE_MAX, fmt, ap);

	va_end(ap);
	if (n < 0)
		snprintf(message, sizeof(message), "message cannot be formatted: '%s'", fmt);
	if (n >= MESSAGE_MAX)
		memcpy(message + MESSAGE_MAX - 1, cut, sizeof(cut));

	l.n = 0;
	put_head(&l, &levels[level]);
	put_escaped(&l, message, settings.json);
	puts_to(&l, settings.json ? "\"}\n" : "\n");
	/* Nobody is left to tell when this fails. */
	ssize_t written = write(STDERR_FILENO, l.text, l.n);

	(void)written;
	errno = keep;
}
