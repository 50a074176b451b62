/* SPDX-License-Identifier: Apache-2.0
 *
 * The host table that each plugin gets: a struct ctr_host inside its entry, so that every function
 * knows who calls. Any thread, except what the SDK calls init only.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "core/call/call.h"
#include "core/config/config.h"
#include "core/pool/pool.h"
#include "core/registry/internal.h"
#include "core/registry/services.h"

#include <ctr/unstable/version.h>

#define TEXT_MAX 2048

static struct entry *entry_of(const struct ctr_host *h)
{
	/* The first member; the plugin got it as const, the entry is ours. */
	return (struct entry *)(uintptr_t)h;
}

struct daemon *host_daemon(const struct ctr_host *h)
{
	return entry_of(h)->registry->daemon;
}

const char *host_plugin_uri(const struct ctr_host *h)
{
	return entry_of(h)->uri;
}

static void *host_alloc(size_t n)
{
	return malloc(n > 0 ? n : 1);
}

static void host_free(void *p)
{
	free(p);
}

CTR_PRINTF(3, 4)
static ctr_code host_fail(struct ctr_error *err, ctr_code code, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return ctr_fail(err, code, "%s", text);
}

CTR_PRINTF(3, 4)
static ctr_code host_fail_errno(struct ctr_error *err, int32_t errnum, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return ctr_fail_errno(err, errnum, "%s", text);
}

CTR_PRINTF(2, 3)
static ctr_code host_wrap(struct ctr_error *err, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return ctr_wrap(err, "%s", text);
}

static struct ctr_error *host_error_new(void)
{
	return calloc(1, sizeof(struct ctr_error));
}

static void host_error_free(struct ctr_error *err)
{
	if (!err)
		return;
	error_done(err);
	free(err);
}

CTR_PRINTF(3, 4)
static void host_log(const struct ctr_host *h, int32_t level, const char *fmt, ...)
{
	static const enum log_level levels[] = {
		[CTR_LOG_ERROR] = LOG_ERROR_,
		[CTR_LOG_WARN] = LOG_WARN_,
		[CTR_LOG_INFO] = LOG_INFO_,
		[CTR_LOG_DEBUG] = LOG_DEBUG_,
	};
	enum log_level at =
		level >= 0 && (size_t)level < ARRAY_SIZE(levels) ? levels[level] : LOG_INFO_;
	char text[TEXT_MAX];
	va_list args;

	if (!log_enabled(at))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_line(at, "%s: %s", entry_of(h)->uri, text);
}

/*
 * What is unstable is lent only to plugins that say they were built for it
 * (ctr/unstable/version.h).
 */
static const void *host_service(const struct ctr_host *h, const char *name, uint32_t *ret_size)
{
	const struct entry *e = entry_of(h);

	if (str_ends(name, ".v0") && e->unstable != CTR_UNSTABLE_REVISION) {
		log_warn("plugin %s asks for '%s' without CTR_PLUGIN_UNSTABLE among its flags",
			 e->uri, name);
		return NULL;
	}
	return services_find(e->registry->daemon, name, ret_size);
}

static void add_word(const struct ctr_host *h, char ***list, const char *word, const char *what)
{
	struct entry *e = entry_of(h);

	if (!e->in_init)
		log_warn("plugin %s adds %s '%s' outside init: ignored", e->uri, what, word);
	else if (strv_push(list, word) < 0)
		log_warn("plugin %s: %s '%s' not kept: out of memory", e->uri, what, word);
}

static void host_add_capability(const struct ctr_host *h, const char *name)
{
	add_word(h, &entry_of(h)->capabilities, name, "capability");
}

static void host_add_export(const struct ctr_host *h, const char *key, const char *value)
{
	add_word(h, &entry_of(h)->exports, key, "export");
	/* A key without its value would shift all that follow. */
	if (strv_len(entry_of(h)->exports) % 2 == 1)
		add_word(h, &entry_of(h)->exports, value, "export");
}

static void host_add_platform(const struct ctr_host *h, const char *platform)
{
	add_word(h, &entry_of(h)->platforms, platform, "platform");
}

/* Work of one namespace waits behind that of the others in turn. */
static uint64_t fairness_key(const struct ctr_call *call)
{
	uint64_t key = UINT64_C(14695981039346656037);

	for (const char *s = call_ns(call); *s; s++)
		key = (key ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return key;
}

static ctr_code host_async(const struct ctr_host *h, const struct ctr_call *call,
			   void (*job)(void *ud), void *ud, struct ctr_error *err)
{
	int r = pool_run(host_daemon(h)->bulk, fairness_key(call), job, ud);

	if (r == -EAGAIN)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
				"too much large work waits (pool.bulk_queue)");
	if (r < 0)
		return ctr_fail_errno(err, r, "queue the work");
	return CTR_OK;
}

static ctr_code dep_of_need(const struct entry *e, const struct ctr_require *need, uint32_t i,
			    const struct entry **ret)
{
	const struct registry *r = e->registry;

	for (size_t k = 0; k < r->n; k++) {
		const struct entry *other = r->entries[k];

		if (other == e || !entry_usable(other) || !need_matches(need, other))
			continue;
		if (i-- == 0) {
			*ret = other;
			return CTR_OK;
		}
	}
	return CTR_NOT_FOUND;
}

static ctr_code host_dep(const struct ctr_deps *deps, const char *kind, const char *id, uint32_t i,
			 const void **ret_ops, void **ret_self, const char **ret_id,
			 struct ctr_error *err)
{
	struct entry *e = deps->entry;
	const struct ctr_require wanted = { .kind = kind, .id = id };
	const struct entry *other;
	const struct ctr_require *need;

	for (need = entry_needs(e); need->kind; need++) {
		if (str_eq(need->kind, kind) && (!need->id || str_eq(need->id, id)))
			break;
	}
	if (!need->kind)
		return ctr_fail(err, CTR_NOT_FOUND, "plugin %s does not list '%s' among its needs",
				e->uri, kind);
	if (dep_of_need(e, &wanted, i, &other) != CTR_OK)
		return ctr_fail(err, CTR_NOT_FOUND, "no plugin %u of kind '%s'", i, kind);
	if (!other->guard.ops)
		return ctr_fail(err, CTR_UNIMPLEMENTED, "plugin %s has no vtable", other->uri);
	if (ret_ops)
		*ret_ops = other->kind ? other->kind->wrapped : other->guard.ops;
	if (ret_self)
		*ret_self = other->kind ? (void *)(uintptr_t)&other->guard : other->guard.self;
	if (ret_id)
		*ret_id = other->id;
	return CTR_OK;
}

void host_fill(struct entry *e)
{
	e->host = (struct ctr_host){
		.size = sizeof(e->host),
		.minor = CTR_SDK_MINOR,
		.alloc = host_alloc,
		.free = host_free,
		.fail = host_fail,
		.fail_errno = host_fail_errno,
		.wrap = host_wrap,
		.error_new = host_error_new,
		.error_free = host_error_free,
		.error_text = error_text,
		.log = host_log,
		.service = host_service,
		.call = &call_ops,
		.config = &config_table_ops,
		.root_dir = e->root_dir,
		.state_dir = e->state_dir,
		.add_capability = host_add_capability,
		.add_export = host_add_export,
		.add_platform = host_add_platform,
		.async = host_async,
		.dep = host_dep,
	};
}
