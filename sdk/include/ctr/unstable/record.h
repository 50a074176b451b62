/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that the services of records share: field masks and lists of filters. In their structs a
 * struct ctr_any whose type_url is NULL is absent. Unstable: exact match.
 */
#ifndef CTR_UNSTABLE_RECORD_H
#define CTR_UNSTABLE_RECORD_H

#include <ctr/types.h>

/* Paths of a field mask; n 0: none was given, which means "all that may change". */
struct ctr_mask {
	const char *const *paths;
	uint64_t n;
};

/* containerd's filter language: a list is an OR; n 0 matches everything. */
struct ctr_filters {
	const char *const *items;
	uint64_t n;
};

#endif
