#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kit against a snapshotter with one broken promise after the other: the case must fail, and say why.
# notices.sh SUITE BROKEN.so
set -euo pipefail
suite=$1
plugin=$2
[ "$(id -u)" = 0 ] || {
	echo "mounting needs root"
	exit 77
}
config=$(mktemp /tmp/ctr-notices.XXXXXX)
trap 'rm -f "$config"' EXIT
status=0

check() { # check FAULT CASE TEXT
	local out got=0
	printf '[plugins."io.containerd.snapshotter.v1.broken"]\nfault = "%s"\n' "$1" >"$config"
	out=$("$suite" --config "$config" --id broken "$plugin" "$2" 2>&1) || got=$?
	if [ "$got" = 1 ] && grep -q "^not ok 1 - $2\$" <<<"$out" && grep -qF -- "$3" <<<"$out"; then
		echo "ok - $1"
	else
		printf 'not ok - %s: status %d, wanted a failure of %s that says "%s":\n%s\n' "$1" "$got" "$2" "$3" "$out"
		status=1
	fi
}

check descriptor StatActive "is 'descriptor"
check umask StatActive "is 'Umask:"
check cwd StatActive "is '/proc/self/cwd: /proc'"
check locale StatActive "is 'locale: C.UTF-8"
check environment StatActive "environment: BROKEN=1"
check thread StatActive "is 'Threads:"
check mount StatActive "mount"
check handler StatActive "is 'SigIgn:"
check signals StatActive "is 'SigBlk:"
check sink PreareViewFailingtest "sink"
check view ViewReadonly "a view can be written to"
check message Refusals "stat failed with CTR_NOT_FOUND and no message"
check class Refusals "ends with the class text"
check code Refusals "returned the unknown code 4711"
check out Refusals "usage failed (snapshot none does not exist) and wrote its result"
check crash Basic "ended by Killed"
exit "$status"
