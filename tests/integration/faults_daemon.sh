#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A daemon that must not start, or starts without a part: bad configuration, plugins that are missing or broken,
# directories and sockets in use, a damaged store. Each fault is named with file and line, or object and cause.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in sqlite3 python3; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done
broken=$BUILD/tests/unit/core/plugins
[ -e "$broken/wrong_magic.so" ] || { echo "needs the test plugins of $BUILD"; exit 77; }
make_work
. "$top/tests/lib/faults.sh"
conf=$work/c.toml

# Lines after those of the build's configuration; `line` is the number of the first of them.
line=$(($(wc -l <"$BUILD/dev.toml") + 1))
configure() { cp "$BUILD/dev.toml" "$conf" && printf '%s\n' "$@" >>"$conf"; }
daemon() { timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/root" --state "$work/state" --address "$work/ctrd.sock" "$@"; }
# refused_by COMMAND TEXT...: it fails and says each text.
refused_by() {
	local how=$1 text out
	shift
	! out=$($how 2>&1) || fail "'$how' succeeds with: $(tail -n +$line "$conf")"
	for text; do
		grep -qF -- "$text" <<<"$out" || fail "'$how' does not say '$text' but: $out"
	done
	[ ! -e "$work/ctrd.sock" ] || fail "a socket is left"
}
check="$BUILD/bin/ctrd -c $conf config check"
faulty() { # neither the check nor a start succeeds
	refused_by "$check" "$@"
	refused_by daemon "$@"
}

# ---- configuration ----
configure 'log_levle = "info"'
faulty "$conf:$line" "log_levle"
configure '[transfer]' 'progres_timeout = "1s"'
faulty "$conf:$((line + 1))" "transfer.progres_timeout" "progress_timeout"
configure 'oom_score = "much"'
faulty "$conf:$line" "oom_score"
configure '[pool]' 'work_threads = 100000'
faulty "$conf:$((line + 1))" "work_threads" "256"
configure '[log]' 'level = "loud"'
faulty "$conf:$((line + 1))" "loud"
configure '[transfer]' 'progress_timeout = "soon"'
faulty "$conf:$((line + 1))" "soon"
configure 'this is no TOML'
faulty "$conf:$line"
configure '[plugins."io.containerd.snapshotter.v1.overlayfs"]' 'mount_optoins = ["x"]'
faulty "$conf:$((line + 1))" "mount_optoins" "mount_options"
configure '[plugins."io.containerd.snapshotter.v1.overlaysf"]' 'x = 1'
faulty "$conf:$line" "io.containerd.snapshotter.v1.overlaysf" "overlayfs"
configure '[plugins."io.containerd.differ.v1.walking"]' 'max_entries = "many"'
faulty "$conf:$((line + 1))" "max_entries"
rm -f "$conf"
faulty "$conf"
ok "unknown keys, wrong types, values out of range, no TOML, no file: file, line and the nearest name"

# ---- plugin files ----
with_plugin() { # with_plugin FILE [LINE...]: the build's configuration and one plugin more
	local file=$1
	shift
	configure "$@"
	sed -i "s|^plugin_files = \[|plugin_files = [ \"$file\",|" "$conf"
}
plugins_line=$(grep -n '^plugin_files' "$BUILD/dev.toml" | cut -d: -f1)
with_plugin "$BUILD/plugins/apigrpc.so"
refused_by "$check" "$conf:$plugins_line" "$BUILD/plugins/apigrpc.so" "api-grpc.so"
with_plugin "relative.so"
refused_by "$check" "$conf:$plugins_line" "relative.so"
printf 'no ELF' >"$work/text.so"
with_plugin "$work/text.so"
refused_by "$check" "$conf:$plugins_line" "$work/text.so"
ok "a plugin file that is missing, relative, no library: told by the check"

# Started all the same: without the plugin, which introspection shows with its error.
lists() { # lists TEXT STATUS NAME [LINE...]
	local text=$1 status=$2 name=$3 out
	shift 3
	with_plugin "$broken/$name.so" "$@"
	CTRD_CONFIG=$conf start_ctrd
	out=$(ctrctl plugin ls --json 2>/dev/null || ctrctl plugin ls)
	grep -qF -- "$text" <<<"$out" || grep -qF -- "$text" "$work/ctrd.log" || fail "$name: '$text' is told nowhere: $out"
	stop_ctrd
	: >"$work/ctrd.log"
	[ "$status" = check ] || return 0
	! out=$("$BUILD/bin/ctrd" -c "$conf" config check 2>&1) || fail "$name passes the check"
	grep -qF -- "$text" <<<"$out" || fail "$name: the check does not say '$text' but: $out"
}
lists "wrong magic" check wrong_magic
lists "major" check wrong_major
lists "vtable" check short_vtable
lists "has no 'commit'" check hole_in_vtable
lists "no such luck" start failing_init
lists "which no plugin offers" start missing_need
lists "egg" start cycle
ok "a plugin with a wrong magic, major, vtable, failing init, missing need, cycle: the rest serves"

configure 'required_plugins = ["io.containerd.snapshotter.v1.zfs"]'
! out=$(daemon 2>&1) || fail "a missing required plugin is not missed"
grep -qF "io.containerd.snapshotter.v1.zfs" <<<"$out" || fail "it is not named: $out"
configure 'required_plugins = ["io.containerd.snapshotter.v1.native"]' 'disabled_plugins = ["io.containerd.snapshotter.v1.native"]'
! out=$(daemon 2>&1) || fail "a required plugin may be disabled"
grep -qF "io.containerd.snapshotter.v1.native" <<<"$out" || fail "it is not named: $out"
cp "$BUILD/plugins/differ.so" "$work/differ.so"
chmod 0666 "$work/differ.so"
sed "s|$BUILD/plugins/differ.so|$work/differ.so|; s/^unsafe_plugin_paths.*/unsafe_plugin_paths = false/" "$BUILD/dev.toml" >"$conf"
out=$("$BUILD/bin/ctrd" -c "$conf" config check 2>&1) && fail "a plugin that all can write is taken"
grep -qF "$work/differ.so" <<<"$out" || fail "it is not named: $out"
ok "required plugins are required, and one that others can write is refused"

# ---- directories and sockets ----
configure ''
CTRD_CONFIG=$conf start_ctrd
! out=$(timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/root" --state "$work/state2" --address "$work/second.sock" 2>&1) ||
	fail "two daemons on one root"
grep -qF "root '$work/root' is in use by another daemon" <<<"$out" || fail "two on one root: $out"
! out=$(timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/root2" --state "$work/state2" --address "$CTR_ADDRESS" 2>&1) ||
	fail "two daemons on one socket"
grep -qF "$CTR_ADDRESS" <<<"$out" || fail "two on one socket: $out"
! out=$(timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/root2" --state "$work/state" --address "$work/second.sock" 2>&1) ||
	fail "two daemons on one state directory"
grep -qF "$work/state" <<<"$out" || fail "two on one state directory: $out"
ctrctl version >/dev/null || fail "the first daemon suffers"
[ ! -e "$work/second.sock" ] || fail "the second socket is left"
kill_ctrd
[ -S "$CTR_ADDRESS" ] || fail "a killed daemon's socket is gone"
CTRD_CONFIG=$conf start_ctrd
stop_ctrd
[ ! -e "$CTR_ADDRESS" ] || fail "a socket is left after the end"
ok "root, state and socket of a live daemon are refused, those of a dead one taken over"

echo precious >"$work/ctrd.sock"
! out=$(daemon 2>&1) || fail "a file was taken for a socket"
grep -qF "$work/ctrd.sock" <<<"$out" || fail "the file is not named: $out"
[ "$(cat "$work/ctrd.sock")" = precious ] || fail "a file was removed"
rm "$work/ctrd.sock"
python3 -c "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1); time.sleep(60)" \
	"$work/ctrd.sock" &
pids+=("$!")
wait_for 10 test -S "$work/ctrd.sock"
! out=$(daemon 2>&1) || fail "somebody's live socket was taken"
grep -qF "$work/ctrd.sock" <<<"$out" || fail "the socket is not named: $out"
end_pid "$!"
rm "$work/ctrd.sock"
long=$work/$(printf 'x%.0s' $(seq 120))
! out=$(timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/root" --state "$work/state" --address "$long" 2>&1) ||
	fail "a socket path without an end"
grep -qF "$long" <<<"$out" || fail "the path is not named: $out"
touch "$work/file"
! out=$(timeout 20 "$BUILD/bin/ctrd" -c "$conf" --root "$work/file/root" --state "$work/state" --address "$work/a.sock" 2>&1) ||
	fail "a root below a file"
grep -qF "$work/file" <<<"$out" || fail "the root is not named: $out"
ok "a file, another program's socket, a path that is too long, a root that cannot be: refused and left alone"

# ---- a damaged store ----
printf 'no database at all, but long enough to be one. %.0s' $(seq 200) >"$work/root/meta.db"
rm -f "$work"/root/meta.db-*
! out=$(daemon 2>&1) || fail "a text was taken for the store"
grep -qF "meta.db" <<<"$out" || fail "the store is not named: $out"
rm "$work/root/meta.db"
CTRD_CONFIG=$conf start_ctrd
stop_ctrd
sqlite3 "$work/root/meta.db" 'PRAGMA user_version = 999'
! out=$(daemon 2>&1) || fail "a store of the future was opened"
grep -qF "999" <<<"$out" || fail "its version is not named: $out"
ok "a store that is none, and one of a newer daemon, are refused"
[ -z "$(mounts_of_work)$(processes_of_work | grep -v "^$$\$" || true)" ] || fail "left: $(mounts_of_work) $(processes_of_work)"
printf '%d passed, 0 failed\n' "$passed"
