#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Write sdk/abi/1.N.abi for a minor that is about to be released. Never for one that has been.
# baseline.sh MINOR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=c17 -g -O0 -shared -fPIC -fvisibility=hidden -DCTR_SDK_MINOR="$1" -I"$here/../../sdk/include" \
	"$here/anchor.c" -o "$work/anchor.so"
abidw --no-comp-dir-path --no-corpus-path --no-show-locs --out-file "$here/../../sdk/abi/1.$1.abi" "$work/anchor.so"
