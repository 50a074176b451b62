#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's own ctr against our socket: every subcommand that the first release promises, with real containers.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
before=$(residue)

c() { ctr -a "$CTR_ADDRESS" "$@"; }
expect() { # expect TEXT COMMAND...
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*': $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
refuse() { # refuse TEXT COMMAND...
	local want=$1 out
	shift
	! out=$("$@" 2>&1) || fail "'$*' succeeded: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}

expect "Server:" c version
expect "overlayfs" c plugins ls
expect "api-grpc" c plugins ls
ok "version, plugins ls"

c namespaces create blue color=blue
expect "color=blue" c namespaces ls
refuse "already exists" c namespaces create blue
c namespaces rm blue
ok "namespaces create, ls, rm"

c images pull --plain-http "$image" >/dev/null
expect "$image" c images ls
expect "linux/$(dpkg --print-architecture)" c images ls
c images tag "$image" other:tag
expect other:tag c images ls -q
c images export "$work/image.tar" "$image"
c images rm "$image" other:tag >/dev/null
[ -z "$(c images ls -q)" ] || fail "an image is left"
c images import "$work/image.tar" >/dev/null
expect "$image" c images ls -q
expect "not found" c images rm nothere:latest # a warning, and success: ctr's own choice
ok "images pull, ls, tag, export, rm, import"

expect "hello" c run --rm "$image" one echo hello
refuse "" c run --rm "$image" two sh -c 'exit 7'
[ -z "$(c containers ls -q)" ] || fail "a container is left"
ok "run --rm, and its exit code"

c run -d --null-io "$image" sleeper sleep 600
expect RUNNING c tasks ls
refuse "already exists" c run -d --null-io "$image" sleeper sleep 600
expect "from exec" c tasks exec --exec-id e1 sleeper echo "from exec"
pid=$(c tasks ls | awk '$1 == "sleeper" { print $2 }')
expect "$pid" c tasks ps sleeper
expect "memory" c tasks metrics sleeper
expect sleeper c containers ls
expect '"Image"' c containers info sleeper
c tasks kill -s KILL sleeper
wait_for 10 sh -c "ctr -a $CTR_ADDRESS tasks ls | grep -q STOPPED" || fail "the task does not stop"
expect "137" bash -c "ctr -a $CTR_ADDRESS tasks rm sleeper; echo \$?" || true
c containers rm sleeper
ok "run -d, tasks ls, exec, ps, metrics, kill, rm; containers ls, info, rm"

expect "Committed" c snapshots ls
expect "sha256:" c snapshots tree
expect "SIZE" c snapshots usage
digest=$(c content ls -q | sed -n 1p)
[ "$(c content get "$digest" | sha256sum | cut -d' ' -f1)" = "${digest#sha256:}" ] || fail "content get: wrong bytes"
c leases create --id l1 >/dev/null
expect l1 c leases ls
c leases delete l1 >/dev/null
ok "snapshots ls, tree, usage; content ls, get; leases"

timeout 10 ctr -a "$CTR_ADDRESS" events >"$work/events" 2>&1 &
events_pid=$!
pids+=("$events_pid")
sleep 0.5
c run --rm "$image" seen true
sleep 0.5
end_pid "$events_pid"
order=$(grep -oE '/(containers/create|tasks/(create|start|exit|delete)|containers/delete)' "$work/events" | tr '\n' ' ')
case $order in
*"/containers/create /tasks/create /tasks/start /tasks/exit /tasks/delete"*"/containers/delete "*) ;;
*) fail "events: $order" ;;
esac
ok "events, in order"

after=$(residue)
[ "$before" = "$after" ] || fail "left behind: $(diff <(echo "$before") <(echo "$after"))"
stop_ctrd
ok "nothing is left behind"
printf '%d passed, 0 failed\n' "$passed"
