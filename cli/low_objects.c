/* SPDX-License-Identifier: Apache-2.0
 *
 * The groups "image", "container" and "task": the stored objects as they are, without what the
 * docker-like verbs add.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/container.h"
#include "cli/image.h"
#include "cli/pbjson.h"
#include "cli/pbutil.h"
#include "cli/task.h"
#include "cli/verbs.h"
#include "oci/image_config.h"
#include "oci/json.h"

static ctr_code append(json_t *rows, json_t *row, int bad, struct ctr_error *err)
{
	return json_array_append_new(rows, row) != 0 || bad ? ctr_fail_errno(err, ENOMEM, "list")
							    : CTR_OK;
}

ctr_code verb_image_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Name", "NAME" },
		{ "MediaType", "MEDIA TYPE" },
		{ "Digest", "DIGEST" },
		{ "Size", "SIZE" },
	};
	IMAGES(ListImagesRequest) req = IMAGES_INIT(LIST_IMAGES_REQUEST);
	AUTO_PB IMAGES(ListImagesResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code;

	req.filters = c->args.rest;
	req.n_filters = c->args.n_rest;
	code = cli_call(c, IMAGES_SERVICE, "List", &req, &resp, err);
	for (size_t i = 0; code == CTR_OK && i < resp->n_images; i++) {
		const TYPES(Descriptor) *t = resp->images[i]->target;
		json_t *o = json_object();
		int bad = json_put_str(o, "Name", resp->images[i]->name);

		bad |= json_put_str(o, "MediaType", t ? t->media_type : "");
		bad |= json_put_str(o, "Digest", t ? t->digest : "");
		bad |= json_put_int(o, "Size", t ? t->size : 0);
		code = append(rows, o, bad, err);
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "Name", rows, err)
			      : code;
}

ctr_code verb_image_rm(struct cli *c, struct ctr_error *err)
{
	return verb_rmi(c, err);
}

ctr_code verb_image_info(struct cli *c, struct ctr_error *err)
{
	AUTO_PB IMAGES(Image) *image = NULL;
	AUTO_JSON o = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = image_find(c, c->args.rest[0], &image, err);
	if (code != CTR_OK)
		return code;
	o = pb_to_json(&image->base);
	return out_json(o, err);
}

ctr_code verb_container_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "ID", "ID" },
		{ "Image", "IMAGE" },
		{ "Runtime", "RUNTIME" },
		{ "Snapshotter", "SNAPSHOTTER" },
	};
	CONTAINERS(ListContainersRequest) req = CONTAINERS_INIT(LIST_CONTAINERS_REQUEST);
	AUTO_PB CONTAINERS(ListContainersResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code;

	req.filters = c->args.rest;
	req.n_filters = c->args.n_rest;
	code = cli_call(c, CONTAINERS_SERVICE, "List", &req, &resp, err);
	for (size_t i = 0; code == CTR_OK && i < resp->n_containers; i++) {
		const CONTAINERS(Container) *k = resp->containers[i];
		char when[RFC3339_ROOM];
		json_t *o = json_object();
		int bad = json_put_str(o, "ID", k->id);

		timestamp_text(k->created_at, when, sizeof(when));
		bad |= json_put_str(o, "Image", k->image);
		bad |= json_put_str(o, "Runtime", k->runtime ? k->runtime->name : "");
		bad |= json_put_str(o, "Snapshotter", k->snapshotter);
		bad |= json_put_str(o, "CreatedAt", when);
		code = append(rows, o, bad, err);
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err)
			      : code;
}

static ctr_code container_rm_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	ctr_code code = container_find(c, name, &k, err);

	return code == CTR_OK ? container_remove(c, k, err) : code;
}

ctr_code verb_container_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, container_rm_one, err);
}

ctr_code verb_container_info(struct cli *c, struct ctr_error *err)
{
	AUTO_PB CONTAINERS(Container) *k = NULL;
	AUTO_JSON o = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = container_find(c, c->args.rest[0], &k, err);
	if (code != CTR_OK)
		return code;
	o = pb_to_json(&k->base);
	return out_json(o, err);
}

ctr_code verb_task_ls(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = { { "ID", "TASK" },
						 { "Pid", "PID" },
						 { "Status", "STATUS" } };
	TASKS(ListTasksRequest) req = TASKS_INIT(LIST_TASKS_REQUEST);
	AUTO_PB TASKS(ListTasksResponse) *resp = NULL;
	AUTO_JSON rows = json_array();
	ctr_code code = cli_call(c, TASKS_SERVICE, "List", &req, &resp, err);

	for (size_t i = 0; code == CTR_OK && i < resp->n_tasks; i++) {
		const Containerd__V1__Types__Process *p = resp->tasks[i];
		json_t *o = json_object();
		int bad = json_put_str(o, "ID", p->id[0] ? p->id : p->container_id);

		bad |= json_put_int(o, "Pid", p->pid);
		bad |= json_put_str(o, "Status", task_state_text((int)p->status));
		bad |= json_put_int(o, "ExitCode", p->exit_status);
		code = append(rows, o, bad, err);
	}
	return code == CTR_OK ? out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err)
			      : code;
}

static ctr_code task_rm_one(struct cli *c, const char *name, struct ctr_error *err)
{
	AUTO_FREE char *id = NULL;
	ctr_code code = container_id(c, name, &id, err);

	if (code != CTR_OK)
		return code;
	return arg_on(&c->args, "force") ? task_finish_off(c, id, err)
					 : task_delete(c, id, NULL, NULL, err);
}

ctr_code verb_task_rm(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, task_rm_one, err);
}

ctr_code verb_task_info(struct cli *c, struct ctr_error *err)
{
	AUTO_PB TASKS(GetResponse) *state = NULL;
	AUTO_FREE char *id = NULL;
	AUTO_JSON o = NULL;
	ctr_code code;

	c->subject = c->args.rest[0];
	code = container_id(c, c->args.rest[0], &id, err);
	if (code == CTR_OK)
		code = task_get(c, id, NULL, &state, err);
	if (code != CTR_OK)
		return code;
	o = pb_to_json(&state->process->base);
	return out_json(o, err);
}

ctr_code verb_task_kill(struct cli *c, struct ctr_error *err)
{
	const char *text = str_or(arg_text(&c->args, "signal"), "TERM");
	AUTO_FREE char *id = NULL;
	int sig = oci_signal_parse(text);
	ctr_code code;

	c->subject = c->args.rest[0];
	if (sig < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is no signal", text);
	code = container_id(c, c->args.rest[0], &id, err);
	return code == CTR_OK ? task_kill(c, id, arg_text(&c->args, "exec-id"), sig,
					  arg_on(&c->args, "all"), err)
			      : code;
}
