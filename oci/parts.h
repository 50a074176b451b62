/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a spec that have a file of their own; each makes one JSON value. Private to this
 * library.
 */
#ifndef CTR_OCI_PARTS_H
#define CTR_OCI_PARTS_H

#include "oci/json.h"
#include "oci/spec.h"

/* New reference. NULL with err set. */
json_t *oci_part_process(const struct oci_process *p, const struct oci_host *host,
			 struct ctr_error *err);
json_t *oci_part_mounts(const struct oci_options *o, struct ctr_error *err);
json_t *oci_part_resources(const struct oci_options *o, struct ctr_error *err);
/* "linux.devices"; the rules that go with them are appended to rules. */
json_t *oci_part_devices(const struct oci_options *o, json_t *rules, struct ctr_error *err);
/* Standard allow rules of the devices cgroup, after "deny all"; 0 or -1. */
int oci_default_device_rules(json_t *rules);

json_t *oci_part_capabilities(uint64_t caps); /* NULL: out of memory */
json_t *oci_part_user(const struct oci_user *u);

#endif
