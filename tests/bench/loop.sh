#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Does the daemon's one loop stay free? p50 and p99 of Version and Containers.Get while 64 shims answer no call, 64 clients
# read nothing of a large blob they asked for and 64 pulls hang on a registry that says nothing; beside them those of a
# second daemon that has nothing to do, measured in turn, so that what else the machine does counts for both. ROUNDS
# rounds, the best of each counts; with CHECK=1 a p50 or p99 beyond LIMIT times the idle daemon's fails (p99: and 1 ms).
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry python3 busybox ctr; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
ROUNDS=${ROUNDS:-7} SECONDS_EACH=${SECONDS_EACH:-1} N=${N:-64} LIMIT=${LIMIT:-1.5}
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
busy_address=$CTR_ADDRESS
idle_address=$work/idle.sock
"$BUILD/bin/ctrd" -c "$CTRD_CONFIG" --root "$work/idle-root" --state "$work/idle-state" --address "$idle_address" \
	>>"$work/idle.log" 2>&1 &
pids+=("$!")
wait_for 20 "$BUILD/bin/ctrctl" -H "$idle_address" version || fail "the second daemon does not start"
ctrctl -H "$idle_address" pull -q "$big" >/dev/null
ctrctl -H "$idle_address" create --name asked "$big" true >/dev/null
idle_id=$(ctrctl -H "$idle_address" inspect --format '{{.ID}}' asked)
wait_for 10 test -s "$work/mute.port"

ask() { "$load" -t "$SECONDS_EACH" -c 4 "$@"; }
# measure NAME: one line a method: best p50 and p99 of the idle daemon and of the busy one.
measure() {
	local i
	: >"$work/all"
	for i in $(seq "$ROUNDS"); do
		echo "Version idle $(ask "$idle_address" containerd.services.version.v1.Version/Version)"
		echo "Version busy $(ask "$busy_address" containerd.services.version.v1.Version/Version)"
		echo "Get idle $(ask "$idle_address" containerd.services.containers.v1.Containers/Get "$idle_id")"
		echo "Get busy $(ask "$busy_address" containerd.services.containers.v1.Containers/Get "$id")"
	done >"$work/all"
	awk -v name="$1" -v limit="$LIMIT" -v check="${CHECK:-0}" '
		{ k = $1 " " $2
		  if (!(k in p50) || $10 < p50[k]) p50[k] = $10
		  if (!(k in p99) || $16 < p99[k]) p99[k] = $16 }
		END { n = split("Version Get", m, " ")
		  for (i = 1; i <= n; i++) {
			a = m[i] " idle"; b = m[i] " busy"
			printf "%-22s %-8s p50 %4d -> %4d us (%.2f)   p99 %4d -> %4d us (%.2f)\n", name, m[i], p50[a], p50[b],
				p50[b] / p50[a], p99[a], p99[b], p99[b] / p99[a]
			if (p50[b] > p50[a] * limit || (p99[b] > p99[a] * limit && p99[b] > p99[a] + 1000)) slow = 1
		  }
		  exit check && slow }' "$work/all" || fail "the loop is held up: $1"
}
end_clients() {
	local pid
	for pid in "${clients[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
	clients=()
}
clients=()
threads() { ls "/proc/$ctrd_pid/task" | wc -l; }
quiet() { [ "$(threads)" -le 4 ] && ! pgrep -P "$ctrd_pid" >/dev/null; }

measure "nothing"
shims() {
	local i
	for i in $(seq "$N"); do
		"$BUILD/bin/ctrctl" run -d --name "hung$i" --runtime "$work/hung-shim" "$big" true >/dev/null 2>&1 &
		clients+=("$!")
		disown "$!" # no words at its end
	done
	wait_for 60 sh -c "[ \$(find '$work/state/io.containerd.runtime.v2.task/default' -name bootstrap.json | wc -l) = $N ]" ||
		fail "not $N hung shims"
}
reads() {
	local i
	for i in $(seq "$N"); do
		"$load" -p "$CTR_ADDRESS" containerd.services.content.v1.Content/Read "$layer" >"$work/park.$i" &
		clients+=("$!")
		disown "$!" # no words at its end
	done
	wait_for 20 sh -c "[ \$(cat $work/park.* | grep -c parked) = $N ]" || fail "not $N parked reads"
}
pulls() {
	local i port
	port=$(cat "$work/mute.port")
	for i in $(seq "$N"); do
		"$BUILD/bin/ctrctl" pull -q "localhost:$port/mute/i$i:latest" >/dev/null 2>&1 &
		clients+=("$!")
		disown "$!" # no words at its end
	done
	sleep 3
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
