/* SPDX-License-Identifier: Apache-2.0
 *
 * A cursor over one header value: scheme, then name=value pairs with commas. A word that is not
 * followed by '=' begins the next challenge. Pure functions.
 */
#include "worker/fetch/auth_header.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

struct cursor {
	const char *at, *end;
};

#define WORD_ROOM 64

static int is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && strchr("!#$%&'*+-.^_`|~/", c) != NULL);
}

static void skip(struct cursor *c, const char *chars)
{
	while (c->at < c->end && *c->at && strchr(chars, *c->at))
		c->at++;
}

/* A token; 0, or -EINVAL when there is none or it is too long. */
static int read_word(struct cursor *c, char ret[WORD_ROOM])
{
	size_t n = 0;

	while (c->at < c->end && is_token_char(*c->at)) {
		if (n + 1 >= WORD_ROOM)
			return -EINVAL;
		ret[n++] = *c->at++;
	}
	ret[n] = '\0';
	return n ? 0 : -EINVAL;
}

/*
 * A quoted string or a bare value into room bytes (ret NULL: dropped). Control characters are
 * refused.
 */
static int read_value(struct cursor *c, char *ret, size_t room)
{
	size_t n = 0;
	int quoted = c->at < c->end && *c->at == '"';

	c->at += quoted;
	while (c->at < c->end && (quoted ? *c->at != '"' : !strchr(" \t,", *c->at))) {
		if (quoted && *c->at == '\\' && ++c->at >= c->end)
			return -EINVAL;
		char ch = *c->at++;
		if ((unsigned char)ch < ' ' || ch == 0x7f)
			return -EINVAL;
		if (ret && n + 1 >= room)
			return -EINVAL;
		if (ret)
			ret[n] = ch;
		n++;
	}
	if (ret)
		ret[n] = '\0';
	if (!quoted)
		return 0;
	if (c->at >= c->end)
		return -EINVAL;
	c->at++;
	return 0;
}

static enum auth_scheme scheme_of(const char *word)
{
	if (strcasecmp(word, "bearer") == 0)
		return AUTH_BEARER;
	return strcasecmp(word, "basic") == 0 ? AUTH_BASIC : AUTH_NONE;
}

static int read_param(struct cursor *c, const char *name, struct challenge *ch)
{
	if (strcasecmp(name, "realm") == 0)
		return read_value(c, ch->realm, sizeof(ch->realm));
	if (strcasecmp(name, "service") == 0)
		return read_value(c, ch->service, sizeof(ch->service));
	if (strcasecmp(name, "scope") == 0)
		return read_value(c, ch->scope, sizeof(ch->scope));
	if (strcasecmp(name, "error") == 0)
		return read_value(c, ch->error, sizeof(ch->error));
	return read_value(c, NULL, 0);
}

static void keep_better(const struct challenge *found, struct challenge *inout)
{
	if (found->scheme > inout->scheme)
		*inout = *found;
}

/*
 * Parameters of the challenge whose scheme was read. *ret_next is the word that begins another, or
 * "".
 */
static int read_params(struct cursor *c, struct challenge *ch, char ret_next[WORD_ROOM])
{
	ret_next[0] = '\0';
	for (;;) {
		char name[WORD_ROOM];

		skip(c, " \t,");
		if (c->at >= c->end)
			return 0;
		if (read_word(c, name) < 0)
			return -EINVAL;
		const char *after = c->at;
		skip(c, " \t");
		if (c->at >= c->end || *c->at != '=') {
			c->at = after;
			memcpy(ret_next, name, WORD_ROOM);
			return 0;
		}
		c->at++;
		skip(c, " \t");
		if (read_param(c, name, ch) < 0)
			return -EINVAL;
	}
}

int challenge_parse(const char *value, size_t n, struct challenge *inout)
{
	struct cursor c = { .at = value, .end = value + n };
	char word[WORD_ROOM] = "";

	skip(&c, " \t,");
	if (c.at >= c.end)
		return 0;
	if (read_word(&c, word) < 0)
		return -EINVAL;
	while (word[0]) {
		struct challenge found = { .scheme = scheme_of(word) };

		if (read_params(&c, &found, word) < 0)
			return -EINVAL;
		keep_better(&found, inout);
	}
	return 0;
}
