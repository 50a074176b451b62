/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels that are references: containerd.io/gc.ref.* and containerd.io/gc.bref.*. Pure.
 */
#ifndef CTR_CORE_META_REFS_H
#define CTR_CORE_META_REFS_H

#include "core/meta/meta.h"

struct gc_label {
	enum meta_kind kind;
	int back;      /* gc.bref: the named object keeps this one */
	char sub[128]; /* the snapshotter; "" otherwise */
};

/* 1 when key is such a label and well-formed, with *ret filled; otherwise 0. */
int gc_label_parse(const char *key, struct gc_label *ret);

#endif
