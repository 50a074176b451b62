#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Images of several layers, on both snapshotters: whiteouts, opaque directories, implied directories, hard links, setuid and
# odd names arrive; damaged, escaping and exploding layers are refused by name and leave nothing.
. "$(dirname "$0")/../lib/common.sh"
make_work
start_registry
push_busybox library/busybox
start_ctrd
before=$(residue)

pack() { tar --sort=name --mtime=@1700000000 --owner=0 --group=0 "$@"; }

# Upper layers: one with directories named, one that names files only.
l=$work/l2
mkdir -p "$l"/{etc,opaque,d}
printf 'new\n' >"$l/etc/new"
touch "$l/etc/.wh.group" "$l/opaque/.wh..wh..opq"
printf 'shown\n' >"$l/opaque/shown"
printf 'one\n' >"$l/d/one"
ln "$l/d/one" "$l/d/two"
cp /bin/busybox "$l/d/suid"
chmod 4755 "$l/d/suid"
printf 'latin\n' >"$l/d/"$'gr\xfc\xdf'
printf 'utf\n' >"$l/d/größe"
mkdir -p "$work/l1/opaque"
printf 'hidden\n' >"$work/l1/opaque/hidden"
pack -C "$work/l1" -cf "$work/layer1.tar" .
pack -C "$l" -cf "$work/layer2.tar" .
mkdir -p "$work"/l3/{tmp,root/deep}
printf 'tmp\n' >"$work/l3/tmp/implied"
printf 'deep\n' >"$work/l3/root/deep/file"
chmod 700 "$work/busybox-root/root"
pack -C "$work/busybox-root" -cf "$work/layer0.tar" .
pack -C "$work/l3" -cf "$work/layer3.tar" tmp/implied root/deep/file
make_image "$work/many" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work"/layer{0,1,2,3}.tar
push_image "$work/many" many latest

want='1777 700 755 new shown one 2 4755 latin utf'
look='stat -c %a /tmp /root /root/deep; cat /etc/new /opaque/*; cat /d/two; stat -c %h /d/one; stat -c %a /d/suid
cat /d/gr?? /d/größe; ls /etc/group 2>/dev/null; cat /tmp/implied /root/deep/file >/dev/null || echo missing'
for snapshotter in overlayfs native; do
	ctrctl pull -q --snapshotter "$snapshotter" "$registry/many:latest" >/dev/null
	got=$(ctrctl run --rm --snapshotter "$snapshotter" "$registry/many:latest" sh -c "$look" | xargs)
	[ "$got" = "$want" ] || fail "$snapshotter: '$got' instead of '$want'"
	ok "layers on $snapshotter"
done

# refused NAME TEXT GZIP-COMMAND...: the last layer's blob is changed by the command, its digest is right.
refused() {
	local name=$1 text=$2 out dir=$work/$1
	shift 2
	make_image "$dir" '"Env":["PATH=/bin"]' "$work/layer0.tar" "$work/$name.tar"
	local gz=$dir/$name.tar.gz old new
	old=$(digest_of "$gz") size=$(stat -c %s "$gz")
	"$@" "$gz"
	new=$(digest_of "$gz")
	sed -i "s/$old\",\"size\":$size/$new\",\"size\":$(stat -c %s "$gz")/" "$dir/manifest.json"
	push_image "$dir" "$name" latest
	if out=$(ctrctl pull "$registry/$name:latest" 2>&1); then
		fail "$name: it was pulled"
	fi
	grep -qF -- "$text" <<<"$out" || fail "$name: '$text' is not in: $out"
	grep -qF -- "${new#sha256:}" <<<"$out" || fail "$name: the layer is not named in: $out"
	! ctrctl images -q "$registry/$name:latest" 2>/dev/null | grep -q . || fail "$name: an image is left"
	ok "refused: $name"
}
cut_end() { truncate -s -5 "$1"; }
add_garbage() { printf 'garbage' >>"$1"; }
spoil_sum() { printf '\x00\x00\x00\x00' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 8)) conv=notrunc status=none; }

cp "$work/layer2.tar" "$work/truncated.tar"
cp "$work/layer2.tar" "$work/garbage.tar"
cp "$work/layer2.tar" "$work/badsum.tar"
refused truncated "truncated" cut_end
refused garbage "garbage" add_garbage
refused badsum "checksum" spoil_sum
echo x >"$work/outside"
(cd "$work/l2" && tar -P -cf "$work/escape.tar" ../outside 2>/dev/null)
refused escape "leaves the root" true
(cd "$work/l2" && head -c 300M /dev/zero >zeros && tar -cf "$work/bomb.tar" zeros && rm zeros)
refused bomb "times its compressed size" true
rm -f "$work/bomb.tar"

after=$(residue)
[ "$before" = "$after" ] || fail "left behind: $(diff <(echo "$before") <(echo "$after"))"
stop_ctrd
ok "nothing is left behind"
printf '%d passed, 0 failed\n' "$passed"
