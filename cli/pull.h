/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting an image: Transfer from a registry into the image store, with progress and credentials.
 */
#ifndef CTR_CLI_PULL_H
#define CTR_CLI_PULL_H

#include "cli/cli.h"
#include "cli/image.h"

struct pull {
	const char *name; /* complete */
	const struct platform *platform;
	const char *snapshotter; /* to unpack for; NULL: the daemon's default */
	int quiet, plain_http, all_platforms;
	const char *hosts_dir;
};
ctr_code image_pull(struct cli *c, const struct pull *p, struct ctr_error *err);

#endif
