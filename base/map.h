/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash map from strings to pointers (open addressing, keyed hash against flooding). The map copies
 * keys and never owns values. Not thread-safe.
 */
#ifndef CTR_BASE_MAP_H
#define CTR_BASE_MAP_H

#include <stddef.h>

struct map;

struct map *map_new(void);    /* NULL on OOM */
void map_free(struct map *m); /* NULL allowed */
void *map_get(const struct map *m, const char *key);
/* 0, -EEXIST or -ENOMEM; -EINVAL for a NULL value. */
int map_put(struct map *m, const char *key, void *value);
void *map_del(struct map *m, const char *key); /* the value taken out, or NULL */
size_t map_len(const struct map *m);
/*
 * Iterate: *pos starts at 0; NULL at the end. The map must not change meanwhile but by map_del of
 * the current.
 */
void *map_next(const struct map *m, size_t *pos, const char **ret_key);

#endif
