/* SPDX-License-Identifier: Apache-2.0
 *
 * Versioned tables of functions that the core lends to plugins by name:
 * host->service("ctr.store.v1"). Provided by the components with daemon_provide() (core/daemon.h)
 * before registry_init(), never taken back. Names that end in ".v0" are unstable and are given only
 * to plugins built for exactly this daemon's revision (ctr/unstable/version.h).
 */
#ifndef CTR_CORE_SERVICES_H
#define CTR_CORE_SERVICES_H

#include <stdint.h>

struct daemon;

struct service {
	const void *table;
	uint32_t size;
};

/* NULL when nobody provides it; *ret_size may be NULL. Any thread after the components are made. */
const void *services_find(const struct daemon *d, const char *name, uint32_t *ret_size);
void services_free(struct daemon *d); /* frees d->services */

#endif
