#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A directory with Debian's arm64 libraries and headers, made once and kept: sysroot.sh prints it. Fetched by debootstrap
# and unpacked, so that the host's dpkg never hears of a foreign architecture.
# CTR_CROSS_CACHE (default /var/cache/ctr-cross) holds one for each version of this file. Status 77: cannot be had.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
exec 3>&1 1>&2

packages=libc6-dev,linux-libc-dev,libprotobuf-c-dev,libprotobuf-dev,libnghttp2-dev,libcurl4-openssl-dev,libjansson-dev
packages+=,libarchive-dev,libsqlite3-dev,libseccomp-dev,libcap-dev,libisal-dev,libzstd-dev,zlib1g-dev,libssl-dev
packages+=,libpcre2-dev,libtomlplusplus-dev,libcmocka-dev
mirror=${CTR_VM_MIRROR:-http://deb.debian.org/debian}

skip() {
	printf '%s\n' "$*"
	exit 77
}
command -v debootstrap >/dev/null || skip "no debootstrap: tools/install-deps test"

cache=${CTR_CROSS_CACHE:-/var/cache/ctr-cross}
dir=$cache/$(sha256sum <"$0" | cut -c 1-16)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
[ ! -e "$dir/done" ] || {
	echo "$dir/root" >&3
	exit 0
}
rm -rf "$dir"
mkdir "$dir"
trap '[ -e "$dir/done" ] || rm -rf "$dir"' EXIT

# --foreign unpacks what is required and only fetches the rest, which holds no program that we would run.
debootstrap --foreign --arch=arm64 --variant=minbase --include="$packages" bookworm "$dir/root" "$mirror" \
	>"$dir/fetch.log" 2>&1 || skip "debootstrap: $(tail -n 1 "$dir/fetch.log")"
for deb in "$dir"/root/var/cache/apt/archives/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/root" -x --skip-old-files
done
# Only what is linked and loaded stays.
find "$dir/root" -mindepth 1 -maxdepth 1 ! -name usr ! -name lib -exec rm -rf {} +
find "$dir/root/usr" -mindepth 1 -maxdepth 1 ! -name lib ! -name include ! -name share -exec rm -rf {} +
find "$dir/root/usr/share" -mindepth 1 -maxdepth 1 ! -name pkgconfig -exec rm -rf {} +
rm -f "$dir/fetch.log"
: >"$dir/done"
for old in "$cache"/*/; do
	[ "$old" = "$dir/" ] || [ ! -e "$old/done" ] || rm -rf "$old"
done
echo "$dir/root" >&3
