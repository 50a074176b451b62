/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect: everything about containers and images, as JSON.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/image.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

static json_t *state_json(const Containerd__V1__Types__Process *p)
{
	json_t *o = json_object();
	char when[RFC3339_ROOM];

	(void)json_put_str(o, "Status", p ? task_state_text((int)p->status) : "created");
	(void)json_put_bool(o, "Running", p && p->status == CONTAINERD__V1__TYPES__STATUS__RUNNING);
	(void)json_put_bool(o, "Paused", p && p->status == CONTAINERD__V1__TYPES__STATUS__PAUSED);
	(void)json_put_int(o, "Pid", p ? p->pid : 0);
	(void)json_put_int(o, "ExitCode", p ? p->exit_status : 0);
	timestamp_text(p ? p->exited_at : NULL, when, sizeof(when));
	(void)json_put_str(o, "FinishedAt", when);
	return o;
}

static ctr_code container_json(struct cli *c, const CONTAINERS(Container) *k, json_t **ret,
			       struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *task = NULL;
	AUTO_ERROR why = ERROR_INIT;
	AUTO_JSON whole = pb_to_json(&k->base);
	ctr_code code = task_get(c, k->id, NULL, &task, &why);
	char title[80];
	json_t *o;

	if (code != CTR_OK && code != CTR_NOT_FOUND)
		return ctr_move_error(err, &why);
	container_title(k, 1, title);
	o = json_object();
	(void)json_put_str(o, "ID", k->id);
	(void)json_put_str(o, "Name", title);
	(void)json_put_str(o, "Type", "container");
	(void)json_put(o, "State", state_json(task ? task->process : NULL));
	(void)json_put_str(o, "Image", k->image);
	(void)json_put_str(o, "LogPath", str_or(container_label(k, LABEL_LOG), ""));
	(void)json_put_str(o, "Snapshotter", k->snapshotter);
	(void)json_put_str(o, "SnapshotKey", k->snapshot_key);
	(void)json_put(o, "Created", json_incref(json_object_get(whole, "created_at")));
	(void)json_put(o, "Updated", json_incref(json_object_get(whole, "updated_at")));
	(void)json_put(o, "Runtime", json_incref(json_object_get(whole, "runtime")));
	(void)json_put(o, "Labels",
		       json_object_get(whole, "labels")
			       ? json_incref(json_object_get(whole, "labels"))
			       : json_object());
	(void)json_put(o, "Spec", json_incref(json_object_get(whole, "spec")));
	*ret = o;
	return CTR_OK;
}

static json_t *config_json(const struct oci_image_config *config)
{
	json_t *o = json_object();
	json_t *labels = json_object();

	(void)json_put_str(o, "User", config->user);
	(void)json_put(o, "Env", json_strings(config->env));
	(void)json_put(o, "Entrypoint", json_strings(config->entrypoint));
	(void)json_put(o, "Cmd", json_strings(config->cmd));
	(void)json_put_str(o, "WorkingDir", config->workdir);
	(void)json_put_str(o, "StopSignal", config->stop_signal);
	(void)json_put(o, "Volumes", json_strings(config->volumes));
	for (size_t i = 0; config->label_keys && config->label_keys[i]; i++)
		(void)json_put_str(labels, config->label_keys[i], config->label_values[i]);
	(void)json_put(o, "Labels", labels);
	return o;
}

static ctr_code image_json(struct cli *c, const IMAGES(Image) *stored, json_t **ret,
			   struct ctr_error *err)
{
	AUTO_JSON whole = pb_to_json(&stored->base);
	AUTO_IMAGE image = { 0 };
	struct platform platform;
	ctr_code code = platform_parse(NULL, &platform, err);
	json_t *o;

	if (code == CTR_OK)
		code = image_load(c, stored, &platform, 0, &image, err);
	if (code != CTR_OK)
		return code;
	o = json_object();
	(void)json_put_str(o, "ID", stored->target->digest);
	(void)json_put_str(o, "Name", stored->name);
	(void)json_put_str(o, "Type", "image");
	(void)json_put(o, "Target", json_incref(json_object_get(whole, "target")));
	(void)json_put(o, "Added", json_incref(json_object_get(whole, "created_at")));
	(void)json_put_str(o, "Created", image.created);
	(void)json_put_str(o, "Architecture", image.config.architecture);
	(void)json_put_str(o, "Os", image.config.os);
	(void)json_put_str(o, "ConfigDigest", image.config_digest);
	(void)json_put_str(o, "Snapshot", image.chain);
	(void)json_put(o, "Config", config_json(&image.config));
	(void)json_put(o, "Labels",
		       json_object_get(whole, "labels")
			       ? json_incref(json_object_get(whole, "labels"))
			       : json_object());
	*ret = o;
	return CTR_OK;
}

static ctr_code inspect_one(struct cli *c, const char *name, json_t **ret, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_PB IMAGES(Image) *image = NULL;
	AUTO_ERROR why = ERROR_INIT;
	const char *type = arg_text(&c->args, "type");
	ctr_code code = CTR_NOT_FOUND;

	if (!type || str_eq(type, "container"))
		code = container_find(c, name, &k, &why);
	if (code == CTR_OK)
		return container_json(c, k, ret, err);
	if (code != CTR_NOT_FOUND || (type && !str_eq(type, "image")))
		return ctr_move_error(err, &why);
	code = image_find(c, name, &image, &why);
	if (code == CTR_NOT_FOUND && !type)
		return ctr_fail(err, CTR_NOT_FOUND,
				"there is neither a container nor an image '%s'", name);
	return code == CTR_OK ? image_json(c, image, ret, err) : ctr_move_error(err, &why);
}

ctr_code verb_inspect(struct cli *c, struct ctr_error *err)
{
	const char *format = arg_text(&c->args, "format");
	const char *type = arg_text(&c->args, "type");
	AUTO_JSON all = json_array();
	AUTO_BUF out = BUF_INIT(64 * 1024 * 1024);

	if (type && !str_eq(type, "container") && !str_eq(type, "image"))
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "--type '%s': container or image", type);
	for (size_t i = 0; i < c->args.n_rest; i++) {
		json_t *one = NULL;
		ctr_code code;

		c->subject = c->args.rest[i];
		code = inspect_one(c, c->args.rest[i], &one, err);
		if (code == CTR_OK && format) {
			code = out_template(format, one, &out, err);
			buf_putc(&out, '\n');
		}
		if (code == CTR_OK && json_array_append(all, one) != 0)
			code = ctr_fail_errno(err, ENOMEM, "inspect");
		json_decref(one);
		if (code != CTR_OK)
			return code;
	}
	return format ? out_flush(&out, err) : out_json(all, err);
}
