/* SPDX-License-Identifier: Apache-2.0
 *
 * Capability sets as bit masks (bit n is capability n), by libcap's names.
 */
#ifndef CTR_OCI_CAPS_H
#define CTR_OCI_CAPS_H

#include <stdint.h>

#include <ctr/error.h>

#define CAP_BIT(n) (UINT64_C(1) << (n))

/* The fourteen that container users are used to. */
uint64_t oci_caps_default(void);
/* The bounding set of this process: what can be given away at all. */
uint64_t oci_caps_available(void);

/*
 * Apply drops, then adds, to base. Names with or without "CAP_", any case; "ALL" is every one of
 * available. CTR_INVALID_ARGUMENT: unknown name; CTR_FAILED_PRECONDITION: an added one is not in
 * available.
 */
ctr_code oci_caps_apply(uint64_t base, uint64_t available, char *const *adds, char *const *drops,
			uint64_t *ret, struct ctr_error *err);

/* "CAP_CHOWN" of bit n; ret has 32 bytes or more. 0, or -EINVAL when libcap has no name for it. */
int oci_cap_name(unsigned bit, char *ret, unsigned long room);

#endif
