/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon from start to end: every part is made here in one order and released in reverse. What
 * one part needs of another it finds in struct daemon. Main thread, which then is the loop's.
 */
#include "core/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/content/content.h"
#include "core/events/events.h"
#include "core/gc/gc.h"
#include "core/host/host.h"
#include "core/introspection/introspection.h"
#include "core/meta/records.h"
#include "core/pool/pool.h"
#include "core/process.h"
#include "core/registry/registry.h"
#include "core/registry/services.h"
#include "core/rpc/listeners.h"
#include "core/snapshots/snapshots.h"
#include "core/store/store.h"
#include "core/tasks/tasks.h"
#include "core/transfer/transfer.h"

/* What only this file needs of a running daemon. */
struct run {
	struct daemon d;
	const struct daemon_args *args;
	struct loop_fd *signals;
	char *ttrpc_address;
	int64_t began_ns;
	int signal_fd, lock_fd;
};

/* ---- signals ---- */

/* Only the level can change while running; a broken file changes nothing. */
static void reload(struct run *run)
{
	struct config *fresh = NULL;
	AUTO_ERROR err = ERROR_INIT;
	enum log_level level;

	if (config_load(run->args->config, &fresh, &err) != CTR_OK) {
		log_warn("SIGHUP: the configuration cannot be read, nothing changes: %s",
			 error_text(&err));
		return;
	}
	if (log_level_parse(config_str(fresh, "log.level"), &level) == 0) {
		log_set_level(level);
		log_info("SIGHUP: log level is %s", config_str(fresh, "log.level"));
	}
	config_free(fresh);
}

static void on_signal(void *ud, uint32_t events)
{
	struct run *run = ud;
	struct signalfd_siginfo info;

	(void)events;
	while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			log_info("%s from process %u: stopping",
				 info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT", info.ssi_pid);
			loop_stop(run->d.loop);
		} else if (info.ssi_signo == SIGHUP) {
			reload(run);
		}
	}
}

/* ---- start ---- */

static ctr_code start_log(struct run *run, struct ctr_error *err)
{
	const struct config *c = run->d.config;
	enum log_level level = LOG_INFO_;

	if (log_level_parse(config_str(c, "log.level"), &level) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "log.level: '%s'",
				config_str(c, "log.level"));
	log_init("ctrd", level, str_eq(config_str(c, "log.format"), "json"));
	if (config_unsafe(run->d.config))
		log_warn("unsafe_plugin_paths is set (%s): plugins are loaded from files that "
			 "others than root can write",
			 config_origin(run->d.config, "unsafe_plugin_paths", -1));
	return CTR_OK;
}

static ctr_code start_names(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;
	const char *ttrpc = config_str(d->config, "ttrpc.address");

	d->root = config_str(d->config, "root");
	d->state = config_str(d->config, "state");
	d->address = config_str(d->config, "grpc.address");
	d->libexec = config_str(d->config, "libexec");
	run->ttrpc_address = *ttrpc ? str_dup(ttrpc) : str_printf("%s.ttrpc", d->address);
	d->ttrpc_address = run->ttrpc_address;
	if (!d->ttrpc_address)
		return ctr_fail_errno(err, ENOMEM, "start");
	if (d->ttrpc_address[0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%s: ttrpc.address: '%s' is not an absolute path",
				config_origin(d->config, "ttrpc.address", -1), d->ttrpc_address);
	return CTR_OK;
}

/* Locks are held until the process ends, so a killed daemon leaves none behind. */
static ctr_code lock_dir(int fd, const char *what, const char *path, struct ctr_error *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return CTR_OK;
	if (errno == EWOULDBLOCK)
		return ctr_fail(err, CTR_FAILED_PRECONDITION, "%s '%s' is in use by another daemon",
				what, path);
	return ctr_fail_errno(err, errno, "lock %s '%s'", what, path);
}

static ctr_code lock_root(struct run *run, struct ctr_error *err)
{
	run->lock_fd =
		openat(run->d.root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (run->lock_fd < 0)
		return ctr_fail_errno(err, errno, "open '%s/lock'", run->d.root);
	return lock_dir(run->lock_fd, "root", run->d.root, err);
}

static ctr_code start_dirs(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;

	d->root_fd = path_own_dir(d->root, 0700);
	if (d->root_fd < 0)
		return ctr_fail_errno(err, d->root_fd, "root '%s'", d->root);
	d->state_fd = path_own_dir(d->state, 0700);
	if (d->state_fd < 0)
		return ctr_fail_errno(err, d->state_fd, "state '%s'", d->state);
	ctr_code code = lock_root(run, err);

	/* The directory itself: root and state may be one. */
	return code == CTR_OK ? lock_dir(d->state_fd, "state", d->state, err) : code;
}

static ctr_code start_threads(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;
	const struct config *c = d->config;
	int r;

	r = loop_new(&d->loop);
	if (r == 0)
		r = loop_add_fd(d->loop, run->signal_fd, EPOLLIN, on_signal, run, &run->signals);
	if (r == 0)
		r = pool_new("work", (unsigned)config_int(c, "pool.work_threads"),
			     (size_t)config_int(c, "pool.work_queue"), &d->work);
	if (r == 0)
		r = pool_new("bulk", (unsigned)config_int(c, "pool.bulk_threads"),
			     (size_t)config_int(c, "pool.bulk_queue"), &d->bulk);
	return r == 0 ? CTR_OK : ctr_fail_errno(err, r, "make the loop and the pools");
}

static ctr_code start_store(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;
	AUTO_FREE char *path = str_printf("%s/meta.db", d->root);
	int r = path ? events_new(&d->events) : -ENOMEM;

	if (r < 0)
		return ctr_fail_errno(err, r, "make the exchange");
	return store_open(path, d->events, &d->store, err);
}

static ctr_code start_services(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;
	int r = host_provide(d);

	if (r == 0)
		r = gc_new(d, &d->gc);
	if (r == 0)
		r = meta_provide(d);
	if (r == 0)
		r = content_provide(d);
	if (r == 0)
		r = snapshots_provide(d);
	if (r < 0)
		return ctr_fail_errno(err, r, "provide the services");
	ctr_code code = tasks_new(d, &d->tasks, err);

	return code == CTR_OK ? transfers_new(d, &d->transfers, err) : code;
}

static ctr_code start_registry(struct run *run, struct ctr_error *err)
{
	return registry_load(&run->d, &run->d.registry, err);
}

static ctr_code start_listeners(struct run *run, struct ctr_error *err)
{
	return listeners_new(&run->d, &run->d.listeners, err);
}

static ctr_code start_introspection(struct run *run, struct ctr_error *err)
{
	return introspection_new(&run->d, &run->d.introspection, err);
}

static ctr_code start_plugins(struct run *run, struct ctr_error *err)
{
	struct daemon *d = &run->d;
	ctr_code code;

	if (introspection_list_parts(d) < 0)
		return ctr_fail_errno(err, ENOMEM, "list the core's parts");
	code = registry_init(d->registry, err);
	if (code == CTR_OK)
		code = registry_start(d->registry, err);
	if (code == CTR_OK)
		transfers_recover(d->transfers);
	if (code == CTR_OK)
		gc_schedule(d->gc); /* what a crash left behind */
	return code;
}

static ctr_code start_sockets(struct run *run, struct ctr_error *err)
{
	return listeners_listen(run->d.listeners, err);
}

typedef ctr_code (*step_fn)(struct run *run, struct ctr_error *err);

/* The order is the daemon's: each step finds in struct daemon what those before it made. */
static ctr_code start(struct run *run, struct ctr_error *err)
{
	static const step_fn steps[] = {
		start_log,           start_names,    start_dirs,     start_threads,
		start_store,         start_registry, start_services, start_listeners,
		start_introspection, start_plugins,  start_sockets,
	};
	ctr_code code = CTR_OK;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && code == CTR_OK; i++)
		code = steps[i](run, err);
	return code;
}

/* ---- stop ---- */

static void end_loop(void *ud)
{
	loop_stop(ud);
}

/* Run what was posted up to now. */
static void run_posted(struct loop *loop)
{
	if (loop_post(loop, end_loop, loop) == 0)
		(void)loop_run(loop);
}

/* Handlers end and post, what was posted may queue again. 0, or -ETIMEDOUT. */
static int drain(struct daemon *d, int64_t deadline_ns)
{
	int work, bulk;

	do {
		work = pool_drain(d->work, deadline_ns);
		bulk = pool_drain(d->bulk, deadline_ns);
		run_posted(d->loop);
		if (work < 0 || bulk < 0)
			return -ETIMEDOUT;
	} while (work || bulk);
	return 0;
}

/* Everything, in reverse; parts that were never made are NULL. */
static void release(struct run *run)
{
	struct daemon *d = &run->d;

	gc_free(d->gc); /* it calls plugins */
	registry_free(d->registry);
	transfers_free(d->transfers);
	tasks_free(d->tasks);
	listeners_free(d->listeners);
	introspection_free(d->introspection);
	pool_free(d->work);
	pool_free(d->bulk);
	store_close(d->store);
	events_free(d->events);
	services_free(d);
	helpers_free(d->helpers);
	loop_del_fd(run->signals);
	loop_free(d->loop);
	free(run->ttrpc_address);
	config_free(d->config);
	fd_close(&d->root_fd);
	fd_close(&d->state_fd);
	fd_close(&run->lock_fd);
	fd_close(&run->signal_fd);
}

/* A plugin that does not end in time must not keep the daemon: its memory is left to the kernel. */
static int stop(struct run *run)
{
	struct daemon *d = &run->d;
	int64_t deadline_ns = clock_now_ns() + config_int(d->config, "stop_timeout");

	process_notify(run->args->notify_socket, "STOPPING=1");
	if (d->listeners)
		listeners_stop(d->listeners);
	if (transfers_stop(d->transfers, deadline_ns) < 0)
		log_warn("stop: transfers are still running");
	if (d->registry)
		registry_stop(d->registry, deadline_ns);
	if (d->work && d->bulk && drain(d, deadline_ns) < 0) {
		log_error("stop: calls of plugins are still running after %lld ms, leaving all the "
			  "same",
			  (long long)(config_int(d->config, "stop_timeout") / NS_PER_MSEC));
		return 1;
	}
	release(run);
	return 0;
}

int daemon_run(const struct daemon_args *args)
{
	struct run run = {
		.args = args,
		.d = { .root_fd = -1, .state_fd = -1 },
		.began_ns = clock_now_ns(),
		.lock_fd = -1,
	};
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;
	int r;

	run.signal_fd = process_signals();
	if (run.signal_fd < 0) {
		fprintf(stderr, "ctrd: block signals: %s\n", strerrordesc_np(-run.signal_fd));
		return 1;
	}
	code = config_load(args->config, &run.d.config, &err);
	if (code != CTR_OK) {
		fprintf(stderr, "ctrd: %s\n", error_text(&err));
		release(&run);
		return 1;
	}
	r = spawn_raise_nofile();
	process_oom_score((int)config_int(run.d.config, "oom_score"));
	code = start(&run, &err);
	if (code != CTR_OK) {
		log_error("%s", error_text(&err));
		(void)stop(&run);
		return 1;
	}
	if (r < 0)
		log_debug("RLIMIT_NOFILE stays as it is: %s", strerrordesc_np(-r));
	log_info("ready on %s after %lld us", run.d.address,
		 (long long)(clock_now_ns() - run.began_ns) / 1000);
	process_notify(args->notify_socket, "READY=1");
	r = loop_run(run.d.loop);
	if (r < 0)
		log_error("the loop ended: %s", strerrordesc_np(-r));
	return stop(&run) || r < 0;
}
