#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A plugin defines one symbol for others, the daemon none; and nobody has an executable stack.
# symbols.sh FILE...
set -eu
failed=0
for file in "$@"; do
	defined=$(nm -D --defined-only "$file" | awk '{ print $NF }' | sort | tr '\n' ' ')
	case $file in
	*.so) wanted="ctr_module_v1 " ;;
	*) wanted="" ;;
	esac
	# A program's copies of libc's data (stderr@GLIBC, environ@GLIBC) are no symbols of its own.
	defined=$(printf '%s' "$defined" | tr ' ' '\n' | grep -v '@' | tr '\n' ' ' || true)
	[ -n "$(printf '%s' "$defined" | tr -d ' ')" ] || defined=""
	if [ "$defined" != "$wanted" ]; then
		echo "$file defines '$defined', not '$wanted'"
		failed=1
	fi
	if readelf -lW "$file" | grep 'GNU_STACK' | grep -q 'RWE'; then
		echo "$file has an executable stack"
		failed=1
	fi
done
exit $failed
