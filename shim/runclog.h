/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime's own words: the last error in the JSON log that runc and crun write with
 * --log FILE --log-format json.
 */
#ifndef CTR_SHIM_RUNCLOG_H
#define CTR_SHIM_RUNCLOG_H

#include <stddef.h>

#define RUNC_LOG_MAX 65536 /* bytes of a log that are looked at, from its end */

/*
 * The message of the last record of level "error" (or "fatal") in text; caller frees; NULL when
 * none.
 */
char *runc_log_message(const char *text, size_t n);
/* The same for a file; NULL too when it cannot be read. */
char *runc_log_file_message(const char *path);

#endif
