/* SPDX-License-Identifier: Apache-2.0
 *
 * containerd-shim-ctr-v2: "start" makes the shim of a container or group, "delete" cleans up after
 * a dead one, no verb serves. Reads the environment, once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "shim/shim.h"

static int run(const struct invocation *in)
{
	const char *verb = in->flags.verb;

	if (!verb)
		return cmd_serve(in);
	if (strcmp(verb, "start") == 0)
		return cmd_start(in);
	if (strcmp(verb, "delete") == 0)
		return cmd_delete(in);
	(void)fprintf(stderr, "%s: unknown verb '%s'\n", SHIM_NAME, verb);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct invocation in = { 0 };
	const char *bad = "";

	(void)argc;
	if (flags_parse(argv, &in.flags, &bad) < 0) {
		(void)fprintf(stderr, "%s: wrong argument '%s'\n", SHIM_NAME, bad);
		return EXIT_FAILURE;
	}
	if (in.flags.version) {
		(void)printf("%s:\n  Version:  %s\n", SHIM_NAME, CTR_VERSION);
		return EXIT_SUCCESS;
	}
	in.ttrpc_address = str_or(getenv("TTRPC_ADDRESS"), "");
	in.socket_dir = str_or(getenv("CTR_SHIM_SOCKET_DIR"), "");
	log_init(SHIM_NAME, in.flags.debug ? LOG_DEBUG_ : LOG_INFO_, 0);
	if (in.flags.info)
		return cmd_info(&in);
	if (!in.flags.namespace_ || !in.flags.id) {
		(void)fprintf(stderr, "%s: -namespace and -id are needed\n", SHIM_NAME);
		return EXIT_FAILURE;
	}
	return run(&in);
}
