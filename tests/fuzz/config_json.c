/* SPDX-License-Identifier: Apache-2.0
 *
 * Image configs.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_parse(CTR__WORKER__V1__DOCUMENT_KIND__DOCUMENT_CONFIG, data, size);
	return 0;
}
