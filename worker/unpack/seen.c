/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing over SipHash-2-4. A false hit needs two of at most a few million hashes of 64 bits to agree.
 */
#include "worker/unpack/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_ROOM 1024

static inline uint64_t rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void rounds(uint64_t v[4], int n)
{
	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	rounds(v, 2);
	v[0] ^= word;
}

/* Never 0. */
static uint64_t hash(const struct seen *s, uint64_t ino, const char *name)
{
	uint64_t v[4] = { s->key[0] ^ 0x736f6d6570736575ULL, s->key[1] ^ 0x646f72616e646f6dULL,
			  s->key[0] ^ 0x6c7967656e657261ULL, s->key[1] ^ 0x7465646279746573ULL };
	size_t n = strlen(name);
	uint64_t word, tail = (uint64_t)n << 56;

	absorb(v, ino);
	for (; n >= 8; n -= 8, name += 8) {
		memcpy(&word, name, 8);
		absorb(v, word);
	}
	memcpy(&tail, name, n);
	absorb(v, tail);
	v[2] ^= 0xff;
	rounds(v, 4);
	word = v[0] ^ v[1] ^ v[2] ^ v[3];
	return word ? word : 1;
}

void seen_init(struct seen *s)
{
	*s = (struct seen){ 0 };
	/* Without randomness the set still works; only chosen collisions are then thinkable. */
	if (getrandom(s->key, sizeof(s->key), GRND_NONBLOCK) < 0)
		s->key[0] = (uint64_t)(uintptr_t)s;
}

void seen_done(struct seen *s)
{
	free(s->slot);
	*s = (struct seen){ 0 };
}

static void put(uint64_t *slot, size_t room, uint64_t h)
{
	size_t i = (size_t)h & (room - 1);

	while (slot[i])
		i = (i + 1) & (room - 1);
	slot[i] = h;
}

static int grow(struct seen *s)
{
	size_t room = s->room ? s->room * 2 : FIRST_ROOM;
	uint64_t *slot = calloc(room, sizeof(*slot));

	if (!slot)
		return -ENOMEM;

	for (size_t i = 0; i < s->room; i++)
		if (s->slot[i])
			put(slot, room, s->slot[i]);
	free(s->slot);
	s->slot = slot;
	s->room = room;
	return 0;
}

static bool has(const struct seen *s, uint64_t h)
{
	if (!s->room)
		return false;
	for (size_t i = (size_t)h & (s->room - 1); s->slot[i]; i = (i + 1) & (s->room - 1))
		if (s->slot[i] == h)
			return true;
	return false;
}

int seen_add(struct seen *s, uint64_t dir_ino, const char *name)
{
	uint64_t h = hash(s, dir_ino, name);

	if (has(s, h))
		return 0;
	if (2 * (s->n + 1) > s->room && grow(s) < 0)
		return -ENOMEM;

	put(s->slot, s->room, h);
	s->n++;
	return 0;
}

bool seen_has(const struct seen *s, uint64_t dir_ino, const char *name)
{
	return has(s, hash(s, dir_ino, name));
}
