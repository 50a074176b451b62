/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress of a transfer on stderr: a bar for each part, redrawn, on a terminal; a line for each
 * change elsewhere.
 */
#ifndef CTR_CLI_PROGRESS_H
#define CTR_CLI_PROGRESS_H

#include "cli/api.h"

struct progress;

struct progress *progress_new(int quiet); /* NULL: out of memory */
void progress_update(struct progress *p, const XFER(Progress) *update);
/* Leave the last state on the screen. NULL allowed. */
void progress_free(struct progress *p);

#endif
