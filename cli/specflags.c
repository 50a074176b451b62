/* SPDX-License-Identifier: Apache-2.0
 *
 * The flags of run and create as the spec builder's options: limits, devices, mounts, environment,
 * security.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "cli/create.h"
#include "oci/caps.h"

#define FILE_MAX   (1024 * 1024)
#define CPU_PERIOD 100000

void spec_input_done(struct spec_input *in)
{
	strv_free(in->args);
	strv_free(in->env);
	strv_free(in->strings);
	for (size_t i = 0; i < in->n_option_lists; i++)
		strv_free(in->option_lists[i]);
	free(in->seccomp_text);
	oci_user_done(&in->o.process.user);
}

/* Keep a copy for as long as in lives; NULL when out of memory. */
static char *keep(struct spec_input *in, const char *s, size_t n)
{
	AUTO_FREE char *copy = str_ndup(s, n);

	if (!copy || strv_push(&in->strings, copy) < 0)
		return NULL;
	return in->strings[strv_len(in->strings) - 1];
}

static ctr_code bad_value(struct ctr_error *err, const char *flag, const char *value,
			  const char *form)
{
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "--%s '%s' is not of the form %s", flag, value,
			form);
}

static ctr_code too_many(struct ctr_error *err, const char *flag)
{
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "--%s more than %d times", flag, LISTS_MAX);
}

static ctr_code bytes_flag(const struct args *a, const char *flag, int64_t *ret,
			   struct ctr_error *err)
{
	const char *text = arg_text(a, flag);
	uint64_t n;

	if (!text)
		return CTR_OK;
	if (parse_size(text, &n) < 0 || n > INT64_MAX || n == 0)
		return bad_value(err, flag, text, "a size such as 512m");
	*ret = (int64_t)n;
	return CTR_OK;
}

static ctr_code number_flag(const struct args *a, const char *flag, int64_t least, int64_t most,
			    int64_t *ret, struct ctr_error *err)
{
	const char *text = arg_text(a, flag);
	int64_t n;

	if (!text)
		return CTR_OK;
	if (parse_i64(text, &n) < 0 || n < least || n > most)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--%s '%s' is not a number from %lld to %lld", flag, text,
				(long long)least, (long long)most);
	*ret = n;
	return CTR_OK;
}

/* "1.5" CPUs as a quota of the usual period. */
static ctr_code cpus_flag(const struct args *a, struct oci_resources *r, struct ctr_error *err)
{
	const char *text = arg_text(a, "cpus");
	uint64_t whole = 0, part = 0, scale = CPU_PERIOD;
	const char *p = text;

	if (!text)
		return CTR_OK;
	if (arg_given(a, "cpu-quota") || arg_given(a, "cpu-period"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"--cpus does not go with --cpu-quota or --cpu-period");
	for (; *p >= '0' && *p <= '9' && whole < 100000; p++)
		whole = whole * 10 + (uint64_t)(*p - '0');
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			scale /= 10;
			part += (uint64_t)(*p - '0') * scale;
		}
	}
	if (*p || !*text || whole >= 100000 || whole * CPU_PERIOD + part < 1000)
		return bad_value(err, "cpus", text, "0.01 or more");
	r->cpu_period = CPU_PERIOD;
	r->cpu_quota = (int64_t)(whole * CPU_PERIOD + part);
	return CTR_OK;
}

static ctr_code resource_flags(const struct args *a, struct oci_resources *r, struct ctr_error *err)
{
	const char *swap = arg_text(a, "memory-swap");
	int64_t shares = 0, period = 0;
	ctr_code code = bytes_flag(a, "memory", &r->memory, err);

	if (code == CTR_OK)
		code = bytes_flag(a, "memory-reservation", &r->memory_reservation, err);
	if (code == CTR_OK && swap && str_eq(swap, "-1"))
		r->memory_swap = -1;
	else if (code == CTR_OK)
		code = bytes_flag(a, "memory-swap", &r->memory_swap, err);
	if (code == CTR_OK)
		code = number_flag(a, "cpu-shares", 2, 262144, &shares, err);
	if (code == CTR_OK)
		code = number_flag(a, "cpu-period", 1000, 1000000, &period, err);
	if (code == CTR_OK)
		code = number_flag(a, "cpu-quota", 1000, INT64_MAX, &r->cpu_quota, err);
	if (code == CTR_OK)
		code = number_flag(a, "pids-limit", -1, 4194304, &r->pids, err);
	r->cpu_shares = (uint64_t)shares;
	r->cpu_period = (uint64_t)period;
	r->cpuset_cpus = arg_text(a, "cpuset-cpus");
	r->cpuset_mems = arg_text(a, "cpuset-mems");
	return code == CTR_OK ? cpus_flag(a, r, err) : code;
}

static int limit_value(const char *s, uint64_t *ret)
{
	if (str_eq(s, "unlimited") || str_eq(s, "-1")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return parse_u64(s, ret);
}

static ctr_code ulimit_flags(const struct args *a, struct spec_input *in, struct ctr_error *err)
{
	static const char *const names[] = { "core",   "cpu",        "data",     "fsize",
					     "locks",  "memlock",    "msgqueue", "nice",
					     "nofile", "nproc",      "rss",      "rtprio",
					     "rttime", "sigpending", "stack",    "as" };
	char *const *list = arg_list(a, "ulimit");

	for (size_t i = 0; list[i]; i++) {
		const char *equals = strchr(list[i], '=');
		const char *colon = equals ? strchr(equals, ':') : NULL;
		struct oci_rlimit *r = &in->rlimits[in->o.process.n_rlimits];
		char *soft =
			equals ? keep(in, equals + 1,
				      colon ? (size_t)(colon - equals - 1) : strlen(equals + 1))
			       : NULL;
		char name[32] = "RLIMIT_";
		size_t k = 0;

		if (i >= LISTS_MAX)
			return too_many(err, "ulimit");
		while (equals && k < ARRAY_SIZE(names) &&
		       !(strlen(names[k]) == (size_t)(equals - list[i]) &&
			 str_starts(list[i], names[k])))
			k++;
		if (!soft || k == ARRAY_SIZE(names) || limit_value(soft, &r->soft) < 0 ||
		    limit_value(colon ? colon + 1 : soft, &r->hard) < 0)
			return bad_value(err, "ulimit", list[i],
					 "name=soft[:hard], such as nofile=1024:2048");
		for (size_t n = 0; names[k][n]; n++)
			name[7 + n] = (char)(names[k][n] - 'a' + 'A');
		r->type = keep(in, name, strlen(name));
		if (!r->type)
			return ctr_fail_errno(err, ENOMEM, "--ulimit");
		in->o.process.n_rlimits++;
	}
	in->o.process.rlimits = in->rlimits;
	return CTR_OK;
}

static ctr_code device_flags(const struct args *a, struct spec_input *in, struct ctr_error *err)
{
	char *const *list = arg_list(a, "device");

	for (size_t i = 0; list[i]; i++) {
		AUTO_STRV part = strv_split(list[i], ':');
		size_t n = part ? strv_len(part) : 0;
		struct oci_device *d = &in->devices[i];
		int only_access = n == 2 && part[1][0] != '/';

		if (i >= LISTS_MAX)
			return too_many(err, "device");
		if (n < 1 || n > 3 || part[0][0] != '/')
			return bad_value(err, "device", list[i],
					 "/dev/host[:/dev/container[:rwm]]");

		const char *access = n == 3 ? part[2] : only_access ? part[1] : "rwm";

		if (!*access || strspn(access, "rwm") != strlen(access))
			return bad_value(err, "device", list[i],
					 "/dev/host[:/dev/container[:rwm]]");
		d->host = keep(in, part[0], strlen(part[0]));
		d->container = n > 1 && !only_access ? keep(in, part[1], strlen(part[1])) : d->host;
		d->access = keep(in, access, strlen(access));
		if (!d->host || !d->container || !d->access)
			return ctr_fail_errno(err, ENOMEM, "--device");
		in->o.n_devices++;
	}
	in->o.devices = in->devices;
	return CTR_OK;
}

/* "key=value" pairs. */
static ctr_code pair_flags(const struct args *a, const char *flag, struct spec_input *in,
			   struct oci_pair *pairs, size_t *n, struct ctr_error *err)
{
	char *const *list = arg_list(a, flag);

	for (size_t i = 0; list[i]; i++) {
		const char *equals = strchr(list[i], '=');

		if (i >= LISTS_MAX)
			return too_many(err, flag);
		if (!equals || equals == list[i])
			return bad_value(err, flag, list[i], "key=value");
		pairs[i].key = keep(in, list[i], (size_t)(equals - list[i]));
		pairs[i].value = equals + 1;
		if (!pairs[i].key)
			return ctr_fail_errno(err, ENOMEM, "--%s", flag);
		*n = i + 1;
	}
	return CTR_OK;
}

static ctr_code env_file(const char *path, char ***adds, struct ctr_error *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_STRV lines = NULL;
	int r = io_read_file(AT_FDCWD, path, FILE_MAX, &text, NULL);

	if (r < 0)
		return ctr_fail_errno(err, r, "read '%s'", path);
	lines = strv_split(text, '\n');
	for (size_t i = 0; lines && lines[i]; i++) {
		if (lines[i][0] && lines[i][0] != '#' && strv_push(adds, lines[i]) < 0)
			return ctr_fail_errno(err, ENOMEM, "read '%s'", path);
	}
	return lines ? CTR_OK : ctr_fail_errno(err, ENOMEM, "read '%s'", path);
}

/* "NAME" alone takes our own value, or nothing if we have none. */
static int push_env(struct cli *c, char ***adds, const char *e)
{
	const char *own = strchr(e, '=') ? NULL : cli_env(c, e);
	AUTO_FREE char *full = own ? str_printf("%s=%s", e, own) : str_dup(e);

	return full ? strv_push(adds, full) : -ENOMEM;
}

static ctr_code env_flags(struct cli *c, const struct image *image, struct spec_input *in,
			  struct ctr_error *err)
{
	char *const *files = arg_list(&c->args, "env-file");
	char *const *list = arg_list(&c->args, "env");
	AUTO_STRV adds = NULL;
	AUTO_STRV from_files = NULL;
	int bad = in->o.process.terminal ? strv_push(&adds, "TERM=xterm") : 0;

	if (in->o.hostname) {
		AUTO_FREE char *host = str_printf("HOSTNAME=%s", in->o.hostname);

		bad |= host ? strv_push(&adds, host) : -ENOMEM;
	}
	for (size_t i = 0; files[i]; i++) {
		ctr_code code = env_file(files[i], &from_files, err);

		if (code != CTR_OK)
			return code;
	}
	for (size_t i = 0; from_files && from_files[i]; i++)
		bad |= push_env(c, &adds, from_files[i]);
	for (size_t i = 0; list[i]; i++)
		bad |= push_env(c, &adds, list[i]);
	if (bad)
		return ctr_fail_errno(err, ENOMEM, "environment");
	return oci_image_env(&image->config, adds, &in->env, err);
}

static ctr_code security_flags(const struct args *a, const struct oci_host *host,
			       struct spec_input *in, struct ctr_error *err)
{
	char *const *list = arg_list(a, "security-opt");
	int r;

	in->o.process.apparmor =
		host->apparmor_default && !in->o.privileged ? OCI_APPARMOR_DEFAULT : NULL;
	for (size_t i = 0; list[i]; i++) {
		const char *s = list[i];

		if (str_eq(s, "no-new-privileges") || str_eq(s, "no-new-privileges=true")) {
			in->o.process.no_new_privileges = 1;
		} else if (str_eq(s, "seccomp=unconfined")) {
			in->o.seccomp = OCI_SECCOMP_UNCONFINED;
		} else if (str_starts(s, "seccomp=")) {
			free(take_ptr(&in->seccomp_text));
			r = io_read_file(AT_FDCWD, s + 8, FILE_MAX, &in->seccomp_text, NULL);
			if (r < 0)
				return ctr_fail_errno(err, r, "read seccomp profile '%s'", s + 8);
			in->o.seccomp = OCI_SECCOMP_PROFILE;
			in->o.seccomp_profile = in->seccomp_text;
		} else if (str_eq(s, "apparmor=unconfined")) {
			in->o.process.apparmor = NULL;
		} else if (str_starts(s, "apparmor=") && s[9]) {
			if (!host->apparmor)
				return ctr_fail(
					err, CTR_FAILED_PRECONDITION,
					"apparmor profile '%s': AppArmor is not enabled here",
					s + 9);
			if (!oci_apparmor_loaded(s + 9))
				return ctr_fail(err, CTR_NOT_FOUND,
						"apparmor profile '%s' is not loaded", s + 9);
			in->o.process.apparmor = s + 9;
		} else {
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "unknown --security-opt '%s'",
					s);
		}
	}
	return CTR_OK;
}

static ctr_code host_flag(const struct args *a, const char *flag, int *ret, struct ctr_error *err)
{
	const char *text = arg_text(a, flag);

	if (!text || str_eq(text, "private") || !*text)
		return CTR_OK;
	if (!str_eq(text, "host"))
		return bad_value(err, flag, text, "private or host");
	*ret = 1;
	return CTR_OK;
}

static ctr_code network_flag(const struct args *a, struct spec_input *in, struct ctr_error *err)
{
	const char *net = arg_given(a, "net") ? arg_text(a, "net") : arg_text(a, "network");

	if (net && !str_eq(net, "none") && !str_eq(net, "host"))
		return ctr_fail(
			err, CTR_INVALID_ARGUMENT,
			"--net '%s': there are none and host; bridged networks do not exist yet",
			net);
	in->o.host_network = net && str_eq(net, "host");
	return CTR_OK;
}

static ctr_code process_flags(struct cli *c, const struct image *image, const struct oci_host *host,
			      struct spec_input *in, struct ctr_error *err)
{
	struct oci_process *p = &in->o.process;
	const char *entry = arg_text(&c->args, "entrypoint");
	char *entry_list[] = { NULL, NULL };
	char *const *groups = arg_list(&c->args, "cap-add");
	int64_t oom = 0;
	ctr_code code;

	if (entry && entry[0])
		entry_list[0] = keep(in, entry, strlen(entry));
	code = oci_image_args(&image->config, entry ? entry_list : NULL, c->args.rest + 1,
			      &in->args, err);
	if (code == CTR_OK)
		code = env_flags(c, image, in, err);
	if (code == CTR_OK)
		code = oci_caps_apply(in->o.privileged ? host->caps : oci_caps_default(),
				      host->caps, groups, arg_list(&c->args, "cap-drop"), &p->caps,
				      err);
	if (code == CTR_OK)
		code = number_flag(&c->args, "oom-score-adj", -1000, 1000, &oom, err);
	if (code != CTR_OK)
		return code;
	p->args = in->args;
	p->env = in->env;
	/* where it cannot be lowered, not asking for 0 is what always works */
	p->has_oom_score_adj = arg_given(&c->args, "oom-score-adj") || host->can_lower_oom;
	p->oom_score_adj = (int)oom;
	p->cwd = arg_text(&c->args, "workdir");
	if (!p->cwd && image->config.workdir[0] && image->config.workdir[0] != '/') {
		AUTO_FREE char *absolute = str_printf("/%s", image->config.workdir);

		p->cwd = absolute ? keep(in, absolute, strlen(absolute)) : NULL;
	} else if (!p->cwd) {
		p->cwd = image->config.workdir;
	}
	return security_flags(&c->args, host, in, err);
}

static ctr_code namespace_flags(const struct args *a, struct spec_input *in, struct ctr_error *err)
{
	ctr_code code = host_flag(a, "pid", &in->o.host_pid, err);

	if (code == CTR_OK)
		code = host_flag(a, "ipc", &in->o.host_ipc, err);
	if (code == CTR_OK)
		code = host_flag(a, "uts", &in->o.host_uts, err);
	return code == CTR_OK ? network_flag(a, in, err) : code;
}

ctr_code spec_input_fill(struct cli *c, const struct image *image, const struct oci_host *host,
			 struct spec_input *in, struct ctr_error *err)
{
	const struct args *a = &c->args;
	int64_t shm = 0;
	ctr_code code;

	in->o.privileged = arg_on(a, "privileged");
	in->o.root_readonly = arg_on(a, "read-only");
	in->o.process.terminal = arg_on(a, "tty");
	if (!host->seccomp)
		in->o.seccomp = OCI_SECCOMP_UNCONFINED;
	code = namespace_flags(a, in, err);
	if (code == CTR_OK)
		code = process_flags(c, image, host, in, err);
	if (code == CTR_OK)
		code = resource_flags(a, &in->o.resources, err);
	if (code == CTR_OK)
		code = ulimit_flags(a, in, err);
	if (code == CTR_OK)
		code = device_flags(a, in, err);
	if (code == CTR_OK)
		code = pair_flags(a, "annotation", in, in->annotations, &in->o.n_annotations, err);
	if (code == CTR_OK)
		code = pair_flags(a, "sysctl", in, in->sysctls, &in->o.n_sysctls, err);
	if (code == CTR_OK)
		code = bytes_flag(a, "shm-size", &shm, err);
	in->o.shm_bytes = (uint64_t)shm;
	in->o.annotations = in->annotations;
	in->o.sysctls = in->sysctls;
	return code == CTR_OK ? mount_flags(c, in, err) : code;
}
