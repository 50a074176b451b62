/* SPDX-License-Identifier: Apache-2.0
 *
 * The two files have containerd's names. They say what the delete verb needs to call the same
 * runtime with the same root after the shim itself is gone.
 */
#include "shim/options.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "containerd/runc/v1/oci.pb-c.h"

#include "base/io.h"
#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"

#define OPTIONS_MAX 65536

static int fill(struct options *o, const char *binary, const char *root, const char *shim_cgroup)
{
	o->binary = str_dup(str_or(binary, ""));
	o->root = str_dup(str_or(root, ""));
	o->shim_cgroup = str_dup(str_or(shim_cgroup, ""));
	if (o->binary && o->root && o->shim_cgroup)
		return 0;
	options_done(o);
	return -ENOMEM;
}

ctr_code options_decode(const Google__Protobuf__Any *any, struct options *ret,
			struct ctr_error *err)
{
	Containerd__Runc__V1__Options defaults;
	Containerd__Runc__V1__Options *got AUTO_PB = NULL;
	const Containerd__Runc__V1__Options *m = &defaults;
	struct options o = { 0 };

	containerd__runc__v1__options__init(&defaults);
	if (any && *str_or(any->type_url, "")) {
		if (!pb_any_is(any, &containerd__runc__v1__options__descriptor))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"runtime options of type '%s' are not known",
					any->type_url);
		got = pb_any_unpack(any, &containerd__runc__v1__options__descriptor, OPTIONS_MAX);
		if (!got)
			return ctr_fail(err, CTR_INVALID_ARGUMENT, "runtime options do not decode");
		m = got;
	}
	o.systemd_cgroup = m->systemd_cgroup;
	o.no_pivot = m->no_pivot_root;
	o.no_keyring = m->no_new_keyring;
	o.uid = m->io_uid;
	o.gid = m->io_gid;
	if (fill(&o, m->binary_name, m->root, m->shim_cgroup) < 0)
		return ctr_fail_errno(err, -ENOMEM, "runtime options");
	*ret = o;
	return CTR_OK;
}

int options_save(int bundle_fd, const struct options *o)
{
	json_t *json = json_pack("{s:s, s:s, s:b}", "binary_name", o->binary, "root", o->root,
				 "systemd_cgroup", o->systemd_cgroup);
	AUTO_FREE char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int r = text ? io_write_file(bundle_fd, "options.json", text, strlen(text), 0600, 0)
		     : -ENOMEM;

	json_decref(json);
	return r < 0 ? r
		     : io_write_file(bundle_fd, "runtime", o->binary, strlen(o->binary), 0600, 0);
}

int options_load(int bundle_fd, struct options *ret)
{
	AUTO_FREE char *text = NULL;
	size_t n;
	struct options o = { 0 };
	json_t *json;
	int r = io_read_file(bundle_fd, "options.json", OPTIONS_MAX, &text, &n);

	if (r == -ENOENT)
		return fill(ret, "", "", "");
	if (r < 0)
		return r;
	json = json_loadb(text, n, 0, NULL);
	if (!json)
		return -EINVAL;
	o.systemd_cgroup = json_is_true(json_object_get(json, "systemd_cgroup"));
	r = fill(&o, json_string_value(json_object_get(json, "binary_name")),
		 json_string_value(json_object_get(json, "root")), "");
	json_decref(json);
	if (r == 0)
		*ret = o;
	return r;
}

void options_done(struct options *o)
{
	free(o->binary);
	free(o->root);
	free(o->shim_cgroup);
	o->binary = o->root = o->shim_cgroup = NULL;
}
