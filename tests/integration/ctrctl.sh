#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ctrctl as a person uses it, against a real daemon: names and ids, lists and templates, terminals, logs, attach, archives, mistakes.
. "$(dirname "$0")/../lib/common.sh"
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
for tool in docker-registry runc script busybox; do
	command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
done

make_work
start_registry
push_busybox library/busybox
start_ctrd
image=$registry/library/busybox:latest

is() { # WANTED GOT WHAT
	[ "$1" = "$2" ] || fail "$3: wanted '$1', got '$2'"
	ok "$3"
}
has() { # PART TEXT WHAT
	case $2 in *"$1"*) ok "$3" ;; *) fail "$3: no '$1' in '$2'" ;; esac
}
# Status of a command that is to fail, its stderr in $said.
fails() {
	local status=0
	said=$("$@" 2>&1 >/dev/null) || status=$?
	[ "$status" != 0 ] || fail "succeeded: $*"
	return 0
}

# ---- images ----
has "layer" "$(ctrctl pull "$image" 2>&1)" "a pull without a terminal prints plain lines"
ctrctl tag "$image" bb
is "docker.io/library/bb" "$(ctrctl images --format '{{.Repository}}' bb)" "a short name is completed"
id=$(ctrctl images -q bb)
is "$id" "$(ctrctl inspect --type image --format '{{.ID}}' "$id" | cut -c8-19)" "an image is found by its digest's beginning"
ctrctl save -o "$work/bb.tar" bb
ctrctl rmi bb >/dev/null
ctrctl load -q -i "$work/bb.tar"
is hello "$(ctrctl run --rm bb echo hello 2>/dev/null)" "an image goes through save and load"
fails ctrctl run --rm --pull never nothing true
has "no image 'docker.io/library/nothing:latest'" "$said" "a missing image is named"

# ---- foreground ----
status=0
ctrctl run --rm bb sh -c 'exit 7' || status=$?
is 7 "$status" "the container's exit code is ours"
status=0
ctrctl run --rm bb nothing 2>/dev/null || status=$?
is 127 "$status" "a missing command is 127"
status=0
ctrctl run --rm bb /etc/passwd 2>/dev/null || status=$?
is 126 "$status" "what cannot be executed is 126"
is "$(seq 1 100000 | md5sum)" "$(ctrctl run --rm bb seq 1 100000 | md5sum)" "no output is lost"
is "$(md5sum </bin/busybox)" "$(ctrctl run --rm -i bb md5sum </bin/busybox)" "no input is lost"
is "uid=1000(user) gid=1000(user) groups=1000(user),2000(extra)" "$(ctrctl run --rm -u user bb id)" "a user is looked up in the image"
is "0" "$(ctrctl ps -aq | wc -l)" "--rm leaves no container"
is "1" "$(ctrctl snapshot ls -q | wc -l)" "and no snapshot but the image's"
out=$(printf 'stty size; tty\nexit 3\n' | script -qec "stty rows 33 cols 77; '$BUILD/bin/ctrctl' run -it --rm bb sh" /dev/null || true)
has "33 77" "$out" "a terminal has our size"

# ---- names and ids ----
first=$(ctrctl run -d --name web bb sh -c 'while read -r l; do echo "got $l"; [ "$l" != quit ] || exit 6; done' 2>/dev/null)
ctrctl rm -f web >/dev/null
first=$(ctrctl run -d -i --name web bb sh -c 'seq 1 300; while read -r l; do echo "got $l"; [ "$l" != quit ] || exit 6; done')
fails ctrctl run -d --name web bb true
has "the name 'web' is taken by container ${first:0:12}" "$said" "a name is unique"
is "$first" "$(ctrctl inspect --format '{{.ID}}' "${first:0:5}")" "an id's beginning is enough"
is "running web" "$(ctrctl inspect --format '{{.State.Status}} {{.Name}}' web)" "inspect takes a template"
is "web" "$(ctrctl ps --format '{{.Names}}')" "ps takes a template"
has '"Names": "web"' "$(ctrctl ps --json)" "ps gives JSON"
fails ctrctl rm web
has "it is running" "$said" "a running container is not removed"

# ---- exec, attach, logs ----
status=0
ctrctl exec web sh -c 'exit 5' || status=$?
is 5 "$status" "exec gives the command's exit code"
is "x /tmp" "$(ctrctl exec -e V=x -w /tmp web sh -c 'echo "$V $PWD"')" "exec takes variables and a directory"
is data "$(echo data | ctrctl exec -i web cat)" "exec takes input"
is "299 300 " "$(ctrctl logs --tail 2 web | tr '\n' ' ')" "logs gives the last lines"
ctrctl logs -f --tail 0 web >"$work/followed" &
follower=$!
status=0
(echo hello; sleep 0.2; echo quit) | ctrctl attach web >"$work/attached" || status=$?
is 6 "$status" "attach gives the exit code"
wait "$follower"
has "got hello" "$(cat "$work/attached")" "attach shows the output"
has "got quit" "$(cat "$work/followed")" "logs -f shows what comes and ends with the container"
is "6" "$(ctrctl wait web)" "wait prints the exit code"
has "Exited (6)" "$(ctrctl ps -a)" "ps -a tells how it ended"
is web "$(ctrctl start web)" "start runs it again"
is web "$(ctrctl stop -t 0 web)" "stop ends it"
is web "$(ctrctl rm web)" "rm removes it"

# ---- limits, security, mounts ----
out=$(ctrctl run --rm --read-only --cap-drop ALL --security-opt no-new-privileges -m 32m --pids-limit 30 --ulimit nofile=99 \
	-v "$work:/data:ro" --tmpfs /scratch bb sh -c 'touch /x 2>&1; ulimit -n; grep -e CapEff -e NoNewPrivs /proc/self/status; ls -d /data /scratch')
has "Read-only file system" "$out" "a read-only root"
has "99" "$out" "a ulimit"
has "CapEff:	0000000000000000" "$out" "no capabilities"
has "NoNewPrivs:	1" "$out" "no new privileges"
fails ctrctl run --rm --restart always bb true
has "does not exist yet" "$said" "--restart is refused"
fails ctrctl run --rm --memroy 5m bb true
has "did you mean '--memory'" "$said" "a mistyped flag is answered with the nearest"
fails ctrctl rnu
has "did you mean 'run'" "$said" "a mistyped verb too"

# ---- another snapshotter, groups ----
is native "$(ctrctl run --rm --snapshotter native bb echo native 2>/dev/null)" "an image is unpacked for another snapshotter"
ctrctl lease create --id l1 -x 1h >/dev/null
is l1 "$(ctrctl lease ls -q)" "a lease is listed"
ctrctl lease rm l1
ctrctl namespace create other a=b
has other "$(ctrctl namespace ls)" "a namespace is listed"
ctrctl namespace rm other
has overlayfs "$(ctrctl plugin ls --format '{{.ID}}')" "plugins are listed"
is "" "$(ctrctl content ingests -q)" "no ingests are left"
is "" "$(ctrctl -n elsewhere ps -aq)" "another namespace is empty"

# ---- without a daemon ----
stop_ctrd
fails ctrctl ps
has "cannot connect to ctrd at $CTR_ADDRESS" "$said" "a missing daemon is named"
say "$passed passed"
