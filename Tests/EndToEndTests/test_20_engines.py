"""Debian's own Docker engine and containerd with Wherry as their runtime, by added name and as the default."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from harness import WHERRY, busybox_root, run, wait_for
from packages import unpacked

PACKAGES = ("docker.io", "containerd", "tini")


class Engine:
    """dockerd and its containerd in a private mount namespace, with a /run of their own, no bridge and no iptables."""

    def __init__(self, place: Path):
        self.place = place
        root = unpacked("engines", PACKAGES)
        self.runtime = place / "wherry-oci"
        self.runtime.symlink_to(Path(WHERRY).resolve())
        self.path = f"{root}/usr/bin:{root}/usr/sbin:{os.environ['PATH']}"
        self.socket = place / "docker.sock"
        command = ["dockerd", "--data-root", str(place / "data"), "--exec-root", "/run/engine", "--pidfile",
                   "/run/engine.pid", "-H", f"unix://{self.socket}", "--iptables=false", "--ip6tables=false",
                   "--bridge=none", "--add-runtime", f"wherry={self.runtime}", "--default-runtime", "wherry",
                   "--exec-opt", "native.cgroupdriver=cgroupfs"]
        self.log = open(place / "dockerd.log", "w+")
        self.process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", 'mount -t tmpfs run /run && exec "$@"', "sh",
             *command], env={**os.environ, "PATH": self.path}, stdout=self.log, stderr=self.log, start_new_session=True)
        wait_for(lambda: self.docker("info", check=False).returncode == 0, "dockerd answers", 30, 0.2)

    def docker(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        return run("docker", "-H", f"unix://{self.socket}", *arguments, **more)

    def run(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        return self.docker("run", "--rm", "--network", "none", *arguments, **more)

    def ctr(self, *arguments: str, **more) -> subprocess.CompletedProcess:
        return run("nsenter", "-t", str(self.process.pid), "-m", "ctr", "-a", "/run/engine/containerd/containerd.sock",
                   *arguments, env={"PATH": self.path}, **more)

    def terminal(self, *arguments: str) -> str:
        """With a terminal on the client's side, as a person has."""
        line = " ".join(["docker", "-H", f"unix://{self.socket}", *arguments])
        return run("script", "-qec", line, "/dev/null").stdout

    def stop(self):
        with contextlib.suppress(Exception):
            for container in self.docker("ps", "-aq").stdout.split():
                self.docker("rm", "-f", container, check=False)
        self.process.terminate()
        self.process.wait(30)


@pytest.fixture(scope="module")
def engine():
    place = Path(tempfile.mkdtemp(prefix="we-", dir="/tmp"))
    engine = None
    try:
        engine = Engine(place)
        root = place / "root"
        root.mkdir()
        archive = busybox_root(place)
        run("tar", "-C", root, "-xf", archive)
        engine.docker("import", str(archive), "bb")
        yield engine
    finally:
        if engine:
            engine.stop()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def box(engine):
    engine.docker("run", "-d", "--network", "none", "--name", "box", "bb", "sleep", "1000")
    yield "box"
    engine.docker("rm", "-f", "box", check=False)


@pytest.mark.parametrize("options, command, expected", [
    ((), "echo hello", "hello"),
    (("--runtime", "wherry"), "echo added", "added"),
    (("--memory", "32m"), "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null", "33554432"),
    (("--pids-limit", "50"), "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null", "50"),
    (("--cap-drop", "ALL", "--cap-add", "NET_RAW"), "grep CapEff /proc/self/status", "CapEff:\t0000000000002000"),
    (("--read-only", "--tmpfs", "/tmp"), "touch /x 2>/dev/null || touch /tmp/y && echo kept", "kept"),
    (("-v", "/etc/hostname:/mnt:ro"), "echo x 2>/dev/null > /mnt || echo refused", "refused"),
    (("--user", "1000:1000"), "id -u", "1000"),
    (("--ulimit", "core=0:0"), "ulimit -c", "0"),
    (("--init",), "cat /proc/1/comm", "docker-init"),
    (("--hostname", "gateway"), "hostname", "gateway"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else None)
def test_docker_run(engine, options, command, expected):
    done = engine.run(*options, "bb", "sh", "-c", command + " || true")
    print(f"docker run {' '.join(options)}: {done.stdout!r}")
    assert done.stdout.strip() == expected


def test_docker_run_statuses(engine):
    assert engine.run("bb", "sh", "-c", "exit 7", check=False).returncode == 7
    missing = engine.run("bb", "nosuch", check=False)
    assert missing.returncode == 127 and 'exec: "nosuch": executable file not found' in missing.stderr


def test_docker_seccomp_profile(engine):
    profile = engine.place / "profile.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}))
    refused = engine.run("--security-opt", f"seccomp={profile}", "bb", "mkdir", "/q", check=False)
    assert refused.returncode == 1 and "not permitted" in refused.stderr
    engine.run("--security-opt", "seccomp=unconfined", "bb", "mkdir", "/q")


def test_docker_terminals(engine, box):
    assert "/dev/pts/0" in engine.terminal("run", "--rm", "-it", "--network", "none", "bb", "readlink", "/proc/self/fd/0")
    assert "/dev/pts/" in engine.terminal("exec", "-it", box, "readlink", "/proc/self/fd/0")


def test_docker_exec(engine, box):
    assert engine.docker("exec", box, "echo", "in").stdout == "in\n"
    assert engine.docker("exec", "-u", "5", box, "id", "-u").stdout == "5\n"
    assert engine.docker("exec", box, "sh", "-c", "exit 9", check=False).returncode == 9
    assert "not found" in engine.docker("exec", box, "nosuch", check=False).stdout
    engine.docker("exec", "-d", box, "sh", "-c", "echo > /tmp/flag")
    wait_for(lambda: "flag" in engine.docker("exec", box, "ls", "/tmp").stdout, "the detached exec's file")


def test_docker_life(engine, box):
    engine.docker("pause", box)
    assert "(Paused)" in engine.docker("ps").stdout
    engine.docker("unpause", box)
    engine.docker("update", "--memory", "64m", "--memory-swap", "64m", box)
    stats = engine.docker("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", box).stdout
    assert "64MiB 1" in stats, stats
    assert "sleep 1000" in engine.docker("top", box).stdout
    engine.docker("kill", box)
    wait_for(lambda: "Exited (137)" in engine.docker("ps", "-a").stdout, "the end")
    engine.docker("start", box)
    engine.docker("restart", "-t", "0", box)
    engine.docker("stop", "-t", "0", box)
    assert engine.docker("inspect", "-f", "{{.State.ExitCode}}", box).stdout == "137\n"


def test_docker_tells_out_of_memory(engine):
    hog = ["sh", "-c", "exec dd if=/dev/zero of=/dev/null bs=67108864 count=1"]
    engine.docker("run", "--network", "none", "--name", "hog", "--memory", "20m", "--memory-swap", "20m", "bb", *hog,
                  check=False)
    state = engine.docker("inspect", "-f", "{{.State.ExitCode}} {{.State.OOMKilled}}", "hog").stdout
    engine.docker("rm", "hog")
    assert state == "137 true\n"


def test_containerd(engine):
    options = ["--runc-binary", str(engine.runtime), "--rootfs", str(engine.place / "root")]
    assert engine.ctr("run", "--rm", *options, "one", "/bin/echo", "from ctr").stdout == "from ctr\n"
    engine.ctr("run", "-d", *options, "two", "/bin/sleep", "1000")
    assert engine.ctr("task", "exec", "--exec-id", "e", "two", "/bin/echo", "in").stdout == "in\n"
    engine.ctr("task", "pause", "two")
    assert "PAUSED" in engine.ctr("task", "ls").stdout
    engine.ctr("task", "resume", "two")
    engine.ctr("task", "kill", "-s", "KILL", "two")
    wait_for(lambda: "STOPPED" in engine.ctr("task", "ls").stdout, "stopped")
    engine.ctr("task", "rm", "two", check=False)
    engine.ctr("container", "rm", "two")


def test_nothing_is_left(engine):
    """Containers that are gone leave no cgroup: engines count on it."""
    threading.Event().wait(0.2)
    left = [p for p in Path("/sys/fs/cgroup").glob("*/docker/*") if p.is_dir()]
    assert left == []
