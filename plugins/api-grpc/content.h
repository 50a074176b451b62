/* SPDX-License-Identifier: Apache-2.0
 *
 * What the three files of the content service share.
 */
#ifndef CTR_API_GRPC_CONTENT_H
#define CTR_API_GRPC_CONTENT_H

#include <ctr/unstable/contents.h>

#include "containerd/services/content/v1/content.pb-c.h"
#include "plugins/api-grpc/api.h"
#include "plugins/api-grpc/fields.h"

#define CONTENT_REQUEST(type) &containerd__services__content__v1__##type##__descriptor

struct contents {
	struct api *api;
	const struct ctr_contents_ops *ops;
};

ctr_code content_read(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		      struct ctr_error *err);
ctr_code content_write(void *self, struct ctr_rpc_call *rc, const void *data, uint64_t n,
		       struct ctr_error *err);
ctr_code content_write_end(void *self, struct ctr_rpc_call *rc, struct ctr_error *err);
void content_write_closed(void *self, struct ctr_rpc_call *rc);

#endif
