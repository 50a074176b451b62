#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs in the machine of tests/vm/run, once after each boot: /vm/phase says which part is next. Lines for the host are
# TAP's; a part is a function that runs under `set -e` and tells what it saw when it fails.
set -uo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
image=vm.test/busybox:latest
n=$(cat /vm/count 2>/dev/null || echo 0)

fail() {
	printf '%s\n' "$*" >&2
	return 1
}
expect() { # expect TEXT COMMAND...
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*' ends with $?: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
says() { # says LINE COMMAND...: that and nothing else
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*' ends with $?: $out"
	[ "$out" = "$want" ] || fail "'$*' does not say '$want' but: $out"
}
refuse() { # refuse STATUS TEXT COMMAND...
	local status=$1 want=$2 out got=0
	shift 2
	out=$("$@" 2>&1) || got=$?
	[ "$got" = "$status" ] || fail "'$*' ends with $got, not $status: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
wait_for() { # wait_for SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "in vain: $*"
		sleep 0.1
	done
}
check() { # check TEXT FUNCTION [ARGUMENT...]
	local text=$1 status=0
	local since=$EPOCHSECONDS
	shift
	n=$((n + 1))
	(
		set -e
		"$@"
	) >/vm/log 2>&1
	status=$?
	if [ "$status" = 0 ]; then
		printf 'ok %d - %s # %d s\n' "$n" "$text" $((EPOCHSECONDS - since))
	else
		printf 'not ok %d - %s\n' "$n" "$text"
		tail -n 30 /vm/log | sed 's/^/# /'
		case $1 in
		runs | really_runs | limits | stats | oom* | pause | apparmor*) ctrctl rm -f $(ctrctl ps -aq) >/dev/null 2>&1 ;;
		esac
		journalctl -u ctrd -n 15 --no-pager -o cat --since "@$since" | sed 's/^/# ctrd: /'
	fi
	echo "$n" >/vm/count
}
row() { ctrctl ps -a | grep -w -- "$1"; } # row NAME
pid_of() { ctr -a /run/ctr/ctrd.sock -n default task ls | awk -v id="$(id_of "$1")" '$1 == id { print $2 }'; }
id_of() { ctrctl inspect --format '{{.ID}}' "$1"; }
main_pid() { systemctl show -P MainPID ctrd; }
shims() { pgrep -c containerd-shim || true; }

# ---- the unit ----

machine() {
	[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]
	[ "$(cat /proc/1/comm)" = systemd ]
	[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ]
}

unit_starts() {
	systemctl start ctrd
	[ "$(systemctl show -P ActiveState ctrd)" = active ]
	[ "$(systemctl show -P Type ctrd)" = notify ]
	[ "$(cat "/proc/$(main_pid)/comm")" = ctrd ]
	expect server: ctrctl version # the first call after READY=1: no waiting
	[ "$(stat -c '%a %U %F' /run/ctr/ctrd.sock)" = "600 root socket" ]
	[ "$(stat -c %U /run/ctr /var/lib/ctr | xargs)" = "root root" ]
	[ -n "$(find /var/lib/ctr -maxdepth 1 -name '*.db' -size +0)" ]
	expect "" ctrd config check
}

images_load() {
	expect "" ctrctl load -i /vm/busybox.tar
	expect vm.test/busybox ctrctl images
}

# ---- containers on cgroup v2: everything once with runc and once with crun ----

runs() { # runs RUNTIME
	expect hello ctrctl run --rm --runtime "$1" "$image" echo hello
	refuse 7 "" ctrctl run --rm --runtime "$1" "$image" sh -c 'exit 7'
	refuse 127 nothere ctrctl run --rm --runtime "$1" "$image" nothere
	expect hello ctr -a /run/ctr/ctrd.sock run --rm --runc-binary "$1" "$image" "ctr-$1" echo hello
	[ -z "$(ctrctl ps -aq)" ]
	[ "$(shims)" = 0 ]
}

really_runs() { # which runtime keeps its state for the container
	ctrctl run -d --name r --runtime "$1" "$image" sleep 600
	"$1" --root /run/containerd/runc/default state "$(id_of r)" | jq -e '.status == "running"'
	case $1 in
	crun) ls "/run/containerd/runc/default/$(id_of r)/status" ;;
	runc) ls "/run/containerd/runc/default/$(id_of r)/state.json" ;;
	esac
	ctrctl rm -f r
}

limits() {
	expect 33554432 ctrctl run --rm --runtime "$1" -m 32m "$image" cat /sys/fs/cgroup/memory.max
	expect 20 ctrctl run --rm --runtime "$1" --pids-limit 20 "$image" cat /sys/fs/cgroup/pids.max
	expect "an't fork" sh -c "ctrctl run --rm --runtime $1 --pids-limit 20 $image \
		sh -c 'i=0; while [ \$i -lt 40 ]; do sleep 9 & i=\$((i + 1)); done' 2>&1 || true"
	expect "50000 100000" ctrctl run --rm --runtime "$1" --cpus 0.5 "$image" cat /sys/fs/cgroup/cpu.max
	expect "0::/" ctrctl run --rm --runtime "$1" "$image" cat /proc/self/cgroup
}

oom_score() { # not the daemon's, which spares it
	[ "$(cat "/proc/$(main_pid)/oom_score_adj")" = -999 ]
	says 0 ctrctl run --rm --runtime "$1" "$image" cat /proc/self/oom_score_adj
	says 7 ctrctl run --rm --runtime "$1" --oom-score-adj 7 "$image" cat /proc/self/oom_score_adj
	ctrctl run -d --name e --runtime "$1" "$image" sleep 600
	says 0 ctrctl exec e cat /proc/self/oom_score_adj
	ctrctl rm -f e
}

stats() {
	local row
	ctrctl run -d --name s --runtime "$1" -m 64m --pids-limit 50 "$image" sh -c \
		'dd if=/dev/zero of=/tmp/f bs=1M count=8; while :; do :; done'
	sleep 1
	row=$(ctrctl stats --no-stream --json s)
	jq -e 'if type == "array" then .[0] else . end |
		.MemoryBytes > 0 and .PIDs == 1 and .CPUNanoseconds > 100000000 and (.Memory | endswith("/ 67.1MB"))' <<<"$row" ||
		fail "$row"
	expect 67.1MB ctrctl stats --no-stream s
	expect usage_usec ctr -a /run/ctr/ctrd.sock task metrics --format json "$(id_of s)"
	ctrctl rm -f s
}

oom() {
	local id events
	ctrctl events --json >/vm/events 2>&1 &
	events=$!
	sleep 0.5
	ctrctl run -d --name o --runtime "$1" -m 16m --memory-swap 16m "$image" tail /dev/zero
	id=$(id_of o)
	[ "$(timeout 60 ctrctl wait o)" = 137 ]
	expect "Exited (137)" ctrctl ps -a
	wait_for 5 grep -q /tasks/exit /vm/events
	kill "$events"
	grep /tasks/oom /vm/events | grep -q "$id" || fail "no /tasks/oom: $(cat /vm/events)"
	ctrctl rm o
}

pause() {
	local cg before
	ctrctl run -d --name p --runtime "$1" "$image" sh -c 'while :; do date +%s%N; sleep 0.1; done'
	wait_for 10 sh -c 'ctrctl logs p | grep -q .'
	ctrctl pause p
	cg=/sys/fs/cgroup$(cut -d: -f3 "/proc/$(pid_of p)/cgroup")
	[ "$(cat "$cg/cgroup.freeze")" = 1 ]
	expect "(paused)" row p
	before=$(ctrctl logs p | wc -l)
	sleep 0.5
	[ "$(ctrctl logs p | wc -l)" = "$before" ]
	ctrctl unpause p
	[ "$(cat "$cg/cgroup.freeze")" = 0 ]
	wait_for 10 sh -c "[ \$(ctrctl logs p | wc -l) -gt $((before + 1)) ]"
	ctrctl rm -f p
	[ ! -e "$cg" ]
}

# ---- AppArmor ----

label() { ctrctl run --rm "$@" "$image" cat /proc/self/attr/current; }

apparmor_absent() {
	! grep -q ctr-default /sys/kernel/security/apparmor/profiles
	[ "$(label)" = unconfined ]
	[ "$(label --runtime crun)" = unconfined ]
	refuse 125 nothere ctrctl run --rm --security-opt apparmor=nothere "$image" true
}

apparmor_loaded() {
	printf '#include <tunables/global>\nprofile ctr-default flags=(attach_disconnected,mediate_deleted) {\n%s\n}\n' \
		'file, capability, network, mount, umount, pivot_root, signal, ptrace, unix, deny /etc/denied w,' >/vm/profile
	apparmor_parser -r /vm/profile
	[ "$(label)" = "ctr-default (enforce)" ]
	[ "$(label --runtime crun)" = "ctr-default (enforce)" ]
	[ "$(label --privileged)" = unconfined ]
	[ "$(label --security-opt apparmor=unconfined)" = unconfined ]
	[ "$(label --security-opt apparmor=ctr-default)" = "ctr-default (enforce)" ]
	refuse 1 "ermission denied" ctrctl run --rm "$image" touch /etc/denied
	ctrctl run -d --name a "$image" sleep 600
	expect "ctr-default (enforce)" ctrctl exec a cat /proc/self/attr/current
	ctrctl rm -f a
	apparmor_parser -R /vm/profile
	[ "$(label)" = unconfined ]
}

# ---- the daemon ends and begins, containers go on ----

counters() { # one container of each runtime that counts
	local r
	for r in runc crun; do
		ctrctl run -d --name "count-$r" --runtime "$r" "$image" sh -c \
			'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.2; done'
	done
	wait_for 20 sh -c 'ctrctl logs count-runc | grep -q 2 && ctrctl logs count-crun | grep -q 2'
	pid_of count-runc >/vm/pid-runc
	pid_of count-crun >/vm/pid-crun
}

still_there() {
	local r lines
	for r in runc crun; do
		[ "$(pid_of "count-$r")" = "$(cat "/vm/pid-$r")" ] || fail "count-$r: another process"
		expect Up row "count-$r"
		expect here ctrctl exec "count-$r" echo here
		lines=$(ctrctl logs "count-$r" | wc -l)
		wait_for 10 sh -c "[ \$(ctrctl logs count-$r | wc -l) -gt $lines ]"
		# Not one line was lost while nobody listened.
		ctrctl logs "count-$r" | awk '$1 != NR { exit 1 }' || fail "count-$r: lines are missing"
	done
}

restarts() {
	local before
	counters
	before=$(main_pid)
	systemctl restart ctrd
	[ "$(main_pid)" != "$before" ]
	still_there
}

reloads() {
	local before
	before=$(main_pid)
	systemctl reload ctrd
	kill -HUP "$before"
	expect server: ctrctl version
	still_there
	[ "$(main_pid)" = "$before" ]
	[ "$(systemctl show -P ActiveState ctrd)" = active ]
}

killed() {
	local before restarted
	before=$(main_pid)
	restarted=$(systemctl show -P NRestarts ctrd)
	kill -9 "$before"
	wait_for 20 sh -c "[ \$(systemctl show -P NRestarts ctrd) -gt $restarted ] && ctrctl version"
	still_there
}

stops() {
	local cg p
	cg=/sys/fs/cgroup$(systemctl show -P ControlGroup ctrd)
	systemctl stop ctrd
	[ "$(systemctl show -P Result ctrd)" = success ]
	for p in $(find "$cg" -name cgroup.procs -exec cat {} +); do
		grep -q '^containerd-shim' "/proc/$p/comm" || fail "left in the unit: $(tr '\0' ' ' <"/proc/$p/cmdline")"
	done
	[ "$(shims)" = 2 ]
	! pgrep -x ctrd
	! pgrep ctr-worker
	systemctl start ctrd
	still_there
}

cleans_up() {
	ctrctl rm -f count-runc count-crun
	wait_for 10 sh -c '! pgrep containerd-shim'
	! grep -q /run/ctr/ /proc/self/mounts
	[ -z "$(ls /run/ctr/io.containerd.runtime.v2.task/default)" ]
	[ -z "$(ls /run/containerd/runc/default)" ]
	[ -z "$(find /sys/fs/cgroup -regex '.*/[0-9a-f]*' -type d)" ]
}

journal() {
	journalctl -u ctrd -o json --no-pager | jq -r 'select(._COMM == "ctrd") | "\(.PRIORITY) \(.MESSAGE)"' >/vm/journal
	grep -q '^6 ready on ' /vm/journal || fail "$(head -n 20 /vm/journal)"
	grep -q '^7 ' /vm/journal || fail "no line of debug: $(head -n 20 /vm/journal)"
	! grep -E '^[0-9] <[0-9]>' /vm/journal
	! grep -E '^[0-3] ' /vm/journal
}

# ---- reboot and power cut ----

before_reboot() {
	systemctl enable ctrd
	ctrctl run -d --name up-runc "$image" sh -c 'echo begun; sleep 600'
	ctrctl run -d --name up-crun --runtime crun "$image" sleep 600
	ctrctl run -d --name done "$image" sh -c 'exit 3'
	[ "$(ctrctl wait done)" = 3 ]
	ctrctl create --name created "$image" echo from created
	wait_for 10 sh -c 'ctrctl logs up-runc | grep -q begun'
	ctrctl ps -a
}

after_reboot() { # after_reboot NAME...: those that ran
	local name
	wait_for 30 systemctl is-active ctrd
	ctrctl ps -a
	[ -z "$(ctrctl ps -q)" ] || fail "runs: $(ctrctl ps)"
	for name in "$@"; do
		expect "Exited (255)" row "$name"
		[ "$(ctrctl wait "$name")" = 255 ]
	done
	[ "$(shims)" = 0 ]
}

others_after_reboot() {
	expect "Exited (3)" row done
	expect begun ctrctl logs up-runc
	expect "from created" ctrctl start -a created
}

starts_again() { # starts_again NAME...
	local name
	for name in "$@"; do
		ctrctl start "$name"
		expect Up row "$name"
		expect here ctrctl exec "$name" echo here
	done
}

all_go() {
	ctrctl rm -f $(ctrctl ps -aq)
	[ -z "$(ctrctl ps -aq)" ]
	wait_for 10 sh -c '! pgrep containerd-shim'
	[ -z "$(ls /run/ctr/io.containerd.runtime.v2.task/default)" ]
	[ -z "$(ls /var/lib/ctr/io.containerd.runtime.v2.task/default)" ]
	expect hello ctrctl run --rm "$image" echo hello
}

before_cut() {
	ctrctl run -d --name cut-runc "$image" sleep 600
	ctrctl run -d --name cut-crun --runtime crun "$image" sleep 600
	ctrctl namespace create promised # answered, so it is on the disk
}

after_cut() {
	expect promised ctrctl namespace ls
	sqlite3 "file:$(find /var/lib/ctr -maxdepth 1 -name '*.db')?mode=ro" 'PRAGMA integrity_check' | grep -qx ok
}

next() { # next PHASE: on the disk before the machine goes down
	echo "$1" >/vm/phase
	sync /vm/phase /vm/count
}

case $(cat /vm/phase 2>/dev/null || echo first) in
first)
	check "a machine with systemd, cgroup v2 and AppArmor" machine
	check "systemctl start: active through READY=1, with its paths and modes" unit_starts
	check "load an image" images_load
	for r in runc crun; do
		check "$r: run --rm, exit codes, Debian's ctr" runs "$r"
		check "$r: is what runs" really_runs "$r"
		check "$r: memory, pids and cpu limits" limits "$r"
		check "$r: oom_score_adj is the container's own" oom_score "$r"
		check "$r: stats of cgroup v2" stats "$r"
		check "$r: out of memory is told, exit 137" oom "$r"
		check "$r: pause and unpause" pause "$r"
	done
	check "AppArmor: an absent profile is not named" apparmor_absent
	check "AppArmor: a loaded profile confines" apparmor_loaded
	check "systemctl restart: containers, exec and logs go on" restarts
	check "systemctl reload and SIGHUP do not end it" reloads
	check "kill -9: systemd starts it again, containers go on" killed
	check "systemctl stop leaves shims alone, start finds them" stops
	check "rm leaves nothing" cleans_up
	check "the journal's lines have priorities" journal
	check "containers before a reboot" before_reboot
	next rebooted
	systemctl reboot
	;;
rebooted)
	check "reboot: the unit is up, what ran is Exited (255)" after_reboot up-runc up-crun
	check "reboot: exit codes, logs and created containers are kept" others_after_reboot
	check "reboot: what ran can be started again" starts_again up-runc up-crun
	check "reboot: everything can be removed" all_go
	check "containers before a power cut" before_cut
	next cut
	echo b >/proc/sysrq-trigger
	;;
cut)
	check "power cut: what ran is Exited (255)" after_reboot cut-runc cut-crun
	check "power cut: what was answered is there" after_cut
	check "power cut: what ran can be started again" starts_again cut-runc cut-crun
	check "power cut: everything can be removed" all_go
	echo "# end"
	sync
	systemctl poweroff -f -f
	;;
esac
