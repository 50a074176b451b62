#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Archives of images: what we write is read by ctr, skopeo and by us; what ctr and skopeo write is read by us, in every
# shape; archives that lie are refused, and nothing of them is left.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
start_ctrd
ctrctl pull -q "$image" >/dev/null

c() { ctr -a "$CTR_ADDRESS" "$@"; }
n=0
# loads ARCHIVE NAME: into a namespace of its own; the image runs.
loads() {
	n=$((n + 1))
	ctrctl -n "ns$n" load -q -i "$1" >/dev/null || fail "load $1"
	[ "$(ctrctl -n "ns$n" run --rm "$2" echo "$n")" = "$n" ] || fail "the image of $1 does not run"
	ctrctl -n "ns$n" rmi "$2" >/dev/null
}
refuse() { # refuse TEXT ARCHIVE
	local out
	! out=$(ctrctl -n bad load -q -i "$2" 2>&1) || fail "load $2 succeeded: $out"
	grep -qF -- "$1" <<<"$out" || fail "load $2 does not say '$1' but: $out"
	wait_for 10 nothing_left || fail "left of $2: $(c -n bad content ls; c -n bad content active; c -n bad leases ls)"
}
nothing_left() {
	[ -z "$(c -n bad content ls -q; c -n bad content active | tail -n +2; c -n bad leases ls -q; c -n bad images ls -q)" ] &&
		! pgrep -P "$ctrd_pid" >/dev/null
}

ctrctl save -o "$work/ours.tar" "$image"
ctrctl save "$image" | cmp - "$work/ours.tar" || fail "two exports of one image differ"
loads "$work/ours.tar" "$image"
gzip -k "$work/ours.tar"
loads "$work/ours.tar.gz" "$image"
zstd -q "$work/ours.tar" 2>/dev/null && loads "$work/ours.tar.zst" "$image"
c -n byctr images import "$work/ours.tar" >/dev/null
c -n byctr run --rm "$image" one true
skopeo copy -q "oci-archive:$work/ours.tar:latest" "dir:$work/dir"
skopeo copy -q "docker-archive:$work/ours.tar" "dir:$work/dir2"
ok "our archives: plain, gzip and zstd, to us, to ctr, to skopeo as OCI and as docker"

c images export "$work/ctr.tar" "$image"
loads "$work/ctr.tar" "$image"
skopeo copy -q --src-tls-verify=false "docker://$image" "docker-archive:$work/docker.tar:some/name:1"
loads "$work/docker.tar" some/name:1
skopeo copy -q --src-tls-verify=false "docker://$image" "oci-archive:$work/oci.tar:some/name:2"
loads "$work/oci.tar" some/name:2
ok "archives of ctr and skopeo, OCI and docker"

# ---- archives that lie ----

# What another namespace has would fill their gaps.
ctrctl rmi "$image" >/dev/null
c -n byctr images rm "$image" >/dev/null
wait_for 20 sh -c "[ -z \"\$(find $work/root/io.containerd.content.v1.content/blobs -type f)\" ]" || fail "blobs are left"

head -c 300000 "$work/ours.tar" >"$work/cut.tar"
refuse Truncated "$work/cut.tar"
head -c 100000 "$work/ours.tar.gz" >"$work/cut.tar.gz"
refuse "truncated" "$work/cut.tar.gz"
head -c 2000000 /dev/urandom >"$work/noise"
refuse "read tar" "$work/noise"
: >"$work/empty"
refuse "import" "$work/empty"
ok "truncated, noise, nothing"

mkdir "$work/x"
tar -C "$work/x" -xf "$work/ours.tar"
chmod -R u+w "$work/x"
layer=$(ls -S "$work/x/blobs/sha256" | head -n 1)
config=$(grep -o 'blobs/sha256/[0-9a-f]*' "$work/x/manifest.json" | head -n 1)
pack() { tar -C "$work/x" -cf "$1" "${@:2}" .; }

mv "$work/x/blobs/sha256/$layer" "$work/layer"
pack "$work/missing.tar"
refuse "$layer" "$work/missing.tar"
(cat "$work/layer"; echo more) >"$work/x/blobs/sha256/$layer"
pack "$work/wrong.tar"
refuse "$layer" "$work/wrong.tar"
cp "$work/layer" "$work/x/blobs/sha256/$layer"
mv "$work/x/index.json" "$work/index.json"
sed -i 's,"Config":"[^"]*","Config":"../../etc/shadow",' "$work/x/manifest.json"
pack "$work/outside.tar"
refuse "is not in the archive" "$work/outside.tar"
sed -i "s,\"Config\":\"[^\"]*\",\"Config\":\"link\"," "$work/x/manifest.json"
ln -s ../../../etc/shadow "$work/x/link"
pack "$work/link.tar"
refuse "is not in the archive" "$work/link.tar"
ln -sf link "$work/x/link"
pack "$work/loop.tar"
refuse "is not in the archive" "$work/loop.tar"
ln -sf "$config" "$work/x/link"
pack "$work/good.tar"
loads "$work/good.tar" "$image"
echo '[{"Config":1}]' >"$work/x/manifest.json"
pack "$work/type.tar"
refuse "manifest.json" "$work/type.tar"
rm "$work/x/manifest.json"
pack "$work/none.tar"
refuse "neither index.json nor manifest.json" "$work/none.tar"
printf '%*s' 100000 '' | tr ' ' '[' >"$work/x/index.json"
pack "$work/deep.tar"
refuse "deeper" "$work/deep.tar"
ok "a missing layer, wrong bytes, paths and links that lead out, loops, bad JSON"

head -c 500000000 /dev/zero | gzip -1 >"$work/bomb.gz"
refuse "import" "$work/bomb.gz"
mkdir "$work/many"
(cd "$work/many" && seq 66000 | xargs touch)
tar -C "$work/many" -cf "$work/many.tar" .
refuse "entries" "$work/many.tar"
ok "a bomb, and too many files"

mkfifo "$work/fifo"
"$BUILD/bin/ctrctl" -n bad load -q -i "$work/fifo" >/dev/null 2>&1 &
client=$!
exec 9>"$work/fifo"
head -c 500000 "$work/ours.tar" >&9
wait_for 10 pgrep -P "$ctrd_pid" || fail "no worker"
kill -9 "$client"
wait "$client" 2>/dev/null || true
exec 9>&-
wait_for 10 nothing_left || fail "left of a client that went away"
ok "a client that goes away in the middle"
stop_ctrd
printf '%d passed, 0 failed\n' "$passed"
