/* SPDX-License-Identifier: Apache-2.0
 *
 * What introspection answers: rows of the registry through containerd's filters, the uuid that is
 * kept in the root folder, the process. Everything is fixed once the daemon runs, so any thread
 * reads without a lock.
 */
#include "core/introspection/introspection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctr/unstable/introspection.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/str.h"
#include "core/config/config.h"
#include "core/daemon.h"
#include "core/meta/filter.h"
#include "core/registry/registry.h"

#define UUID_LEN    36
#define EXPORTS_MAX 64

struct introspection {
	char uuid[UUID_LEN + 1];
	uint64_t pidns;
	int64_t started_ns; /* wall clock */
};

static int is_uuid(const char *s)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < UUID_LEN; i++) {
		int hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (form[i] == 'x' ? !hex : s[i] != '-')
			return 0;
	}
	return s[UUID_LEN] == '\0';
}

/* Version 4, variant 1. */
static int make_uuid(char ret[UUID_LEN + 1])
{
	uint8_t raw[16];
	char hex[33];
	int r = rand_bytes(raw, sizeof(raw));

	if (r < 0)
		return r;
	raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
	raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
	hex_encode(raw, sizeof(raw), hex);
	snprintf(ret, UUID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	return 0;
}

/* The daemon's name for life: made at the first start. A damaged file is replaced, and said so. */
static ctr_code load_uuid(const struct daemon *d, char ret[UUID_LEN + 1], struct ctr_error *err)
{
	AUTO_FREE char *text = NULL;
	int r = io_read_file(d->root_fd, "uuid", 256, &text, NULL);

	if (r == 0) {
		text[strcspn(text, "\n")] = '\0';
		if (is_uuid(text)) {
			memcpy(ret, text, UUID_LEN + 1);
			return CTR_OK;
		}
		log_warn("%s/uuid holds no uuid: a new one is made", d->root);
	} else if (r != -ENOENT) {
		return ctr_fail_errno(err, r, "read '%s/uuid'", d->root);
	}
	r = make_uuid(ret);
	if (r == 0)
		r = io_write_file(d->root_fd, "uuid", ret, UUID_LEN, 0600, 1);
	return r < 0 ? ctr_fail_errno(err, r, "write '%s/uuid'", d->root) : CTR_OK;
}

/* Fields that containerd knows of a plugin. */
static int plugin_field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	const struct plugin_view *v = obj;

	if (str_eq(path[0], "type"))
		return filter_string(v->kind, n, ret);
	if (str_eq(path[0], "id"))
		return filter_string(v->id, n, ret);
	return 0;
}

static ctr_code give(const struct plugin_view *v, ctr_plugin_info_sink sink, void *ud)
{
	struct ctr_label exports[EXPORTS_MAX];
	struct ctr_plugin_info info = {
		.size = sizeof(info),
		.code = v->code,
		.kind = v->kind,
		.id = v->id,
		.error = v->error,
		.needs = (const char *const *)v->needs,
		.capabilities = (const char *const *)v->capabilities,
		.platforms = (const char *const *)v->platforms,
		.exports = { .items = exports },
	};

	for (char *const *e = v->exports; e && e[0] && e[1] && info.exports.n < EXPORTS_MAX; e += 2)
		exports[info.exports.n++] = (struct ctr_label){ .key = e[0], .value = e[1] };
	return sink(ud, &info);
}

static ctr_code ops_plugins(const struct ctr_host *h, const char *const *filters, uint64_t n,
			    ctr_plugin_info_sink sink, void *ud, struct ctr_error *err)
{
	struct registry *r = host_daemon(h)->registry;
	AUTO_FILTER *filter = NULL;
	struct plugin_view v;
	ctr_code code;

	code = filter_parse(filters, (size_t)n, &filter, err);
	for (uint32_t i = 0; code == CTR_OK && registry_view(r, i, &v) == 0; i++) {
		if (!filter_match(filter, plugin_field, &v))
			continue;
		code = give(&v, sink, ud);
		if (code != CTR_OK)
			ctr_fail(err, code, "list the plugins");
	}
	return code;
}

static ctr_code ops_server(const struct ctr_host *h, struct ctr_server_info *ret,
			   struct ctr_error *err)
{
	const struct introspection *in = host_daemon(h)->introspection;

	if (ret->size < sizeof(*ret))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"server information: the struct is cut off");
	ret->uuid = in->uuid;
	ret->version = "v" CTR_VERSION;
	ret->revision = CTR_REVISION;
	ret->pid = (uint64_t)getpid();
	ret->pidns = in->pidns;
	return CTR_OK;
}

static ctr_code ops_deprecations(const struct ctr_host *h, ctr_deprecation_sink sink, void *ud,
				 struct ctr_error *err)
{
	const struct daemon *d = host_daemon(h);
	const struct ctr_deprecation unsafe = {
		.size = sizeof(unsafe),
		.id = "io.ctr.deprecation/unsafe-plugin-paths",
		.message = "unsafe_plugin_paths is set: plugins are loaded from files that others "
			   "than root can write",
		.last_ns = d->introspection->started_ns,
	};

	(void)err;
	return config_unsafe(d->config) ? sink(ud, &unsafe) : CTR_OK;
}

static ctr_code ops_health(const struct ctr_host *h, struct ctr_error *err)
{
	return registry_health(host_daemon(h)->registry, err);
}

static const struct ctr_introspection_ops ops = {
	.size = sizeof(ops),
	.plugins = ops_plugins,
	.server = ops_server,
	.deprecations = ops_deprecations,
	.health = ops_health,
};

ctr_code introspection_new(struct daemon *d, struct introspection **ret, struct ctr_error *err)
{
	struct introspection *in = calloc(1, sizeof(*in));
	struct stat st;
	ctr_code code;
	int r;

	if (!in)
		return ctr_fail_errno(err, ENOMEM, "make introspection");
	in->started_ns = clock_wall_ns();
	if (stat("/proc/self/ns/pid", &st) == 0)
		in->pidns = st.st_ino;
	code = load_uuid(d, in->uuid, err);
	if (code == CTR_OK) {
		r = daemon_provide(d, CTR_SERVICE_INTROSPECTION, &ops, sizeof(ops));
		if (r < 0)
			code = ctr_fail_errno(err, r, "make introspection");
	}
	if (code != CTR_OK) {
		introspection_free(in);
		return code;
	}
	*ret = in;
	return CTR_OK;
}

void introspection_free(struct introspection *in)
{
	free(in);
}
