/* SPDX-License-Identifier: Apache-2.0
 *
 * images, tag and rmi.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/str.h"
#include "cli/image.h"
#include "cli/pbutil.h"
#include "cli/verbs.h"
#include "oci/json.h"

static json_t *row(const struct args *a, const IMAGES(Image) *image)
{
	const char *digest = image->target ? image->target->digest : "";
	const char *hex = strchr(digest, ':') ? strchr(digest, ':') + 1 : digest;
	int full = arg_on(a, "no-trunc");
	struct image_ref ref = { .host = "" };
	const char *why;
	char when[RFC3339_ROOM];
	json_t *o = json_object();
	int parsed = image_ref_parse_exact(image->name, &ref, &why) == 0;
	int bad;

	timestamp_text(image->updated_at, when, sizeof(when));
	bad = json_put_str(o, "Name", image->name);
	bad |= json_put(o, "Repository",
			parsed ? json_sprintf("%s/%s", ref.host, ref.path)
			       : json_string(image->name));
	bad |= json_put_str(o, "Tag", parsed && ref.tag[0] ? ref.tag : "<none>");
	bad |= json_put(o, "ID", full ? json_string(digest) : json_sprintf("%.12s", hex));
	bad |= json_put_str(o, "Digest", digest);
	bad |= json_put_str(o, "MediaType", image->target ? image->target->media_type : "");
	bad |= json_put_str(o, "UpdatedAt", when);
	bad |= json_put(o, "Created", human_age(pb_timestamp_ns(image->created_at)));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

ctr_code verb_images(struct cli *c, struct ctr_error *err)
{
	static const struct column columns[] = {
		{ "Repository", "REPOSITORY" },
		{ "Tag", "TAG" },
		{ "ID", "IMAGE ID" },
		{ "Created", "ADDED" },
	};
	IMAGES(ListImagesRequest) req = IMAGES_INIT(LIST_IMAGES_REQUEST);
	AUTO_PB IMAGES(ListImagesResponse) *resp = NULL;
	AUTO_FREE char *filter = NULL, *full = NULL;
	char *filters[1];
	AUTO_JSON rows = json_array();
	ctr_code code;

	if (c->args.n_rest) {
		code = image_full_name(c->args.rest[0], &full, err);
		if (code != CTR_OK)
			return code;
		filter = str_printf("name==\"%s\"", full);
		filters[0] = filter;
		req.filters = filters;
		req.n_filters = 1;
		if (!filter)
			return ctr_fail_errno(err, ENOMEM, "images");
	}
	code = cli_call(c, IMAGES_SERVICE, "List", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	for (size_t i = 0; i < resp->n_images; i++) {
		if (json_array_append_new(rows, row(&c->args, resp->images[i])) != 0)
			return ctr_fail_errno(err, ENOMEM, "images");
	}
	return out_rows(&c->args, columns, ARRAY_SIZE(columns), "ID", rows, err);
}

ctr_code verb_tag(struct cli *c, struct ctr_error *err)
{
	IMAGES(CreateImageRequest) create = IMAGES_INIT(CREATE_IMAGE_REQUEST);
	IMAGES(UpdateImageRequest) update = IMAGES_INIT(UPDATE_IMAGE_REQUEST);
	AUTO_PB IMAGES(Image) *from = NULL;
	AUTO_FREE char *name = NULL;
	AUTO_ERROR why = ERROR_INIT;
	IMAGES(Image) to = IMAGES_INIT(IMAGE);
	ctr_code code;

	c->subject = c->args.rest[0];
	code = image_find(c, c->args.rest[0], &from, err);
	if (code == CTR_OK)
		code = image_full_name(c->args.rest[1], &name, err);
	if (code != CTR_OK)
		return code;
	to.name = name;
	to.target = from->target;
	to.labels = from->labels;
	to.n_labels = from->n_labels;
	create.image = &to;
	code = cli_call(c, IMAGES_SERVICE, "Create", &create, NULL, &why);
	if (code != CTR_ALREADY_EXISTS)
		return ctr_move_error(err, &why);
	/* a tag that exists moves */
	update.image = &to;
	return cli_call(c, IMAGES_SERVICE, "Update", &update, NULL, err);
}

static ctr_code rmi_one(struct cli *c, const char *name, struct ctr_error *err)
{
	IMAGES(DeleteImageRequest) req = IMAGES_INIT(DELETE_IMAGE_REQUEST);
	AUTO_PB IMAGES(Image) *image = NULL;
	AUTO_BUF out = BUF_INIT(4096);
	ctr_code code = image_find(c, name, &image, err);

	if (code != CTR_OK)
		return code;
	req.name = image->name;
	req.sync = arg_on(&c->args, "sync");
	code = cli_call(c, IMAGES_SERVICE, "Delete", &req, NULL, err);
	if (code != CTR_OK)
		return code;
	image_forget(c, image->target->digest);
	buf_printf(&out, "removed %s\n", image->name);
	return out_flush(&out, err);
}

ctr_code verb_rmi(struct cli *c, struct ctr_error *err)
{
	return cli_each(c, rmi_one, err);
}
