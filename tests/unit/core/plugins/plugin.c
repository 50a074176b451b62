/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin for the registry's tests, good or with one fault: PLUGIN_VARIANT says which. It notes
 * what happens to it in the file named by its key "journal", so that a test sees which of its code
 * ran.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ctr/plugin.h>
#include <ctr/snapshotter.h>
#include <ctr/unstable/version.h>

#define GOOD           0
#define WRONG_MAGIC    1
#define WRONG_MAJOR    2
#define SHORT_MODULE   3
#define SHORT_VTABLE   4
#define HOLE_IN_VTABLE 5
#define FAILING_INIT   6
#define SKIPPING       7
#define MISSING_NEED   8
#define CYCLE          9
#define FAILING_START  10
#define NEEDS_GOOD     11
#define UNKNOWN_FLAG   12
#define OLD_UNSTABLE   13
#define BAD_ID         14
#define SERIALIZED     15
#define NEEDS_FAILING  16
#define SHORT_PLUGIN   17
#define UNSTABLE_KIND  18
#define SILENT_FAILURE 19

struct self {
	const struct ctr_host *host;
	const struct ctr_snapshotter_ops *other;
	void *other_self;
	char *journal;
	int inside;
};

static void note(const char *journal, const char *what)
{
	int fd = journal ? open(journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	if (write(fd, what, strlen(what)) < 0)
		abort();
	close(fd);
}

static ctr_code snap_stat(void *self, const struct ctr_call *call, const char *key,
			  ctr_snapshot_sink sink, void *ud, struct ctr_error *err)
{
	struct self *s = self;
	struct ctr_snapshot_info info = {
		sizeof(info), CTR_SNAPSHOT_ACTIVE, key, "", { NULL, 0 }, 0, 0
	};

	if (!strcmp(key, "silent"))
		return CTR_NOT_FOUND;
	if (!strcmp(key, "odd"))
		return 12345;
	if (!strcmp(key, "other"))
		return s->other ? s->other->stat(s->other_self, call, "x", sink, ud, err)
				: CTR_UNAVAILABLE;
	if (!strcmp(key, "missing"))
		return s->host->fail(err, CTR_NOT_FOUND, "snapshot '%s'", key);
	return sink(ud, &info);
}

/* 1 to the sink's ud when another call was inside at the same time. */
static ctr_code snap_usage(void *self, const struct ctr_call *call, const char *key,
			   struct ctr_usage *ret, struct ctr_error *err)
{
	struct self *s = self;

	(void)call;
	(void)key;
	if (__atomic_add_fetch(&s->inside, 1, __ATOMIC_SEQ_CST) > 1)
		return s->host->fail(err, CTR_INTERNAL, "two calls at once");
	for (volatile int i = 0; i < 20000; i++)
		;
	__atomic_sub_fetch(&s->inside, 1, __ATOMIC_SEQ_CST);
	ret->bytes = 1;
	return CTR_OK;
}

static ctr_code snap_update(void *self, const struct ctr_call *call, const char *key,
			    struct ctr_labels labels, struct ctr_error *err)
{
	(void)self;
	(void)call;
	(void)key;
	(void)labels;
	(void)err;
	return CTR_OK;
}

static ctr_code snap_mounts(void *self, const struct ctr_call *call, const char *key,
			    ctr_mounts_sink sink, void *ud, struct ctr_error *err)
{
	(void)self;
	(void)call;
	(void)key;
	(void)err;
	return sink(ud, NULL, 0);
}

static ctr_code snap_new(void *self, const struct ctr_call *call,
			 const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			 struct ctr_error *err)
{
	return snap_mounts(self, call, args->key, sink, ud, err);
}

static ctr_code snap_commit(void *self, const struct ctr_call *call,
			    const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	struct ctr_labels none = { NULL, 0 };

	return snap_update(self, call, args->key, none, err);
}

static ctr_code snap_remove(void *self, const struct ctr_call *call, const char *key,
			    struct ctr_error *err)
{
	struct ctr_labels none = { NULL, 0 };

	return snap_update(self, call, key, none, err);
}

static ctr_code snap_walk(void *self, const struct ctr_call *call, ctr_snapshot_sink sink, void *ud,
			  struct ctr_error *err)
{
	return snap_stat(self, call, "a", sink, ud, err);
}

static const struct ctr_snapshotter_ops ops = {
#if PLUGIN_VARIANT == SHORT_VTABLE
	.size = 40,
#elif PLUGIN_VARIANT == NEEDS_GOOD
	.size = offsetof(struct ctr_snapshotter_ops,
			 cleanup), /* as if built before the optional members */
#else
	.size = sizeof(ops),
#endif
	.stat = snap_stat,
	.update = snap_update,
	.usage = snap_usage,
	.mounts = snap_mounts,
	.prepare = snap_new,
	.view = snap_new,
	.commit = PLUGIN_VARIANT == HOLE_IN_VTABLE ? NULL : snap_commit,
	.remove = snap_remove,
	.walk = snap_walk,
};

static ctr_code check(const struct ctr_host *h, const struct ctr_table *cfg, struct ctr_error *err)
{
	const char *s;

	return h->config->str(cfg, "journal", NULL, &s, err);
}

static ctr_code init(const struct ctr_host *h, const struct ctr_table *cfg,
		     const struct ctr_deps *deps, void **ret_self, struct ctr_error *err)
{
	struct self *s;
	const char *journal = NULL;
	const void *other = NULL;
	void *other_self = NULL;

	if (h->config->str(cfg, "journal", NULL, &journal, err) != CTR_OK)
		return CTR_INVALID_ARGUMENT;
	note(journal, "init ");
#if PLUGIN_VARIANT == FAILING_INIT
	return h->fail(err, CTR_UNAVAILABLE, "no such luck");
#elif PLUGIN_VARIANT == SKIPPING
	return h->fail(err, CTR_SKIP, "no such file system in this kernel");
#elif PLUGIN_VARIANT == SILENT_FAILURE
	return CTR_INTERNAL;
#endif
#if PLUGIN_VARIANT == NEEDS_GOOD
	{
		const char *id;

		if (h->dep(deps, CTR_KIND_SNAPSHOTTER, "good", 0, &other, &other_self, &id, err) !=
		    CTR_OK)
			return CTR_INTERNAL;
		if (h->dep(deps, CTR_KIND_SNAPSHOTTER, "good", 1, &other, &other_self, &id, err) !=
		    CTR_NOT_FOUND)
			return h->fail(err, CTR_INTERNAL, "a second one");
		if (h->dep(deps, "other.kind", NULL, 0, &other, &other_self, &id, err) !=
		    CTR_NOT_FOUND)
			return h->fail(err, CTR_INTERNAL, "one that is not needed");
	}
#endif
	(void)deps;
	h->add_capability(h, "rebase");
	h->add_platform(h, "linux/amd64");
	h->add_export(h, "root", h->root_dir);
	s = calloc(1, sizeof(*s));
	if (!s)
		return h->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	s->host = h;
	s->other = other;
	s->other_self = other_self;
	s->journal = journal ? strdup(journal) : NULL;
	*ret_self = s;
	return CTR_OK;
}

static ctr_code start(void *self, struct ctr_error *err)
{
	struct self *s = self;

	note(s->journal, "start ");
#if PLUGIN_VARIANT == FAILING_START
	return s->host->fail(err, CTR_UNAVAILABLE, "the engine does not turn");
#else
	(void)err;
	return CTR_OK;
#endif
}

static ctr_code health(void *self, struct ctr_error *err)
{
	(void)self;
	(void)err;
	return CTR_OK;
}

static void stop(void *self, int64_t deadline_ns)
{
	struct self *s = self;

	(void)deadline_ns;
	note(s->journal, "stop ");
}

static void fini(void *self)
{
	struct self *s = self;

	note(s->journal, "fini ");
	free(s->journal);
	free(s);
}

#if PLUGIN_VARIANT == NEEDS_GOOD
static const struct ctr_require needs[] = { { CTR_KIND_SNAPSHOTTER, "good", 0, 0 },
					    { NULL, NULL, 0, 0 } };
#elif PLUGIN_VARIANT == MISSING_NEED
static const struct ctr_require needs[] = { { "io.example.never.v1", NULL, CTR_NEED_OPTIONAL, 0 },
					    { "io.example.absent.v1", "it", 0, 0 },
					    { NULL, NULL, 0, 0 } };
#elif PLUGIN_VARIANT == NEEDS_FAILING
static const struct ctr_require needs[] = { { CTR_KIND_SNAPSHOTTER, "failing", 0, 0 },
					    { NULL, NULL, 0, 0 } };
#elif PLUGIN_VARIANT == CYCLE
static const struct ctr_require needs[] = { { CTR_KIND_SNAPSHOTTER, "chicken", 0, 0 },
					    { NULL, NULL, 0, 0 } };
static const struct ctr_require needs_back[] = { { CTR_KIND_SNAPSHOTTER, PLUGIN_ID, 0, 0 },
						 { NULL, NULL, 0, 0 } };
#else
#define needs NULL
#endif

#if PLUGIN_VARIANT == SHORT_PLUGIN
#define PLUGIN_SIZE 24
#else
#define PLUGIN_SIZE sizeof(struct ctr_plugin)
#endif
#if PLUGIN_VARIANT == UNKNOWN_FLAG
#define FLAGS 8
#elif PLUGIN_VARIANT == OLD_UNSTABLE
#define FLAGS (0x7fffu << 16)
#elif PLUGIN_VARIANT == SERIALIZED
#define FLAGS CTR_PLUGIN_SERIALIZED
#else
#define FLAGS 0
#endif
#if PLUGIN_VARIANT == UNSTABLE_KIND
#define KIND "io.containerd.runtime.v2"
#else
#define KIND CTR_KIND_SNAPSHOTTER
#endif

static const struct ctr_plugin plugin = {
	PLUGIN_SIZE, FLAGS, KIND, PLUGIN_ID, needs, &ops, check, init, start, health, stop, fini,
};

#if PLUGIN_VARIANT == CYCLE
static const struct ctr_plugin chicken = {
	PLUGIN_SIZE, FLAGS, KIND,  "chicken", needs_back, &ops,
	check,       init,  start, health,    stop,       fini,
};
#define PLUGINS &plugin, &chicken
#else
#define PLUGINS &plugin
#endif

#if PLUGIN_VARIANT == WRONG_MAGIC || PLUGIN_VARIANT == WRONG_MAJOR || PLUGIN_VARIANT == SHORT_MODULE
static const struct ctr_plugin *const plugins[] = { PLUGINS };
extern const struct ctr_module ctr_module_v1;
__attribute__((visibility("default"))) const struct ctr_module ctr_module_v1 = {
	.magic = PLUGIN_VARIANT == WRONG_MAGIC ? 0xdeadbeef : CTR_MODULE_MAGIC,
	.abi_major = PLUGIN_VARIANT == WRONG_MAJOR ? 2 : CTR_ABI_MAJOR,
	.size = PLUGIN_VARIANT == SHORT_MODULE ? 16 : sizeof(ctr_module_v1),
	.n_plugins = 1,
	.plugins = plugins,
	.name = "test",
	.version = "1",
	.license = "Apache-2.0",
};
#else
CTR_MODULE("test", "1", "Apache-2.0", PLUGINS);
#endif
