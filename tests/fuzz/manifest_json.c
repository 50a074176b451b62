/* SPDX-License-Identifier: Apache-2.0
 *
 * Image manifests, OCI and Docker.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parse(CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_MANIFEST, data, size);
	return 0;
}
