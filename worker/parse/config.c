/* SPDX-License-Identifier: Apache-2.0
 *
 * Image configs, OCI's and Docker's: the fields that a container is made from.
 */
#include <string.h>

#include "base/ident.h"
#include "base/str.h"
#include "worker/parse/json.h"
#include "worker/parse/parse.h"

#define PATH_LIMIT 4096
#define DIFFS_MAX  1024

/* Entrypoint and Cmd: a list, or one string in documents of old builders. */
static ctr_code copy_command(const json_t *obj, const char *key, char ***field, size_t *n_field,
			     protobuf_c_boolean *has, struct ctr_error *err)
{
	const json_t *j = json_member(obj, key);

	*has = j != NULL;
	if (!json_is_string(j))
		return json_copy_list(obj, key, field, n_field, err);
	if (json_string_length(j) > JSON_TEXT_LIMIT)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is too long", key);
	*field = calloc(1, sizeof(**field));
	if (!*field || !((*field)[0] = str_dup(json_string_value(j))))
		return json_no_memory(err);
	*n_field = 1;
	return CTR_OK;
}

static ctr_code copy_rootfs(const json_t *doc, Ctr__Worker__V1__ParsedConfig *c,
			    struct ctr_error *err)
{
	json_t *rootfs, *list;
	const char *type;
	ctr_code code = json_get_object(doc, "rootfs", &rootfs, err);

	if (code != CTR_OK || !rootfs)
		return code;
	code = json_get_text(rootfs, "type", 64, &type, err);
	if (code == CTR_OK && type[0] && strcmp(type, "layers") != 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "rootfs type '%s' is not 'layers'",
				type);
	if (code == CTR_OK)
		code = json_get_list(rootfs, "diff_ids", DIFFS_MAX, &list, err);
	if (code == CTR_OK)
		code = json_copy_list(rootfs, "diff_ids", &c->diff_ids, &c->n_diff_ids, err);
	for (size_t i = 0; i < c->n_diff_ids && code == CTR_OK; i++)
		if (!digest_valid(c->diff_ids[i]))
			code = ctr_fail(err, CTR_INVALID_ARGUMENT,
					"diff_ids[%zu] is no digest: '%.80s'", i, c->diff_ids[i]);
	return code;
}

static ctr_code copy_run(const json_t *run, Ctr__Worker__V1__ParsedConfig *c, struct ctr_error *err)
{
	ctr_code code = json_copy_text(run, "User", PATH_LIMIT, &c->user, err);

	if (code == CTR_OK)
		code = json_copy_text(run, "WorkingDir", PATH_LIMIT, &c->working_dir, err);
	if (code == CTR_OK)
		code = json_copy_text(run, "StopSignal", 64, &c->stop_signal, err);
	if (code == CTR_OK)
		code = json_copy_list(run, "Env", &c->env, &c->n_env, err);
	if (code == CTR_OK)
		code = copy_command(run, "Entrypoint", &c->entrypoint, &c->n_entrypoint,
				    &c->has_entrypoint, err);
	if (code == CTR_OK)
		code = copy_command(run, "Cmd", &c->cmd, &c->n_cmd, &c->has_cmd, err);
	if (code == CTR_OK)
		code = json_copy_pairs(run, "Labels", &c->labels, &c->n_labels, err);
	if (code == CTR_OK)
		code = json_copy_keys(run, "Volumes", &c->volumes, &c->n_volumes, err);
	if (code == CTR_OK)
		code = json_copy_keys(run, "ExposedPorts", &c->exposed_ports, &c->n_exposed_ports,
				      err);
	return code;
}

ctr_code parse_config(const json_t *doc, Ctr__Worker__V1__ParsedConfig *c, struct ctr_error *err)
{
	json_t *run = NULL;
	ctr_code code = json_copy_word(doc, "architecture", 64, &c->architecture, err);

	if (code == CTR_OK)
		code = json_copy_word(doc, "os", 64, &c->os, err);
	if (code == CTR_OK)
		code = json_copy_word(doc, "variant", 64, &c->variant, err);
	if (code == CTR_OK)
		code = json_copy_text(doc, "created", 64, &c->created, err);
	if (code == CTR_OK)
		code = json_copy_text(doc, "author", PATH_LIMIT, &c->author, err);
	if (code == CTR_OK)
		code = copy_rootfs(doc, c, err);
	if (code == CTR_OK)
		code = json_get_object(doc, "config", &run, err);
	if (code == CTR_OK && run)
		code = copy_run(run, c, err);
	return code;
}
