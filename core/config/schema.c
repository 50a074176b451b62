/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of keys, and what can be asked of it. Constant data.
 */
#include "core/config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macros.h"
#include "base/str.h"

#define MIB (INT64_C(1024) * 1024)

#define DEFAULT_PLUGINS                                                                            \
	CTR_PLUGINDIR "/content-local.so|" CTR_PLUGINDIR "/snapshotter-overlay.so|" CTR_PLUGINDIR  \
		      "/snapshotter-native.so|" CTR_PLUGINDIR "/differ.so|" CTR_PLUGINDIR          \
		      "/runtime-runc.so|" CTR_PLUGINDIR "/api-grpc.so"

const struct config_key config_keys[] = {
	{ "version", KEY_INT, "1", 1, 1, NULL, "Version of this file's form." },
	{ "root", KEY_PATH, "/var/lib/ctr", 0, 0, NULL,
	  "What must survive a reboot: the database, blobs, snapshots." },
	{ "state", KEY_PATH, "/run/ctr", 0, 0, NULL,
	  "What ends with a reboot: bundles of running containers, sockets." },
	{ "libexec", KEY_PATH, CTR_LIBEXECDIR, 0, 0, NULL, "Where the worker and the shim are." },
	{ "oom_score", KEY_INT, "0", -1000, 1000, NULL,
	  "The daemon's oom_score_adj; 0 leaves it as it is. Clamped to what the kernel permits." },
	{ "stop_timeout", KEY_DURATION, "10s", 0, 600 * NS_PER_SEC, NULL,
	  "How long plugins may take to stop when the daemon ends." },
	{ "plugin_files", KEY_STRV, DEFAULT_PLUGINS, 0, 0, NULL,
	  "The plugins' shared objects, absolute paths. Their order decides where nothing else "
	  "does." },
	{ "required_plugins", KEY_STRV, "", 0, 0, NULL,
	  "Plugins (\"io.containerd.snapshotter.v1.overlayfs\") without which the daemon does not "
	  "start." },
	{ "disabled_plugins", KEY_STRV, "", 0, 0, NULL, "Plugins that are not to run." },
	{ "unsafe_plugin_paths", KEY_BOOL, "false", 0, 0, NULL,
	  "Load plugins from paths that others than root can write. For developers: only a file "
	  "given by -c from outside /etc and /usr may say so." },
	{ "default_snapshotter", KEY_STR, "overlayfs", 0, 0, NULL,
	  "Snapshotter of requests that name none." },
	{ "grpc.address", KEY_PATH, "/run/ctr/ctrd.sock", 0, 0, NULL,
	  "Unix socket of the API. Mode 0600." },
	{ "grpc.gid", KEY_INT, "-1", -1, UINT32_MAX - INT64_C(1), NULL,
	  "Group that may use the socket too (mode 0660); -1: none. It is as good as root." },
	{ "grpc.max_recv_message_size", KEY_SIZE, "16MiB", 65536, 256 * MIB, NULL,
	  "Largest request, and largest reply." },
	{ "ttrpc.address", KEY_STR, "", 0, 0, NULL,
	  "Unix socket for shims; empty: grpc.address with .ttrpc after it." },
	{ "log.level", KEY_ENUM, "info", 0, 0, "error|warn|info|debug|trace",
	  "What is logged. SIGHUP reads it anew." },
	{ "log.format", KEY_ENUM, "text", 0, 0, "text|json",
	  "One line an event, as text or as JSON." },
	{ "pool.work_threads", KEY_INT, "8", 1, 256, NULL, "Threads for short work, at most." },
	{ "pool.work_queue", KEY_INT, "4096", 16, 1000000, NULL,
	  "Short work that may wait for one." },
	{ "pool.bulk_threads", KEY_INT, "4", 1, 256, NULL,
	  "Threads for large work (unpack, diff, blobs), at most." },
	{ "pool.bulk_queue", KEY_INT, "1024", 16, 1000000, NULL,
	  "Large work that may wait for one." },
	{ "transfer.progress_timeout", KEY_DURATION, "30s", NS_PER_SEC, 3600 * NS_PER_SEC, NULL,
	  "A registry that sends no byte for so long is asked again, a few times; then the pull "
	  "fails." },
};
const size_t config_n_keys = ARRAY_SIZE(config_keys);

const struct config_key *schema_find(const char *path)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (str_eq(config_keys[i].path, path))
			return &config_keys[i];
	}
	return NULL;
}

int schema_is_table(const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < config_n_keys; i++) {
		if (str_starts(config_keys[i].path, path) && config_keys[i].path[n] == '.')
			return 1;
	}
	return 0;
}

#define WORD_MAX SCHEMA_NAME_ROOM

size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return MAX(na, nb);

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *now = rows[i % 3], *above = rows[(i - 1) % 3],
		       *two_above = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, above[j] + 1);
			best = MIN(best, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, two_above[j - 2] + 1);
			now[j] = best;
		}
	}
	return rows[na % 3][nb];
}

int edit_near(const char *a, const char *b)
{
	size_t longer = MAX(strlen(a), strlen(b));

	return edit_distance(a, b) <= MAX(longer / 3, (size_t)1);
}

/*
 * The part of a key's path directly below the table: "address" of "grpc.address" below "grpc".
 * Copied to ret.
 */
static int name_below(const char *path, const char *table, char ret[SCHEMA_NAME_ROOM])
{
	size_t n = strlen(table), len;

	if (n > 0) {
		if (!str_starts(path, table) || path[n] != '.')
			return 0;
		path += n + 1;
	}
	len = strcspn(path, ".");
	if (len >= WORD_MAX)
		return 0;
	memcpy(ret, path, len);
	ret[len] = '\0';
	return 1;
}

struct nearest {
	const char *name;
	size_t distance;
	char *ret;
};

static void consider(struct nearest *best, const char *known)
{
	size_t distance = edit_distance(best->name, known);

	if (distance >= best->distance || !edit_near(best->name, known))
		return;
	best->distance = distance;
	snprintf(best->ret, SCHEMA_NAME_ROOM, "%s", known);
}

int schema_nearest(const char *table, const char *name, char ret[SCHEMA_NAME_ROOM])
{
	struct nearest best = { .name = name, .distance = SIZE_MAX, .ret = ret };

	for (size_t i = 0; i < config_n_keys; i++) {
		char known[SCHEMA_NAME_ROOM];

		if (name_below(config_keys[i].path, table, known))
			consider(&best, known);
	}
	if (!*table)
		consider(&best, "plugins");
	return best.distance != SIZE_MAX;
}

const char *schema_type_name(enum key_type type)
{
	switch (type) {
	case KEY_STR:
	case KEY_ENUM:
		return "a string";
	case KEY_PATH:
		return "an absolute path";
	case KEY_INT:
		return "an integer";
	case KEY_BOOL:
		return "a boolean";
	case KEY_DURATION:
		return "a duration (\"1m30s\")";
	case KEY_SIZE:
		return "a size (bytes, or \"64MiB\")";
	case KEY_STRV:
		return "an array of strings";
	}
	return "nothing";
}

static int parse_bytes(const char *text, int64_t *ret)
{
	uint64_t bytes;
	int r = parse_size(text, &bytes);

	if (r < 0)
		return r;
	if (bytes > INT64_MAX)
		return -ERANGE;
	*ret = (int64_t)bytes;
	return 0;
}

int schema_number(const struct config_key *key, const char *text, int64_t *ret)
{
	switch (key->type) {
	case KEY_INT:
		return parse_i64(text, ret);
	case KEY_DURATION:
		return parse_duration(text, ret);
	case KEY_SIZE:
		return parse_bytes(text, ret);
	case KEY_BOOL:
		*ret = str_eq(text, "true");
		return 0;
	case KEY_STR:
	case KEY_ENUM:
	case KEY_PATH:
	case KEY_STRV:
		break;
	}
	return -EINVAL;
}
