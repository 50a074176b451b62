#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Our shim below Debian's own containerd and ctr, from end to end, in a private mount namespace with throwaway
# directories, socket and namespace. Nothing is left behind: no process, mount, cgroup or file.
# usage: shim_under_containerd.sh [DIRECTORY_OF_THE_SHIM]     (default: build/bin)
set -u
shim_dir=$(realpath "${1:-$(dirname "$0")/../../build/bin}")
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in containerd ctr runc script; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
if [ -z "${IN_MOUNT_NAMESPACE:-}" ]; then
	IN_MOUNT_NAMESPACE=1 exec unshare -m --propagation private "$0" "$shim_dir"
fi
# crun refuses a hybrid machine as long as it sees the unified hierarchy beside the others
umount /sys/fs/cgroup/unified 2>/dev/null && without_unified=1

ns=ctrshim$$
work=$(mktemp -d /tmp/shim-test-XXXXXX)
sock=$work/c.sock
tasks=$work/state/io.containerd.runtime.v2.task/$ns
failed=0
passed=0

ctr() { timeout -k 1 30 /usr/bin/ctr -a "$sock" -n "$ns" "$@"; }
run() { ctr run --runtime io.containerd.ctr.v2 "$@"; }

check() { # NAME WANTED GOT
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
	fi
}
match() { # NAME PATTERN GOT
	if [[ "$3" == *"$2"* ]]; then
		check "$1" 1 1
	else
		check "$1" "... $2 ..." "$3"
	fi
}
until_true() { # tries of 50 ms each, then the command's own status
	for _ in $(seq 100); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
shims() { pgrep -f "containerd-shim-ctr-v2 -namespace $ns " | wc -l; }
no_shims() { [ "$(shims)" = 0 ]; }
mounts() { grep -c "$tasks/$1/rootfs" /proc/self/mountinfo; }
# what crun makes where the unified hierarchy was mounted are plain files
cgroups() { find /sys/fs/cgroup -type d -path "*/$ns/$1*" -not -path '*/unified/*' 2>/dev/null | wc -l; }
status() { ctr t ls | awk -v id="$1" '$1 == id {print $3}'; }
is_stopped() { [ "$(status "$1")" = STOPPED ]; }
clean() { # NAME ID: nothing is left of it
	until_true no_shims
	check "$1: no shim" 0 "$(shims)"
	check "$1: no mount" 0 "$(mounts "$2")"
	check "$1: no cgroup" 0 "$(cgroups "$2")"
	check "$1: no bundle" "" "$(ls "$tasks" 2>/dev/null)"
	check "$1: no runtime state" "" "$(ls "/run/containerd/runc/$ns" 2>/dev/null)"
}

start_daemon() {
	PATH=$work/bin:$shim_dir:$PATH containerd -c "$work/config.toml" >>"$work/containerd.log" 2>&1 &
	daemon=$!
	until_true ctr version >/dev/null 2>&1
}

finish() {
	kill "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	for pid in $(pgrep -f "containerd-shim-ctr-v2 -namespace $ns "); do kill -9 "$pid"; done
	for c in $(ls "/run/containerd/runc/$ns" 2>/dev/null); do
		runc --root "/run/containerd/runc/$ns" delete --force "$c"
	done
	rmdir "/run/containerd/runc/$ns" 2>/dev/null
	awk -v w="$work" 'index($5, w) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	[ -z "${without_unified:-}" ] || rm -rf "/sys/fs/cgroup/unified/$ns"
	find /sys/fs/cgroup -depth -type d -path "*/$ns*" -exec rmdir {} + 2>/dev/null
	[ "$failed" = 0 ] || tail -n 20 "$work/containerd.log"
	rm -rf "$work"
	echo "$passed passed, $failed failed"
	exit $((failed > 0))
}
trap finish EXIT

make_image() {
	local root=$work/rootfs oci=$work/oci layer config
	mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp" "$root/etc" "$oci/blobs/sha256"
	cp /bin/busybox "$root/bin/"
	for applet in sh true echo sleep cat seq stty id dd ps wc yes printf kill; do
		ln -s busybox "$root/bin/$applet"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
	blob() {
		local sum
		sum=$(sha256sum "$1" | cut -d' ' -f1)
		cp "$1" "$oci/blobs/sha256/$sum"
		echo "$sum"
	}
	tar -C "$root" -cf "$work/layer.tar" .
	layer=$(blob "$work/layer.tar")
	cat >"$work/c.json" <<-J
	{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},
	 "rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
	J
	config=$(blob "$work/c.json")
	cat >"$work/m.json" <<-J
	{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
	 "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$config","size":$(stat -c %s "$work/c.json")},
	 "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:$layer","size":$(stat -c %s "$work/layer.tar")}]}
	J
	cat >"$oci/index.json" <<-J
	{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
	 "digest":"sha256:$(blob "$work/m.json")","size":$(stat -c %s "$work/m.json"),"annotations":{"io.containerd.image.name":"bb:1"}}]}
	J
	echo '{"imageLayoutVersion":"1.0.0"}' >"$oci/oci-layout"
	tar -C "$oci" -cf "$work/bb.tar" .
	sed -i "s/amd64/$(go_arch)/" "$work/c.json"
	ctr i import --all-platforms "$work/bb.tar" >/dev/null
}
go_arch() { [ "$(uname -m)" = aarch64 ] && echo arm64 || echo amd64; }

# ctr takes --runc-binary for io.containerd.runc.v2 only
mkdir "$work/bin"
ln -s "$shim_dir/containerd-shim-ctr-v2" "$work/bin/containerd-shim-runc-v2"
cat >"$work/config.toml" <<T
version = 2
root = "$work/root"
state = "$work/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$sock"
[ttrpc]
  address = "$sock.ttrpc"
T
start_daemon
make_image

# --- run
check "echo" hello "$(run --rm bb:1 a1 echo hello)"
run --rm bb:1 a2 sh -c 'exit 7' 2>/dev/null
check "exit status" 7 $?
check "standard input" stdin "$(echo "echo stdin; exit" | run --rm bb:1 a3 sh)"
check "much output" "$(seq 300000 | md5sum)" "$(run --rm bb:1 a4 seq 300000 | md5sum)"
match "console" "uid=0(root)" "$(timeout -k 1 30 script -qec "/usr/bin/ctr -a $sock -n $ns run --rm -t --runtime io.containerd.ctr.v2 bb:1 a5 id" /dev/null)"
out=$(run --rm bb:1 a6 /nonexistent 2>&1)
match "the runtime's own message" 'exec: "/nonexistent": stat /nonexistent: no such file or directory' "$out"
clean "after runs" a
ctr c rm a6 >/dev/null 2>&1

# --- a long container
ctr events >"$work/events" 2>/dev/null &
events=$!
sleep 0.3
run -d --null-io bb:1 d1 sleep 1000
pid=$(ctr t ls | awk '$1 == "d1" {print $2}')
check "end of standard input" stdin "$(echo stdin | ctr t exec --exec-id e0 d1 cat)"
check "exec" from-exec "$(ctr t exec --exec-id e1 d1 echo from-exec)"
ctr t exec --exec-id e2 d1 sh -c 'exit 3' 2>/dev/null
check "exec's status" 3 $?
out=$(for i in 1 2 3 4 5 6 7 8; do ctr t exec --exec-id p$i d1 echo $i & done; wait)
check "execs at once" "1 2 3 4 5 6 7 8" "$(echo "$out" | sort | tr '\n' ' ' | sed 's/ $//')"
match "exec that does not start" 'stat /nonexistent: no such file or directory' "$(ctr t exec --exec-id e3 d1 /nonexistent 2>&1)"
match "exec with a console" "/dev/pts/" "$(timeout -k 1 30 script -qec "/usr/bin/ctr -a $sock -n $ns t exec -t --exec-id e4 d1 sh -c 'readlink /proc/self/fd/0'" /dev/null)"
ctr t pause d1
check "paused" PAUSED "$(status d1)"
match "no exec in a paused container" "cannot exec in a paused state" "$(ctr t exec --exec-id e5 d1 true 2>&1)"
ctr t resume d1
check "resumed" RUNNING "$(status d1)"
match "processes" "$pid" "$(ctr t ps d1)"
match "metrics" "pids.current" "$(ctr t metrics d1 | tr -s ' ')"
shim=$(pgrep -f "containerd-shim-ctr-v2 -namespace $ns -id d1 ")
check "one thread" 1 "$(ls "/proc/$shim/task" | wc -l)"
dirty=$(awk '/^Private_Dirty/ {print $2}' "/proc/$shim/smaps_rollup")
echo "private dirty memory with one container: $dirty kB"
check "at most 400 kB of private dirty memory" 1 $((dirty <= 400))
ctr t kill -s KILL d1
until_true is_stopped d1
check "killed" STOPPED "$(status d1)"
ctr t rm d1 >/dev/null 2>&1
ctr c rm d1
kill $events
wait $events 2>/dev/null
check "order of events" "/tasks/create /tasks/start /tasks/exit /tasks/delete" \
	"$(grep -E '"container_id":"d1"' "$work/events" | grep -v -E 'exec|"id":"[ep][0-9]|paused|resumed' | grep -o '/tasks/[a-z]*' | tr '\n' ' ' | sed 's/ $//')"
check "an exec's events" "/tasks/exec-added /tasks/exec-started /tasks/exit" \
	"$(grep -E '"(exec_id|id)":"e1"' "$work/events" | grep -o '/tasks/[a-z-]*' | tr '\n' ' ' | sed 's/ $//')"
clean "after the long container" d1

# --- logs
run -d --log-uri "file://$work/logs/f.log" bb:1 l1 sh -c 'echo out; echo err >&2'
until_true is_stopped l1
check "file://" "err out" "$(sort "$work/logs/f.log" | tr '\n' ' ' | sed 's/ $//')"
run -d --log-uri "ctrlog://$work/logs/c.log?format=cri&max-size=64k&max-files=100" bb:1 l2 sh -c 'seq 20000; printf end >&2'
until_true is_stopped l2
check "ctrlog:// loses no line" "$(seq 20000 | md5sum)" \
	"$(ls -v -r "$work"/logs/c.log* | xargs cat | awk '$2 == "stdout" {print $4}' | md5sum)"
check "ctrlog:// keeps to its size" "" "$(find "$work/logs" -name 'c.log*' -size +64k)"
match "ctrlog:// ends an unended line" "stderr F end" "$(tail -n 1 "$work/logs/c.log")"
run -d --log-uri "ctrlog://$work/logs/j.log" bb:1 l3 sh -c 'echo "a\"b"'
until_true is_stopped l3
match "ctrlog:// as docker writes" '{"log":"a\"b\n","stream":"stdout","time":"' "$(cat "$work/logs/j.log")"
match "a wrong option is named" "wrong option 'colour'" "$(run -d --log-uri "ctrlog:///l?colour=red" bb:1 l4 true 2>&1)"
cat >"$work/logger" <<'S'
#!/bin/sh
out=$1
exec 5>&-
{ echo "$CONTAINER_ID $CONTAINER_NAMESPACE"; cat <&3; } >"$out"
S
chmod +x "$work/logger"
run -d --log-uri "binary://$work/logger?$work/logs/b.log" bb:1 l5 echo through-binary
until_true is_stopped l5
until_true grep -q through-binary "$work/logs/b.log"
check "binary://" "l5 $ns through-binary" "$(tr '\n' ' ' <"$work/logs/b.log" | sed 's/ $//')"
for i in 1 2 3 4 5; do ctr t rm l$i >/dev/null 2>&1; ctr c rm l$i >/dev/null 2>&1; done
clean "after logs" l

# --- a reader that vanishes
/usr/bin/ctr -a "$sock" -n "$ns" run --runtime io.containerd.ctr.v2 bb:1 v1 sh -c 'sleep 1; seq 100000; exec sleep 1000' >"$work/v1.out" 2>&1 &
client=$!
until_true [ "$(status v1)" = RUNNING ] || until_true sh -c "[ -d $tasks/v1 ]"
sleep 0.5
kill -9 $client
wait $client 2>/dev/null
in_sleep() { ctr t exec --exec-id s$RANDOM v1 ps | grep -v 'sh -c' | grep -q 'sleep 1000'; }
until_true in_sleep
check "a vanished reader blocks nobody" 0 $?
ctr t kill -s KILL v1
until_true is_stopped v1
ctr t rm v1 >/dev/null 2>&1
ctr c rm v1

# --- the rest of a container without a pid namespace of its own dies with its init
ctr oci spec | tr -d '\n\t' | sed -E -e 's/ +/ /g' -e 's/\{ *"type": "pid" *\},?//' -e "s,\"path\": \"rootfs\",\"path\": \"$work/rootfs\"," \
	-e 's,"process": \{,"process": {"args": ["/bin/sh"\, "-c"\, "/bin/sleep 98765 \& /bin/sleep 2"]\,,' >"$work/host-pid.json"
run -d --null-io --config "$work/host-pid.json" h1
until_true pgrep -f 'sleep 98765' >/dev/null
check "a survivor to be" 0 $?
until_true is_stopped h1
check "no survivor" "" "$(pgrep -f 'sleep 98765')"
ctr t rm h1 >/dev/null 2>&1
ctr c rm h1

# --- out of memory
ctr events >"$work/events" 2>/dev/null &
events=$!
sleep 0.3
run -d --null-io --memory-limit 20971520 bb:1 o1 sh -c 'dd if=/dev/zero of=/dev/null bs=200M count=1; sleep 0.3'
until_true is_stopped o1
kill $events
wait $events 2>/dev/null
match "OOM event" '/tasks/oom {"container_id":"o1"}' "$(tr -d '\000' <"$work/events")"
ctr t rm o1 >/dev/null 2>&1
ctr c rm o1

# --- containers of a group share a shim
run -d --null-io --annotation io.containerd.runc.v2.group=g bb:1 g1 sleep 1000
run -d --null-io --annotation io.containerd.runc.v2.group=g bb:1 g2 sleep 1000
check "one shim for a group" 1 "$(shims)"
for i in 1 2; do
	ctr t kill -s KILL g$i
	until_true is_stopped g$i
	ctr t rm g$i >/dev/null 2>&1
	ctr c rm g$i
done
clean "after the group" g

# --- the shim is killed
run -d --null-io bb:1 k1 sleep 98764
address=$(sed 's,^unix://,,' "$tasks/k1/address")
kill -9 "$(pgrep -f "containerd-shim-ctr-v2 -namespace $ns -id k1 ")"
no_task() { [ -z "$(status k1)" ]; }
until_true no_task || ctr t rm -f k1 >/dev/null 2>&1
until_true sh -c '! pgrep -f "sleep 98764" >/dev/null'
check "its container is gone" "" "$(pgrep -f 'sleep 98764')"
check "its socket is gone" 0 "$(ls "$address" 2>/dev/null | wc -l)"
ctr c rm k1
clean "after a killed shim" k1

# --- the daemon is killed
run -d --null-io bb:1 r1 sleep 1000
run -d --null-io bb:1 r2 sh -c 'sleep 1; exit 9'
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
sleep 1.2
start_daemon
check "the container lives on" RUNNING "$(status r1)"
check "exec after the restart" again "$(ctr t exec --exec-id x1 r1 echo again)"
check "the one that ended meanwhile" STOPPED "$(status r2)"
out=$(ctr t rm r2 2>&1)
match "its status" "exit code 9" "$out"
ctr t kill -s KILL r1
until_true is_stopped r1
ctr t rm r1 >/dev/null 2>&1
ctr c rm r1
ctr c rm r2
clean "after a killed daemon" r

# --- crun
if command -v crun >/dev/null; then
	check "crun" by-crun "$(ctr run --rm --runc-binary crun bb:1 u1 echo by-crun)"
	match "crun's own message" "executable file" "$(ctr run --rm --runc-binary crun bb:1 u2 /nonexistent 2>&1)"
	ctr c rm u2 >/dev/null 2>&1
	clean "after crun" u
fi
match "a runtime that is missing" 'executable file not found' "$(ctr run --rm --runc-binary no-such-runtime bb:1 n1 true 2>&1)"
ctr c rm n1 >/dev/null 2>&1
clean "after the missing runtime" n1

# --- a container of that id that is not ours
mkdir "$work/q1"
sed -e 's,98765 & /bin/sleep 2,98763,' "$work/host-pid.json" >"$work/q1/config.json"
runc --root "/run/containerd/runc/$ns" run -d --bundle "$work/q1" q1 </dev/null >/dev/null 2>&1
match "an id that the runtime knows" "already exists" "$(run -d --null-io bb:1 q1 true 2>&1)"
check "and that stays" running "$(runc --root "/run/containerd/runc/$ns" state q1 | sed -n 's/.*"status": "\(.*\)",/\1/p')"
runc --root "/run/containerd/runc/$ns" delete --force q1
ctr c rm q1 >/dev/null 2>&1
clean "after the other's container" q

# --- the start verb by hand, as a 2.3 daemon calls it
mkdir -p "$work/b" "$work/s"
chmod 700 "$work/s"
answer=$(cd "$work/b" && printf "\\n\\002b1J\\$(printf %03o $((${#work} + 2)))$work/s" |
	"$shim_dir/containerd-shim-ctr-v2" -namespace "$ns" -id b1 -address "$sock" start | tr -d '\000-\037')
match "BootstrapResult" "unix://$work/s/" "$answer"
check "symlink to the socket directory" "$work/s" "$(readlink "$work/b/s")"
check "no address file" "" "$(ls "$work/b/address" 2>/dev/null)"
by_hand() { pgrep -f "containerd-shim-ctr-v2 -namespace $ns -id b1 "; }
until_true by_hand >/dev/null # start answers before the kernel shows its child's command line
kill "$(by_hand)"
until_true no_shims
check "its socket is removed" "" "$(ls "$work/s")"
