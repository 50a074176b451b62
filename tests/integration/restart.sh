#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of the daemon with ten containers running, of a shim, and of the daemon in the middle of run and exec: what
# runs keeps running, exits are delivered, nothing is left.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
before=$(residue)
ctrctl pull "$image" >/dev/null

mkdir "$work/go"
for i in $(seq 10); do
	ctrctl run -d --name "c$i" -v "$work/go:/go" "$image" \
		sh -c "echo begin $i; [ $i -gt 2 ] && sleep 600; until [ -e /go/on ]; do sleep 0.1; done; exit $i" >/dev/null
done
[ "$(ctrctl ps -q | wc -l)" = 10 ] || fail "not ten containers: $(ctrctl ps)"
kill_ctrd
touch "$work/go/on"
sleep 1 # two of them end while nobody listens
start_ctrd
[ "$(ctrctl ps -q | wc -l)" = 8 ] || fail "not eight running: $(ctrctl ps -a)"
[ "$(ctrctl ps -aq | wc -l)" = 10 ] || fail "not all there: $(ctrctl ps -a)"
[ "$(ctrctl wait c1)" = 1 ] && [ "$(ctrctl wait c2)" = 2 ] || fail "exit codes are lost: $(ctrctl ps -a)"
[ "$(ctrctl exec c5 echo here)" = here ] || fail "exec does not work"
[ "$(ctrctl logs c5)" = "begin 5" ] || fail "logs do not work"
ok "ten containers outlive the daemon; exits, exec and logs after it"

shim=$(pgrep -f "containerd-shim-ctr-v2 .*$(ctrctl inspect c3 | grep -oE '[0-9a-f]{64}' | head -n 1)" | head -n 1)
kill -9 "$shim"
wait_for 10 sh -c "! $BUILD/bin/ctrctl ps | grep -qw c3" || fail "c3 is still there without its shim"
[ "$(ctrctl exec c4 echo here)" = here ] || fail "another container suffers"
ok "a killed shim is one dead container"

for i in $(seq 10); do
	ctrctl run --rm "$image" true >/dev/null 2>&1 &
	client=$!
	sleep "0.0$((RANDOM % 9))"
	kill_ctrd
	wait "$client" || true
	start_ctrd
done
for i in $(seq 5); do
	ctrctl exec c4 true >/dev/null 2>&1 &
	client=$!
	sleep "0.0$((RANDOM % 5))"
	kill_ctrd
	wait "$client" || true
	start_ctrd
done
[ "$(ctrctl exec c4 echo here)" = here ] || fail "exec does not work any more"
ok "killed in the middle of run and exec"

ctrctl rm -f $(ctrctl ps -aq) >/dev/null
wait_for 10 sh -c "[ -z \"\$($BUILD/bin/ctrctl ps -aq)\" ]" || fail "left: $(ctrctl ps -a)"
wait_for 10 sh -c "[ -z \"\$($BUILD/bin/ctrctl task ls -q)\" ]" || fail "left: $(ctrctl task ls)"
[ -z "$(ls "$work/state/io.containerd.runtime.v2.task/default" 2>/dev/null)" ] || fail "bundles are left"
# A shim that nobody asked for a container ends by itself, within ten seconds.
same() { [ "$before" = "$(residue)" ]; }
wait_for 15 same || true
after=$(residue)
[ "$before" = "$after" ] || fail "left behind: $(diff <(echo "$before") <(echo "$after"))"
ok "nothing is left behind"

! "$BUILD/bin/ctrd" -c "$BUILD/dev.toml" --root "$work/root2" --state "$work/state2" --address "$CTR_ADDRESS" \
	2>"$work/second.log" || fail "a second daemon took a live socket"
grep -q "$CTR_ADDRESS" "$work/second.log" || fail "the refusal does not name the socket: $(cat "$work/second.log")"
kill_ctrd
start_ctrd
ok "a live socket is refused, a dead one taken over"
stop_ctrd
printf '%d passed, 0 failed\n' "$passed"
