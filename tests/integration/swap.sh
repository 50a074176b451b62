#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every part can be swapped by TOML alone: the same image and container on overlayfs, on native, and on a third party's
# snapshotter that was built with nothing but the installed SDK; and what is said of plugins that cannot be used.
. "$(dirname "$0")/../lib/common.sh"
make_work
kind=io.containerd.snapshotter.v1
setting() { sed -n "s/^$1:[A-Z]*=//p" "$BUILD/CMakeCache.txt"; }

expect() { # expect TEXT COMMAND...
	local want=$1 out
	shift
	out=$("$@" 2>&1) || fail "'$*': $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}
refuse() { # refuse TEXT COMMAND...
	local want=$1 out
	shift
	! out=$("$@" 2>&1) || fail "'$*' succeeded: $out"
	grep -qF -- "$want" <<<"$out" || fail "'$*' does not say '$want' but: $out"
}

# ---- an author's machine: a root directory with a compiler and the installed SDK, and nothing of our tree ----

# In a mount namespace of its own, so that no mount is left whatever happens.
in_jail() { unshare --mount --propagation private bash -euc "$jail_setup"'
	exec chroot "$jail" /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin "$@"' bash "$work/jail" "$work/sdk" "$@"; }
jail_setup='
	jail=$1 sdk=$2
	shift 2
	mkdir -p "$jail"/{usr,etc/alternatives,dev,proc,tmp,src,var/tmp}
	mount --bind "$jail" "$jail" # what has a root that is no mount cannot make it private
	mount -t overlay -o "lowerdir=$sdk/usr:/usr" none "$jail/usr"
	for d in /bin /sbin /lib /lib32 /lib64 /libx32; do
		[ ! -L "$d" ] || [ -L "$jail$d" ] || cp -P "$d" "$jail$d"
		[ -L "$d" ] || [ ! -d "$d" ] || { mkdir -p "$jail$d"; mount --bind "$d" "$jail$d"; }
	done
	mount --bind /etc/alternatives "$jail/etc/alternatives"
	mount -t tmpfs none "$jail/dev"
	mknod -m 666 "$jail/dev/null" c 1 3
	mount -t proc proc "$jail/proc"
'

prefix=$(setting CMAKE_INSTALL_PREFIX)
case $prefix in /usr | /usr/*) ;; *) fail "the build's prefix '$prefix' is not below /usr" ;; esac
mkdir -p "$work/sdk/usr"
DESTDIR=$work/sdk cmake --install "$BUILD" --component sdk >"$work/install.log" || fail "$(cat "$work/install.log")"
in_jail test ! -e "$top/CMakeLists.txt" || fail "the jail sees the tree"

# Two authors copy the template and give it a name: one has make and pkg-config, the other CMake.
in_jail sh -euc '
	for id in acme other; do
		cp -r "$(pkg-config --variable=templatedir ctr-sdk)" /src/$id
		sed -i "s/\.id = \"template\"/.id = \"$id\"/; s/CTR_MODULE(\"template\"/CTR_MODULE(\"$id\"/" /src/$id/snapshotter.c
	done
	make -C /src/acme CFLAGS="-O2 -Wall -Wextra -Werror"
	cmake -S /src/other -B /src/other/build -DCMAKE_BUILD_TYPE=Release
	cmake --build /src/other/build
	DESTDIR=/src/out cmake --install /src/other/build
' >"$work/build.log" 2>&1 || fail "the template does not build: $(tail -n 20 "$work/build.log")"
mkdir -p "$work/acme/lib"
cp "$work/jail/src/acme/template.so" "$work/acme/lib/acme.so"
cp "$(find "$work/jail/src/out" -name template.so)" "$work/acme/lib/other.so"
for so in "$work"/acme/lib/*.so; do
	"$top/tests/abi/symbols.sh" "$so" >"$work/symbols.log" || fail "$(cat "$work/symbols.log")"
done
ok "the template, copied out of the installed SDK, builds with cc and pkg-config and with CMake"

suite=/$(setting CMAKE_INSTALL_LIBEXECDIR)/ctr/snapshotter-suite
[ -x "$work/sdk$prefix$suite" ] || suite=/libexec/ctr/snapshotter-suite
out=$(in_jail "$prefix$suite" --dir /tmp /src/acme/template.so 2>&1) || fail "the conformance kit: $out"
grep -q '^ok .* - 128LayersMount$' <<<"$out" || fail "the kit did not run: $out"
ok "it passes the installed conformance kit: $(tail -n 1 <<<"$out")"

# ---- the daemon: one root directory, another TOML each time ----

start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
acme=$work/acme/lib/acme.so
other=$work/acme/lib/other.so
export CTRD_CONFIG=$work/ctr.toml
export CTR_ADDRESS=$work/ctrd.sock
c() { ctr -a "$CTR_ADDRESS" "$@"; }

# configure SNAPSHOTTER FILES [LINE...]: ours but for what FILES takes away (-NAME), and what it adds.
configure() {
	local default=$1 files=$2 f list
	shift 2
	list=$(grep -o "\"$BUILD[^\"]*\.so\"" "$BUILD/dev.toml")
	for f in $files; do
		case $f in
		-*) list=$(grep -v "/${f#-}\.so" <<<"$list") ;;
		*) list=$list$'\n'"\"$f\"" ;;
		esac
	done
	{
		printf 'version = 1\nlibexec = "%s"\nunsafe_plugin_paths = true\n' "$BUILD/bin"
		printf 'default_snapshotter = "%s"\nplugin_files = [\n%s\n]\n' "$default" "$(sed 's/$/,/' <<<"$list")"
		[ "$#" = 0 ] || printf '%s\n' "$@"
	} >"$CTRD_CONFIG"
}

# state ID: the last column of its line in ctr's list.
state() { c plugins ls | awk -v k="$kind" -v id="$1" '$1 == k && $2 == id { print $NF }'; }
# snapshots_of ID [NAMESPACE]: how many it holds.
snapshots_of() { c -n "${2:-default}" snapshots --snapshotter "$1" ls | tail -n +2 | wc -l; }

# The main job, and that it is done by the snapshotter asked for.
runs_on() { # runs_on ID [NAMESPACE]
	local id=$1 ns=${2:-default} key
	ctrctl -n "$ns" pull "$image" >"$work/pull.log" 2>&1 || fail "pull: $(cat "$work/pull.log")"
	expect "kept" ctrctl -n "$ns" run --name "on-$id" "$image" sh -c 'echo kept >/root/f && cat /root/f'
	key=$(c -n "$ns" snapshots --snapshotter "$id" ls | awk '$3 == "Active" { print $1 }')
	[ -n "$key" ] || fail "'$id' holds no snapshot of the container: $(c -n "$ns" snapshots --snapshotter "$id" ls)"
	find "$work/root/$kind.$id" -path '*/root/f' -type f | grep -q . || fail "the bytes are not below $kind.$id"
	ctrctl -n "$ns" start "on-$id" >/dev/null
	ctrctl -n "$ns" rm -f "on-$id" >/dev/null
}

for id in overlayfs native acme; do
	configure "$id" "$acme"
	start_ctrd
	[ "$(state overlayfs) $(state native) $(state acme)" = "ok ok ok" ] || fail "$(c plugins ls)"
	runs_on "$id"
	stop_ctrd
	ok "the same container runs on $id"
done

configure overlayfs "$acme"
start_ctrd
for id in native acme; do
	c namespaces create "ns-$id" "containerd.io/defaults/snapshotter=$id"
	runs_on "$id" "ns-$id"
	[ "$(snapshots_of overlayfs "ns-$id")" = 0 ] || fail "ns-$id has snapshots in overlayfs too"
done
runs_on overlayfs
stop_ctrd
ok "a namespace's label chooses: containerd.io/defaults/snapshotter"

configure overlayfs "" "disabled_plugins = [\"$kind.native\"]"
start_ctrd
[ "$(state native) $(state overlayfs)" = "skip ok" ] || fail "$(c plugins ls)"
expect "disabled by disabled_plugins" c plugins ls -d
expect "disabled by disabled_plugins" ctrctl plugin info "$kind" native
refuse "native" ctrctl -n ns-native run --rm "$image" true
runs_on overlayfs
stop_ctrd
ok "one is disabled, and says so"

configure other "-snapshotter-overlay $other"
start_ctrd
[ -z "$(state overlayfs)" ] && [ "$(state other)" = ok ] || fail "$(c plugins ls)"
runs_on other
stop_ctrd
ok "one is replaced by another object with another id"

# ---- plugins that cannot be used: the daemon serves without them, and says what is wrong ----

faulty=$BUILD/tests/unit/core/plugins
configure overlayfs "$acme $faulty/wrong_magic.so $faulty/wrong_major.so $faulty/short_vtable.so $faulty/failing_init.so
	$faulty/skipping.so $faulty/missing_need.so $faulty/cycle.so $faulty/no_symbol.so $faulty/failing_start.so
	$work/acme/lib/acne.so /etc/hostname" "[plugins.\"$kind.acme\"]" 'mount_optoin = "index=off"'
start_ctrd
[ "$(state skipping) $(state failing) $(state egg) $(state acme)" = "skip error error error" ] || fail "$(c plugins ls)"
details=$(c plugins ls -d)
while read -r text; do
	grep -qF -- "$text" <<<"$details" || fail "ctr plugins ls -d does not say '$text' but: $details"
	grep -qF -- "$text" "$work/ctrd.log" || fail "the log does not say '$text'"
done <<END
wrong_magic.so' is no plugin: wrong magic 0xdeadbeef
wrong_major.so' was built for ABI major 2, this daemon has 1
plugin $kind.short_vtable: vtable is cut off: 40 bytes, at least 80 are needed
no such luck
no such file system in this kernel
$kind.missing_need needs io.example.absent.v1.it, which no plugin offers
plugins need each other in a cycle: $kind.egg -> $kind.chicken -> $kind.egg
no_symbol.so' is no plugin: it has no symbol 'ctr_module_v1'
the engine does not turn
no plugin file '$work/acme/lib/acne.so', did you mean '$work/acme/lib/acme.so'
unknown key 'plugins."$kind.acme".mount_optoin'
/etc/hostname
END
expect "no such luck" ctrctl plugin info "$kind" failing
runs_on overlayfs
stop_ctrd
ok "each fault has its message in ctr plugins ls -d, and the daemon works without those plugins"

ctrd() { "$BUILD/bin/ctrd" -c "$CTRD_CONFIG" --root "$work/root" --state "$work/state" --address "$CTR_ADDRESS" "$@"; }
refuse "no plugin file '$work/acme/lib/acne.so', did you mean" ctrd config check
while read -r plugin required text; do
	configure overlayfs "$faulty/$plugin.so" "required_plugins = [\"$kind.$required\"]"
	refuse "$text" timeout 20 "$BUILD/bin/ctrd" -c "$CTRD_CONFIG" --root "$work/root" --state "$work/state" \
		--address "$CTR_ADDRESS"
done <<END
failing_init failing required plugin '$kind.failing' failed: no such luck
skipping skipping required plugin '$kind.skipping' cannot run here: no such file system in this kernel
good missing required plugin '$kind.missing' is offered by no file of plugin_files
END
ok "required_plugins that cannot be had end the daemon"

# ---- whose files are loaded ----

# A daemon that reads /etc, which here is ours for the moment.
sysconf=$(setting CTR_SYSCONFDIR)
with_etc() {
	unshare --mount --propagation private bash -euc '
		mount -t overlay -o "lowerdir=$1:/etc" none /etc
		shift
		exec "$@"' bash "$work/etc" "$@"
}
mkdir -p "$work/etc${sysconf#/etc}"
etc_config=$work/etc${sysconf#/etc}/config.toml
configure acme "$acme"
cp "$CTRD_CONFIG" "$etc_config"
refuse "unsafe_plugin_paths: only a file given by -c from outside /etc and /usr may set this" \
	with_etc "$BUILD/bin/ctrd" config check
refuse "unsafe_plugin_paths: only a file given by -c" \
	with_etc "$BUILD/bin/ctrd" --root "$work/root" --state "$work/state" --address "$CTR_ADDRESS"

chmod g+w "$acme"
sed '/^unsafe_plugin_paths/d' "$CTRD_CONFIG" >"$etc_config"
refuse "plugin file '$acme' is not loaded: '$acme' does not belong to root alone" with_etc "$BUILD/bin/ctrd" config check
chmod g-w "$acme"
chmod o+w "$work/acme/lib"
refuse "plugin file '$acme' is not loaded: '$work/acme/lib' does not belong to root alone" \
	with_etc "$BUILD/bin/ctrd" config check
chmod o-w "$work/acme/lib"
chown 1000 "$work/acme"
refuse "plugin file '$acme' is not loaded: '$work/acme' does not belong to root alone" \
	with_etc "$BUILD/bin/ctrd" config check
CTRD_CONFIG=$work/safe.toml
sed '/^unsafe_plugin_paths/d' "$work/ctr.toml" >"$CTRD_CONFIG"
sed -i 's/^default_snapshotter.*/default_snapshotter = "overlayfs"/' "$CTRD_CONFIG"
start_ctrd
expect "does not belong to root alone" c plugins ls -d
[ "$(c plugins ls | awk '$2 == "acme.so" { print $NF }')" = error ] || fail "$(c plugins ls)"
stop_ctrd
chown 0 "$work/acme"
sed -i 's/^default_snapshotter.*/default_snapshotter = "acme"/' "$CTRD_CONFIG"
start_ctrd
runs_on acme
refuse "" grep -q "unsafe_plugin_paths is set" <(tail -n 3 "$work/ctrd.log")
stop_ctrd
ok "plugin files that others can write are refused, a third party's own folder of root's is not"
[ -z "$(mounts_of_work)" ] || fail "mounts are left: $(mounts_of_work)"
printf '%d passed, 0 failed\n' "$passed"
