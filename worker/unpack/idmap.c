/* SPDX-License-Identifier: Apache-2.0
 *
 * Linear search: maps have a line or two.
 */
#include "worker/unpack/idmap.h"

#include <errno.h>

static int convert(const struct id_maps *m, uint64_t id, int back, uint32_t *ret)
{
	if (id >= UINT32_MAX) /* 2^32-1 is "no id" to the kernel */
		return -EOVERFLOW;
	if (!m->n) {
		*ret = (uint32_t)id;
		return 0;
	}
	for (size_t i = 0; i < m->n; i++) {
		const struct id_map *l = &m->list[i];
		uint64_t from = back ? l->host_id : l->container_id;
		uint64_t to = back ? l->container_id : l->host_id;

		if (id >= from && id - from < l->size && to + (id - from) < UINT32_MAX) {
			*ret = (uint32_t)(to + (id - from));
			return 0;
		}
	}
	return -EOVERFLOW;
}

int id_to_host(const struct id_maps *m, uint64_t id, uint32_t *ret)
{
	return convert(m, id, 0, ret);
}

int id_to_container(const struct id_maps *m, uint64_t id, uint32_t *ret)
{
	return convert(m, id, 1, ret);
}
