"""`--systemd-cgroup` against a real systemd, which is the first process of a guest with full cgroup v2."""

import json
import sys
from pathlib import Path

import guest
from harness import WHERRY

sys.path.append(str(Path(__file__).resolve().parents[1] / "RuntimeConformance"))
import runtime  # noqa: E402

SCRIPT = """
R="wherry runtime --systemd-cgroup"
S=/sys/fs/cgroup/system.slice/wherry-box.scope
shows() { systemctl --no-pager show wherry-box.scope -p "$1"; }
cd /bundle
cp /bin/busybox rootfs/bin/
$R create box < /dev/null && $R start box && echo "started"
echo "limits: $(cat $S/memory.max $S/pids.max $S/cpu.max $S/cpu.weight | tr '\\n' ' ')"
shows Slice; shows MemoryMax; shows TasksMax; shows CPUQuotaPerSecUSec; shows ActiveState; shows Delegate
systemctl daemon-reload
echo "after a reload: $(cat $S/memory.max $S/pids.max | tr '\\n' ' ')"
echo "inside: $($R exec box cat /proc/self/cgroup)"
$R update --memory 33554432 box && echo "updated: $(cat $S/memory.max)" && shows MemoryMax
$R exec box sh -c 'echo "mknod: $(mknod /tmp/sda b 8 0 && cat /tmp/sda 2>&1)"'
$R kill box KILL
for _ in $(seq 100); do $R state box | grep -q stopped && break; done
$R delete box && echo "deleted"
[ -e $S ] || echo "no group"
systemctl is-active wherry-box.scope
$R run --bundle /bundle-default ended < /dev/null; echo "run: $?"
[ -e /sys/fs/cgroup/system.slice/wherry-ended.scope ] || echo "no group of ended"
$R run --bundle /bundle-bad bad < /dev/null; echo "bad: $?"
$R list
"""


def bundle(place: Path, path: str | None, args: list[str]) -> str:
    runtime.make_root(place / "rootfs")
    (place / "rootfs/bin/busybox").unlink()
    config = runtime.default_config()
    config["process"]["args"] = args
    config["process"]["capabilities"]["bounding"].append("CAP_MKNOD")
    config["process"]["capabilities"]["effective"].append("CAP_MKNOD")
    config["process"]["capabilities"]["permitted"].append("CAP_MKNOD")
    if path:
        config["linux"]["cgroupsPath"] = path
        config["linux"]["resources"] |= {"memory": {"limit": 67108864}, "pids": {"limit": 20},
                                         "cpu": {"quota": 50000, "period": 100000, "shares": 2048}}
    (place / "config.json").write_text(json.dumps(config))
    return str(place)


def test_containers_are_scopes_of_systemd(tmp_path):
    files = {"/bin/wherry": WHERRY, "/usr/lib/systemd/systemd": "/usr/lib/systemd/systemd",
             "/bin/systemctl": "/usr/bin/systemctl"}
    for program in ("/usr/lib/systemd/systemd", "/usr/bin/systemctl"):
        files |= guest.libraries(Path(program))
    files["/bundle"] = bundle(tmp_path / "a", "system.slice:wherry:box", ["/bin/sleep", "1000"])
    files["/bundle-default"] = bundle(tmp_path / "b", None, ["/bin/sh", "-c", "exit 7"])
    files["/bundle-bad"] = bundle(tmp_path / "c", "/not/of/systemd", ["/bin/true"])
    script = SCRIPT.replace("cp /bin/busybox rootfs/bin/",
                            "for b in /bundle*; do cp /bin/busybox $b/rootfs/bin/; done")
    console = guest.boot(files, script, tmp_path, memory=1024, systemd=True).replace("\r", "")
    print(console)
    for line in ("started", "limits: 67108864 20 50000 100000 174 ", "Slice=system.slice", "MemoryMax=67108864",
                 "TasksMax=20", "CPUQuotaPerSecUSec=500ms", "ActiveState=active", "Delegate=yes",
                 "after a reload: 67108864 20 ", "inside: 0::/system.slice/wherry-box.scope", "updated: 33554432",
                 "MemoryMax=33554432", "mknod: cat: can't open '/tmp/sda': Operation not permitted", "deleted",
                 "no group", "inactive", "run: 7", "no group of ended", "bad: 1"):
        assert f"\n{line}\n" in console, line
    assert "slice:prefix:name" in console
