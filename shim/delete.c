/* SPDX-License-Identifier: Apache-2.0
 *
 * The delete verb: what the daemon calls when the shim is dead. Kills and removes the container,
 * unmounts its root file system, removes the dead socket; prints a DeleteResponse.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "containerd/task/v2/shim.pb-c.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/io.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/address.h"
#include "shim/leftover.h"
#include "shim/mounts.h"
#include "shim/options.h"
#include "shim/runc.h"
#include "shim/shim.h"

#define OUTPUT_MAX  65536
#define ADDRESS_MAX 4096
#define PID_MAX     32

/* One call of the runtime. 0 and what it printed, or -errno. */
static int call_runtime(const struct runc *runc, int bundle_fd, const char *const *args,
			char **ret_output, int *ret_status)
{
	AUTO_STRV argv = runc_argv(runc, "/dev/null", args);
	struct spawn s = SPAWN_INIT;

	if (!argv)
		return -ENOMEM;
	s.path = runc->path;
	s.argv = argv;
	s.envp = runc_env;
	s.cwd_fd = bundle_fd;
	return spawn_run(&s, OUTPUT_MAX, ret_output, ret_status);
}

/* Does the runtime know a container of this id that was made from another bundle? */
static int is_anothers(const struct runc *runc, int bundle_fd, const char *id)
{
	const char *const args[] = { "state", id, NULL };
	AUTO_FREE char *output = NULL;
	struct stat ours, its;
	json_t *state;
	const char *bundle;
	int status;
	int other = 0;

	if (call_runtime(runc, bundle_fd, args, &output, &status) < 0 || status != 0)
		return 0;
	state = json_loads(output, 0, NULL);
	bundle = json_string_value(json_object_get(state, "bundle"));
	if (bundle && fstat(bundle_fd, &ours) == 0 && stat(bundle, &its) == 0)
		other = ours.st_dev != its.st_dev || ours.st_ino != its.st_ino;
	json_decref(state);
	return other;
}

static ctr_code delete_known(const struct runc *runc, int bundle_fd, const char *id,
			     struct ctr_error *err)
{
	const char *const args[] = { "delete", "--force", id, NULL };
	AUTO_FREE char *dir = str_printf("%s/%s", runc->root, id);
	AUTO_FREE char *output = NULL;
	int status, r;

	if (!dir)
		return ctr_fail_errno(err, -ENOMEM, "container '%s'", id);
	if ((access(dir, F_OK) < 0 && errno == ENOENT) || is_anothers(runc, bundle_fd, id))
		return CTR_OK;
	r = call_runtime(runc, bundle_fd, args, &output, &status);
	if (r < 0)
		return ctr_fail_errno(err, r, "call '%s delete'", runc->path);
	if (status == 0 || runc_says_missing(output))
		return CTR_OK;
	output[strcspn(output, "\n")] = '\0';
	return ctr_fail(err, CTR_UNKNOWN, "OCI runtime delete failed: %s", output);
}

static ctr_code delete_container(int bundle_fd, const struct invocation *in, struct ctr_error *err)
{
	AUTO_OPTIONS o = { 0 };
	AUTO(runc_done) struct runc runc = { 0 };
	int r = options_load(bundle_fd, &o);
	ctr_code code;

	if (r < 0)
		return ctr_fail_errno(err, r, "read 'options.json'");
	code = runc_init(&runc, o.binary, o.root, in->flags.namespace_, o.systemd_cgroup, err);
	if (code != CTR_OK)
		return code;
	leftover_runtimes(runc.root, in->flags.id);
	code = delete_known(&runc, bundle_fd, in->flags.id, err);
	if (code == CTR_OK)
		leftover_cgroups(bundle_fd);
	return code;
}

static uint32_t read_pid(int bundle_fd)
{
	AUTO_FREE char *text = NULL;
	uint32_t pid = 0;

	if (io_read_file(bundle_fd, "init.pid", PID_MAX, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u32(text, &pid) < 0 ? 0 : pid;
}

/* A shim that was killed has left its socket; one that others of a group still use stays. */
static void remove_dead_socket(int bundle_fd, const struct invocation *in)
{
	AUTO_FREE char *address = NULL;
	AUTO_FREE char *path = NULL;
	char dir[ADDRESS_MAX];
	ssize_t n = readlinkat(bundle_fd, "s", dir, sizeof(dir) - 1);

	if (io_read_file(bundle_fd, "address", ADDRESS_MAX, &address, NULL) == 0 &&
	    str_starts(address, "unix://")) {
		path = str_dup(address + strlen("unix://"));
	} else {
		dir[MAX(n, 0)] = '\0';
		path = address_path(n > 0 ? dir : str_or(in->socket_dir, SOCKET_DIR),
				    str_or(in->flags.address, ""), in->flags.namespace_,
				    in->flags.id);
	}
	if (path && !address_is_live(path))
		(void)unlink(path);
}

static ctr_code print_response(uint32_t pid, struct ctr_error *err)
{
	Containerd__Task__V2__DeleteResponse m = CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Google__Protobuf__Timestamp at = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	AUTO_FREE void *data = NULL;
	size_t n;
	int r;

	pb_timestamp_set(&at, clock_wall_ns());
	m.pid = pid;
	m.exit_status = 128 + SIGKILL;
	m.exited_at = &at;
	r = pb_pack(&m, OUTPUT_MAX, &data, &n);
	if (r == 0)
		r = io_write_full(STDOUT_FILENO, data, n);
	return r < 0 ? ctr_fail_errno(err, r, "answer") : CTR_OK;
}

int cmd_delete(const struct invocation *in)
{
	const char *bundle = str_or(in->flags.bundle, ".");
	AUTO_CLOSE int bundle_fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *rootfs = str_printf("%s/rootfs", bundle);
	AUTO_ERROR err = ERROR_INIT;
	ctr_code code;
	uint32_t pid;
	int r;

	if (bundle_fd < 0 || !rootfs) {
		(void)fprintf(stderr, "%s: open bundle '%s': %s\n", SHIM_NAME, bundle,
			      strerrordesc_np(errno));
		return EXIT_FAILURE;
	}
	pid = read_pid(bundle_fd);
	code = delete_container(bundle_fd, in, &err);
	r = mounts_remove(rootfs);
	if (r < 0)
		(void)fprintf(stderr, "%s: unmount '%s': %s\n", SHIM_NAME, rootfs,
			      strerrordesc_np(-r));
	remove_dead_socket(bundle_fd, in);
	if (code == CTR_OK)
		code = print_response(pid, &err);
	if (code != CTR_OK)
		(void)fprintf(stderr, "%s: %s\n", SHIM_NAME, error_text(&err));
	return code == CTR_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
