#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What an idle daemon and a shim weigh: PSS, threads, wake-ups in 10 s, time from exec to ready, all plugins loaded; a
# shim's private dirty memory, and after EXECS execs. Debian's containerd and conmon beside them, where they are installed.
# With CHECK=1 a figure above its bar fails.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
EXECS=${EXECS:-1000} IDLE=${IDLE:-10}
make_work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest

value() { awk -v k="$2:" '$1 == k { print $2; exit }' "$1"; } # value FILE KEY
# switches PID: of all its threads in IDLE seconds; of one that ends meanwhile at least the end is counted.
threads_of() { awk '/^Pid:/ { p = $2 } /ctxt_switches/ { n[p] += $2 } END { for (p in n) print p, n[p] }' "/proc/$1"/task/*/status; }
switches() {
	threads_of "$1" >"$work/switches"
	sleep "$IDLE"
	threads_of "$1" | awk 'NR == FNR { old[$1] = $2; next } { n += $2 - old[$1]; delete old[$1] } END { for (p in old) n++; print n + 0 }' \
		"$work/switches" -
}
over=0
bar() { # bar NAME VALUE BAR UNIT
	local verdict=
	if [ "$3" != - ]; then
		verdict="(bar $3)"
		if awk -v v="$2" -v b="$3" 'BEGIN { exit !(v > b) }'; then
			verdict="(bar $3) OVER"
			over=$((over + 1))
		fi
	fi
	printf '%-44s %10s %s %s\n' "$1" "$2" "$4" "$verdict"
}
# idle NAME PID PSS-BAR SWITCHES-BAR
idle() {
	sleep 12 # what work leaves to do: threads that end, a collection
	bar "$1: PSS, idle" "$(value "/proc/$2/smaps_rollup" Pss)" "$3" kB
	bar "$1: private dirty" "$(value "/proc/$2/smaps_rollup" Private_Dirty)" - kB
	bar "$1: threads" "$(ls "/proc/$2/task" | wc -l)" - ""
	bar "$1: context switches in $IDLE s" "$(switches "$2")" "$4" ""
}

start_ctrd
ctrctl plugin ls --format '{{.Status}}' | grep -qv '^ok$' && say "not every plugin is loaded: $(ctrctl plugin ls | grep -v ok)"
idle ctrd "$ctrd_pid" 8192 0
ctrctl pull -q "$image" >/dev/null
for i in $(seq 5); do ctrctl run --rm "$image" true >/dev/null 2>&1; done
idle "ctrd after a pull and five runs" "$ctrd_pid" 8192 0
stop_ctrd
for i in $(seq 9); do
	: >"$work/ctrd.log"
	start_ctrd
	grep -oE 'ready on .* after [0-9]+ us' "$work/ctrd.log" | awk '{ print $(NF - 1) }' >>"$work/ready"
	[ "$i" = 9 ] || stop_ctrd
done
bar "ctrd: exec to ready, median of 9" "$(sort -n "$work/ready" | sed -n 5p | awk '{ printf "%.1f", $1 / 1000 }')" 50 ms

ctrctl run -d --name one "$image" sleep 3600 >/dev/null 2>&1
shim=$(pgrep -f "^containerd-shim-ctr-v2 .*$(ctrctl inspect --format '{{.ID}}' one)" | head -n 1)
sleep 0.5
first=$(value "/proc/$shim/smaps_rollup" Private_Dirty)
bar "shim: private dirty, one container" "$first" 400 kB
bar "shim: PSS" "$(value "/proc/$shim/smaps_rollup" Pss)" - kB
bar "shim: threads" "$(ls "/proc/$shim/task" | wc -l)" 1 ""
sleep 12
bar "shim: context switches in $IDLE s" "$(switches "$shim")" 0 ""
for _ in $(seq "$EXECS"); do ctrctl exec one true; done
bar "shim: private dirty, more after $EXECS execs" $(($(value "/proc/$shim/smaps_rollup" Private_Dirty) - first)) 50 kB
ctrctl rm -f one >/dev/null
stop_ctrd

if command -v conmon >/dev/null && command -v runc >/dev/null; then
	mkdir -p "$work/conmon/rootfs" "$work/c-run"
	cp -a "$work/busybox-root/." "$work/conmon/rootfs/"
	(cd "$work/conmon" && runc spec && sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sleep", "3600"/' config.json)
	conmon -c bench$$ -u bench$$ -n bench$$ -r "$(command -v runc)" -b "$work/conmon" -p "$work/c-pid" -P "$work/conmon-pid" \
		-l "k8s-file:$work/c-log" --exit-dir "$work/c-run" --socket-dir-path "$work/c-run" >"$work/conmon.out" 2>&1 &
	if wait_for 10 test -s "$work/conmon-pid" && wait_for 10 test -s "$work/c-pid"; then
		runc start bench$$
		sleep 0.5
		bar "conmon: private dirty, one container" "$(value "/proc/$(cat "$work/conmon-pid")/smaps_rollup" Private_Dirty)" - kB
		bar "conmon: PSS" "$(value "/proc/$(cat "$work/conmon-pid")/smaps_rollup" Pss)" - kB
		runc delete -f bench$$
		end_pid "$(cat "$work/conmon-pid")"
	else
		say "conmon does not start: $(cat "$work/conmon.out")"
	fi
fi
if command -v containerd >/dev/null; then
	cat >"$work/containerd.toml" <<-EOF
		version = 2
		root = "$work/cd-root"
		state = "$work/cd-state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$work/cd.sock"
		[ttrpc]
		address = "$work/cd.sock.ttrpc"
	EOF
	begin=$(date +%s%N)
	containerd -c "$work/containerd.toml" >"$work/cd.log" 2>&1 &
	cd_pid=$!
	pids+=("$cd_pid")
	wait_for 20 ctr -a "$work/cd.sock" version || fail "containerd does not start: $(tail -n 3 "$work/cd.log")"
	bar "containerd: exec to first answer" $((($(date +%s%N) - begin) / 1000000)) - ms
	idle containerd "$cd_pid" - -
	end_pid "$cd_pid"
fi
[ "${CHECK:-0}" = 0 ] || [ "$over" = 0 ] || fail "$over figures are over their bars"
