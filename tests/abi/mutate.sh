#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The gate's own test: it passes the headers as they are, and each of these changes makes it fail. Every one is a change
# that somebody will think harmless.
# mutate.sh INCLUDE_DIR [CC]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$1
cc=${2:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

"$here/gate.sh" "$include" "$cc" >/dev/null || { echo "the gate fails without a change"; exit 1; }

# try WHAT FILE SED-EXPRESSION
try() {
	rm -rf "$work/include"
	cp -r "$include" "$work/include"
	sed -i "$3" "$work/include/ctr/$2"
	if cmp -s "$include/ctr/$2" "$work/include/ctr/$2"; then
		echo "not ok: $1: the change changes nothing"
		failed=1
	elif ! "$cc" -std=c17 -I"$work/include" -fsyntax-only "$here/anchor.c"; then
		echo "not ok: $1: no C any more"
		failed=1
	elif "$here/gate.sh" "$work/include" "$cc" >/dev/null 2>&1; then
		echo "not ok: $1 passes the gate"
		failed=1
	else
		echo "ok: $1"
	fi
}

try "a member in the middle of a vtable" snapshotter.h \
	's|^\tctr_code (\*usage)|\tctr_code (*extra)(void *self);\n&|'
try "a further parameter of a method" snapshotter.h \
	's|(\*remove)(void \*self, const struct ctr_call \*call, |&uint32_t flags, |'
try "a wider type of a parameter" content.h \
	's|(\*truncate)(void \*self, void \*writer, int64_t|(*truncate)(void *self, void *writer, int32_t|'
try "a method taken out" differ.h \
	'/ctr_code (\*apply)/,/;/d'
try "two members exchanged" plugin.h \
	's|void (\*stop)(void \*self, int64_t deadline_ns);.*|void (*fini)(void *self);|; t; s|^\tvoid (\*fini)(void \*self);|\tvoid (*stop)(void *self, int64_t deadline_ns);|'
try "an array element that grows" types.h \
	's|^\tconst char \*key, \*value;|\tconst char *key, *value, *unit;|'
try "a member at the end, without the guard of its minor" call.h \
	's|^\tint32_t (\*cancel_fd).*|&\n\tint32_t (*priority)(const struct ctr_call *call);|'
try "another number for a code" error.h \
	's|^#define CTR_CONFLICT .*|#define CTR_CONFLICT (CTR_FAILED_PRECONDITION \| 3 << 8)|'
try "another name of a kind" content.h \
	's|"io.containerd.content.v1"|"io.containerd.content.v2"|'
exit $failed
