/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz the configuration: any bytes through the parser, the mapping, the schema's check, the plugin
 * getters and the printers. The text goes through a memfd, since the loader reads files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"
#include "core/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every getter on every key, whatever its type. */
static void read_table(const struct ctr_table *t, int depth)
{
	const struct ctr_config_ops *get = &config_table_ops;
	const char *const *keys, *const *list;
	const struct ctr_table *sub;
	const char *s;
	uint64_t n, n_list;
	int64_t number;
	int32_t on;

	if (depth > CONFIG_DEPTH_MAX || get->keys(t, &keys, &n, NULL) != CTR_OK)
		return;
	for (uint64_t i = 0; i < n; i++) {
		(void)get->str(t, keys[i], "", &s, NULL);
		(void)get->integer(t, keys[i], 0, -5, 1000, &number, NULL);
		(void)get->boolean(t, keys[i], 0, &on, NULL);
		(void)get->duration(t, keys[i], 0, &number, NULL);
		(void)get->bytes(t, keys[i], 0, &number, NULL);
		(void)get->strv(t, keys[i], &list, &n_list, NULL);
		if (get->table(t, keys[i], &sub, NULL) == CTR_OK)
			read_table(sub, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static FILE *null;
	struct config_args args = { .log_level = "info" };
	struct config *c = NULL;
	AUTO_ERROR err = ERROR_INIT;
	AUTO_FREE char *path = NULL;
	int fd = memfd_create("toml", MFD_CLOEXEC);

	if (!null)
		null = fopen("/dev/null", "we");
	if (fd < 0 || !null || io_write_full(fd, data, n) < 0)
		abort();
	path = str_printf("/proc/self/fd/%d", fd);
	args.path = path;
	if (config_load(&args, &c, &err) == CTR_OK) {
		read_table(config_plugin_table(c, "a"), 0);
		(void)config_plugin_unread(c, "a", &err);
		(void)config_plugin_unread(c, "b", &err);
		(void)config_plugin_unknown(c, (char *[]){ NULL }, &err);
		(void)config_print(c, 1, null);
		(void)config_strv(c, "plugin_files");
	}
	config_free(c);
	close(fd);
	return 0;
}
