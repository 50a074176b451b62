#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# ctr-worker, roles fetch and parse, caged, against Debian's docker-registry: plain HTTP on loopback, basic
# authentication, TLS with a CA that only certs.d knows, a mirror by hosts.toml, an HTTP proxy that is not there.
# usage: worker_fetch.sh [BUILD_FOLDER]     (ctr-worker and worker_drive in it; skopeo, docker-registry, openssl)
set -u
build=$(realpath "${1:-$(dirname "$0")/../../build}")
worker=$build/bin/ctr-worker
drive=$build/bin/worker_drive
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry skopeo openssl perl; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
work=$(mktemp -d /tmp/worker-fetch-XXXXXX)
pids=()
passed=0
failed=0
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	wait 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT

check() { # NAME PATTERN STATUS_WANTED COMMAND...
	local name=$1 pattern=$2 status=$3 out rc
	shift 3
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = "$status" ] && grep -qE -- "$pattern" <<<"$out"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED %s (status %s)\n%s\n' "$name" $rc "$out"
	fi
}

# NAME PORT EXTRA_YAML: a registry of its own on 127.0.0.1
registry() {
	mkdir -p "$work/$1"
	cat >"$work/$1.yml" <<-YAML
	version: 0.1
	log: {level: error, accesslog: {disabled: true}}
	storage: {filesystem: {rootdirectory: $work/$1}}
	http: {addr: "127.0.0.1:$2"$3}
	$4
	YAML
	docker-registry serve "$work/$1.yml" >"$work/$1.log" 2>&1 &
	pids+=($!)
	for _ in $(seq 100); do
		(exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null && return 0
		read -rt 0.05 <> <(:)
	done
	cat "$work/$1.log"
	exit 1
}

# An OCI layout with two layers, made by hand.
layout() {
	local l=$work/layout b=$work/layout/blobs/sha256 d
	mkdir -p "$b" "$work/root/bin"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$l/oci-layout"
	head -c 3000000 /dev/urandom >"$work/root/bin/noise"
	cp /bin/busybox "$work/root/bin/" 2>/dev/null || cp /bin/true "$work/root/bin/busybox"
	tar -C "$work/root" -cf "$work/1.tar" bin/busybox
	tar -C "$work/root" -cf "$work/2.tar" bin/noise
	local layers="" diffs="" n
	for n in 1 2; do
		d=$(sha256sum <"$work/$n.tar" | cut -d' ' -f1)
		diffs="$diffs${diffs:+,}\"sha256:$d\""
		gzip -n "$work/$n.tar"
		d=$(sha256sum <"$work/$n.tar.gz" | cut -d' ' -f1)
		cp "$work/$n.tar.gz" "$b/$d"
		layers="$layers${layers:+,}{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"sha256:$d\",\"size\":$(stat -c %s "$b/$d")}"
	done
	printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$diffs" >"$work/config"
	d=$(sha256sum <"$work/config" | cut -d' ' -f1)
	cp "$work/config" "$b/$d"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[%s]}' \
		"$d" "$(stat -c %s "$work/config")" "$layers" >"$work/manifest"
	d=$(sha256sum <"$work/manifest" | cut -d' ' -f1)
	cp "$work/manifest" "$b/$d"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"platform":{"os":"linux","architecture":"amd64"},"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' \
		"$d" "$(stat -c %s "$work/manifest")" >"$l/index.json"
	manifest=$d
}

base=$((20000 + $$ % 20000))
plain=127.0.0.1:$base
auth=127.0.0.1:$((base + 1))
tls=127.0.0.1:$((base + 2))
layout
perl -e 'print "user:", crypt("pass", "\$2b\$05\$abcdefghijklmnopqrstuu"), "\n"' >"$work/htpasswd"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" -days 2 -subj /CN=test \
	-addext "subjectAltName=IP:127.0.0.1" 2>/dev/null
registry plain $base "" ""
registry auth $((base + 1)) "" "auth: {htpasswd: {realm: test, path: $work/htpasswd}}"
registry tls $((base + 2)) ", tls: {certificate: $work/cert.pem, key: $work/key.pem}" ""
copy() { skopeo copy -q --dest-tls-verify=false "$@"; }
copy "oci:$work/layout:v1" "docker://$plain/library/test:v1" || exit 1
copy --multi-arch all "oci:$work/layout" "docker://$plain/library/test:index" || exit 1
copy --dest-creds user:pass "oci:$work/layout:v1" "docker://$auth/library/test:v1" || exit 1
copy "oci:$work/layout:v1" "docker://$tls/library/test:v1" || exit 1

good="^config linux/amd64 layers 2 diffs 2 cmd sh"
check "plain http on loopback" "$good" 0 "$drive" "$worker" $plain library/test v1
check "name of /etc/hosts" "$good" 0 "$drive" "$worker" localhost:$base library/test v1
check "resolved digest" "^resolved sha256:$manifest application/vnd.oci" 0 "$drive" "$worker" $plain library/test v1
check "index" "$good" 0 "$drive" "$worker" $plain library/test index
check "no such tag" "resolve $plain/library/test:none: HTTP 404 from http://$plain/v2/library/test/manifests/none" 1 \
	"$drive" "$worker" $plain library/test none
check "basic authentication" "$good" 0 "$drive" "$worker" $auth library/test v1 -u user:pass
check "no credentials" "HTTP 401 from http://$auth.*no credentials for '$auth'" 1 "$drive" "$worker" $auth library/test v1
check "wrong password" "HTTP 401" 1 "$drive" "$worker" $auth library/test v1 -u user:wrong
check "proxy is not used for loopback" "$good" 0 "$drive" "$worker" $plain library/test v1 -x http://127.0.0.1:1

certs=$work/certs.d
mkdir -p "$certs/$tls" "$certs/mirrored.test" "$certs/only-mirror.test" "$certs/verify.test"
cp "$work/cert.pem" "$certs/$tls/ca.pem"
chmod 0600 "$certs/$tls/ca.pem"
printf 'server = "https://%s"\nca = "ca.pem"\n' $tls >"$certs/$tls/hosts.toml"
printf 'server = "https://127.0.0.1:1"\n[host."http://127.0.0.1:2"]\n[host."http://%s"]\ncapabilities = ["pull","resolve"]\n' \
	$plain >"$certs/mirrored.test/hosts.toml"
printf 'server = "https://%s"\n' $tls >"$certs/verify.test/hosts.toml"
check "TLS with a CA of certs.d" "$good" 0 "$drive" "$worker" $tls library/test v1 -d "$certs"
check "TLS without it" "certificate|SSL" 1 "$drive" "$worker" verify.test library/test v1 -d "$certs"
check "mirror by hosts.toml" "$good" 0 "$drive" "$worker" mirrored.test library/test v1 -d "$certs"
printf 'server = 1\n' >"$certs/only-mirror.test/hosts.toml"
check "broken hosts.toml" "only-mirror.test/hosts.toml': line 1: 'server' is no string" 1 \
	"$drive" "$worker" only-mirror.test library/test v1 -d "$certs"
check "name that does not resolve" "resolve registry.invalid/library/test:v1: https://registry.invalid/.*[Cc]ould not resolve" 1 \
	"$drive" "$worker" registry.invalid library/test v1

echo "worker_fetch: $passed passed, $failed failed"
[ $failed = 0 ]
