/* SPDX-License-Identifier: Apache-2.0
 *
 * The services that the core lends to plugins, by name. Filled on the core's thread before plugins
 * are initialised, read by any thread after that.
 */
#include "core/registry/services.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "core/daemon.h"

int daemon_provide(struct daemon *d, const char *name, const void *table, uint32_t size)
{
	struct service *s;
	int r;

	if (!d->services)
		d->services = map_new();
	if (!d->services)
		return -ENOMEM;

	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct service){ .table = table, .size = size };
	r = map_put(d->services, name, s);
	if (r < 0)
		free(s);
	return r;
}

const void *services_find(const struct daemon *d, const char *name, uint32_t *ret_size)
{
	const struct service *s = d->services ? map_get(d->services, name) : NULL;

	if (!s)
		return NULL;
	if (ret_size)
		*ret_size = s->size;
	return s->table;
}

void services_free(struct daemon *d)
{
	struct service *s;
	size_t pos = 0;

	if (!d->services)
		return;
	while ((s = map_next(d->services, &pos, NULL)))
		free(s);
	map_free(d->services);
	d->services = NULL;
}
