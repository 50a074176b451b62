/* SPDX-License-Identifier: Apache-2.0
 *
 * Combining what the image says with what the user asked for: command line, environment, labels,
 * stop signal.
 */
#include "oci/image_config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/ident.h"
#include "base/str.h"
#include "status/status.h"

static const char default_path[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const char *const reserved_prefixes[] = { "containerd.io/", "io.cri-containerd", "io.ctr." };

void oci_image_config_done(struct oci_image_config *c)
{
	free(c->os);
	free(c->architecture);
	free(c->variant);
	free(c->user);
	free(c->workdir);
	free(c->stop_signal);
	strv_free(c->entrypoint);
	strv_free(c->cmd);
	strv_free(c->env);
	strv_free(c->volumes);
	strv_free(c->label_keys);
	strv_free(c->label_values);
	*c = (struct oci_image_config){ 0 };
}

static int push_all(char ***v, char *const *from)
{
	for (size_t i = 0; from && from[i]; i++) {
		if (strv_push(v, from[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

ctr_code oci_image_args(const struct oci_image_config *c, char *const *entrypoint,
			char *const *args, char ***ret, struct ctr_error *err)
{
	AUTO_STRV out = NULL;
	int has_args = args && args[0];
	int r;

	r = push_all(&out, entrypoint ? entrypoint : c->entrypoint);
	if (r == 0 && has_args)
		r = push_all(&out, args);
	else if (r == 0 && !entrypoint)
		r = push_all(&out, c->cmd);
	if (r < 0)
		return ctr_fail_errno(err, r, "command line");
	if (strv_len(out) == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"no command: the image names none and none was given");
	if (!out[0][0])
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "the command is an empty string");

	*ret = take_ptr(&out);
	return CTR_OK;
}

/* Length of the name in "NAME=value", or of the whole. */
static size_t env_name_len(const char *e)
{
	return strcspn(e, "=");
}

static size_t env_find(char *const *env, const char *e)
{
	size_t n = env_name_len(e);
	size_t i;

	for (i = 0; env && env[i]; i++) {
		if (env_name_len(env[i]) == n && strncmp(env[i], e, n) == 0)
			break;
	}
	return i;
}

static void env_remove(char **env, size_t at)
{
	free(env[at]);
	for (; env[at]; at++)
		env[at] = env[at + 1];
}

static int env_set(char ***env, const char *e)
{
	size_t at = env_find(*env, e);
	int present = *env && (*env)[at];

	if (!strchr(e, '=')) {
		if (present)
			env_remove(*env, at);
		return 0;
	}
	if (!present)
		return strv_push(env, e);

	char *copy = str_dup(e);

	if (!copy)
		return -ENOMEM;
	free((*env)[at]);
	(*env)[at] = copy;
	return 0;
}

ctr_code oci_image_env(const struct oci_image_config *c, char *const *adds, char ***ret,
		       struct ctr_error *err)
{
	AUTO_STRV out = NULL;
	int r = strv_push(&out, default_path);

	/* a variable of the image without '=' means nothing to any runtime: dropped */
	for (size_t i = 0; r == 0 && c->env && c->env[i]; i++) {
		if (strchr(c->env[i], '=') && c->env[i][0] != '=')
			r = env_set(&out, c->env[i]);
	}
	for (size_t i = 0; r == 0 && adds && adds[i]; i++) {
		if (!adds[i][0] || adds[i][0] == '=')
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"environment variable '%s' has no name", adds[i]);
		r = env_set(&out, adds[i]);
	}
	if (r < 0)
		return ctr_fail_errno(err, r, "environment");
	*ret = take_ptr(&out);
	return CTR_OK;
}

int oci_label_copyable(const char *key, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(reserved_prefixes); i++) {
		if (str_starts(key, reserved_prefixes[i]))
			return 0;
	}
	return key[0] && str_is_utf8(key, strlen(key)) && str_is_utf8(value, strlen(value)) &&
	       label_valid(key, value);
}

static int signal_by_name(const char *name)
{
	for (int i = 1; i < SIGRTMIN && i < 32; i++) {
		const char *abbrev = sigabbrev_np(i);

		if (abbrev && strcasecmp(abbrev, name) == 0)
			return i;
	}
	return -EINVAL;
}

/* RTMIN+n counts from 34 and RTMAX-n from 64, the numbers that the kernel sees. */
static int signal_realtime(const char *name)
{
	uint32_t n;

	if (strcasecmp(name, "RTMIN") == 0)
		return 34;
	if (strcasecmp(name, "RTMAX") == 0)
		return 64;
	if (strncasecmp(name, "RTMIN+", 6) == 0 && parse_u32(name + 6, &n) == 0 && n <= 30)
		return 34 + (int)n;
	if (strncasecmp(name, "RTMAX-", 6) == 0 && parse_u32(name + 6, &n) == 0 && n <= 30)
		return 64 - (int)n;
	return -EINVAL;
}

int oci_signal_parse(const char *s)
{
	uint32_t n;

	if (parse_u32(s, &n) == 0)
		return n >= 1 && n <= 64 ? (int)n : -EINVAL;
	if (strncasecmp(s, "SIG", 3) == 0)
		s += 3;
	int r = signal_by_name(s);

	return r < 0 ? signal_realtime(s) : r;
}

const char *oci_signal_name(int sig)
{
	return sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;
}
