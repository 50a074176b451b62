/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion scripts from the tables of verbs and flags.
 */
#ifndef CTR_CLI_COMPLETION_H
#define CTR_CLI_COMPLETION_H

#include "base/buf.h"

int completion_script(const char *shell,
		      struct buf *out); /* bash, zsh or fish; 0, or -EINVAL for another */

#endif
