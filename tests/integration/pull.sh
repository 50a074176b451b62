#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pulls: the bytes that arrive, what a second one costs, registries that lie or break off, a daemon killed in the middle,
# a client that goes away, a damaged store, a full disk. After each fault nothing is left but an ingest to resume.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry

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
tar_of() { tar --sort=name --mtime=@1700000000 --owner=0 --group=0 -C "$1" -cf "$2" .; }
blob_file() { echo "$work/registry/docker/registry/v2/blobs/sha256/${1:7:2}/${1:7}/data"; }
gets() { grep -c "GET /v2/$1/blobs/" "$work/registry.log" || true; }
# Images, snapshots, leases, ingests: all that a failed pull could leave. With "ingest" an ingest may stay.
nothing_left() {
	local left
	left=$(c images ls -q; c snapshots ls | tail -n +2; c leases ls -q)
	[ "${1:-}" = ingest ] || left+=$(c content active | tail -n +2)
	[ -z "$left" ]
}
check_nothing_left() {
	wait_for 10 nothing_left "${1:-}" || fail "left: $(c images ls -q; c snapshots ls; c leases ls; c content active)"
	wait_for 10 sh -c "! pgrep -P $ctrd_pid >/dev/null" || fail "workers are left"
}

# Three layers: files, then a change and two whiteouts, then many small files.
push_busybox library/busybox
mkdir -p "$work/l2/etc" "$work/l2/data/sub" "$work/l3/data" "$work/l3/many"
echo first >"$work/l2/data/changed"
echo gone >"$work/l2/data/gone"
echo deep >"$work/l2/data/sub/file"
ln "$work/l2/data/changed" "$work/l2/data/linked"
head -c 3000000 /dev/urandom >"$work/l2/data/noise"
echo second >"$work/l3/data/changed"
: >"$work/l3/data/.wh.gone"
: >"$work/l3/data/.wh.sub"
for i in $(seq 200); do echo "$i" >"$work/l3/many/file-$i"; done
tar_of "$work/l2" "$work/l2.tar"
tar_of "$work/l3" "$work/l3.tar"
make_image "$work/three" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar" "$work/l2.tar" "$work/l3.tar"
push_image "$work/three" three latest
three=$registry/three:latest
start_ctrd

for snapshotter in overlayfs native; do
	ctrctl -n "$snapshotter" pull -q --snapshotter "$snapshotter" "$three" >/dev/null
	out=$(ctrctl -n "$snapshotter" run --rm --snapshotter "$snapshotter" "$three" sh -c \
		'cat /data/changed /data/linked; ls /data; ls /many | wc -l; sha256sum </data/noise')
	want=$(printf 'second\nfirst\nchanged\nlinked\nnoise\n200\n%s' "$(sha256sum <"$work/l2/data/noise")")
	[ "$out" = "$want" ] || fail "$snapshotter: $out"
done
ok "three layers, whiteouts and links, on overlayfs and on native"

before=$(gets three)
ctrctl pull -q "$three" >/dev/null
[ "$(gets three)" = "$before" ] || fail "a namespace fetches what another has"
ctrctl pull -q "$three" >/dev/null
[ "$(gets three)" = "$before" ] || fail "a second pull fetches blobs"
ok "a second pull, and one of another namespace, fetch no blob"

digest=$(digest_of "$work/three/l2.tar.gz")
stored=$work/root/io.containerd.content.v1.content/blobs/sha256/${digest#sha256:}
truncate -s 1000 "$stored"
ctrctl pull -q "$three" >/dev/null
[ "$(digest_of "$stored")" = "$digest" ] || fail "the blob is still damaged"
ctrctl rmi "$three" >/dev/null
ok "a damaged blob is fetched again"

ctrctl -n two pull -q "$three" >/dev/null &
one=$!
ctrctl -n two pull -q "$three" >/dev/null
wait "$one" || fail "one of two pulls at once failed"
for ns in two overlayfs native; do ctrctl -n "$ns" rmi "$three" >/dev/null; done
wait_for 20 sh -c "[ -z \"\$(find $work/root/io.containerd.content.v1.content/blobs -type f)\" ]" || fail "blobs are left"
before=$(gets three)
ctrctl pull -q "$three" >/dev/null &
one=$!
ctrctl pull -q "$three" >/dev/null
wait "$one" || fail "one of two pulls at once failed"
[ "$(gets three)" = $((before + 4)) ] || fail "two pulls at once fetched $(($(gets three) - before)) blobs, not 4"
ctrctl rmi "$three" >/dev/null
check_nothing_left
ok "two pulls of one image at once share the work"

# ---- registries that lie ----

refuse 404 ctrctl pull "$registry/nothere:latest"
check_nothing_left

data=$(blob_file "$digest")
cp "$data" "$work/saved"
tr '\0-\377' '\1-\377\0' <"$work/saved" >"$data"
refuse "$digest" ctrctl pull "$three"
check_nothing_left ingest
! c content active | grep -q "$digest" || fail "the bad ingest is kept"
ok "wrong bytes: $digest is refused by name, and its ingest is gone"

head -c 100000 "$work/saved" >"$data"
refuse "$digest" ctrctl pull "$three"
check_nothing_left ingest
rm "$data"
refuse "$digest" ctrctl pull "$three"
check_nothing_left ingest
cp "$work/saved" "$data"
ctrctl pull -q "$three" >/dev/null
ctrctl rmi "$three" >/dev/null
check_nothing_left
ok "a truncated and a missing layer fail; the next pull goes on"

make_image "$work/lies" '"Cmd":["/bin/sh"]' "$work/busybox.tar"
sed -i "s/$(digest_of "$work/busybox.tar")/$(digest_of "$work/l3.tar")/" "$work/lies/config.json"
sed -i "s/\"digest\":\"[^\"]*\"/\"digest\":\"$(digest_of "$work/lies/config.json")\"/" "$work/lies/manifest.json"
push_image "$work/lies" lies latest
refuse "diff id" ctrctl pull "$registry/lies:latest"
check_nothing_left ingest
make_image "$work/count" '"Cmd":["/bin/sh"]' "$work/busybox.tar"
sed -i 's/"diff_ids":\[.*\]/"diff_ids":[]/' "$work/count/config.json"
sed -i "s/\"digest\":\"[^\"]*\",\"size\":[0-9]*/\"digest\":\"$(digest_of "$work/count/config.json")\",\"size\":$(stat -c %s "$work/count/config.json")/" "$work/count/manifest.json"
push_image "$work/count" count latest
refuse "names 0 layers" ctrctl pull "$registry/count:latest"
check_nothing_left
ok "a config with other diff ids, or too few, is refused"

mkdir -p "$work/evil/x"
ln -s / "$work/evil/x/out"
tar -C "$work/evil" -cf "$work/evil.tar" x
echo bad >"$work/evil/escaped"
tar -C "$work/evil" --transform 's,^,../../../../,' -rPf "$work/evil.tar" escaped
make_image "$work/evil-image" '"Cmd":["/bin/sh"]' "$work/evil.tar"
push_image "$work/evil-image" evil latest
refuse "leaves the root" ctrctl pull "$registry/evil:latest"
check_nothing_left ingest
ok "a layer that climbs out is refused"

refuse "not linux/s390x" ctrctl pull --platform linux/s390x "$three"
check_nothing_left ingest
ok "an image of another platform is refused"

# ---- interruptions ----

mkdir -p "$work/big"
head -c 400000000 /dev/urandom >"$work/big/noise"
tar_of "$work/big" "$work/big.tar"
make_image "$work/big-image" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar" "$work/big.tar"
push_image "$work/big-image" big latest
big=$registry/big:latest
rm "$work/big.tar"
big_digest=$(digest_of "$work/big-image/big.tar.gz")
ingested() { # bytes of the largest ingest
	find "$work/root/io.containerd.content.v1.content/ingest" -name data -printf '%s\n' 2>/dev/null | sort -n | tail -n 1
}
some_ingested() { [ "$(ingested || echo 0)" -gt 20000000 ] 2>/dev/null; }

"$BUILD/bin/ctrctl" pull -q "$big" >/dev/null 2>&1 &
client=$!
wait_for 20 some_ingested || fail "nothing arrives"
kill_ctrd
wait "$client" && fail "a pull outlived its daemon"
some_ingested || fail "the ingest is gone"
start_ctrd
expect "layer-$big_digest" c content active
check_nothing_left ingest
ctrctl pull -q "$big" >/dev/null
grep -q "GET /v2/big/blobs/$big_digest.* 206 " "$work/registry.log" || fail "not resumed: $(grep "$big_digest" "$work/registry.log" | tail -n 3)"
expect "$(sha256sum <"$work/big/noise")" ctrctl run --rm "$big" sh -c 'sha256sum </noise'
ctrctl rmi "$big" >/dev/null
check_nothing_left
ok "killed in the middle: the next pull goes on where it stopped"

"$BUILD/bin/ctrctl" pull -q "$big" >/dev/null 2>&1 &
client=$!
wait_for 20 some_ingested || fail "nothing arrives"
kill -9 "$client"
wait "$client" 2>/dev/null || true
check_nothing_left ingest
expect "layer-$big_digest" c content active
ok "a client that goes away ends its pull, and leaves the ingest"
stop_ctrd

mv "$work/root" "$work/root.kept"
mkdir "$work/root"
mount -t tmpfs -o size=96m,mode=0700 none "$work/root"
start_ctrd
refuse "No space left" ctrctl pull "$big"
wait_for 10 sh -c "! pgrep -P $ctrd_pid >/dev/null" || fail "workers are left"
[ -z "$(c images ls -q)$(c snapshots ls | tail -n +2)" ] || fail "left after a full disk: $(c snapshots ls)"
expect Server c version
stop_ctrd
umount "$work/root"
ok "a full disk fails the pull and nothing else"
printf '%d passed, 0 failed\n' "$passed"
