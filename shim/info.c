/* SPDX-License-Identifier: Apache-2.0
 *
 * -info: what this shim and its runtime can do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "containerd/types/introspection.pb-c.h"

#include "base/io.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "rpc/pb.h"
#include "shim/bootstrap.h"
#include "shim/runc.h"
#include "shim/shim.h"

#define RUNTIME_NAME "io.containerd.ctr.v2"
#define FEATURES_URL "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
#define FEATURES_MAX (1 << 20)

/* "<runtime> features": JSON, or NULL from one that does not know the word. Caller frees. */
static char *features(const struct options *o)
{
	AUTO_FREE char *path = runc_find(str_or(o->binary, RUNC_DEFAULT));
	char *const argv[] = { path, (char *)(uintptr_t) "features", NULL };
	struct spawn s = SPAWN_INIT;
	AUTO_FREE char *output = NULL;
	int status;

	if (!path)
		return NULL;
	s.path = path;
	s.argv = argv;
	s.envp = runc_env;
	if (spawn_run(&s, FEATURES_MAX, &output, &status) < 0 || status != 0 || output[0] != '{')
		return NULL;
	return take_ptr(&output);
}

static int print_info(const struct options *o)
{
	Containerd__Types__RuntimeInfo m = CONTAINERD__TYPES__RUNTIME_INFO__INIT;
	Containerd__Types__RuntimeVersion version = CONTAINERD__TYPES__RUNTIME_VERSION__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	AUTO_FREE char *json = features(o);
	AUTO_FREE void *data = NULL;
	size_t n;
	int r;

	version.version = (char *)(uintptr_t)CTR_VERSION;
	m.name = (char *)(uintptr_t)RUNTIME_NAME;
	m.version = &version;
	if (json) {
		any.type_url = (char *)(uintptr_t)FEATURES_URL;
		any.value.data = (uint8_t *)json;
		any.value.len = strlen(json);
		m.features = &any;
	}
	r = pb_pack(&m, 2 * FEATURES_MAX, &data, &n);
	return r < 0 ? r : io_write_full(STDOUT_FILENO, data, n);
}

int cmd_info(const struct invocation *in)
{
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *data = NULL;
	AUTO_BOOTSTRAP b = { 0 };
	size_t n;
	int r = io_read_fd(STDIN_FILENO, BOOTSTRAP_MAX, &data, &n);

	if (r < 0)
		(void)ctr_fail_errno(&err, r, "read standard input");
	else if (bootstrap_decode(data, n, str_or(in->flags.id, ""), &b, &err) == CTR_OK) {
		r = print_info(&b.options);
		if (r == 0)
			return EXIT_SUCCESS;
		(void)ctr_fail_errno(&err, r, "print the answer");
	}
	(void)fprintf(stderr, "%s: %s\n", SHIM_NAME, error_text(&err));
	return EXIT_FAILURE;
}
