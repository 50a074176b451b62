/* SPDX-License-Identifier: Apache-2.0
 *
 * Finding an image, walking index, manifest and config, and the cache of what was parsed. A cache
 * entry is named by the target's digest and the platform, so it can become useless but never wrong.
 */
#include "cli/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/ident.h"
#include "base/io.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/content.h"
#include "cli/pbutil.h"

#define CACHE_MAX   (1024 * 1024)
#define CACHE_MAGIC "ctr-image-1"
#define INDEXES_MAX 4 /* one in another */
#define DOCUMENT(x) CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_##x
#define REF_LABEL   "containerd.io/gc.ref.snapshot."

void image_done(struct image *i)
{
	free(i->name);
	free(i->digest);
	free(i->config_digest);
	free(i->chain);
	free(i->created);
	oci_image_config_done(&i->config);
	*i = (struct image){ 0 };
}

ctr_code image_full_name(const char *name, char **ret, struct ctr_error *err)
{
	struct image_ref ref;
	const char *why = "malformed";

	if (image_ref_parse(name, &ref, &why) < 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT, "'%s' is not an image name: %s", name,
				why);
	*ret = str_dup(ref.full);
	return *ret ? CTR_OK : ctr_fail_errno(err, ENOMEM, "image name");
}

static ctr_code get(struct cli *c, const char *name, IMAGES(Image) **ret, struct ctr_error *err)
{
	IMAGES(GetImageRequest) req = IMAGES_INIT(GET_IMAGE_REQUEST);
	AUTO_PB IMAGES(GetImageResponse) *resp = NULL;
	ctr_code code;

	req.name = pb_str(name);
	code = cli_call(c, IMAGES_SERVICE, "Get", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	if (!resp->image || !resp->image->target || !digest_valid(resp->image->target->digest))
		return ctr_fail(err, CTR_INTERNAL,
				"the daemon's answer for image '%s' has no target", name);
	*ret = take_ptr(&resp->image);
	return CTR_OK;
}

/* By the beginning of the target's digest, with or without "sha256:". */
static ctr_code by_digest(struct cli *c, const char *prefix, IMAGES(Image) **ret,
			  struct ctr_error *err)
{
	IMAGES(ListImagesRequest) req = IMAGES_INIT(LIST_IMAGES_REQUEST);
	AUTO_PB IMAGES(ListImagesResponse) *resp = NULL;
	IMAGES(Image) *found = NULL;
	ctr_code code;

	if (str_starts(prefix, "sha256:"))
		prefix += strlen("sha256:");
	if (strlen(prefix) < 4 || strspn(prefix, "0123456789abcdef") != strlen(prefix))
		return CTR_NOT_FOUND;
	code = cli_call(c, IMAGES_SERVICE, "List", &req, &resp, err);
	for (size_t i = 0; code == CTR_OK && i < resp->n_images; i++) {
		const char *digest = resp->images[i]->target ? resp->images[i]->target->digest : "";

		if (!str_starts(digest, "sha256:") || !str_starts(digest + 7, prefix))
			continue;
		if (found && !str_eq(found->target->digest, digest))
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"'%s' begins the digests of several images", prefix);
		found = resp->images[i];
	}
	if (code != CTR_OK || !found)
		return code != CTR_OK ? code : CTR_NOT_FOUND;
	return get(c, found->name, ret, err);
}

ctr_code image_find(struct cli *c, const char *name, IMAGES(Image) **ret, struct ctr_error *err)
{
	AUTO_ERROR why = ERROR_INIT;
	AUTO_FREE char *full = NULL;
	ctr_code code = image_full_name(name, &full, &why);

	if (code == CTR_OK)
		code = get(c, full, ret, &why);
	/* names that other clients stored as they are */
	if (code == CTR_NOT_FOUND && !str_eq(full, name))
		code = get(c, name, ret, &why);
	if (code == CTR_NOT_FOUND || code == CTR_INVALID_ARGUMENT) {
		ctr_code other = by_digest(c, name, ret, err);

		if (other != CTR_NOT_FOUND)
			return other;
	}
	if (code == CTR_NOT_FOUND)
		return ctr_fail(err, CTR_NOT_FOUND, "no image '%s'", full);
	return code == CTR_OK ? code : ctr_move_error(err, &why);
}

/* What the worker said, as our own model. */
static int copy_config(const Ctr__Worker__V1__ParsedConfig *from, struct oci_image_config *to)
{
	int bad = 0;

	to->os = str_dup(from->os);
	to->architecture = str_dup(from->architecture);
	to->variant = str_dup(from->variant);
	to->user = str_dup(from->user);
	to->workdir = str_dup(from->working_dir);
	to->stop_signal = from->stop_signal[0] ? str_dup(from->stop_signal) : NULL;
	bad |= !to->user || !to->workdir;
	for (size_t i = 0; i < from->n_entrypoint; i++)
		bad |= strv_push(&to->entrypoint, from->entrypoint[i]);
	for (size_t i = 0; i < from->n_cmd; i++)
		bad |= strv_push(&to->cmd, from->cmd[i]);
	for (size_t i = 0; i < from->n_env; i++)
		bad |= strv_push(&to->env, from->env[i]);
	for (size_t i = 0; i < from->n_volumes; i++)
		bad |= strv_push(&to->volumes, from->volumes[i]);
	for (size_t i = 0; i < from->n_labels; i++) {
		bad |= strv_push(&to->label_keys, from->labels[i]->key);
		bad |= strv_push(&to->label_values, from->labels[i]->value);
	}
	return bad;
}

static char *cache_name(const char *digest, const struct platform *p)
{
	return str_printf("%s-%s-%s-%s", strchr(digest, ':') + 1, p->os, p->arch, p->variant);
}

static int cache_dir(struct cli *c, int make)
{
	AUTO_FREE char *path = cli_state_dir(c) ? str_printf("%s/images", c->state_dir) : NULL;
	int fd;

	if (!path)
		return -ENOMEM;
	if (!make) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? -errno : fd;
	}
	return path_own_dir(path, 0700);
}

/* "ctr-image-1\n<config digest>\n<chain>\n" and the packed ParsedConfig. */
static int cache_decode(char *data, size_t n, struct image *i)
{
	char *line[3], *p = data;
	Ctr__Worker__V1__ParsedConfig *config;
	int bad;

	for (size_t k = 0; k < ARRAY_SIZE(line); k++) {
		char *end = memchr(p, '\n', n - (size_t)(p - data));

		if (!end)
			return -EINVAL;
		line[k] = p;
		*end = 0;
		p = end + 1;
	}
	if (!str_eq(line[0], CACHE_MAGIC) || !digest_valid(line[1]) || !digest_valid(line[2]))
		return -EINVAL;
	config = pb_unpack(&ctr__worker__v1__parsed_config__descriptor, p, n - (size_t)(p - data),
			   CACHE_MAX);
	if (!config)
		return -EINVAL;
	bad = copy_config(config, &i->config);
	i->created = str_dup(config->created);
	i->config_digest = str_dup(line[1]);
	i->chain = str_dup(line[2]);
	pb_free(config);
	return bad || !i->config_digest || !i->chain ? -ENOMEM : 0;
}

static int cache_read(struct cli *c, const struct platform *p, struct image *i)
{
	AUTO_FREE char *name = cache_name(i->digest, p);
	AUTO_FREE char *data = NULL;
	AUTO_CLOSE int dir = cache_dir(c, 0);
	size_t n;
	int r;

	if (dir < 0 || !name)
		return -ENOENT;
	r = io_read_file(dir, name, CACHE_MAX, &data, &n);
	return r < 0 ? r : cache_decode(data, n, i);
}

/* Failing to write it costs the next run a worker, nothing else. */
static void cache_write(struct cli *c, const struct platform *p, const struct image *i,
			const Ctr__Worker__V1__ParsedConfig *config)
{
	AUTO_FREE char *name = cache_name(i->digest, p);
	AUTO_CLOSE int dir = cache_dir(c, 1);
	AUTO_BUF b = BUF_INIT(CACHE_MAX);
	AUTO_FREE void *packed = NULL;
	size_t n;

	if (dir < 0 || !name || !i->chain[0] || pb_pack(config, CACHE_MAX, &packed, &n) < 0)
		return;
	buf_printf(&b, CACHE_MAGIC "\n%s\n%s\n", i->config_digest, i->chain);
	buf_append(&b, packed, n);
	if (!buf_failed(&b))
		(void)io_write_file(dir, name, b.data, b.len, 0600, 0);
}

void image_forget(struct cli *c, const char *digest)
{
	const char *hex = strchr(digest, ':') ? strchr(digest, ':') + 1 : digest;
	int fd = cache_dir(c, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((e = readdir(dir))) {
		if (str_starts(e->d_name, hex))
			(void)unlinkat(fd, e->d_name, 0);
	}
	(void)closedir(dir);
}

/* The chain id is on the config's blob, as the reference that keeps the snapshots alive. */
static ctr_code read_chain(struct cli *c, struct image *i, struct ctr_error *err)
{
	CONTENT(InfoRequest) req = CONTENT_INIT(INFO_REQUEST);
	AUTO_PB CONTENT(InfoResponse) *resp = NULL;
	ctr_code code;

	req.digest = i->config_digest;
	code = cli_call(c, CONTENT_SERVICE, "Info", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	i->chain = str_dup("");
	for (size_t k = 0; resp->info && k < resp->info->n_labels; k++) {
		const char *value = resp->info->labels[k]->value;

		if (!str_starts(resp->info->labels[k]->key, REF_LABEL) || !digest_valid(value))
			continue;
		free(i->chain);
		i->chain = str_dup(value);
	}
	return i->chain ? CTR_OK : ctr_fail_errno(err, ENOMEM, "image");
}

/* The manifest for the platform, through an index if the target is one. */
static ctr_code find_manifest(struct cli *c, struct parser *parser, const IMAGES(Image) *stored,
			      const struct platform *p, struct worker_reply *ret,
			      struct ctr_error *err)
{
	Ctr__Worker__V1__Platform want = CTR__WORKER__V1__PLATFORM__INIT;
	AUTO_FREE char *digest = str_dup(stored->target->digest);
	AUTO_FREE char *media = str_dup(stored->target->media_type);

	want.os = pb_str(p->os);
	want.architecture = pb_str(p->arch);
	want.variant = pb_str(p->variant);
	for (int level = 0; level < INDEXES_MAX && digest && media; level++) {
		AUTO_WORKER_REPLY reply = { 0 };
		ctr_code code =
			parser_run(parser, c, digest, DOCUMENT(AUTO), media, &want, &reply, err);

		if (code != CTR_OK)
			return code;
		if (reply.msg->result_case == CTR__WORKER__V1__REPLY__RESULT_MANIFEST) {
			*ret = reply;
			reply = (struct worker_reply){ 0 };
			return CTR_OK;
		}
		if (reply.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_INDEX)
			return ctr_fail(err, CTR_INTERNAL,
					"document '%s': the worker answered something else",
					digest);
		if (reply.msg->index->chosen < 0)
			return ctr_fail(err, CTR_NOT_FOUND, "image '%s' has nothing for %s/%s",
					stored->name, p->os, p->arch);

		const Ctr__Worker__V1__Descriptor *d =
			reply.msg->index->manifests[reply.msg->index->chosen];

		free(digest);
		free(media);
		digest = str_dup(d->digest);
		media = str_dup(d->media_type);
	}
	return ctr_fail(err, CTR_INVALID_ARGUMENT, "image '%s': too many indexes in one another",
			stored->name);
}

ctr_code image_documents(struct cli *c, struct parser *parser, const IMAGES(Image) *stored,
			 const struct platform *platform, struct worker_reply *ret_manifest,
			 struct worker_reply *ret_config, char **ret_digest, struct ctr_error *err)
{
	AUTO_WORKER_REPLY manifest = { 0 };
	AUTO_WORKER_REPLY config = { 0 };
	AUTO_FREE char *digest = NULL;
	ctr_code code = find_manifest(c, parser, stored, platform, &manifest, err);

	if (code != CTR_OK)
		return code;
	digest = str_dup(manifest.msg->manifest->config->digest);
	if (!digest)
		return ctr_fail_errno(err, ENOMEM, "image");
	code = parser_run(parser, c, digest, DOCUMENT(CONFIG), NULL, NULL, &config, err);
	if (code != CTR_OK)
		return code;
	if (config.msg->result_case != CTR__WORKER__V1__REPLY__RESULT_CONFIG)
		return ctr_fail(err, CTR_INTERNAL,
				"config '%s': the worker answered something else", digest);
	*ret_digest = take_ptr(&digest);
	*ret_manifest = manifest;
	*ret_config = config;
	manifest = config = (struct worker_reply){ 0 };
	return CTR_OK;
}

static ctr_code load_parsed(struct cli *c, const IMAGES(Image) *stored, const struct platform *p,
			    struct image *i, struct ctr_error *err)
{
	AUTO_PARSER parser = { 0 };
	AUTO_WORKER_REPLY manifest = { 0 };
	AUTO_WORKER_REPLY config = { 0 };
	ctr_code code;

	code = image_documents(c, &parser, stored, p, &manifest, &config, &i->config_digest, err);
	if (code != CTR_OK)
		return code;
	if (copy_config(config.msg->config, &i->config) != 0)
		return ctr_fail_errno(err, ENOMEM, "image config");
	i->created = str_dup(config.msg->config->created);
	code = read_chain(c, i, err);
	if (code == CTR_OK)
		cache_write(c, p, i, config.msg->config);
	return code;
}

ctr_code image_load(struct cli *c, const IMAGES(Image) *stored, const struct platform *platform,
		    int fresh, struct image *ret, struct ctr_error *err)
{
	AUTO_IMAGE i = { .name = str_dup(stored->name), .digest = str_dup(stored->target->digest) };
	ctr_code code = CTR_OK;

	if (!i.name || !i.digest)
		return ctr_fail_errno(err, ENOMEM, "image");
	if (!fresh && cache_read(c, platform, &i) == 0) {
		i.from_cache = 1;
	} else {
		oci_image_config_done(&i.config);
		free(take_ptr(&i.config_digest));
		free(take_ptr(&i.chain));
		free(take_ptr(&i.created));
		code = load_parsed(c, stored, platform, &i, err);
	}
	if (code != CTR_OK)
		return code;
	*ret = i;
	i = (struct image){ 0 };
	return CTR_OK;
}
