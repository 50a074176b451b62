/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name may look like: identifiers, digests, labels and image references, with the limits
 * that containerd's clients expect. Pure functions.
 */
#ifndef CTR_BASE_IDENT_H
#define CTR_BASE_IDENT_H

#include <stddef.h>

#define IDENT_MAX  76   /* bytes of a namespace, container or exec id */
#define LABEL_MAX  4096 /* bytes of key and value together */
#define DIGEST_MAX 136  /* "sha512:" and 128 hex digits, with NUL */

int ident_valid(const char *s);  /* ^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$, 1..76 bytes; 1 or 0 */
int digest_valid(const char *s); /* sha256:, sha384: or sha512: and its count of lower-case hex */
int label_valid(const char *key, const char *value);
int topic_valid(const char *s); /* '/' and identifiers separated by '/' */

/*
 * An image reference, taken apart and completed: "alpine" is docker.io/library/alpine:latest.
 * Each part is NUL-terminated in its own array.
 */
struct image_ref {
	char host[256];          /* "docker.io", "localhost:5000" */
	char path[256];          /* "library/alpine" */
	char tag[129];           /* "" when there is only a digest */
	char digest[DIGEST_MAX]; /* "" when none */
	char full[768];          /* host/path[:tag][@digest] */
};
/* 0, -EINVAL (*ret_why says which part is wrong) or -E2BIG. */
int image_ref_parse(const char *s, struct image_ref *ret, const char **ret_why);
/* The same, nothing added: host and tag or digest must be there as the wire's clients send them. */
int image_ref_parse_exact(const char *s, struct image_ref *ret, const char **ret_why);

#endif
