/* SPDX-License-Identifier: Apache-2.0
 *
 * The "process" object of a spec, for a container's first process and for an exec.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "oci/caps.h"
#include "oci/parts.h"
#include "status/status.h"

#define CAP_NAME_ROOM 40

json_t *oci_part_capabilities(uint64_t caps)
{
	/*
	 * bounding, effective and permitted; the inheritable set stays empty, and nothing is
	 * ambient
	 */
	static const char *const sets[] = { "bounding", "effective", "permitted" };
	AUTO_JSON list = json_array();
	json_t *o = json_object();
	char name[CAP_NAME_ROOM];
	int bad = 0;

	for (unsigned i = 0; i < 64; i++) {
		if ((caps & CAP_BIT(i)) && oci_cap_name(i, name, sizeof(name)) == 0)
			bad |= json_array_append_new(list, json_string(name));
	}
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		bad |= json_put(o, sets[i], json_incref(list));
	bad |= json_put(o, "inheritable", json_array());
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

json_t *oci_part_user(const struct oci_user *u)
{
	json_t *o = json_object();
	json_t *groups = json_array();
	int bad = json_put_int(o, "uid", u->uid);

	bad |= json_put_int(o, "gid", u->gid);
	/* the own group too, so that dropping it from the credentials gains nothing */
	bad |= json_array_append_new(groups, json_integer(u->gid));
	for (size_t i = 0; i < u->n_groups; i++)
		bad |= json_array_append_new(groups, json_integer(u->groups[i]));
	bad |= json_put(o, "additionalGids", groups);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *rlimits(const struct oci_process *p)
{
	json_t *a = json_array();
	int bad = 0;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		json_t *o = json_object();

		/*
		 * JSON integers end at 2^63-1, which the kernel treats as unlimited on 64 bit all
		 * the same
		 */
		bad |= json_put_str(o, "type", p->rlimits[i].type);
		bad |= json_put_int(o, "hard",
				    (int64_t)MIN(p->rlimits[i].hard, (uint64_t)INT64_MAX));
		bad |= json_put_int(o, "soft",
				    (int64_t)MIN(p->rlimits[i].soft, (uint64_t)INT64_MAX));
		bad |= json_array_append_new(a, o);
	}
	if (!bad)
		return a;
	json_decref(a);
	return NULL;
}

static ctr_code check_strings(char *const *v, const char *what, struct ctr_error *err)
{
	for (size_t i = 0; v && v[i]; i++) {
		if (!str_is_utf8(v[i], strlen(v[i])))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"%s %zu is not UTF-8, which a spec must be", what, i);
	}
	return CTR_OK;
}

static ctr_code check_process(const struct oci_process *p, struct ctr_error *err)
{
	if (!p->args || !p->args[0] || !p->args[0][0])
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "no command to run");
	if (p->cwd && p->cwd[0] && p->cwd[0] != '/')
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"working directory '%s' is not an absolute path", p->cwd);
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (p->rlimits[i].soft > p->rlimits[i].hard)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "limit %s: soft is above hard",
					p->rlimits[i].type);
	}
	if (check_strings(p->args, "argument", err) != CTR_OK)
		return CTR_INVALID_ARGUMENT;
	return check_strings(p->env, "environment variable", err);
}

/*
 * Without CAP_SYS_RESOURCE the kernel refuses to go below the own value, and runc says so in
 * riddles.
 */
static int clamp_oom(int wanted, const struct oci_host *host)
{
	wanted = MAX(-1000, MIN(wanted, 1000));
	return host->can_lower_oom ? wanted : MAX(wanted, host->oom_score_adj);
}

static int put_console(json_t *o, unsigned width, unsigned height)
{
	json_t *size;
	int bad;

	if (!width || !height)
		return 0;
	size = json_object();
	bad = json_put_int(size, "height", height);
	bad |= json_put_int(size, "width", width);
	return json_put(o, "consoleSize", size) | bad;
}

json_t *oci_part_process(const struct oci_process *p, const struct oci_host *host,
			 struct ctr_error *err)
{
	json_t *o;
	int bad;

	if (check_process(p, err) != CTR_OK)
		return NULL;
	o = json_object();
	bad = json_put_bool(o, "terminal", p->terminal);
	if (p->terminal)
		bad |= put_console(o, p->console_width, p->console_height);
	bad |= json_put(o, "user", oci_part_user(&p->user));
	bad |= json_put(o, "args", json_strings(p->args));
	bad |= json_put(o, "env", json_strings(p->env));
	bad |= json_put_str(o, "cwd", str_or(p->cwd, "/"));
	bad |= json_put(o, "capabilities", oci_part_capabilities(p->caps));
	if (p->n_rlimits)
		bad |= json_put(o, "rlimits", rlimits(p));
	bad |= json_put_bool(o, "noNewPrivileges", p->no_new_privileges);
	if (p->has_oom_score_adj)
		bad |= json_put_int(o, "oomScoreAdj", clamp_oom(p->oom_score_adj, host));
	bad |= json_put_str(o, "apparmorProfile", p->apparmor);
	if (!bad)
		return o;
	json_decref(o);
	ctr_fail(err, CTR_RESOURCE_EXHAUSTED,
		 "process: out of memory or a string that is not UTF-8");
	return NULL;
}

ctr_code oci_process_build(const struct oci_process *p, const struct oci_host *host, char **ret,
			   struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	AUTO_JSON o = oci_part_process(p, host, &why);

	if (!o)
		return ctr_move_error(err, &why);
	*ret = json_dumps(o, JSON_COMPACT);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "process");
}

/* Replace or append "K=v" in an array of strings. */
static int env_put(json_t *env, const char *add)
{
	size_t n = strcspn(add, "=");
	json_t *item;
	size_t i;

	json_array_foreach(env, i, item)
	{
		const char *have = json_string_value(item);

		if (!have || strncmp(have, add, n) != 0 || (have[n] != '=' && have[n]))
			continue;
		return add[n] ? json_array_set_new(env, i, json_string(add))
			      : json_array_remove(env, i);
	}
	return add[n] ? json_array_append_new(env, json_string(add)) : 0;
}

static int exec_apply(json_t *process, const struct oci_exec *e, const struct oci_host *host)
{
	json_t *env = json_object_get(process, "env");
	int bad = json_put(process, "args", json_strings(e->args));

	if (!env) {
		env = json_array();
		bad |= json_put(process, "env", env);
	}
	for (size_t i = 0; e->env_adds && e->env_adds[i]; i++)
		bad |= env_put(env, e->env_adds[i]);
	bad |= json_put_bool(process, "terminal", e->terminal);
	(void)json_object_del(process, "consoleSize");
	if (e->terminal)
		bad |= put_console(process, e->console_width, e->console_height);
	if (e->cwd && e->cwd[0])
		bad |= json_put_str(process, "cwd", e->cwd);
	if (e->user)
		bad |= json_put(process, "user", oci_part_user(e->user));
	if (e->privileged)
		bad |= json_put(process, "capabilities", oci_part_capabilities(host->caps));
	return bad;
}

ctr_code oci_exec_build(const char *spec_text, const struct oci_exec *e,
			const struct oci_host *host, char **ret, struct ctr_error *err)
{
	json_error_t jerr;
	AUTO_JSON spec = json_loads(spec_text, JSON_REJECT_DUPLICATES, &jerr);
	json_t *process = json_object_get(spec, "process");
	struct oci_process check = { .args = e->args, .env = e->env_adds, .cwd = e->cwd };

	if (!spec)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "spec of the container: %s", jerr.text);
	if (!json_is_object(process))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"spec of the container has no 'process'");
	if (check_process(&check, err) != CTR_OK)
		return CTR_INVALID_ARGUMENT;
	if (exec_apply(process, e, host) != 0)
		return ctr_fail(err, CTR_RESOURCE_EXHAUSTED, "process: out of memory");
	*ret = json_dumps(process, JSON_COMPACT);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "process");
}
