/* SPDX-License-Identifier: Apache-2.0
 *
 * gc.ref and gc.bref labels, taken apart. A name may follow the kind, behind '.' or '/', and means
 * nothing; behind "snapshot." stands the snapshotter, up to a '/'. What is not of this form is no
 * reference.
 */
#include "core/meta/refs.h"

#include <string.h>

#include "base/macros.h"
#include "base/str.h"

#define REF  "containerd.io/gc.ref."
#define BREF "containerd.io/gc.bref."

struct word {
	const char *word;
	enum meta_kind kind;
	int forward, back; /* in which of the two families it stands */
};

static const struct word words[] = {
	{ "content", META_CONTENT, 1, 1 },
	{ "image", META_IMAGE, 1, 1 },
	{ "container", META_CONTAINER, 0, 1 },
};

static int parse_snapshot(const char *rest, struct gc_label *ret)
{
	const size_t n = strcspn(rest, "/");

	if (n == 0 || n >= sizeof(ret->sub))
		return 0;
	memcpy(ret->sub, rest, n);
	ret->sub[n] = '\0';
	ret->kind = META_SNAPSHOT;
	return 1;
}

int gc_label_parse(const char *key, struct gc_label *ret)
{
	const char *rest;

	*ret = (struct gc_label){ .back = 0 };
	if (str_starts(key, REF)) {
		rest = key + strlen(REF);
	} else if (str_starts(key, BREF)) {
		rest = key + strlen(BREF);
		ret->back = 1;
	} else {
		return 0;
	}
	if (str_starts(rest, "snapshot."))
		return parse_snapshot(rest + strlen("snapshot."), ret);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const size_t n = strlen(words[i].word);

		if (strncmp(rest, words[i].word, n) != 0 ||
		    !(ret->back ? words[i].back : words[i].forward))
			continue;
		if (rest[n] != '\0' && rest[n] != '.' && rest[n] != '/')
			continue;
		ret->kind = words[i].kind;
		return 1;
	}
	return 0;
}
