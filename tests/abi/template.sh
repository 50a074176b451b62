#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install the SDK alone below a throwaway prefix, copy the template out of it, and build it there, once with CMake and
# once with make and pkg-config: outside the tree, with nothing of it. Prints nothing when all is well.
# template.sh SOURCE_DIR [CC [OUT_DIR]]    OUT_DIR gets template.so
set -eu
source=$1
cc=${2:-cc}
out=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

run() {
	"$@" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

# The SDK is one folder of the tree; configuring just that keeps this test short and proves that it needs no other.
cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(ctr VERSION 1.0.0 LANGUAGES C)
include(GNUInstallDirs)
add_subdirectory($source/sdk sdk)
END
run cmake -S "$work" -B "$work/sdk-build" -DCMAKE_INSTALL_PREFIX="$work/prefix"
run cmake --install "$work/sdk-build" --component sdk

cp -r "$work/prefix/share/ctr-sdk/template" "$work/mine"
run cmake -S "$work/mine" -B "$work/mine-build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_C_COMPILER="$cc" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Wpedantic -Werror"
run cmake --build "$work/mine-build"
run "$source/tests/abi/symbols.sh" "$work/mine-build/template.so"

pc=$(find "$work/prefix" -name ctr-sdk.pc)
run env PKG_CONFIG_PATH="$(dirname "$pc")" make -C "$work/mine" CC="$cc"
run "$source/tests/abi/symbols.sh" "$work/mine/template.so"
[ -z "$out" ] || cp "$work/mine-build/template.so" "$out/"
