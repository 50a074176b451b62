/* SPDX-License-Identifier: Apache-2.0
 *
 * The sink of a ctrlog:// process: its log file, and the attach clients beside it.
 */
#ifndef CTR_SHIM_LOGSINK_H
#define CTR_SHIM_LOGSINK_H

#include "shim/attach.h"
#include "shim/sink.h"
#include "shim/uri.h"

/* streams: how many will end (1 for a console, 2 else). 0 or -errno. */
int log_sink_new(const char *path, const struct log_options *o, int streams, struct sink **ret);
/* Send output to a as well (borrowed), from now on; NULL: no longer. */
void log_sink_set_attach(struct sink *s, struct attach *a);

#endif
