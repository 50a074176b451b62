#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The ABI gate: the headers, at each released minor, against what was promised then. No suppression file: with the
# usual one abigail also passes a changed signature.
# gate.sh INCLUDE_DIR [CC]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
include=$1
cc=${2:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for offsets in "$here"/offsets_1_*.c; do
	"$cc" -std=c17 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$offsets"
done

if ! command -v abidiff >/dev/null; then
	echo "abidiff is not here (abigail-tools): offsets and types were compared, the rest was not"
	exit 0
fi
for baseline in "$here"/../../sdk/abi/1.*.abi; do
	minor=$(basename "$baseline" .abi)
	minor=${minor#1.}
	"$cc" -std=c17 -g -O0 -shared -fPIC -fvisibility=hidden -DCTR_SDK_MINOR="$minor" -I"$include" \
		"$here/anchor.c" -o "$work/anchor.so"
	abidiff "$baseline" "$work/anchor.so"
done
