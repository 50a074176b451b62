/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and numbers from outside: allocation, comparison, checked parsing, and the text encodings
 * that the wire needs. Locale-free throughout.
 */
#ifndef CTR_BASE_STR_H
#define CTR_BASE_STR_H

#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

char *str_printf(const char *fmt, ...) PRINTF_LIKE(1, 2); /* caller frees; NULL on OOM */
char *str_dup(const char *s);                             /* NULL gives NULL */
char *str_ndup(const char *s, size_t n);
static inline const char *str_or(const char *s, const char *other)
{
	return s && *s ? s : other;
}
int str_eq(const char *a, const char *b); /* NULL equals NULL only */
int str_starts(const char *s, const char *prefix);
int str_ends(const char *s, const char *suffix);
int str_is_utf8(const char *s, size_t n);
/* Bytes of the first character; 0 when it is not well-formed, or n is 0. */
size_t utf8_sequence(const char *s, size_t n);

/* NULL-terminated vectors of strings, each element and the vector from malloc. */
char **strv_split(const char *s, char sep); /* empty parts kept; NULL on OOM */
int strv_push(char ***v, const char *s);    /* copies; 0 or -ENOMEM */
size_t strv_len(char *const *v);
void strv_free(char **v);
void auto_strv(char ***v);
#define AUTO_STRV AUTO(auto_strv) char **

/* The whole string must be the number: 0, -EINVAL or -ERANGE. *ret only on success. */
int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret);
int parse_u32(const char *s, uint32_t *ret);
int parse_octal(const char *s, uint32_t *ret);
/* "64", "512k", "64M", "64MiB", "1.5g"; powers of 1024. */
int parse_size(const char *s, uint64_t *ret_bytes);
int parse_duration(const char *s, int64_t *ret_ns); /* Go's form: "1h30m", "250ms", "2s", "0" */
/* Go's form; 0 or -E2BIG; 40 bytes hold any. */
int str_from_duration(int64_t ns, char *ret, size_t n);

void hex_encode(const void *data, size_t n, char *ret); /* 2 n + 1 bytes */
int hex_decode(const char *s, size_t n_hex, void *ret);
/* ret needs base64_room(n) bytes; url: the URL alphabet; pad: '=' at the end. Length written. */
#define base64_room(n) (((n) + 2) / 3 * 4 + 1)
size_t base64_encode(const void *data, size_t n, int url, int pad, char *ret);
/* Accepts both alphabets, padded or not. Bytes written to ret (at most 3 n / 4), or -EINVAL. */
int64_t base64_decode(const char *s, size_t n, void *ret);

#endif
