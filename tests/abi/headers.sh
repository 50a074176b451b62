#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each public header alone, as C99, C17 and C++17, without a warning.
# headers.sh INCLUDE_DIR [CC [CXX]]
set -eu
include=$1
cc=${2:-cc}
cxx=${3:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for header in $(cd "$include" && find ctr -name '*.h'); do
	printf '#include <%s>\nextern int nothing;\n' "$header" >"$work/one.c"
	cp "$work/one.c" "$work/one.cc"
	for std in c99 c17; do
		"$cc" -std=$std -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$work/one.c"
	done
	"$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$include" -fsyntax-only "$work/one.cc"
done
