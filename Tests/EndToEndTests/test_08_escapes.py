"""Escape attempts from inside a container fail; a hostile image changes nothing outside its own root."""

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

from harness import WHERRY, pod, wait_for


def attempt(agent, name, script, **spec) -> str:
    """Runs a script in a pod to its end and gives its log."""
    agent.apply(pod(name, ["sh", "-c", script], restartPolicy="Never", **spec))
    wait_for(lambda: agent.pod(name)["status"].get("phase") in ("Succeeded", "Failed"), f"{name} ends", 30)
    return agent.kubectl("logs", name).stdout


def test_the_binary_cannot_be_overwritten_from_inside(agent):
    before = hashlib.sha256(Path(WHERRY).read_bytes()).hexdigest()
    # The classic: make the runtime run /proc/self/exe, then write to it through another descriptor.
    log = attempt(agent, "exe", "ls -l /proc/1/exe; for p in /proc/[0-9]*; do echo x >> $p/exe; done; "
                                "cp /bin/busybox /proc/self/exe; echo tried")
    assert "tried" in log
    agent.apply(pod("selfexe", ["/proc/self/exe", "--version"], restartPolicy="Never"))
    wait_for(lambda: agent.pod("selfexe")["status"].get("phase") in ("Succeeded", "Failed"), "ends", 30)
    assert hashlib.sha256(Path(WHERRY).read_bytes()).hexdigest() == before


def test_nothing_of_the_host_is_reachable_by_descriptor_device_or_mount(agent):
    log = attempt(agent, "probe", """
        echo "fds: $(ls /proc/self/fd | tr '\\n' ' ')"
        echo "cwd: $(readlink /proc/self/cwd)"
        mknod /tmp/disk b 254 0 2>&1 && (head -c 1 /tmp/disk >/dev/null 2>&1 && echo "DEVICE READ" || echo "device refused") || echo "mknod refused"
        mount -t tmpfs none /mnt 2>&1 && echo "MOUNTED" || echo "mount refused"
        mkdir -p /tmp/m; mount --bind / /tmp/m 2>&1 && echo "BOUND" || echo "bind refused"
        unshare -m true 2>/dev/null && echo "UNSHARED" || echo "unshare refused"
        echo 1 > /proc/sys/kernel/panic 2>/dev/null && echo "SYSCTL WRITTEN" || echo "sysctl refused"
        echo c > /proc/sysrq-trigger 2>/dev/null && echo "SYSRQ" || echo "sysrq refused"
        head -c 1 /proc/kcore >/dev/null 2>&1 && [ -s /proc/kcore ] && echo "KCORE" || echo "kcore hidden"
        touch /sys/x 2>/dev/null && echo "SYS WRITTEN" || echo "sys refused"
        find /sys/fs/cgroup -name release_agent 2>/dev/null | while read f; do echo x > $f 2>/dev/null && echo "RELEASE AGENT"; done
        grep -E 'Cap(Eff|Inh|Bnd)|NoNewPrivs|Seccomp:' /proc/self/status
        """)
    for bad in ("DEVICE READ", "MOUNTED", "BOUND", "UNSHARED", "SYSCTL", "SYSRQ\n", "KCORE", "SYS WRITTEN", "RELEASE AGENT"):
        assert bad not in log, log
    descriptors = log.split("fds: ")[1].split("\n")[0].split()
    assert set(descriptors) <= {"0", "1", "2", "3"}, log  # 3 is ls reading the directory
    assert "CapEff:\t00000000a80425fb" in log and "CapInh:\t0000000000000000" in log, log
    assert "Seccomp:\t2" in log, log


def test_a_symlinked_mount_target_stays_inside_the_root(agent, place):
    """The image's /data is a link to an absolute host path; a volume mounted there must land in the container."""
    outside = place / "outside"
    outside.mkdir()
    root = place / "evil.tar"
    with tarfile.open(root, "w") as tar:
        for name in ("bin", "etc"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        tar.add("/bin/busybox", "bin/busybox")
        for name, target in (("bin/sh", "busybox"), ("bin/touch", "busybox"), ("data", str(outside)),
                             ("up", "../../../../../../" + str(outside))):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    agent.cli("import", "--env", "PATH=/bin", str(root), "evil:1")
    attempt(agent, "linked", "touch /data/made /up/made; echo done", container={
        "image": "evil:1", "volumeMounts": [{"name": "a", "mountPath": "/data"}, {"name": "b", "mountPath": "/up"}]},
        volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}])
    assert list(outside.iterdir()) == []


def test_no_abstract_socket_of_agent_and_monitors(agent):
    """CVE-2020-15257: a pod with the host's network could reach one."""
    agent.apply(pod("beside", ["sleep", "1000"], hostNetwork=True))
    wait_for(lambda: agent.pod("beside")["status"].get("phase") == "Running", "beside runs", 30)
    abstract = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines() if "@" in line}
    own = [agent.process.pid]
    for pid in own:
        own += [int(n) for file in Path(f"/proc/{pid}/task").glob("*/children") for n in file.read_text().split()]
        held = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
        assert not {f"socket:[{number}]" for number in abstract} & held, pid
    assert len(own) > 2, "agent, monitor and container"


def layer_archive(place: Path, name: str, members: list[tuple[tarfile.TarInfo, bytes]], raw: bytes | None = None) -> Path:
    """A docker-save archive whose only layer holds the members."""
    if raw is None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for info, data in members:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        raw = buffer.getvalue()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["x"]},
                         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(raw).hexdigest()]}}).encode()
    path = place / f"{name}.tar"
    with tarfile.open(path, "w") as tar:
        for member, data in (("layer.tar", gzip.compress(raw, 9)), ("config.json", config),
                             ("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [f"{name}:1"],
                                                            "Layers": ["layer.tar"]}]).encode())):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def entry(name, kind=tarfile.REGTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, data


def test_hostile_layers_change_nothing_outside_and_leave_no_half_layer(agent, place):
    target = place / "victim"
    target.write_text("untouched")
    inode = os.stat(target)
    layers = agent.data / "layers"
    before = sorted(p.name for p in layers.iterdir())
    cases = {
        "dotdot": [entry("../../../../../../../../" + str(target)[1:], data=b"x")],
        "through": [entry("link", tarfile.SYMTYPE, str(place)), entry("link/victim", data=b"x")],
        "hard": [entry("grab", tarfile.LNKTYPE, "../../../../../../../.." + str(target)), entry("grab", data=b"x")],
        "hardabs": [entry("grab2", tarfile.LNKTYPE, str(target)), entry("grab2", data=b"x")],
    }
    for name, members in cases.items():
        agent.cli("load", str(layer_archive(place, name, members)), check=False)
        assert target.read_text() == "untouched", name
        now = os.stat(target)
        assert (now.st_nlink, now.st_ino) == (1, inode.st_ino), f"{name}: a hard link to the outside"
    absolute = place / "absolute-made"
    agent.cli("load", str(layer_archive(place, "absolute", [entry(str(absolute), data=b"x")])), check=False)
    assert not absolute.exists()
    device = entry("disk", tarfile.BLKTYPE)
    device[0].devmajor, device[0].devminor = 8, 0
    agent.cli("load", str(layer_archive(place, "device", [device])), check=False)
    for found in layers.rglob("disk"):
        import stat
        assert not stat.S_ISBLK(os.lstat(found).st_mode)
    bomb = io.BytesIO()
    with tarfile.open(fileobj=bomb, mode="w") as tar:
        info = tarfile.TarInfo("zeros")
        info.size = 512 << 20
        tar.addfile(info, io.BytesIO(bytes(512 << 20)))
    done = agent.cli("load", str(layer_archive(place, "bomb", [], raw=bomb.getvalue())), check=False, timeout=300)
    assert done.returncode == 1 and "bomb" in done.stderr, done.stderr
    left = [p for p in layers.iterdir() if p.name not in before]
    assert all(not any(q.name == "zeros" for q in p.rglob("*")) for p in left), "a half layer is left"
    assert not list(agent.data.glob("**/ingest/*")), "half-fetched blobs are left"
    assert agent.cli("images").stdout.count("busybox:test") == 1
