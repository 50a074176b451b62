#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Containers that do not start, and parts that die under those that run: a runtime that is missing or broken, a shim that
# is missing, lies or is killed, a daemon killed in the middle. Each says what and why, and leaves nothing.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry runc sqlite3 busybox ctr unshare; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
make_work
. "$top/tests/lib/faults.sh"
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
CTRD_CONFIG=$work/ctrd.toml
cp "$BUILD/dev.toml" "$CTRD_CONFIG"
cat >>"$CTRD_CONFIG" <<-END
	[plugins."io.containerd.runtime.v2.task"]
	socket_dir = "$work/s"
	[plugins."io.containerd.runtime.v2.task".shims]
	"io.test.missing.v1" = "$work/no-such-shim"
	"io.test.silent.v1" = "$work/silent-shim"
	"io.test.failing.v1" = "$work/failing-shim"
	"io.test.garbage.v1" = "$work/garbage-shim"
	"io.test.nowhere.v1" = "$work/nowhere-shim"
	"io.test.rude.v1" = "$work/rude-shim"
END
mkdir -m 0700 "$work/s"
fake_shim() { # fake_shim NAME COMMANDS: what it does when it is asked to start
	printf '#!/bin/sh\nfor last; do :; done\n[ "$last" = start ] || exit 0\n%s\n' "$2" >"$work/$1-shim"
	chmod 0755 "$work/$1-shim"
}
fake_shim silent 'exit 0'
fake_shim failing 'echo "this shim does not like you" >&2; exit 1'
fake_shim garbage 'head -c 200000 /dev/urandom'
fake_shim nowhere "echo unix://$work/s/nobody.sock"
fake_shim rude "echo unix://$work/rude.sock"
python3 - "$work/rude.sock" <<'PY' &
import socket, sys

s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(16)
while True:
    c = s.accept()[0]
    c.recv(10)
    c.sendall(b"\xff" * 4096)
    c.close()
PY
pids+=("$!")
start_ctrd
ctrctl pull -q "$image" >/dev/null
c() { ctr -a "$CTR_ADDRESS" -n "$ns" "$@"; }
wait_for 10 test -S "$work/rude.sock"
ctrctl run --rm "$image" true # what the first run keeps, such as the parsed config
sleep 0.3
look=holds
holds >"$work/before"

# ends STATUS TEXT COMMAND...
ends() {
	local status=$1 want=$2 out got=0
	shift 2
	out=$(timeout 30 "$@" 2>&1) || got=$?
	[ "$got" = "$status" ] || fail "'$*' ends with $got, not $status: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
b=$BUILD/bin/ctrctl

# ---- the container does not start ----
ends 127 '"nothere": executable file not found' "$b" run --rm "$image" nothere
ends 126 '/etc/passwd' "$b" run --rm "$image" /etc/passwd
echo x >"$work/file"
ends 125 'not a directory' "$b" run --rm -v "$work/file:/bin" "$image" true
ends 125 'nobodyhere' "$b" run --rm -u nobodyhere "$image" true
ends 127 'no such file or directory' "$b" run -d --name web "$image" /not/here
nothing_left "$work/before" "a detached container that does not start" 2>/dev/null || true
ctrctl rm -f web >/dev/null 2>&1 || true
nothing_left "$work/before" "a container that does not start"
refuse 'executable file not found' c run --rm "$image" one nothere
c containers rm one >/dev/null 2>&1 || true
c snapshots rm one >/dev/null 2>&1 || true
nothing_left "$work/before" "ctr's container that does not start"
ok "a container that does not start: the runtime's own message"

# ---- the runtime ----
fake_runc() { # fake_runc COMMANDS
	printf '#!/bin/sh\n%s\n' "$1" >"$work/fake-runc"
	chmod 0755 "$work/fake-runc"
}
refuse "$work/no-runc" c run --rm --runc-binary "$work/no-runc" "$image" two true
c containers rm two >/dev/null 2>&1 || true
fake_runc 'echo "no runtime today" >&2; exit 3'
refuse "no runtime today" c run --rm --runc-binary "$work/fake-runc" "$image" three true
c containers rm three >/dev/null 2>&1 || true
fake_runc 'kill -9 $$'
refuse "ended with signal 9" c run --rm --runc-binary "$work/fake-runc" "$image" four true
c containers rm four >/dev/null 2>&1 || true
for id in two three four; do c snapshots rm "$id" >/dev/null 2>&1 || true; done
nothing_left "$work/before" "a broken runtime"
ok "a runtime that is missing, fails, or is killed"

# ---- the shim ----
ends 125 "$work/no-such-shim" "$b" run --rm --runtime io.test.missing.v1 "$image" true
ends 125 "silent-shim" "$b" run --rm --runtime io.test.silent.v1 "$image" true
ends 125 "this shim does not like you" "$b" run --rm --runtime io.test.failing.v1 "$image" true
ends 125 "garbage-shim" "$b" run --rm --runtime io.test.garbage.v1 "$image" true
ends 125 "nobody.sock" "$b" run --rm --runtime io.test.nowhere.v1 "$image" true
ends 125 "" "$b" run --rm --runtime io.test.rude.v1 "$image" true
ends 125 "containerd-shim-nothere-v1" "$b" run --rm --runtime io.containerd.nothere.v1 "$image" true
ends 125 "$work/absolute" "$b" run --rm --runtime "$work/absolute" "$image" true
nothing_left "$work/before" "a broken shim"
ok "a shim that is missing, silent, failing, talking nonsense, not there, rude"

shim_of() { pgrep -f "containerd-shim-ctr-v2 .*-id $(ctrctl inspect --format '{{.ID}}' "$1")" | head -n 1; }
running() { ctrctl ps -q --no-trunc 2>/dev/null | grep -q . && ctrctl exec "$1" true; }
"$b" run --rm --name fore "$image" sleep 600 >"$work/fore.out" 2>&1 &
client=$!
wait_for 10 running fore || fail "not running: $(cat "$work/fore.out")"
"$b" exec fore sleep 600 >"$work/exec.out" 2>&1 &
execer=$!
wait_for 10 sh -c "$b top fore | grep -q 'sleep 600'"
sleep 0.3
kill -9 "$(shim_of fore)"
status=0
wait "$execer" || status=$?
[ "$status" != 0 ] || fail "the exec succeeded without its shim"
status=0
wait "$client" || status=$?
[ "$status" != 0 ] || fail "the container succeeded without its shim"
ctrctl rm -f fore >/dev/null 2>&1 || true
nothing_left "$work/before" "a killed shim"
ok "a shim killed under a container and an exec"

for i in $(seq 8); do # in the middle of a start
	"$b" run --rm --name "k$i" "$image" true >"$work/k.out" 2>&1 &
	client=$!
	for _ in $(seq 400); do
		shim=$(pgrep -af "^containerd-shim-ctr-v2 .*$ns" | awk '$NF != "delete" { pid = $1 } END { print pid }') || true
		[ -z "$shim" ] || break
		sleep 0.002
	done
	sleep "0.00$i"
	[ -z "$shim" ] || kill -9 "$shim" 2>/dev/null || true
	status=0
	wait "$client" || status=$?
	[ "$status" = 0 ] || [ -s "$work/k.out" ] || fail "status $status without a word"
	ctrctl rm -f "k$i" >/dev/null 2>&1 || true
done
nothing_left "$work/before" "a shim killed in a start"
ok "a shim killed at any time of a start"

# ---- names ----
rivals=()
for i in $(seq 6); do
	"$b" run -d --name rival "$image" sleep 600 >"$work/rival.$i" 2>&1 &
	rivals+=("$!")
done
won=0
for pid in "${rivals[@]}"; do ! wait "$pid" || won=$((won + 1)); done
[ "$won" = 1 ] || fail "$won of six got the name: $(cat "$work"/rival.*)"
[ "$(grep -l "the name 'rival' is taken" "$work"/rival.* | wc -l)" = 5 ] || fail "not five refusals: $(cat "$work"/rival.*)"
[ "$(ctrctl ps -aq | wc -l)" = 1 ] || fail "more than one: $(ctrctl ps -a)"
ctrctl rm -f rival >/dev/null
nothing_left "$work/before" "a taken name"
ok "of six that want a name at once one gets it, and five leave nothing"

# ---- the daemon ----
for i in $(seq 8); do
	"$b" run --rm "$image" true >"$work/d.out" 2>&1 &
	client=$!
	sleep "0.0$((i * 11 + RANDOM % 9))"
	kill_ctrd
	wait "$client" || [ -s "$work/d.out" ] || fail "the client says nothing"
	start_ctrd
	ctrctl rm -f $(ctrctl ps -aq) >/dev/null 2>&1 || true
done
nothing_left "$work/before" "a daemon killed in runs"
ctrctl run -d --name stays "$image" sleep 600 >/dev/null
for i in $(seq 6); do
	"$b" exec stays true >"$work/d.out" 2>&1 &
	client=$!
	sleep "0.0$((i * 5 + RANDOM % 5))"
	kill_ctrd
	wait "$client" || [ -s "$work/d.out" ] || fail "the client says nothing"
	start_ctrd
done
ends 0 alive "$b" exec stays echo alive
ctrctl rm -f stays >/dev/null
nothing_left "$work/before" "a daemon killed in execs"
ok "a daemon killed in runs and execs"

# ---- no runc at all: in a mount namespace whose folders of programs do not have it ----
stop_ctrd
hide='for d in /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin; do
	[ -e "$d/runc" ] && [ ! -L "$d" ] || continue
	m="$work/hide$(echo "$d" | tr / -)"
	mkdir -p "$m/up" "$m/work" && mknod "$m/up/runc" c 0 0
	mount -t overlay -o "lowerdir=$d,upperdir=$m/up,workdir=$m/work" overlay "$d"
done
exec "$@"'
mkdir "$work/hide"
mount -t tmpfs none "$work/hide"
work=$work/hide unshare -m --propagation private bash -c "$hide" - "$BUILD/bin/ctrd" -c "$CTRD_CONFIG" --root "$work/root" \
	--state "$work/state" --address "$CTR_ADDRESS" >>"$work/ctrd.log" 2>&1 &
ctrd_pid=$!
pids+=("$ctrd_pid")
wait_for 20 ctrctl version || fail "ctrd does not start"
refuse "\"runc\": executable file not found" "$b" run --rm "$image" true
expect "server" ctrctl version
stop_ctrd
umount "$work/hide"
start_ctrd
nothing_left "$work/before" "a machine without runc"
ends 0 back "$b" run --rm "$image" echo back
nothing_left "$work/before" "the run after it"
stop_ctrd
ok "a machine without runc"
end_namespace
printf '%d passed, 0 failed\n' "$passed"
