# SPDX-License-Identifier: Apache-2.0
# For the shell tests: throwaway directories, a registry and a daemon on loopback, and leaving nothing behind.
# Source it with BUILD set (default: build/ of this checkout). Everything started here is ended by its pid.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$top/build}
PATH=$PATH:/usr/sbin:/sbin
export CTR_ADDRESS=
work=
pids=()

say() { printf '%s\n' "$*"; }
fail() {
	[ -z "$work" ] || [ ! -s "$work/ctrd.log" ] || tail -n 25 "$work/ctrd.log" >&2
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}
passed=0
ok() {
	passed=$((passed + 1))
	printf 'ok %d - %s\n' "$passed" "$*"
}

# Short, because unix socket paths are.
make_work() {
	work=$(mktemp -d /tmp/ctr-t.XXXXXX)
	trap cleanup EXIT
	trap 'exit 130' INT TERM
}

free_port() {
	local port
	for _ in $(seq 50); do
		port=$((20000 + RANDOM % 20000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || {
			echo "$port"
			return
		}
	done
	return 1
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

end_pid() {
	local pid=$1
	kill -0 "$pid" 2>/dev/null || return 0
	kill "$pid" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -9 "$pid" 2>/dev/null || true
}

# Processes whose command line or working directory is in the work directory: shims, and what a failed test left.
processes_of_work() {
	local p
	for p in /proc/[0-9]*; do
		[ "${p#/proc/}" != "$$" ] || continue
		if grep -qsF "$work" "$p/cmdline" || readlink "$p/cwd" 2>/dev/null | grep -qF "$work"; then
			echo "${p#/proc/}"
		fi
	done
}

mounts_of_work() { awk -v w="$work/" 'index($2, w) == 1 { print $2 }' /proc/self/mounts | sort -r; }

cleanup() {
	local status=$? pid m
	set +e
	for pid in "${pids[@]}"; do end_pid "$pid"; done
	if [ -n "$work" ]; then
		for pid in $(processes_of_work); do kill -9 "$pid" 2>/dev/null; done
		for m in $(mounts_of_work); do umount -l "$m" 2>/dev/null; done
		[ -n "${KEEP_WORK:-}" ] || rm -rf "$work"
	fi
	exit "$status"
}

# ---- registry ----

start_registry() {
	registry_port=$(free_port)
	registry=localhost:$registry_port
	mkdir -p "$work/registry"
	cat >"$work/registry.yml" <<-EOF
		version: 0.1
		log: { level: error }
		storage: { filesystem: { rootdirectory: $work/registry }, delete: { enabled: true } }
		http: { addr: "127.0.0.1:$registry_port" }
	EOF
	docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
	registry_pid=$!
	pids+=("$registry_pid")
	wait_for 10 curl -fs "http://$registry/v2/" || fail "the registry does not start: $(cat "$work/registry.log")"
}

digest_of() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

# push_blob REPOSITORY FILE: prints nothing, fails loudly.
push_blob() {
	local location digest
	digest=$(digest_of "$2")
	location=$(curl -fsS -X POST -D - -o /dev/null "http://$registry/v2/$1/blobs/uploads/" |
		tr -d '\r' | awk 'tolower($1) == "location:" { print $2 }')
	case $location in *\?*) location="$location&digest=$digest" ;; *) location="$location?digest=$digest" ;; esac
	curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "$location"
}

layer_type=application/vnd.oci.image.layer.v1.tar+gzip

# make_image DIRECTORY CONFIG-JSON-FIELDS LAYER.tar...: an OCI image's blobs and manifest.json in DIRECTORY.
make_image() {
	local dir=$1 fields=$2 diffs= layers= tar gz
	shift 2
	mkdir -p "$dir"
	for tar in "$@"; do
		gz=$dir/$(basename "$tar").gz
		gzip -nc "$tar" >"$gz"
		diffs="$diffs${diffs:+,}\"$(digest_of "$tar")\""
		layers="$layers${layers:+,}{\"mediaType\":\"$layer_type\",\"digest\":\"$(digest_of "$gz")\",\"size\":$(stat -c %s "$gz")}"
	done
	printf '{"architecture":"%s","os":"linux","config":{%s},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$(dpkg --print-architecture)" "$fields" "$diffs" >"$dir/config.json"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[%s]}' \
		"$(digest_of "$dir/config.json")" "$(stat -c %s "$dir/config.json")" "$layers" >"$dir/manifest.json"
}

# push_image DIRECTORY REPOSITORY TAG
push_image() {
	local gz
	for gz in "$1"/*.gz; do push_blob "$2" "$gz"; done
	push_blob "$2" "$1/config.json"
	curl -fsS -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
		--data-binary "@$1/manifest.json" "http://$registry/v2/$2/manifests/$3"
}

# A busybox image: REPOSITORY:latest in the registry, made of busybox-static.
push_busybox() {
	local root=$work/busybox-root applet
	mkdir -p "$root"/{bin,etc,root,tmp,dev,proc,sys,var}
	chmod 1777 "$root/tmp"
	cp /bin/busybox "$root/bin/busybox"
	for applet in $("$root/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$root/etc/group"
	tar --sort=name --mtime=@1700000000 --owner=0 --group=0 -C "$root" -cf "$work/busybox.tar" .
	make_image "$work/busybox" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar"
	push_image "$work/busybox" "$1" latest
}

# ---- daemon ----

# start_ctrd [ARGUMENT...]: on throwaway directories; its pid is $ctrd_pid, its socket $CTR_ADDRESS.
start_ctrd() {
	export CTR_ADDRESS=$work/ctrd.sock
	"$BUILD/bin/ctrd" -c "${CTRD_CONFIG:-$BUILD/dev.toml}" --root "$work/root" --state "$work/state" \
		--address "$CTR_ADDRESS" "$@" >>"$work/ctrd.log" 2>&1 &
	ctrd_pid=$!
	pids+=("$ctrd_pid")
	wait_for 20 "$BUILD/bin/ctrctl" version || fail "ctrd does not start"
}

kill_ctrd() {
	kill -9 "$ctrd_pid"
	wait "$ctrd_pid" 2>/dev/null || true
}

stop_ctrd() {
	kill "$ctrd_pid"
	wait "$ctrd_pid" || fail "ctrd ends with status $?"
}

ctrctl() { "$BUILD/bin/ctrctl" "$@"; }

# What the machine holds of ours: compared before and after.
residue() {
	mounts_of_work
	processes_of_work | wc -l
	find /sys/fs/cgroup -maxdepth 4 -type d -path '*ctr*' 2>/dev/null | sort || true
}
