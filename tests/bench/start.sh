#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Start latency: `ctrctl run --rm IMAGE true` and `ctrctl exec` beside bare runc (and crun) with the same config.json on
# the same file system, alternating; medians, and the ratios that the bars name. Group commits are counted by the store.
. "$(dirname "$0")/../lib/common.sh"
ROUNDS=${ROUNDS:-40}
make_work
truncate -s 2G "$work/disk"
mkfs.ext4 -q -E nodiscard "$work/disk"
mkdir "$work/d"
mount -o loop "$work/disk" "$work/d"
real_work=$work
start_registry
push_busybox library/busybox
image=$registry/library/busybox:latest
work=$real_work/d
start_ctrd
ctrctl pull "$image" >/dev/null
work=$real_work

# The same bundle: our config.json, its files kept alive by a container that never runs.
id=$(ctrctl create --name model "$image" true)
ctrctl start model >/dev/null 2>&1 || true
ctrctl run -d --name live "$image" sleep 600 >/dev/null
live=$(ctrctl inspect live | grep -oE '[0-9a-f]{64}' | head -n 1)
bundle=$work/d/bundle
mkdir -p "$bundle"
cp -a "$work/busybox-root" "$bundle/rootfs"
python3 - "$work/d/state/io.containerd.runtime.v2.task/default/$live/config.json" "$bundle/config.json" <<'EOF'
import json, sys

spec = json.load(open(sys.argv[1]))
spec["root"]["path"] = "rootfs"
spec["process"]["args"] = ["true"]
spec["linux"]["cgroupsPath"] = spec["linux"].get("cgroupsPath", "/bench") + "-bare"
json.dump(spec, open(sys.argv[2], "w"))
EOF

python3 - "$ROUNDS" "$BUILD" "$bundle" "$image" "$work" "$live" <<'EOF'
import os, shutil, statistics, subprocess, sys, time

rounds, build, bundle, image, work, live = int(sys.argv[1]), *sys.argv[2:]
runc, crun = shutil.which("runc"), shutil.which("crun")
root = f"{work}/state-bare"
state = None
for path in ("/run/containerd/runc/default", f"{work}/d/state/runc/default"):
    if os.path.isdir(f"{path}/{live}"):
        state = path
rows = {
    "bare runc": [f"{build}/bench/bare-runc", runc, root, bundle, "bare"],
    "ctrctl run --rm": [f"{build}/bin/ctrctl", "run", "--rm", image, "true"],
    "ctrctl exec": [f"{build}/bin/ctrctl", "exec", live, "true"],
}
if state:
    rows["runc exec"] = [runc, "--root", state, "exec", live, "true"]
times = {name: [] for name in rows}
for i in range(rounds + 3):
    for name, argv in rows.items():
        begin = time.perf_counter()
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        took = time.perf_counter() - begin
        if done.returncode != 0:
            sys.exit(f"{name}: status {done.returncode}: {done.stderr.decode()}")
        if i >= 3:
            times[name].append(took * 1000)
median = {name: statistics.median(t) for name, t in times.items()}
for name, t in times.items():
    t.sort()
    print(f"{name:18} median {median[name]:6.1f} ms   min {t[0]:6.1f}   p90 {t[int(len(t) * .9)]:6.1f}")
print(f"start: {median['ctrctl run --rm'] / median['bare runc']:.2f} x bare runc (bar 1.30)")
if "runc exec" in median:
    print(f"exec:  {median['ctrctl exec'] / median['runc exec']:.2f} x runc exec (bar 1.40)")
EOF
ctrctl rm -f live model >/dev/null
