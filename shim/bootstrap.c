/* SPDX-License-Identifier: Apache-2.0
 *
 * An Any may decode as BootstrapParams and the other way round; what tells them apart is that
 * params begin with the id that the flags give too.
 */
#include "shim/bootstrap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "containerd/runc/v1/oci.pb-c.h"
#include "containerd/runtime/bootstrap/v1/bootstrap.pb-c.h"

#include "base/macros.h"
#include "base/str.h"
#include "rpc/pb.h"

#define BOOTSTRAP_VERSION 3

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams params;

static char *given(const char *s)
{
	return *str_or(s, "") ? str_dup(s) : NULL;
}

/* The extension that is runc's options, or NULL. */
static const Google__Protobuf__Any *find_options(const params *p)
{
	for (size_t i = 0; i < p->n_extensions; i++)
		if (p->extensions[i]->value &&
		    pb_any_is(p->extensions[i]->value, &containerd__runc__v1__options__descriptor))
			return p->extensions[i]->value;
	return NULL;
}

static ctr_code take_params(const params *p, struct bootstrap *b, struct ctr_error *err)
{
	b->params = 1;
	b->debug = (int)p->log_level < 0;
	b->ttrpc_address = given(p->containerd_ttrpc_address);
	b->grpc_address = given(p->containerd_grpc_address);
	b->socket_dir = given(p->socket_dir);
	return options_decode(find_options(p), &b->options, err);
}

ctr_code bootstrap_decode(const void *data, size_t n, const char *id, struct bootstrap *ret,
			  struct ctr_error *err)
{
	params *p AUTO_PB =
		pb_unpack(&containerd__runtime__bootstrap__v1__bootstrap_params__descriptor, data,
			  n, BOOTSTRAP_MAX);
	Google__Protobuf__Any *any AUTO_PB = NULL;
	AUTO_BOOTSTRAP b = { 0 };
	ctr_code code;

	if (p && n > 0 && strcmp(p->instance_id, id) == 0) {
		code = take_params(p, &b, err);
	} else {
		any = pb_unpack(&google__protobuf__any__descriptor, data, n, BOOTSTRAP_MAX);
		if (!any)
			return ctr_fail(err, CTR_INVALID_ARGUMENT,
					"standard input holds no options");
		code = options_decode(any, &b.options, err);
	}
	if (code != CTR_OK)
		return code;
	*ret = b;
	b = (struct bootstrap){ 0 };
	return CTR_OK;
}

void bootstrap_done(struct bootstrap *b)
{
	free(b->ttrpc_address);
	free(b->grpc_address);
	free(b->socket_dir);
	options_done(&b->options);
	*b = (struct bootstrap){ 0 };
}

int bootstrap_result(const char *address, void **ret, size_t *ret_n)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapResult m =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_RESULT__INIT;

	m.version = BOOTSTRAP_VERSION;
	m.address = (char *)(uintptr_t)address;
	m.protocol = (char *)(uintptr_t) "ttrpc";
	return pb_pack(&m, BOOTSTRAP_MAX, ret, ret_n);
}
