/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing with linear probing and tombstones, so that a deletion moves nothing and
 * iteration survives it. SipHash-1-3 under a random key per map: a client that picks the names
 * cannot pick the slots. The table holds at most three quarters of its size.
 */
#include "base/map.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/rand.h"
#include "base/str.h"

#define FIRST_SLOTS 16

struct slot {
	char *key; /* NULL: free, or a tombstone when gone */
	void *value;
	uint64_t hash;
	int gone;
};

struct map {
	struct slot *slots;
	size_t n_slots; /* 0 or a power of two */
	size_t n_live, n_gone;
	uint64_t k0, k1;
};

static uint64_t rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t hash_of(const struct map *m, const char *key)
{
	uint64_t v[4] = { m->k0 ^ UINT64_C(0x736f6d6570736575),
			  m->k1 ^ UINT64_C(0x646f72616e646f6d),
			  m->k0 ^ UINT64_C(0x6c7967656e657261),
			  m->k1 ^ UINT64_C(0x7465646279746573) };
	size_t n = strlen(key);
	uint64_t last = (uint64_t)n << 56, word;

	for (; n >= 8; n -= 8, key += 8) {
		memcpy(&word, key, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)(unsigned char)key[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
	struct map *m = calloc(1, sizeof(*m));
	uint64_t key[2];

	if (!m)
		return NULL;
	if (rand_bytes(key, sizeof(key)) < 0) {
		free(m);
		return NULL;
	}
	m->k0 = key[0];
	m->k1 = key[1];
	return m;
}

void map_free(struct map *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_slots; i++)
		free(m->slots[i].key);
	free(m->slots);
	free(m);
}

static struct slot *find(const struct map *m, const char *key, uint64_t hash)
{
	if (m->n_slots == 0)
		return NULL;
	for (size_t i = hash & (m->n_slots - 1);; i = (i + 1) & (m->n_slots - 1)) {
		struct slot *s = &m->slots[i];

		if (!s->key && !s->gone)
			return NULL;
		if (s->key && s->hash == hash && !strcmp(s->key, key))
			return s;
	}
}

/* The first slot on the way of hash that can take a new key; there is always one. */
static struct slot *vacant(const struct map *m, uint64_t hash)
{
	size_t i = hash & (m->n_slots - 1);

	while (m->slots[i].key)
		i = (i + 1) & (m->n_slots - 1);
	return &m->slots[i];
}

/*
 * Make room for one more key; drops the tombstones, and shrinks a table that has become too wide.
 */
static int reserve(struct map *m)
{
	size_t n_slots = FIRST_SLOTS;
	struct map next = *m;

	if (m->n_slots > 0 && (m->n_live + m->n_gone + 1) <= m->n_slots / 4 * 3)
		return 0;
	while ((m->n_live + 1) > n_slots / 2) {
		if (mul_ok(n_slots, (size_t)2, &n_slots) < 0)
			return -ENOMEM;
	}
	next.slots = calloc(n_slots, sizeof(*next.slots));
	if (!next.slots)
		return -ENOMEM;
	next.n_slots = n_slots;
	next.n_gone = 0;
	for (size_t i = 0; i < m->n_slots; i++) {
		if (m->slots[i].key)
			*vacant(&next, m->slots[i].hash) = m->slots[i];
	}
	free(m->slots);
	*m = next;
	return 0;
}

void *map_get(const struct map *m, const char *key)
{
	struct slot *s = find(m, key, hash_of(m, key));

	return s ? s->value : NULL;
}

int map_put(struct map *m, const char *key, void *value)
{
	uint64_t hash = hash_of(m, key);
	AUTO_FREE char *copy = NULL;

	if (!value)
		return -EINVAL;
	if (find(m, key, hash))
		return -EEXIST;
	copy = str_dup(key);
	if (!copy || reserve(m) < 0)
		return -ENOMEM;

	struct slot *s = vacant(m, hash);

	m->n_gone -= (size_t)s->gone;
	m->n_live++;
	*s = (struct slot){ .key = take_ptr(&copy), .value = value, .hash = hash };
	return 0;
}

void *map_del(struct map *m, const char *key)
{
	struct slot *s = find(m, key, hash_of(m, key));

	if (!s)
		return NULL;
	void *value = s->value;

	free(s->key); /* may be the very key we were given: not used below */
	*s = (struct slot){ .gone = 1 };
	m->n_gone++;
	m->n_live--;
	return value;
}

size_t map_len(const struct map *m)
{
	return m->n_live;
}

void *map_next(const struct map *m, size_t *pos, const char **ret_key)
{
	for (; *pos < m->n_slots; (*pos)++) {
		const struct slot *s = &m->slots[*pos];

		if (!s->key)
			continue;
		(*pos)++;
		if (ret_key)
			*ret_key = s->key;
		return s->value;
	}
	return NULL;
}
