"""Debian's Podman with Wherry as its runtime: it comes with conmon, which is a console socket's and an exit's other end."""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import WHERRY, busybox_root, run
from packages import unpacked

PACKAGES = ("podman", "conmon", "golang-github-containers-common", "golang-github-containers-image", "libgpgme11",
            "libsubid4", "libdevmapper1.02.1", "libassuan0")
# Podman raises limits above the hard ones, which needs CAP_SYS_RESOURCE, unless it is told these.
CONFIG = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
conmon_path = ["{root}/usr/bin/conmon"]
runtime = "wherry"
[engine.runtimes]
wherry = ["{runtime}"]
"""
# Its files of /etc and /run are in sight of this mount namespace only.
ENTER = "mount -t tmpfs run /run && mkdir -p /etc/containers && mount --bind {etc} /etc/containers && exec \"$@\""


class Podman:
    def __init__(self, place: Path):
        root = unpacked("podman", PACKAGES)
        runtime = place / "wherry-oci"
        runtime.symlink_to(Path(WHERRY).resolve())
        etc = place / "etc"
        etc.mkdir()
        (etc / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
        (place / "containers.conf").write_text(CONFIG.format(root=root, runtime=runtime))
        libraries = f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu"
        self.environment = {**os.environ, "CONTAINERS_CONF": str(place / "containers.conf"),
                            "LD_LIBRARY_PATH": libraries, "PATH": f"{root}/usr/bin:{os.environ['PATH']}"}
        self.options = ["--root", str(place / "storage"), "--runroot", str(place / "run"), "--storage-driver", "vfs"]
        # One namespace for all calls: what conmon keeps in /run must still be there.
        self.namespace = place / "mnt"
        self.namespace.touch()
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", ENTER.format(etc=etc), "sh", "sleep", "1000000"])

    def __call__(self, *arguments: str, terminal=False, **more):
        command = ["podman", *self.options, *arguments]
        if terminal:
            command = ["script", "-qec", shlex.join(map(str, command)), "/dev/null"]
        return run("nsenter", "-t", str(self.holder.pid), "-m", *command, env=self.environment, timeout=60, **more)

    def stop(self):
        self("rm", "-af", check=False)
        self.holder.kill()
        self.holder.wait()


@pytest.fixture(scope="module")
def podman():
    place = Path(tempfile.mkdtemp(prefix="wp-", dir="/tmp"))
    podman = None
    try:
        podman = Podman(place)
        podman("import", str(busybox_root(place)), "bb")
        yield podman
    finally:
        if podman:
            podman.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def box(podman):
    podman("run", "-d", "--name", "box", "bb", "sleep", "1000")
    yield "box"
    podman("rm", "-f", "-t", "0", "box", check=False)


@pytest.mark.parametrize("options, command, expected", [
    ((), "echo hello", "hello"),
    (("--memory", "32m"), "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null", "33554432"),
    (("--cap-drop", "all"), "grep CapEff /proc/self/status", "CapEff:\t0000000000000000"),
    (("--read-only", "--tmpfs", "/tmp"), "touch /x 2>/dev/null || touch /tmp/y && echo kept", "kept"),
    (("-v", "/etc/hostname:/mnt:ro"), "echo x 2>/dev/null > /mnt || echo refused", "refused"),
    (("--user", "1000:1000"), "id -u", "1000"),
    (("--hostname", "gateway"), "hostname", "gateway"),
    (("--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"), "tr -s ' ' < /proc/self/uid_map", "0 100000 1000"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)
def test_podman_run(podman, options, command, expected):
    done = podman("run", "--rm", *options, "bb", "sh", "-c", command + " || true")
    print(f"podman run {' '.join(options)}: {done.stdout!r}")
    assert done.stdout.strip() == expected


def test_podman_statuses(podman):
    assert podman("run", "--rm", "bb", "sh", "-c", "exit 7", check=False).returncode == 7
    missing = podman("run", "--rm", "bb", "nosuch", check=False)
    assert missing.returncode == 127 and "executable file not found" in missing.stderr


def test_podman_terminal(podman, box):
    # It stays for a moment: once in some twenty runs the words of a program that ends at once did not come through
    # podman's attach, which may join after conmon has read them.
    script = "readlink /proc/self/fd/0; sleep 0.5"
    assert "/dev/pts/0" in podman("run", "--rm", "-it", "bb", "sh", "-c", script, terminal=True).stdout
    assert "/dev/pts/" in podman("exec", "-it", box, "readlink", "/proc/self/fd/0", terminal=True).stdout


def test_podman_life(podman, box):
    assert podman("exec", box, "id", "-u").stdout.strip() == "0"
    assert "sleep 1000" in podman("top", box).stdout
    assert box in podman("stats", "--no-stream", box).stdout
    podman("pause", box)
    assert podman("inspect", "-f", "{{.State.Status}}", box).stdout.strip() == "paused"
    podman("unpause", box)
    podman("kill", box)
    podman("wait", box)
    assert podman("inspect", "-f", "{{.State.ExitCode}}", box).stdout.strip() == "137"


def test_podman_pod_shares_namespaces(podman):
    podman("run", "-d", "--name", "first", "bb", "sleep", "4711")
    done = podman("run", "--rm", "--pid", "container:first", "--ipc", "container:first", "bb", "ps")
    assert "sleep 4711" in done.stdout
    podman("rm", "-f", "-t", "0", "first")
