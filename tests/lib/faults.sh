# SPDX-License-Identifier: Apache-2.0
# For the tests of faults: what a command says, and what the machine, the store and the disk hold before and after it.
# Source it after common.sh and make_work. Containers of these tests live in a namespace of their own ($ns), as the
# cgroups of another test's containers are not ours to count.
ns=flt$$
export CTR_NAMESPACE=$ns

expect() { # expect TEXT COMMAND...
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*': $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
refuse() { # refuse TEXT COMMAND...: it fails, and says TEXT in one line
	local want=$1 out
	shift
	! out=$("$@" 2>&1) || fail "'$*' succeeded: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}

rows() {
	local t
	[ -e "$work/root/meta.db" ] || return 0
	for t in container content edge image lease namespace node snapshot; do
		echo "rows of $t: $(sqlite3 -readonly "$work/root/meta.db" "SELECT count(*) FROM \"$t\"")"
	done
}

# Everything that a fault could leave: one line each.
holds() {
	echo "mounts: $(mounts_of_work | xargs)"
	echo "processes: $(for p in $(processes_of_work); do cat "/proc/$p/comm"; done 2>/dev/null | grep -E '^(ctr|containerd-|runc)' | sort | xargs)"
	echo "cgroups: $(find /sys/fs/cgroup -mindepth 3 -type d -path "*/$ns/*" | xargs)"
	echo "bundles: $(find "$work/state/io.containerd.runtime.v2.task" "$work/root/io.containerd.runtime.v2.task" \
		-mindepth 2 -maxdepth 2 2>/dev/null | xargs)"
	echo "blobs: $(find "$work/root/io.containerd.content.v1.content/blobs" -type f 2>/dev/null | sort | xargs)"
	echo "trees: $(find "$work"/root/io.containerd.snapshotter.v1.*/snapshots -mindepth 1 -maxdepth 1 2>/dev/null | sort | xargs)"
	echo "sockets: $(find "$work" -maxdepth 3 -type s | sort | xargs)"
	rows
}
holds_ingests() {
	holds
	echo "ingests: $(find "$work/root/io.containerd.content.v1.content/ingest" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)"
}

# same_as FILE: holds is again what it was. Collection comes soon after a fault, not with it.
same_as() { [ "$("${look:-holds_ingests}")" = "$(cat "$1")" ]; }
nothing_left() { # nothing_left FILE WHAT
	wait_for 20 same_as "$1" || fail "$2 leaves: $("${look:-holds_ingests}" | diff "$1" -)"
}

end_namespace() { # what runc makes on the way to a container's own: cgroups, and the folder of its states
	find /sys/fs/cgroup -depth -maxdepth 3 -type d -path "*/$ns" -exec rmdir {} + 2>/dev/null || true
	rmdir "/run/containerd/runc/$ns" 2>/dev/null || true
}
