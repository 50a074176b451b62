#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job with ctrctl: pull, run, a terminal, exec, logs, stop, rm; and what is said when something is wrong.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
before=$(residue)

expect() { # expect TEXT COMMAND...
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*': $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
refuse() { # refuse STATUS TEXT COMMAND...
	local status=$1 want=$2 out got=0
	shift 2
	out=$("$@" 2>&1) || got=$?
	[ "$got" = "$status" ] || fail "'$*' ends with $got, not $status: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}

expect "" ctrctl pull "$image"
expect "$registry/library/busybox" ctrctl images
expect "$image" ctrctl images --json
ctrctl pull "$image" >/dev/null
ok "pull, and pull again"

expect hello ctrctl run --rm "$image" echo hello
refuse 7 "" ctrctl run --rm "$image" sh -c 'exit 7'
refuse 127 nothere ctrctl run --rm "$image" nothere
[ -z "$(ctrctl ps -aq)" ] || fail "a container is left: $(ctrctl ps -a)"
ok "run --rm, exit codes"

# An image that names our layer with another length is refused, and costs us nothing.
cp -r "$work/busybox" "$work/liar"
sed -i -E 's/("layers":\[\{[^}]*"size":)[0-9]+/\11/' "$work/liar/manifest.json"
push_image "$work/liar" library/liar latest
refuse 1 "the document that names it says 1" ctrctl pull "$registry/library/liar:latest"
ctrctl pull "$image" >/dev/null
expect hello ctrctl run --rm "$image" echo hello
blob=$(grep -oE '"layers":\[\{[^}]*sha256:[0-9a-f]{64}' "$work/busybox/manifest.json" | grep -oE '[0-9a-f]{64}$')
[ -s "$work/root/io.containerd.content.v1.content/blobs/sha256/$blob" ] || fail "another image's lie removed a blob"
ok "an image that lies about a length"

out=$(printf 'tty; stty size; exit 3\n' | script -qec "$BUILD/bin/ctrctl run -it --rm $image sh" /dev/null || true)
grep -q /dev/pts <<<"$out" || fail "no terminal: $out"
expect "in and out" bash -c "echo 'in and out' | $BUILD/bin/ctrctl run -i --rm $image cat"
ok "run -it, run -i"

ctrctl run -d --name web "$image" sh -c 'i=0; while :; do i=$((i + 1)); echo line $i; sleep 0.1; done' >/dev/null
expect web ctrctl ps
refuse 125 taken ctrctl run -d --name web "$image" true
wait_for 10 sh -c "$BUILD/bin/ctrctl logs web | grep -q 'line 3'" || fail "no logs"
expect "line 1" ctrctl logs web
expect "from exec" ctrctl exec web echo "from exec"
refuse 9 "" ctrctl exec web sh -c 'exit 9'
expect "sleep" ctrctl top web
id=$(ctrctl ps -q)
expect web ctrctl inspect web
expect "${id:0:12}" ctrctl stats --no-stream web

expect "from short" ctrctl exec "${id:0:6}" echo "from short"
ctrctl pause web >/dev/null
ctrctl unpause web >/dev/null
ctrctl stop -t 1 web >/dev/null
expect Exited ctrctl ps -a
ctrctl start web >/dev/null
expect web ctrctl ps
ctrctl kill web >/dev/null
ctrctl wait web >/dev/null
ctrctl rm web >/dev/null
ok "run -d, ps, logs, exec, top, inspect, stats, pause, stop, start, kill, wait, rm"

expect "root=1000" ctrctl run --rm -u user "$image" sh -c 'echo root=$(id -u)'
expect "FOO=bar" ctrctl run --rm -e FOO=bar "$image" env
expect "/tmp" ctrctl run --rm -w /tmp "$image" pwd
mkdir "$work/vol"
echo data >"$work/vol/file"
expect data ctrctl run --rm -v "$work/vol:/vol:ro" "$image" cat /vol/file
refuse 1 "Read-only" ctrctl run --rm -v "$work/vol:/vol:ro" "$image" sh -c 'echo x > /vol/file'
refuse 1 "Read-only" ctrctl run --rm --read-only "$image" touch /x
expect 33554432 ctrctl run --rm -m 32m "$image" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true'
expect CapEff ctrctl run --rm "$image" grep CapEff /proc/self/status
expect "CapInh:	0000000000000000" ctrctl run --rm "$image" grep CapInh /proc/self/status
ok "user, env, workdir, volumes, read-only, memory, capabilities"

refuse 125 "restart" ctrctl run --restart always "$image" true
refuse 125 nothere ctrctl run --rm "$registry/nothere:latest" true
refuse 1 nothere ctrctl rm nothere
refuse 1 "cannot connect" ctrctl -H "$work/none.sock" ps
refuse 125 "--nam" ctrctl run --nam x "$image" true
ok "clear refusals"

ctrctl tag "$image" copy:1
ctrctl save -o "$work/image.tar" copy:1
ctrctl rmi copy:1 "$image" >/dev/null
[ -z "$(ctrctl images -q)" ] || fail "an image is left"
ctrctl load -i "$work/image.tar" >/dev/null
expect copy ctrctl images
expect again ctrctl run --rm copy:1 echo again
ctrctl rmi copy:1 >/dev/null
ok "tag, save, rmi, load"

# Nothing refers to anything any more: rows and bytes go.
wait_for 20 sh -c "[ -z \"\$($BUILD/bin/ctrctl content ls -q)\" ] && [ -z \"\$($BUILD/bin/ctrctl snapshot ls -q)\" ]" ||
	fail "left: $(ctrctl content ls) $(ctrctl snapshot ls)"
no_bytes() { # they go after the rows
	[ -z "$(find "$work/root/io.containerd.content.v1.content/blobs" -type f)" ] &&
		[ -z "$(ls "$work/root/io.containerd.snapshotter.v1.overlayfs/snapshots")" ]
}
wait_for 10 no_bytes || fail "bytes of content or snapshots are left"
after=$(residue)
[ "$before" = "$after" ] || fail "left behind: $(diff <(echo "$before") <(echo "$after"))"
stop_ctrd
ok "nothing is left behind"
printf '%d passed, 0 failed\n' "$passed"
