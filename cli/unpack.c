/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacking an image layer by layer. A lease holds what is made until the label on the config's
 * blob does. libcrypto is loaded when a chain id has to be hashed, so that no other verb pays for
 * it.
 */
#include "cli/unpack.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/ident.h"
#include "base/rand.h"
#include "base/str.h"
#include "cli/content.h"
#include "cli/pbutil.h"

#define LIBCRYPTO  "libcrypto.so.3"
#define SHA256_LEN 32
#define REF_LABEL  "containerd.io/gc.ref.snapshot."
#define HOLD_NS    (24 * 3600 * NS_PER_SEC)

struct unpacking {
	struct cli *c;
	const char *snapshotter;
	struct worker_reply manifest, config;
	char *config_digest;
	char lease[32];
};

typedef unsigned char *sha256_fn(const unsigned char *data, size_t n, unsigned char *ret);

int chain_id(const char *parent, const char *diff_id, char **ret)
{
	unsigned char sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	AUTO_FREE char *text = NULL;
	sha256_fn *sha256;
	void *lib;

	if (!parent) {
		*ret = str_dup(diff_id);
		return *ret ? 0 : -ENOMEM;
	}
	/* never closed: the process ends soon */
	lib = dlopen(LIBCRYPTO, RTLD_NOW | RTLD_LOCAL);
	void *symbol = lib ? dlsym(lib, "SHA256") : NULL;

	if (!symbol)
		return -ENOSYS;
	/* what POSIX asks for where ISO C forbids the cast */
	memcpy(&sha256, &symbol, sizeof(sha256));
	text = str_printf("%s %s", parent, diff_id);
	if (!text || !sha256((const unsigned char *)text, strlen(text), sum))
		return -ENOMEM;
	hex_encode(sum, sizeof(sum), hex);
	*ret = str_printf("sha256:%s", hex);
	return *ret ? 0 : -ENOMEM;
}

static ctr_code hold(struct unpacking *u, struct ctr_error *err)
{
	LEASES(CreateRequest) req = LEASES_INIT(CREATE_REQUEST);
	char until[RFC3339_ROOM], random[13];
	const struct pair label = { "containerd.io/gc.expire", until };
	struct rpc *rpc;
	ctr_code code;

	rand_hex(random, 12);
	clock_rfc3339(clock_wall_ns() + HOLD_NS, until);
	(void)snprintf(u->lease, sizeof(u->lease), "unpack-%s", random);
	req.id = u->lease;
	req.labels = pb_map_new(
		&containerd__services__leases__v1__create_request__labels_entry__descriptor, &label,
		1);
	req.n_labels = req.labels ? 1 : 0;
	code = cli_call(u->c, LEASES_SERVICE, "Create", &req, NULL, err);
	pb_map_free(req.labels, req.n_labels);
	if (code == CTR_OK)
		code = cli_rpc(u->c, &rpc, err);
	if (code == CTR_OK)
		rpc_set_lease(rpc, u->lease);
	else
		u->lease[0] = 0;
	return code;
}

static void let_go(struct unpacking *u)
{
	LEASES(DeleteRequest) req = LEASES_INIT(DELETE_REQUEST);
	AUTO_ERROR ignored = ERROR_INIT;
	struct rpc *rpc;

	if (!u->lease[0] || cli_rpc(u->c, &rpc, &ignored) != CTR_OK)
		return;
	rpc_set_lease(rpc, NULL);
	req.id = u->lease;
	/* an unanswered one expires */
	(void)cli_call(u->c, LEASES_SERVICE, "Delete", &req, NULL, &ignored);
}

static void discard(struct unpacking *u, const char *key)
{
	SNAPSHOTS(RemoveSnapshotRequest) req = SNAPSHOTS_INIT(REMOVE_SNAPSHOT_REQUEST);
	AUTO_ERROR ignored = ERROR_INIT;

	req.snapshotter = pb_str(u->snapshotter);
	req.key = pb_str(key);
	(void)cli_call(u->c, SNAPSHOTS_SERVICE, "Remove", &req, NULL, &ignored);
}

static ctr_code apply(struct unpacking *u, const Ctr__Worker__V1__Descriptor *layer,
		      const char *diff_id, const SNAPSHOTS(PrepareSnapshotResponse) *prepared,
		      struct ctr_error *err)
{
	DIFF(ApplyRequest) req = DIFF_INIT(APPLY_REQUEST);
	AUTO_PB DIFF(ApplyResponse) *resp = NULL;
	TYPES(Descriptor) desc = TYPES_INIT(DESCRIPTOR);
	ctr_code code;

	desc.media_type = layer->media_type;
	desc.digest = layer->digest;
	desc.size = layer->size;
	req.diff = &desc;
	req.mounts = prepared->mounts;
	req.n_mounts = prepared->n_mounts;
	code = cli_call(u->c, DIFF_SERVICE, "Apply", &req, &resp, err);
	if (code != CTR_OK)
		return code;
	if (!resp->applied || !str_eq(resp->applied->digest, diff_id))
		return ctr_fail(err, CTR_DATA_LOSS, "it holds %s where the config names %s",
				resp->applied ? resp->applied->digest : "nothing", diff_id);
	return CTR_OK;
}

static ctr_code commit(struct unpacking *u, const char *key, const char *name,
		       struct ctr_error *err)
{
	SNAPSHOTS(CommitSnapshotRequest) req = SNAPSHOTS_INIT(COMMIT_SNAPSHOT_REQUEST);

	req.snapshotter = pb_str(u->snapshotter);
	req.key = pb_str(key);
	req.name = pb_str(name);
	return cli_call(u->c, SNAPSHOTS_SERVICE, "Commit", &req, NULL, err);
}

static ctr_code layer(struct unpacking *u, size_t i, const char *parent, const char *name,
		      struct ctr_error *err)
{
	SNAPSHOTS(PrepareSnapshotRequest) req = SNAPSHOTS_INIT(PREPARE_SNAPSHOT_REQUEST);
	AUTO_PB SNAPSHOTS(PrepareSnapshotResponse) *prepared = NULL;
	const struct pair label = { "containerd.io/snapshot.ref", name };
	const Ctr__Worker__V1__Descriptor *blob = u->manifest.msg->manifest->layers[i];
	AUTO_ERROR why = ERROR_INIT;
	AUTO_FREE char *key = NULL;
	char random[13];
	ctr_code code;

	rand_hex(random, 12);
	key = str_printf("extract-%s %s", random, name);
	if (!key)
		return ctr_fail_errno(err, ENOMEM, "layer");
	req.snapshotter = pb_str(u->snapshotter);
	req.key = key;
	req.parent = pb_str(parent ? parent : "");
	req.labels = pb_map_new(
		&containerd__services__snapshots__v1__prepare_snapshot_request__labels_entry__descriptor,
		&label, 1);
	req.n_labels = req.labels ? 1 : 0;
	code = cli_call(u->c, SNAPSHOTS_SERVICE, "Prepare", &req, &prepared, &why);
	pb_map_free(req.labels, req.n_labels);
	if (code == CTR_ALREADY_EXISTS)
		return CTR_OK; /* the layer is there, or somebody else's */
	if (code == CTR_OK) {
		code = apply(u, blob, u->config.msg->config->diff_ids[i], prepared, &why);
		if (code == CTR_OK)
			code = commit(u, key, name, &why);
		if (code != CTR_OK)
			discard(u, key);
	}
	if (code == CTR_OK || code == CTR_ALREADY_EXISTS)
		return CTR_OK;
	(void)ctr_wrap(&why, "layer %s", blob->digest);
	return ctr_move_error(err, &why);
}

static ctr_code layers(struct unpacking *u, char **ret_chain, struct ctr_error *err)
{
	const Ctr__Worker__V1__ParsedManifest *m = u->manifest.msg->manifest;
	const Ctr__Worker__V1__ParsedConfig *config = u->config.msg->config;
	AUTO_FREE char *parent = NULL;

	if (m->n_layers != config->n_diff_ids || m->n_layers == 0)
		return ctr_fail(err, CTR_INVALID_ARGUMENT,
				"%zu layers in the manifest, %zu in the config", m->n_layers,
				config->n_diff_ids);
	for (size_t i = 0; i < m->n_layers; i++) {
		char *name = NULL;
		int r = chain_id(parent, config->diff_ids[i], &name);
		ctr_code code;

		if (r < 0)
			return ctr_fail_errno(err, r, "chain id (" LIBCRYPTO ")");
		code = layer(u, i, parent, name, err);
		free(parent);
		parent = name;
		if (code != CTR_OK)
			return code;
	}
	*ret_chain = take_ptr(&parent);
	return CTR_OK;
}

/* From now on the image itself keeps the snapshots. */
static ctr_code label_config(struct unpacking *u, const char *chain, struct ctr_error *err)
{
	CONTENT(UpdateRequest) req = CONTENT_INIT(UPDATE_REQUEST);
	CONTENT(Info) info = CONTENT_INIT(INFO);
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	AUTO_FREE char *key = str_printf(REF_LABEL "%s", u->snapshotter);
	AUTO_FREE char *path = key ? str_printf("labels.%s", key) : NULL;
	const struct pair label = { key, chain };
	char *paths[] = { path };
	ctr_code code;

	if (!path)
		return ctr_fail_errno(err, ENOMEM, "label");
	info.digest = u->config_digest;
	info.labels = pb_map_new(&containerd__services__content__v1__info__labels_entry__descriptor,
				 &label, 1);
	info.n_labels = info.labels ? 1 : 0;
	mask.paths = paths;
	mask.n_paths = 1;
	req.info = &info;
	req.update_mask = &mask;
	code = cli_call(u->c, CONTENT_SERVICE, "Update", &req, NULL, err);
	pb_map_free(info.labels, info.n_labels);
	return code;
}

ctr_code image_unpack(struct cli *c, const IMAGES(Image) *stored, const struct platform *platform,
		      const char *snapshotter, char **ret_chain, struct ctr_error *err)
{
	struct unpacking u = { .c = c, .snapshotter = snapshotter };
	AUTO_PARSER parser = { 0 };
	AUTO_FREE char *chain = NULL;
	ctr_code code;

	code = image_documents(c, &parser, stored, platform, &u.manifest, &u.config,
			       &u.config_digest, err);
	if (code == CTR_OK)
		code = hold(&u, err);
	if (code == CTR_OK)
		code = layers(&u, &chain, err);
	if (code == CTR_OK)
		code = label_config(&u, chain, err);
	let_go(&u);
	worker_reply_done(&u.manifest);
	worker_reply_done(&u.config);
	free(u.config_digest);
	if (code == CTR_OK)
		*ret_chain = take_ptr(&chain);
	return code;
}
