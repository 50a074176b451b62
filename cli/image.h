/* SPDX-License-Identifier: Apache-2.0
 *
 * From an image's name to what a container needs of it: its target, its parsed config, and the
 * snapshot to start from. What was parsed is kept in a small cache by digest, so that a second run
 * of the same image starts no worker.
 */
#ifndef CTR_CLI_IMAGE_H
#define CTR_CLI_IMAGE_H

#include "cli/api.h"
#include "cli/cli.h"
#include "cli/content.h"
#include "oci/image_config.h"

struct platform {
	char os[32], arch[32], variant[32];
};
/* "linux/arm64/v8", "arm64", NULL (this machine). */
ctr_code platform_parse(const char *s, struct platform *ret, struct ctr_error *err);

struct image {
	char *name;   /* as stored */
	char *digest; /* of the target */
	char *config_digest;
	char *chain; /* snapshot of the whole file system, "" when it was never unpacked */
	struct oci_image_config config;
	char *created;
	int from_cache;
};
void image_done(struct image *i);
#define AUTO_IMAGE AUTO(image_done) struct image

/* "alpine" to docker.io/library/alpine:latest. *ret malloc'ed. */
ctr_code image_full_name(const char *name, char **ret, struct ctr_error *err);

/*
 * Find an image by its name as given or completed, or by the beginning of its digest (four hex
 * digits or more). *ret: pb_free(). NOT_FOUND; INVALID_ARGUMENT when a digest's beginning is
 * ambiguous.
 */
ctr_code image_find(struct cli *c, const char *name, IMAGES(Image) **ret, struct ctr_error *err);

/*
 * Its manifest and config, parsed. Release both with worker_reply_done(), the digest with free().
 */
ctr_code image_documents(struct cli *c, struct parser *parser, const IMAGES(Image) *stored,
			 const struct platform *platform, struct worker_reply *ret_manifest,
			 struct worker_reply *ret_config, char **ret_digest, struct ctr_error *err);

/* Everything about the image of this platform. fresh: do not use the cache. */
ctr_code image_load(struct cli *c, const IMAGES(Image) *stored, const struct platform *platform,
		    int fresh, struct image *ret, struct ctr_error *err);

/* Drop what the cache holds of a target. */
void image_forget(struct cli *c, const char *digest);

#endif
