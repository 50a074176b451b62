/* SPDX-License-Identifier: Apache-2.0
 *
 * The extensions of a container (a map of Any values) and their form in a column. Kept byte for
 * byte, sorted by key.
 */
#ifndef CTR_CORE_META_EXTENSIONS_H
#define CTR_CORE_META_EXTENSIONS_H

#include <ctr/unstable/containers.h>

#define EXTENSIONS_MAX 1024

/* A list of borrowed items; the array is its own. */
struct extensions {
	struct ctr_extension *items;
	size_t n;
};

#define EXTENSIONS_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
void extensions_done(struct extensions *e);
#define AUTO_EXTENSIONS AUTO(extensions_done) struct extensions
/*
 * Put or replace; value.type_url NULL removes. 0, -ENOMEM, -E2BIG. Strings and bytes stay borrowed.
 */
int extensions_set(struct extensions *e, const char *key, struct ctr_any value);
/* *ret_data (caller frees) may be NULL when empty. 0 or -ENOMEM. */
int extensions_pack(const struct extensions *e, void **ret_data, size_t *ret_n);
/* The items point into data. 0, -ENOMEM, -EBADMSG. */
int extensions_unpack(const void *data, size_t n, struct extensions *ret);

#endif
