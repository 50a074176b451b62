/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter language: a list of filters, one a line, parsed and matched against an object with
 * every kind of field.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "core/meta/filter.h"

static const struct ctr_label labels[] = { { "a.b", "one" }, { "containerd.io/gc.root", "x" } };

static int field(const void *obj, const char *const *path, size_t n, const char **ret)
{
	(void)obj;
	if (strcmp(path[0], "name") == 0)
		return filter_string("docker.io/library/alpine:latest", n, ret);
	if (strcmp(path[0], "labels") == 0)
		return filter_labels((struct ctr_labels){ labels, 2 }, path + 1, n - 1, ret);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = str_ndup((const char *)data, n);
	char **list = text ? strv_split(text, '\n') : NULL;
	struct filter *f = NULL;

	if (list && filter_parse((const char *const *)list, strv_len(list), &f, NULL) == CTR_OK)
		(void)filter_match(f, field, NULL);
	filter_free(f);
	strv_free(list);
	free(text);
	return 0;
}
