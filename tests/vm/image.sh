#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The machine that tests/vm/run boots, made once and kept: image.sh prints the directory with vmlinuz, initrd and
# root.img. Debian's cloud kernel and a minbase root, fetched and unpacked; nothing is installed here.
# CTR_VM_CACHE (default /var/cache/ctr-vm) holds one directory for each version of this file. Status 77: cannot be had.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
exec 3>&1 1>&2

packages=systemd,systemd-sysv,dbus,kmod,procps,util-linux,runc,crun,containerd,apparmor,jq,sqlite3,ca-certificates
packages+=,libprotobuf-c1,libnghttp2-14,libcurl4,libjansson4,libarchive13,libsqlite3-0,libseccomp2,libcap2,libisal2
packages+=,libzstd1,libssl3,libpcre2-8-0,libtomlplusplus3,libstdc++6
mirror=${CTR_VM_MIRROR:-http://deb.debian.org/debian}
release=bookworm
arch=$(dpkg --print-architecture)

skip() {
	printf '%s\n' "$*" >&2
	exit 77
}

[ "$arch" = amd64 ] || skip "the machine's kernel and firmware are for amd64, this is $arch"
for tool in debootstrap mke2fs busybox; do
	command -v "$tool" >/dev/null || skip "no $tool: tools/install-deps test"
done

cache=${CTR_VM_CACHE:-/var/cache/ctr-vm}
dir=$cache/$(sha256sum <"$0" | cut -c 1-16)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ ! -e "$dir/done" ] || {
	echo "$dir" >&3
	exit 0
}
rm -rf "$dir"
mkdir "$dir"
trap '[ -e "$dir/done" ] || rm -rf "$dir"' EXIT

# ---- kernel: the newest that the metapackage names ----
newest_kernel() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '$1 == "Depends:" && /linux-image-/ { print $2; exit }'
}
kernel=$(newest_kernel)
[ -n "$kernel" ] || { apt-get update -q && kernel=$(newest_kernel); } || true
[ -n "$kernel" ] || skip "apt knows no linux-image-cloud-amd64"
(cd "$dir" && apt-get download -q "$kernel" >fetch.log 2>&1) || skip "cannot fetch $kernel: $(tail -n 1 "$dir/fetch.log")"
dpkg-deb -x "$dir/$kernel"_*.deb "$dir/kernel"
version=$(basename "$(echo "$dir"/kernel/lib/modules/*)")
cp "$dir/kernel/boot/vmlinuz-$version" "$dir/vmlinuz"

# ---- root ----
debootstrap --variant=minbase --include="$packages" "$release" "$dir/root" "$mirror" >"$dir/fetch.log" 2>&1 ||
	skip "debootstrap: $(tail -n 1 "$dir/fetch.log")"
root=$dir/root
for m in fs/overlayfs fs/autofs drivers/virtio drivers/block/virtio_blk.ko; do
	[ -e "$dir/kernel/lib/modules/$version/kernel/$m" ] || continue
	mkdir -p "$root/lib/modules/$version/kernel/$(dirname "$m")"
	cp -r "$dir/kernel/lib/modules/$version/kernel/$m" "$root/lib/modules/$version/kernel/$m"
done
cp "$dir/kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
chroot "$root" depmod "$version"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}
echo ctr-vm >"$root/etc/hostname"
echo 'LABEL=root / ext4 defaults 0 1' >"$root/etc/fstab"
# What a machine for one test has no use for, and the daemon of another project.
for unit in containerd.service getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
	dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-networkd.service \
	systemd-timesyncd.service systemd-random-seed.service systemd-update-utmp.service \
	systemd-pstore.service systemd-udev-settle.service; do
	ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=persistent\n' >"$root/etc/systemd/journald.conf.d/vm.conf"
mke2fs -q -t ext4 -L root -d "$root" "$dir/root.img" 3G

# ---- initramfs: loads the disk's driver, unpacks the run's payload over the root once, goes on ----
mkdir -p "$dir/initrd"/{bin,dev,proc,sys,root,modules}
cp "$(command -v busybox)" "$dir/initrd/bin/busybox"
modules=$(for m in virtio_pci virtio_blk; do chroot "$root" modprobe -S "$version" --show-depends "$m"; done |
	awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
for m in $modules; do
	cp "$root$m" "$dir/initrd/modules/"
	echo "busybox insmod /modules/$(basename "$m")" >>"$dir/initrd/modules/load"
done
cat >"$dir/initrd/init" <<'INIT'
#!/bin/busybox sh
PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
. /modules/load
busybox mount -t ext4 -o rw /dev/vda /root || exec busybox poweroff -f
if [ ! -e /root/vm/unpacked ]; then
	busybox tar -C /root -xf /dev/vdb && : >/root/vm/unpacked
fi
busybox umount /proc
exec busybox switch_root /root /sbin/init
INIT
chmod 755 "$dir/initrd/init"
(cd "$dir/initrd" && find . | busybox cpio -o -H newc | gzip -1) >"$dir/initrd.gz"

rm -rf "$dir/root" "$dir/kernel" "$dir/initrd" "$dir"/*.deb "$dir/fetch.log"
: >"$dir/done"
for old in "$cache"/*/; do
	[ "$old" = "$dir/" ] || [ ! -e "$old/done" ] || rm -rf "$old"
done
echo "$dir" >&3
