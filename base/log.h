/* SPDX-License-Identifier: Apache-2.0
 *
 * One line an event, to stderr or the journal (JOURNAL_STREAM: priority prefix <n>, no time).
 * Thread-safe. Text or JSON. Library code returns errors instead of logging above debug
 * (docs/style).
 */
#ifndef CTR_BASE_LOG_H
#define CTR_BASE_LOG_H

#include "base/macros.h"

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_, LOG_TRACE_ };

/* Once, before threads: program name, level by name; -EINVAL for an unknown one. */
void log_init(const char *program, enum log_level level, int json);
int log_level_parse(const char *s, enum log_level *ret);
void log_set_level(enum log_level level);
int log_enabled(enum log_level level);
void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR_, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN_, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO_, __VA_ARGS__)
#define log_debug(...) (log_enabled(LOG_DEBUG_) ? log_line(LOG_DEBUG_, __VA_ARGS__) : (void)0)

#endif
