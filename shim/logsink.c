/* SPDX-License-Identifier: Apache-2.0
 *
 * Log first, then the clients: what a client has seen is in the log. A log that cannot be written
 * costs its lines and one warning a minute; the process goes on.
 */
#include "shim/logsink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/macros.h"
#include "shim/logfile.h"

#define WARN_EVERY_NS (60 * NS_PER_SEC)

struct log_sink {
	struct sink sink; /* first member */
	struct log_file file;
	struct log_framer framers[2]; /* stdout, stderr */
	struct attach *attach;
	int streams; /* not ended yet */
	int64_t warned_ns;
};

static void check(struct log_sink *s, int r)
{
	int64_t now = clock_now_ns();

	if (r == 0 || (s->warned_ns && now - s->warned_ns < WARN_EVERY_NS))
		return;
	s->warned_ns = now;
	log_warn("write log '%s': %s; lines are lost", s->file.path, strerrordesc_np(-r));
}

static ssize_t sink_write(struct sink *sink, int stream, const char *data, size_t n)
{
	struct log_sink *s = (struct log_sink *)sink;
	int r, flushed;

	if (s->attach && attach_behind(s->attach))
		return -EAGAIN;
	r = log_feed(&s->framers[stream - 1], data, n, clock_wall_ns(), &s->file.out);
	flushed = log_file_flush(&s->file);
	check(s, r < 0 ? r : flushed);
	if (s->attach)
		attach_send(s->attach, stream == 1 ? ATTACH_STDOUT : ATTACH_STDERR, data, n);
	return (ssize_t)n;
}

static void sink_end(struct sink *sink, int stream)
{
	struct log_sink *s = (struct log_sink *)sink;
	int r = log_finish(&s->framers[stream - 1], clock_wall_ns(), &s->file.out);
	int flushed = log_file_flush(&s->file);

	check(s, r < 0 ? r : flushed);
	if (--s->streams == 0 && s->attach)
		attach_end(s->attach);
}

static void sink_release(struct sink *sink)
{
	struct log_sink *s = (struct log_sink *)sink;

	for (size_t i = 0; i < ARRAY_SIZE(s->framers); i++)
		log_framer_done(&s->framers[i]);
	log_file_done(&s->file);
	free(s);
}

static const struct sink_ops ops = { .write = sink_write, .end = sink_end, .free = sink_release };

int log_sink_new(const char *path, const struct log_options *o, int streams, struct sink **ret)
{
	AUTO_FREE struct log_sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = log_file_open(&s->file, path, o->max_bytes, o->max_files);
	if (r < 0)
		return r;
	s->sink.ops = &ops;
	list_init(&s->sink.copies);
	s->framers[0] = (struct log_framer){ .format = o->format, .stream = "stdout" };
	s->framers[1] = (struct log_framer){ .format = o->format, .stream = "stderr" };
	s->streams = streams;
	*ret = &take_ptr(&s)->sink;
	return 0;
}

void log_sink_set_attach(struct sink *s, struct attach *a)
{
	((struct log_sink *)s)->attach = a;
}
