/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts.toml, and the endpoints made of it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "worker/fetch/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hosts_file f;
	AUTO_FREE char *why = NULL;

	if (hosts_toml_parse((const char *)data, size, &f, &why) < 0)
		return 0;
	for (size_t i = 0; i < f.n_host; i++) {
		struct endpoints all = { .n = 1, .v = calloc(1, sizeof(struct endpoint)) };
		AUTO_ERROR err = ERROR_INIT;

		if (all.v)
			(void)endpoint_from_entry(&f.host[i], "/dir", "docker.io", &all.v[0], &err);
		all.n = all.v != NULL;
		endpoints_done(&all);
	}
	hosts_file_done(&f);
	return 0;
}
