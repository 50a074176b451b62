/* SPDX-License-Identifier: Apache-2.0
 *
 * The template with one broken promise, named by its key "fault": what the kit must notice. Every method is the
 * template's own, around which the fault is put.
 */
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>

#include <ctr/plugin.h>

#undef CTR_MODULE
#define CTR_MODULE(...) extern int broken_unused_
#include "sdk/template/snapshotter.c"

static const char *fault = "";

static int is(const char *name)
{
	return strcmp(fault, name) == 0;
}

static void *linger(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* What leaves a trace in the process. */
static void leave_trace(const struct template *t)
{
	pthread_t thread;
	sigset_t set;

	if (is("descriptor") && open("/dev/null", O_RDONLY) < 0)
		abort();
	if (is("umask"))
		umask(0);
	if (is("cwd") && chdir("/proc") < 0)
		abort();
	if (is("locale"))
		setlocale(LC_ALL, "C.UTF-8");
	if (is("environment"))
		setenv("BROKEN", "1", 1);
	if (is("thread"))
		pthread_create(&thread, NULL, linger, NULL);
	if (is("mount") && mount("tmpfs", t->host->root_dir, "tmpfs", 0, NULL) < 0)
		abort();
	if (is("handler"))
		signal(SIGUSR1, SIG_IGN);
	if (is("signals")) {
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	}
}

static ctr_code nothing(void *ud, const struct ctr_mount *mounts, uint64_t n)
{
	(void)ud;
	(void)mounts;
	(void)n;
	return CTR_OK;
}

static ctr_code broken_prepare(void *self, const struct ctr_call *call,
			       const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			       struct ctr_error *err)
{
	ctr_code code = template_prepare(self, call, args, is("sink") ? nothing : sink, ud, err);

	leave_trace(self);
	if (code != CTR_OK && sink && is("sink"))
		sink(ud, NULL, 0);
	return code;
}

/* A view that can be written to. */
static ctr_code broken_view(void *self, const struct ctr_call *call,
			    const struct ctr_snapshot_new *args, ctr_mounts_sink sink, void *ud,
			    struct ctr_error *err)
{
	if (is("view"))
		return template_prepare(self, call, args, sink, ud, err);
	return template_view(self, call, args, sink, ud, err);
}

static ctr_code broken_stat(void *self, const struct ctr_call *call, const char *key,
			    ctr_snapshot_sink sink, void *ud, struct ctr_error *err)
{
	struct template *t = self;
	ctr_code code = template_stat(self, call, key, sink, ud, is("message") ? NULL : err);

	if (code == CTR_NOT_FOUND && is("class"))
		return t->host->fail(err, code, "snapshot '%s': not found", key);
	if (code == CTR_NOT_FOUND && is("code"))
		return t->host->fail(err, 4711, "snapshot '%s'", key);
	return code;
}

static ctr_code broken_usage(void *self, const struct ctr_call *call, const char *key,
			     struct ctr_usage *ret, struct ctr_error *err)
{
	ctr_code code = template_usage(self, call, key, ret, err);

	if (code != CTR_OK && is("out"))
		ret->bytes = 0;
	return code;
}

static ctr_code broken_commit(void *self, const struct ctr_call *call,
			      const struct ctr_snapshot_commit *args, struct ctr_error *err)
{
	if (is("crash"))
		raise(SIGKILL);
	return template_commit(self, call, args, err);
}

static const struct ctr_snapshotter_ops broken_ops = {
	.size = sizeof(broken_ops),
	.stat = broken_stat,
	.update = template_update,
	.usage = broken_usage,
	.mounts = template_mounts,
	.prepare = broken_prepare,
	.view = broken_view,
	.commit = broken_commit,
	.remove = template_remove,
	.walk = template_walk,
};

static ctr_code broken_check(const struct ctr_host *h, const struct ctr_table *cfg,
			     struct ctr_error *err)
{
	ctr_code code = h->config->str(cfg, "fault", "", &fault, err);

	return code == CTR_OK ? template_check(h, cfg, err) : code;
}

static const struct ctr_plugin broken_plugin = {
	.size = sizeof(broken_plugin),
	.kind = CTR_KIND_SNAPSHOTTER,
	.id = "broken",
	.ops = &broken_ops,
	.check = broken_check,
	.init = template_init,
	.start = template_start,
	.fini = template_fini,
};

extern const struct ctr_module ctr_module_v1;
static const struct ctr_plugin *const broken_plugins[] = { &broken_plugin };
__attribute__((visibility("default"))) const struct ctr_module ctr_module_v1 = {
	CTR_MODULE_MAGIC,
	CTR_ABI_MAJOR,
	0,
	sizeof(struct ctr_module),
	1,
	broken_plugins,
	"broken",
	"1",
	"Apache-2.0",
};
