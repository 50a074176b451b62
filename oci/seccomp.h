/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles as the "linux.seccomp" object of a spec: the default one, and a user's file in
 * either of the two forms in use (the runtime's own, or Docker's with archMap, includes and
 * excludes).
 */
#ifndef CTR_OCI_SECCOMP_H
#define CTR_OCI_SECCOMP_H

#include <jansson.h>
#include <stdint.h>

#include <ctr/error.h>

#include "oci/host.h"

/*
 * The default profile for a process with these capabilities on this kernel: everything not named
 * answers EPERM, clone3 answers ENOSYS (libc then uses clone, whose flags a filter can see). Only
 * names that libseccomp resolves on this architecture are emitted. NULL when out of memory.
 */
json_t *oci_seccomp_default(const struct oci_host *host, uint64_t caps);

/*
 * text: the file's contents. CTR_INVALID_ARGUMENT when it is not such a profile. *ret: new
 * reference.
 */
ctr_code oci_seccomp_from_text(const char *text, const struct oci_host *host, uint64_t caps,
			       json_t **ret, struct ctr_error *err);

#endif
