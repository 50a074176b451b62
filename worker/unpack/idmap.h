/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners in a layer to owners on the host, and back. An empty map is the identity.
 */
#ifndef CTR_WORKER_IDMAP_H
#define CTR_WORKER_IDMAP_H

#include <stddef.h>
#include <stdint.h>

#define ID_MAPS_MAX 340 /* lines of a kernel's map */

struct id_map {
	uint32_t container_id, host_id, size;
};

struct id_maps {
	const struct id_map *list;
	size_t n;
};

/* 0, or -EOVERFLOW for an id that no line covers (or that is no id at all). */
int id_to_host(const struct id_maps *m, uint64_t id, uint32_t *ret);
int id_to_container(const struct id_maps *m, uint64_t id, uint32_t *ret);

#endif
