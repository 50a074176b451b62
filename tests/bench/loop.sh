#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does the daemon's one loop stay free? p50 and p99 of Version and Containers.Get, idle, and then while 64 shims answer no
# call, 64 clients read nothing of a large blob they asked for, 64 applies of a layer queue and 64 pulls hang on a registry
# that says nothing. ROUNDS rounds of each, the best of each counts; with CHECK=1 a p99 that grew beyond LIMIT fails.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry python3 busybox ctr; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-2} N=${N:-64} LIMIT=${LIMIT:-1.5}
load=$BUILD/bench/load
make_work
start_registry
push_busybox library/busybox
mkdir "$work/noise"
head -c 30000000 /dev/urandom >"$work/noise/noise"
tar -C "$work/noise" -cf "$work/noise.tar" .
make_image "$work/image" '"Env":["PATH=/bin"],"Cmd":["/bin/sh"]' "$work/busybox.tar" "$work/noise.tar"
push_image "$work/image" big latest
big=$registry/big:latest
layer=$(digest_of "$work/image/noise.tar.gz")
cat >"$work/hung-shim" <<-END
	#!/bin/sh
	for last; do :; done
	[ "\$last" != start ] || echo "unix://$work/hung.sock"
END
chmod 0755 "$work/hung-shim"
python3 - "$work/hung.sock" "$work/mute.port" <<'PY' &
import socket, sys, time

shim = socket.socket(socket.AF_UNIX)
shim.bind(sys.argv[1])
shim.listen(4096)  # nobody accepts, nobody answers
mute = socket.create_server(("127.0.0.1", 0), backlog=4096)
open(sys.argv[2], "w").write(str(mute.getsockname()[1]))
time.sleep(3600)
PY
hung=$!
pids+=("$hung")
CTRD_CONFIG=$work/ctrd.toml
cp "$BUILD/dev.toml" "$CTRD_CONFIG"
printf '[transfer]\nprogress_timeout = "1h"\n' >>"$CTRD_CONFIG"
start_ctrd
ctrctl pull -q "$big" >/dev/null
ctrctl create --name asked "$big" true >/dev/null
id=$(ctrctl inspect --format '{{.ID}}' asked)
wait_for 10 test -s "$work/mute.port"

# measure NAME: best p50 and p99 of Version and Get, over all rounds, into $work/NAME.
measure() {
	local what out
	: >"$work/$1.all"
	for _ in $(seq "$ROUNDS"); do
		for what in version containers; do
			case $what in
			version) out=$("$load" -t "$SECONDS_EACH" -c 4 "$CTR_ADDRESS" containerd.services.version.v1.Version/Version) ;;
			containers) out=$("$load" -t "$SECONDS_EACH" -c 4 "$CTR_ADDRESS" containerd.services.containers.v1.Containers/Get "$id") ;;
			esac
			echo "$what $out" >>"$work/$1.all"
		done
	done
	for what in version containers; do
		awk -v w=$what '$1 == w { if (!n || $9 < p50) p50 = $9; if (!n || $15 < p99) p99 = $15; n++ } END { print w, p50, p99 }' \
			"$work/$1.all"
	done >"$work/$1"
	[ "$1" = idle ] || paste -d' ' "$work/idle" "$work/$1" | awk -v name="$1" -v limit="$LIMIT" -v check="${CHECK:-0}" '
		{ printf "%-28s %-10s p50 %4d -> %4d us (%.2f)   p99 %4d -> %4d us (%.2f)\n", name, $1, $2, $5, $5 / $2, $3, $6, $6 / $3
		  if ($6 > $3 * limit && $6 > $3 + 500) slow = 1 } END { exit check && slow }' || fail "the loop is held up: $1"
}
end_clients() {
	local pid
	for pid in "${clients[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	for pid in "${clients[@]}"; do wait "$pid" 2>/dev/null || true; done
	clients=()
}
clients=()
threads() { ls "/proc/$ctrd_pid/task" | wc -l; }
quiet() { [ "$(threads)" -le 4 ] && ! pgrep -P "$ctrd_pid" >/dev/null; }

measure idle
shims() {
	local i
	for i in $(seq "$N"); do
		"$BUILD/bin/ctrctl" run -d --name "hung$i" --runtime "$work/hung-shim" "$big" true >/dev/null 2>&1 &
		clients+=("$!")
	done
	wait_for 60 sh -c "[ \$(find '$work/state/io.containerd.runtime.v2.task/default' -name bootstrap.json | wc -l) = $N ]" ||
		fail "not $N hung shims"
}
reads() {
	local i
	for i in $(seq "$N"); do
		"$load" -p "$CTR_ADDRESS" containerd.services.content.v1.Content/Read "$layer" >"$work/park.$i" &
		clients+=("$!")
	done
	wait_for 20 sh -c "[ \$(cat $work/park.* | grep -c parked) = $N ]" || fail "not $N parked reads"
}
pulls() {
	local i port
	port=$(cat "$work/mute.port")
	for i in $(seq "$N"); do
		"$BUILD/bin/ctrctl" pull -q "localhost:$port/mute/i$i:latest" >/dev/null 2>&1 &
		clients+=("$!")
	done
	sleep 3
}
applies() {
	local i
	for i in $(seq "$N"); do
		"$BUILD/bin/ctrctl" run --rm --snapshotter native --name "apply$i" "$big" true >/dev/null 2>&1 &
		clients+=("$!")
	done
}
shims
measure "$N hung shims"
reads
measure "and $N parked reads"
say "threads with both: $(threads), PSS $(awk '/^Pss:/ { print $2 }' "/proc/$ctrd_pid/smaps_rollup") kB"
pulls
measure "and $N stalled pulls"
say "threads with all: $(threads)"
[ "$(timeout 20 "$BUILD/bin/ctrctl" content get "$layer" | sha256sum | cut -d' ' -f1)" = "${layer#sha256:}" ] ||
	fail "nobody else can read while $N reads are parked"
[ "$(timeout 20 "$BUILD/bin/ctrctl" run --rm "$big" echo free)" = free ] || fail "no container while all that hangs"
say "a read and a run work meanwhile"
end_clients
wait_for 20 sh -c "! pgrep -P $ctrd_pid -f ctr-worker >/dev/null" || fail "workers are left"
kill -9 "$hung" # closes every shim's connection
wait_for 30 sh -c "[ -z \"\$(ls '$work/state/io.containerd.runtime.v2.task/default')\" ]" || fail "bundles of dead shims are left"
wait_for 30 quiet || fail "$(threads) threads are left"
ctrctl rm -f $(ctrctl ps -aq) >/dev/null
stop_ctrd
