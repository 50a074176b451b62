/* SPDX-License-Identifier: Apache-2.0
 *
 * From a runtime's name to the shim's binary: the configured names, an absolute path, else containerd's naming rule.
 */
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "runtime.h"

int shim_is_ours(const char *binary)
{
	const char *base = strrchr(binary, '/');

	return str_eq(base ? base + 1 : binary, "containerd-shim-ctr-v2");
}

/* "io.containerd.runc.v2" -> "containerd-shim-runc-v2"; NULL when the name does not fit the rule. */
static char *binary_name(const char *runtime)
{
	const char *last = strrchr(runtime, '.');
	const char *before = last;

	if (!last || last == runtime || !last[1])
		return NULL;
	while (before > runtime && before[-1] != '.')
		before--;
	if (before == last)
		return NULL;
	return str_printf("containerd-shim-%.*s-%s", (int)(last - before), before, last + 1);
}

/* The first executable of that name in PATH. */
static char *search(const char *path, const char *name)
{
	AUTO_STRV dirs = strv_split(path, ':');

	for (size_t i = 0; dirs && dirs[i]; i++) {
		AUTO_FREE char *file = str_printf("%s/%s", dirs[i], name);
		if (file && *dirs[i] == '/' && access(file, X_OK) == 0)
			return take_ptr(&file);
	}
	return NULL;
}

static ctr_code not_installed(struct runtime *rt, const char *runtime, const char *name,
			      struct ctr_error *err)
{
	return rt->host->fail(err, CTR_NOT_FOUND,
			      "runtime \"%s\" binary not installed \"%s\": file does not exist",
			      runtime, name);
}

ctr_code shim_resolve(struct runtime *rt, const char *runtime, char **ret, struct ctr_error *err)
{
	const char *name = runtime;

	for (uint64_t i = 0; i < rt->n_shims; i++)
		if (str_eq(rt->shims[i].runtime, runtime))
			name = rt->shims[i].binary;

	if (*name == '/') {
		if (access(name, X_OK) < 0)
			return not_installed(rt, runtime, name, err);
		*ret = str_dup(name);
		return *ret ? CTR_OK : rt->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	if (!*name || strchr(name, '/'))
		return rt->host->fail(err, CTR_INVALID_ARGUMENT, "invalid runtime name \"%s\"",
				      runtime);

	/* A configured name is the binary's, and may stand beside our other helpers; any other follows the rule. */
	AUTO_FREE char *binary = name != runtime ? str_dup(name) : binary_name(runtime);
	if (!binary)
		return rt->host->fail(err, CTR_INVALID_ARGUMENT, "invalid runtime name \"%s\"",
				      runtime);
	const char *helper = name != runtime ? rt->spawn->helper(rt->host, binary) : NULL;
	*ret = helper && access(helper, X_OK) == 0 ? str_dup(helper) : search(rt->path, binary);
	return *ret ? CTR_OK : not_installed(rt, runtime, binary, err);
}
