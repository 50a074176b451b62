#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sixteen clients at once: run, list, exec, pull, tag, remove, cancelled events and waits, with the collector at work and a
# restart at the end. Under a sanitized BUILD (tools/test does so with TSan) a finding is the daemon's exit status.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
before=$(residue)
ctrctl pull "$image" >/dev/null 2>&1

must() { "$@" >/dev/null 2>"$work/err-$BASHPID" || fail "'$*': $(cat "$work/err-$BASHPID")"; }
client() {
	local i=$1
	for _ in 1 2 3; do
		must ctrctl run --rm "$image" true
		must ctrctl ps -a
		must ctrctl images
		must ctrctl content ls
		must ctrctl snapshot ls
		must ctrctl run -d --name "t$i" "$image" sleep 100
		must ctrctl exec "t$i" true
		timeout 0.3 "$BUILD/bin/ctrctl" events >/dev/null 2>&1 || true
		timeout 0.2 "$BUILD/bin/ctrctl" wait "t$i" >/dev/null 2>&1 || true
		must ctrctl rm -f "t$i"
		must ctrctl pull "$image"
		must ctrctl tag "$image" "copy$i:x"
		must ctrctl rmi "copy$i:x"
	done
}
clients=()
for i in $(seq 16); do
	(trap - EXIT; client "$i") &
	clients+=("$!")
done
for pid in "${clients[@]}"; do
	wait "$pid" || fail "a client failed"
done
ok "sixteen clients, three rounds"

must ctrctl rmi "$image"
empty() { [ -z "$(ctrctl content ls -q)$(ctrctl snapshot ls -q)$(ctrctl ps -aq)" ]; }
wait_for 30 empty || fail "left: $(ctrctl content ls) $(ctrctl snapshot ls) $(ctrctl ps -a)"
stop_ctrd
start_ctrd
empty || fail "back after a restart: $(ctrctl content ls) $(ctrctl snapshot ls) $(ctrctl ps -a)"
same() { [ "$before" = "$(residue)" ]; }
wait_for 15 same || fail "left behind: $(diff <(echo "$before") <(residue))"
stop_ctrd
ok "nothing is left behind"
printf '%d passed, 0 failed\n' "$passed"
