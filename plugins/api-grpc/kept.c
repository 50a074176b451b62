/* SPDX-License-Identifier: Apache-2.0
 *
 * Registering services, and keeping their objects: the daemon refers to them until the plugin ends.
 */
#include <stdlib.h>

#include "plugins/api-grpc/api.h"

struct api_kept {
	struct api_kept *next;
	void *self;
};

ctr_code api_add(struct api *api, const struct ctr_rpc_service *service, void *self,
		 struct ctr_error *err)
{
	struct api_kept *kept = malloc(sizeof(*kept));
	ctr_code code;

	if (!kept) {
		free(self);
		return api->host->fail(err, CTR_RESOURCE_EXHAUSTED, "out of memory");
	}
	code = api->rpc->add(api->host, service, self, err);
	if (code != CTR_OK) {
		free(self);
		free(kept);
		return code;
	}
	*kept = (struct api_kept){ .next = api->kept, .self = self };
	api->kept = kept;
	return CTR_OK;
}

void api_kept_free(struct api *api)
{
	for (struct api_kept *kept = api->kept, *next; kept; kept = next) {
		next = kept->next;
		free(kept->self);
		free(kept);
	}
	api->kept = NULL;
}
