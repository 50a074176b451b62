/* SPDX-License-Identifier: Apache-2.0
 *
 * Service "ctr.introspection.v0": the plugins and their states, the server's identity, what is
 * deprecated or unsafe.
 */
#ifndef CTR_CORE_INTROSPECTION_H
#define CTR_CORE_INTROSPECTION_H

#include "status/status.h"

struct daemon;
struct introspection;

/* Reads or makes <root>/uuid, lists the core's own parts in the registry, provides the service. */
ctr_code introspection_new(struct daemon *d, struct introspection **ret, struct ctr_error *err);
void introspection_free(struct introspection *in); /* NULL allowed */
/*
 * List the parts of the core whose services are provided by now; after the components are made. 0
 * or -ENOMEM.
 */
int introspection_list_parts(struct daemon *d);

#endif
