#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Pulls that fail: a registry that refuses, lies, hangs up or stalls, layers that escape or explode, a full disk, killed
# workers and a killed daemon. Each says what and why, and leaves nothing but an ingest that the next pull resumes.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry python3 sqlite3 mkfs.ext4 busybox; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
make_work
. "$top/tests/lib/faults.sh"
start_registry
push_busybox library/busybox
CTRD_CONFIG=$work/ctrd.toml
cp "$BUILD/dev.toml" "$CTRD_CONFIG"
printf '[transfer]\nprogress_timeout = "1s"\n' >>"$CTRD_CONFIG"
start_ctrd

mkdir "$work/noise"
head -c 8000000 /dev/urandom >"$work/noise/noise"
tar -C "$work/noise" -cf "$work/noise.tar" .
make_image "$work/image" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar" "$work/noise.tar"
layer=$(digest_of "$work/image/noise.tar.gz")
layer_size=$(stat -c %s "$work/image/noise.tar.gz")
config=$(digest_of "$work/image/config.json")
port=$(free_port)
python3 "$top/tests/lib/hostile.py" "$port" "$work/image" "$work/hostile.log" 2>"$work/hostile.err" &
pids+=("$!")
hostile=localhost:$port
wait_for 10 curl -fs "http://$hostile/v2/" || fail "the hostile registry does not start: $(cat "$work/hostile.err")"

# bad FAULT TEXT...: the pull fails, says each text, and leaves no row, tree or worker.
bad() {
	local name=$1 image=$hostile/$1/x:latest out text
	shift
	! out=$(ctrctl pull "$image" 2>&1) || fail "$name: it was pulled"
	for text in "pull '$image'" "$@"; do
		grep -qF -- "$text" <<<"$out" || fail "$name does not say '$text' but: $out"
	done
	look=holds nothing_left "$work/before" "$name"
}
ingests() { ctrctl content ingests -q | wc -l; }
bytes_sent() { awk -v p="/v2/$1/x/blobs/$2" '$1 == "GET" && $2 == p { n += $5 } END { print n + 0 }' "$work/hostile.log"; }
ctrctl namespace create "$ns"
holds >"$work/before"

# ---- the registry refuses ----
bad status-401 "HTTP 401 from http://$hostile/v2/status-401/x/manifests/latest" "credentials"
for status in ${PULL_STATUS:-403 404 429 500}; do
	bad "status-$status" "resolve $hostile/status-$status/x:latest" "HTTP $status from http://$hostile/v2/"
done
[ "$(grep -c "/v2/status-500/" "$work/hostile.log")" -gt 2 ] || fail "a 500 is not tried again"
[ "$(grep -c "/v2/status-403/" "$work/hostile.log")" -le 2 ] || fail "a 403 is tried again"
ok "401, 403, 404, 429 and 500 for a manifest"
for status in 401 403 404 429 500; do
	bad "blob-$status" "$layer" "HTTP $status from http://$hostile/v2/blob-$status/x/blobs/"
done
ok "401, 403, 404, 429 and 500 for a layer"

# ---- it breaks off ----
for fault in hangup norange; do bad $fault "fetch blob $layer"; done
bad stall "fetch blob $layer" "Less than 1 bytes/sec transferred"
bad mute "resolve $hostile/mute/x:latest"
bad short "fetch blob $layer" "content ends at byte $((layer_size - 100)) of $layer_size"
ok "it hangs up, stalls, says nothing, ends too early"
[ "$(ingests)" = 1 ] || fail "not one ingest: $(ctrctl content ingests)"
expect "layer-$layer" ctrctl content ingests
ok "what came of the layer is one ingest, and is listed"

# ---- it lies ----
bad wrong "fetch blob $layer" "digest mismatch"
[ "$(ingests)" = 0 ] || fail "a bad ingest is kept: $(ctrctl content ingests)"
bad foreign "fetch blob $layer" "HTTP 404"
bad long "fetch blob $layer"
bad badsize "fetch blob $layer" "content ends at byte $layer_size of $((layer_size + 7))"
bad othermanifest "fetch manifest sha256:" "digest mismatch"
bad huge "has 6" "more than"
bad hugelie "manifest"
bad endless "manifest"
bad deep "manifest: JSON is nested deeper than 64 levels"
bad garbage "manifest: no valid JSON"
bad broken "manifest: no valid JSON" "ends too early"
bad unknown "unknown media type 'application/vnd.example+json'"
bad schema1 "docker schema 1 is not supported"
bad layertype "layers[1]" "application/vnd.example.layer"
bad negative "layers[1]: 'size' is no size"
bad baddigest "layers[1]: 'digest' is no digest"
bad manylayers "'layers' has more than 1024 elements"
bad deepconfig "image config: JSON is nested deeper than 64 levels"
bad badconfig "image config: no valid JSON"
ok "wrong digests and sizes, huge and deep documents, unknown types, schema 1, foreign layers"

# ---- it recovers ----
for fault in flaky pause once-429 once-500; do
	ctrctl pull -q "$hostile/$fault/x:latest" >/dev/null || fail "$fault: not pulled"
	[ "$(bytes_sent $fault "$layer")" -le $((layer_size + 1000000)) ] || fail "$fault: fetched again from the start"
	ctrctl rmi --sync "$hostile/$fault/x:latest" >/dev/null
	nothing_left_but_ingest=$(ctrctl content ingests -q)
	[ -z "$nothing_left_but_ingest" ] || fail "$fault leaves an ingest"
	look=holds nothing_left "$work/before" "$fault"
done
ok "a hang-up, a stall, a 429 and a 500 that pass are got over"

# ---- killed in the middle ----
half() { [ "$(find "$work/root/io.containerd.content.v1.content/ingest" -name data -size +1500k | wc -l)" -gt 0 ]; }
begin_slow() {
	"$BUILD/bin/ctrctl" pull "$hostile/slow/x:latest" >"$work/slow.out" 2>&1 &
	client=$!
	wait_for 20 half || fail "nothing arrives: $(cat "$work/slow.out")"
}
slow_fails() { # slow_fails TEXT
	! wait "$client" || fail "the pull succeeded: $1"
	grep -qF -- "$1" "$work/slow.out" || fail "the pull does not say '$1' but: $(cat "$work/slow.out")"
}
anew() { # no ingest any more
	stop_ctrd
	rm -rf "$work/root/io.containerd.content.v1.content/ingest/"*
	start_ctrd
}
kill_worker() { # kill_worker ROLE
	wait_for 10 pgrep -P "$ctrd_pid" -f "ctr-worker $1" || fail "no worker $1"
	kill -9 "$(pgrep -P "$ctrd_pid" -f "ctr-worker $1" | head -n 1)"
}
begin_slow
kill_worker fetch
slow_fails "worker fetch: killed by signal 9"
look=holds nothing_left "$work/before" "a killed fetch worker"
expect "layer-$layer" ctrctl content ingests
anew
begin_slow
kill_worker unpack # on bytes that are not verified yet: once more when they are
wait "$client" || fail "one killed unpack fails the pull: $(cat "$work/slow.out")"
[ "$(ctrctl run --rm "$hostile/slow/x:latest" sha256sum /noise | cut -d' ' -f1)" = "$(sha256sum <"$work/noise/noise" | cut -d' ' -f1)" ] ||
	fail "the layer is damaged"
ctrctl rmi --sync "$hostile/slow/x:latest" >/dev/null
look=holds nothing_left "$work/before" "an unpack that was killed and repeated"
begin_slow
for _ in $(seq 3000); do
	pkill -9 -P "$ctrd_pid" -f 'ctr-worker unpack' || true
	kill -0 "$client" 2>/dev/null || break
	sleep 0.002
done
slow_fails "worker unpack: killed by signal 9"
look=holds nothing_left "$work/before" "a killed unpack worker"
ok "a killed worker fails its pull, and is named"

anew
begin=$(bytes_sent slow "$layer")
begin_slow
kill_ctrd
slow_fails ""
start_ctrd
expect "layer-$layer" ctrctl content ingests
look=holds nothing_left "$work/before" "a daemon killed in a pull"
ctrctl pull -q "$hostile/slow/x:latest" >/dev/null || fail "the pull does not go on"
again=$(($(bytes_sent slow "$layer") - begin - layer_size))
[ "$again" -le 1500000 ] || fail "$again bytes of $layer_size were fetched twice"
ctrctl rmi --sync "$hostile/slow/x:latest" >/dev/null
[ "$(ingests)" = 0 ] || fail "an ingest is left"
look=holds nothing_left "$work/before" "a resumed pull"
ok "a daemon killed in a pull: the next goes on, $again of $layer_size bytes came twice"

# ---- names and escapes ----
python3 - "$work" <<'PY'
import io, sys, tarfile

work = sys.argv[1]


def layer(name, *members):
    with tarfile.open(f"{work}/{name}.tar", "w", format=tarfile.PAX_FORMAT) as t:
        for path, kind, arg in members:
            m = tarfile.TarInfo(path)
            m.type = kind
            if kind == tarfile.REGTYPE:
                m.size = len(arg)
                t.addfile(m, io.BytesIO(arg))
            else:
                m.linkname = arg
                t.addfile(m)


FILE, SYM, LINK, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
layer("names", ("n", DIR, ""), ("n/" + "a" * 255, FILE, b"ascii"), ("n/" + "ü" * 127, FILE, b"utf"),
      ("n/日本語", FILE, b"jp"), ("n/" + "\udcff" * 3, FILE, b"raw"), ("n/new\nline", FILE, b"nl"))
layer("toolong", ("n/" + "a" * 256, FILE, b"x"))
layer("dotdot", ("a/../../../../../../" + work + "/escaped", FILE, b"x"))
layer("absolute", (work + "/escaped", FILE, b"inside"))
layer("symlink", ("out", SYM, "/"), ("out/" + work + "/escaped", FILE, b"inside"),
      ("up", SYM, "../../../../../../../.."), ("up/" + work + "/escaped2", FILE, b"inside"))
layer("hardlink", ("stolen", LINK, "../../../../../../../../etc/passwd"))
layer("symhard", ("e", SYM, "../../../../../../../../../etc"), ("stolen", LINK, "e/hostname-of-nobody"))
layer("overdir", ("d", SYM, work), ("d/escaped", FILE, b"x"))
layer("whiteout", ("../../.wh.busybox.tar", FILE, b""))
layer("entries", *((f"f{i}", FILE, b"") for i in range(300)))
layer("bytes", ("zeros", FILE, bytes(9 << 20)))
PY
image_of() { # image_of NAME: the layer NAME.tar on busybox, in the registry
	make_image "$work/i-$1" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar" "$work/$1.tar"
	push_image "$work/i-$1" "$1" latest
}
bad_layer() { # bad_layer NAME TEXT
	image_of "$1"
	refuse "$2" ctrctl pull "$registry/$1:latest"
	expect "" ctrctl content ingests
	look=holds nothing_left "$work/before" "$1"
}
good_layer() { # good_layer NAME COMMAND: what the command says in the container
	image_of "$1"
	ctrctl pull -q "$registry/$1:latest" >/dev/null
	said=$(ctrctl run --rm "$registry/$1:latest" sh -c "$2")
	ctrctl rmi --sync "$registry/$1:latest" >/dev/null
	look=holds nothing_left "$work/before" "$1"
}
good_layer names 'cd /n; cat aaa*; cat ü*; cat 日本語; cat new*line; ls | wc -l; for f in *; do [ ${#f} = 255 ] && echo long; done; cat $(printf "\377\377\377")'
[ "$(xargs <<<"$said")" = "asciiutfjpnl6 long raw" ] || [ "$(xargs <<<"$said")" = "asciiutfjpnl5 long raw" ] || fail "names: $said"
bad_layer toolong "255"
ok "names that are not ASCII or 255 bytes long arrive, longer ones are refused"
bad_layer dotdot "leaves the root"
bad_layer hardlink "leaves the root"
bad_layer symhard "stolen"
bad_layer whiteout "leaves the root"
good_layer absolute "cat $work/escaped"
[ "$said" = inside ] || fail "absolute: $said"
good_layer symlink "cat $work/escaped $work/escaped2"
[ "$said" = insideinside ] || fail "symlink: $said"
good_layer overdir "cat $work/escaped"
[ ! -e "$work/escaped" ] && [ ! -e "$work/escaped2" ] && [ -e "$work/busybox.tar" ] || fail "a layer wrote outside"
ok "dots, absolute names, symbolic and hard links and whiteouts do not lead out of a layer's root"

# ---- limits and a full disk ----
stop_ctrd
printf '[plugins."io.containerd.differ.v1.walking"]\nmax_entries = 200\nmax_bytes = "8MiB"\n' >>"$CTRD_CONFIG"
mkfs_on() { # mkfs_on BYTES [OPTION...]: an empty file system below the root
	local size=$1
	shift
	truncate -s "$size" "$work/disk"
	mkfs.ext4 -q -F -m 0 "$@" "$work/disk"
	mkdir -p "$work/root"
	mount -o loop "$work/disk" "$work/root"
}
mv "$work/root" "$work/root1"
start_ctrd
ctrctl namespace create "$ns"
holds >"$work/before"
truncate -s 0 "$work/busybox.tar"
tar -C "$work/busybox-root" -cf "$work/busybox.tar" ./bin/busybox ./bin/sh ./bin/sleep ./bin/sha256sum ./bin/ls
bad_layer entries "200"
bad_layer bytes "8388608"
ok "a layer's entries and bytes are limited by the configuration"
stop_ctrd
cp "$BUILD/dev.toml" "$CTRD_CONFIG"
rm -rf "$work/root"

# full NAME FREE-COMMAND: a pull of the image NAME fails for want of space; deletion, collection and the pull after it work.
full() {
	local image=$registry/$1:latest
	refuse "No space left on device" ctrctl pull "$image"
	look=holds nothing_left "$work/before" "a full disk ($1)"
	expect "" ctrctl version
	ctrctl rmi --sync "$registry/library/busybox:latest" >/dev/null || fail "no deletion on a full disk"
	[ -z "$(ctrctl images -q)$(ctrctl snapshot ls -q)$(ctrctl content ls -q)" ] || fail "no collection on a full disk"
	[ -z "$(find "$work/root/io.containerd.content.v1.content/blobs" -type f)" ] || fail "blobs are left on a full disk"
	"$2"
	ctrctl pull -q "$image" >/dev/null || fail "no pull after space was freed"
	ctrctl rmi --sync "$image" >/dev/null
}
free_bytes() { rm "$work/root/filler"; }
free_inodes() { rm -r "$work/root/fillers"; }
mkfs_on 64M
start_ctrd
ctrctl pull -q "$registry/library/busybox:latest" >/dev/null
fallocate -l $(($(stat -f -c '%a * %S' "$work/root") - 12000000)) "$work/root/filler"
holds >"$work/before"
image_of noise
full noise free_bytes
stop_ctrd
umount "$work/root"
ok "a disk without a byte left fails the pull and nothing else"
mkfs_on 64M -N 1200
start_ctrd
ctrctl pull -q "$registry/library/busybox:latest" >/dev/null
mkdir "$work/root/fillers"
left=$(($(stat -f -c %d "$work/root") - 100))
(cd "$work/root/fillers" && seq -f 'f%g' "$left" | xargs touch)
holds >"$work/before"
image_of entries
full entries free_inodes
stop_ctrd
umount "$work/root"
ok "a disk without an inode left fails the pull and nothing else"
end_namespace
printf '%d passed, 0 failed\n' "$passed"
