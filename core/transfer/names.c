/* SPDX-License-Identifier: Apache-2.0
 *
 * Media types, chain ids, and which snapshotter a request means.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "core/config/config.h"
#include "core/registry/registry.h"
#include "core/store/store.h"
#include "core/transfer/internal.h"

#define SNAPSHOTTER_LABEL "containerd.io/defaults/snapshotter"

int media_is_index(const char *media_type)
{
	return str_eq(media_type, "application/vnd.oci.image.index.v1+json") ||
	       str_eq(media_type, "application/vnd.docker.distribution.manifest.list.v2+json");
}

int media_is_manifest(const char *media_type)
{
	return str_eq(media_type, "application/vnd.oci.image.manifest.v1+json") ||
	       str_eq(media_type, "application/vnd.docker.distribution.manifest.v2+json");
}

int media_is_image_config(const char *media_type)
{
	return str_eq(media_type, "application/vnd.oci.image.config.v1+json") ||
	       str_eq(media_type, "application/vnd.docker.container.image.v1+json");
}

int media_is_layer(const char *media_type)
{
	return str_starts(media_type, "application/vnd.oci.image.layer.") ||
	       str_starts(media_type, "application/vnd.docker.image.rootfs.");
}

/* chain(0) is diff(0), chain(i) the digest of "chain(i - 1) diff(i)" (OCI image-spec, config.md).
 */
int chain_ids(char *const *diff_ids, size_t n, char (*ret)[CTR_DIGEST_ROOM])
{
	for (size_t i = 0; i < n; i++) {
		char text[2 * CTR_DIGEST_ROOM + 1];
		unsigned char sum[EVP_MAX_MD_SIZE];

		if (i == 0) {
			snprintf(ret[0], CTR_DIGEST_ROOM, "%s", diff_ids[0]);
			continue;
		}
		snprintf(text, sizeof(text), "%s %s", ret[i - 1], diff_ids[i]);
		if (EVP_Digest(text, strlen(text), sum, NULL, EVP_sha256(), NULL) != 1)
			return -ENOMEM;
		memcpy(ret[i], "sha256:", 7);
		hex_encode(sum, 32, ret[i] + 7);
	}
	return 0;
}

struct label_of {
	const char *ns;
	char **ret;
};

static ctr_code read_label(struct ctr_txn *txn, void *ud, struct ctr_error *err)
{
	struct label_of *l = ud;

	return meta_namespace_label(txn, l->ns, SNAPSHOTTER_LABEL, l->ret, err);
}

ctr_code choose_snapshotter(struct job *job, const char *wanted, char **ret, struct ctr_error *err)
{
	struct daemon *d = job->t->daemon;
	char *name = *wanted ? str_dup(wanted) : NULL;
	struct label_of l = { job->call.ns, &name };

	if (!name) {
		ctr_code code = store_view(d->store, &job->call, read_label, &l, err);

		if (code != CTR_OK)
			return code;
	}
	if (!name)
		name = str_dup(config_str(d->config, "default_snapshotter"));
	if (!name)
		return ctr_fail_errno(err, ENOMEM, "choose a snapshotter");
	*ret = name;
	return CTR_OK;
}

int snapshotter_can(struct daemon *d, const char *snapshotter, const char *capability)
{
	struct plugin_view view;

	for (uint32_t i = 0; registry_view(d->registry, i, &view) == 0; i++) {
		if (!str_eq(view.kind, CTR_KIND_SNAPSHOTTER) || !str_eq(view.id, snapshotter))
			continue;
		for (size_t k = 0; view.capabilities && view.capabilities[k]; k++)
			if (str_eq(view.capabilities[k], capability))
				return 1;
	}
	return 0;
}
