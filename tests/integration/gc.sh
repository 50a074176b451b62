#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The collector on a real daemon: what an image kept goes with it, rows and bytes; what is used stays; what a killed
# daemon left without a row is found by the next one.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
before=$(residue)

c() { ctr -a "$CTR_ADDRESS" "$@"; }
blobs() { find "$work/root/io.containerd.content.v1.content" -path '*blobs*' -type f | wc -l; }
trees() { find "$work/root/io.containerd.snapshotter.v1.overlayfs/snapshots" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l; }
gone() { [ "$(blobs)" = 0 ] && [ "$(trees)" = 0 ]; }

ctrctl pull -q "$image" >/dev/null
[ "$(blobs)" -gt 2 ] && [ "$(trees)" -gt 0 ] || fail "nothing was pulled: $(blobs) blobs, $(trees) trees"
c run -d --null-io "$image" keeper sleep 600
c images rm --sync "$image" >/dev/null
[ "$(trees)" -gt 0 ] || fail "the snapshot of a running container was collected"
[ "$(blobs)" = 0 ] || fail "$(blobs) blobs are left"
ok "a synchronous delete takes bytes with it, and leaves a container its snapshot"

c tasks kill -s KILL keeper
wait_for 10 sh -c "ctr -a $CTR_ADDRESS tasks ls | grep -q STOPPED"
c tasks rm keeper >/dev/null 2>&1 || true # its exit status is the command's
c containers rm keeper
wait_for 15 gone || fail "$(blobs) blobs and $(trees) trees are left: $(c snapshots ls)"
ok "a container's snapshot and what is below it follow soon after the container"

ctrctl pull -q "$image" >/dev/null
digest=$(c content ls -q | sed -n 1p)
kill_ctrd
# As if the daemon had died between row and bytes.
sqlite3 "$work/root/meta.db" \
	'DELETE FROM content; DELETE FROM snapshot; DELETE FROM image; DELETE FROM edge; DELETE FROM node'
start_ctrd
wait_for 10 gone || fail "orphans are left: $(blobs) blobs, $(trees) trees"
! c content get "$digest" >/dev/null 2>&1 || fail "$digest is still served"
ctrctl pull -q "$image" >/dev/null
[ "$(c run --rm "$image" again echo back)" = back ] || fail "the image cannot be pulled again"
ok "bytes without a row are found after a start"
[ "$(residue)" = "$before" ] || fail "left behind: $(residue)"
