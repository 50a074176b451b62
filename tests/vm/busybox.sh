#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An OCI archive of one busybox image, without a registry: busybox.sh FILE.tar REFERENCE
set -euo pipefail
out=$1
reference=$2
work=$(mktemp -d /tmp/ctr-image.XXXXXX)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work"/root/{bin,etc,root,tmp,dev,proc,sys,var} "$work/oci/blobs/sha256"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for applet in $("$work/root/bin/busybox" --list); do
	[ "$applet" = busybox ] || ln -sf busybox "$work/root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$work/root/etc/passwd"
printf 'root:x:0:\n' >"$work/root/etc/group"
tar --sort=name --mtime=@1700000000 --owner=0 --group=0 -C "$work/root" -cf "$work/layer.tar" .
gzip -n1k "$work/layer.tar"

# blob FILE: into the layout; prints its digest and size as fields of a descriptor.
blob() {
	local sum
	sum=$(sha256sum <"$1" | cut -d' ' -f1)
	cp "$1" "$work/oci/blobs/sha256/$sum"
	printf '"digest":"sha256:%s","size":%d' "$sum" "$(stat -c %s "$1")"
}

printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
	"$(dpkg --print-architecture)" "$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" >"$work/config.json"
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip",%s}]}' \
	"$(blob "$work/config.json")" "$(blob "$work/layer.tar.gz")" >"$work/manifest.json"
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",%s,"annotations":{"io.containerd.image.name":"%s","org.opencontainers.image.ref.name":"%s"}}]}' \
	"$(blob "$work/manifest.json")" "$reference" "${reference##*:}" >"$work/oci/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/oci/oci-layout"
tar -C "$work/oci" --owner=0 --group=0 -cf "$out" oci-layout index.json blobs
