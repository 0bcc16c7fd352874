"""A driver for any OCI runtime with runc's command line: bundles, containers, and what the machine's cgroups offer."""

import contextlib
import ctypes
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILT = Path(__file__).resolve().parents[2] / "build" / "wherry"
COMMAND = shlex.split(os.environ.get("RUNTIME") or f"{BUILT} runtime")
NAME = {"crun": "crun", "runc": "runc"}.get(Path(COMMAND[0]).name, "wherry")
APPLETS = """[ ash awk basename blockdev cat chgrp chmod chown chroot chrt cp cut date dd df dirname dmesg echo
    env expr false find free getopt grep groups head hostname id ifconfig ionice ip kill ln ls md5sum mkdir mkfifo
    mknod mktemp mount mountpoint mv nc nice nohup od pidof printenv printf ps pwd readlink realpath renice rm
    rmdir sed seq setsid sh sleep sort stat stty sync sysctl tail taskset tee test timeout touch tr true truncate
    tty umount uname uniq unshare uptime vi wc which whoami xargs yes""".split()
LIMIT = float(os.environ.get("CONFORMANCE_TIMEOUT", "20"))


def wait_for(condition, what: str, timeout: float = LIMIT / 2, interval: float = 0.01):
    """Polls until `condition` gives something true, and gives that."""
    deadline = time.monotonic() + timeout
    while not (last := condition()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what} (last: {last!r})"
        threading.Event().wait(interval)
    return last


def alive(pid: int) -> bool:
    """Does the process exist, and not only as a zombie that nobody has reaped?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class Result:
    """What a command said and how it ended."""
    arguments: list[str]
    returncode: int
    stdout: str
    stderr: str

    def __str__(self):
        return f"{shlex.join(self.arguments)}: exit {self.returncode}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Cgroups:
    """The cgroup layout in this process's mount namespace."""

    def __init__(self):
        self.mounts: dict[str, Path] = {}
        self.unified: Path | None = None
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, after = line.split(" - ")
            point, (kind, _, options) = Path(before.split()[4]), after.split()
            if kind == "cgroup":
                self.mounts |= {name: point for name in options.split(",") if name != "rw"}
            elif kind == "cgroup2":
                self.unified = point
        self.view = "v2" if not self.mounts else "hybrid" if self.unified else "v1"
        v2 = (self.unified / "cgroup.controllers").read_text().split() if self.unified else []
        self.controllers = set(self.mounts) | set(v2 if self.view == "v2" else [])

    def of(self, pid: int, controller: str) -> Path:
        """The directory a process is in: `controller` is a name of v1's or, in the v2 view, any; or `unified`."""
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if not names and self.unified and (controller == "unified" or self.view == "v2"):
                return self.unified / path.lstrip("/")
            if controller in names.split(",") and controller in self.mounts:
                return self.mounts[controller] / path.lstrip("/")
        raise AssertionError(f"process {pid} has no {controller} cgroup here")

    def all_of(self, pid: int) -> list[Path]:
        """Every directory a process is in, in the hierarchies that this view shows."""
        found = [self.of(pid, name) for name in self.mounts]
        return found + ([self.of(pid, "unified")] if self.unified else [])


    def places(self) -> list[Path]:
        """The roots of the hierarchies and this process's own place in each: where cgroups of containers are made."""
        return [*self.mounts.values(), *([self.unified] if self.unified else []), *self.all_of(os.getpid())]


CGROUPS = Cgroups()
VIEW = CGROUPS.view


class Runtime:
    """The runtime under test, with a state directory and a log of its own."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.root = directory / "state"

    def call(self, *arguments, check=True, input: str | None = None, timeout=LIMIT, prefix=(), **popen) -> Result:
        """Runs the runtime with `--root`; `prefix` are further global options.

        Output goes to files: a container that outlives the command would keep a pipe open."""
        command = [*COMMAND, "--root", str(self.root), *prefix, *(str(a) for a in arguments)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
            if input is not None:
                given.write(input.encode())
                given.seek(0)
            process = subprocess.Popen(command, stdin=given if input is not None else subprocess.DEVNULL, stdout=out,
                                       stderr=err, **popen)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"{shlex.join(command)}: not done within {timeout} s") from None
            result = Result(command, process.returncode, *(self._read(f) for f in (out, err)))
        assert not check or result.returncode == 0, str(result)
        return result

    @staticmethod
    def _read(file) -> str:
        file.seek(0)
        return file.read().decode(errors="replace")


def default_config() -> dict:
    """What `runc spec` gives, without a terminal and rlimits (CAP_SYS_RESOURCE may be missing), and a writable root."""
    capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {name: list(capabilities) for name in ("bounding", "effective", "permitted")},
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "conformance",
        "mounts": [
            mount("/proc", "proc"),
            mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
            mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
            mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
        ],
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": name} for name in ("pid", "network", "ipc", "uts", "mount")],
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }


def make_root(directory: Path):
    """A root filesystem: Debian's static busybox with a link for each of its names that tests use."""
    for name in ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "var"):
        (directory / name).mkdir(parents=True)
    (directory / "tmp").chmod(0o1777)
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
    (directory / "etc/group").write_text("root:x:0:\napp:x:1000:\n")
    shutil.copy("/bin/busybox", directory / "bin/busybox")
    for applet in APPLETS:
        os.symlink("busybox", directory / "bin" / applet)


def mount(destination: str, type: str, *options: str, source: str | Path | None = None) -> dict:
    """An entry of `mounts`."""
    return {"destination": destination, "type": type, "source": str(source or type), "options": list(options)}


def bind(source, destination: str, *options: str) -> dict:
    """An entry of `mounts` that binds a host path."""
    return mount(destination, "bind", *(options or ("bind",)), source=source)


class Container:
    """A bundle and the container made from it. Change `config` before the first operation; it is written then."""

    def __init__(self, runtime: Runtime, place: Path, script: str | None = None, args: list[str] | None = None):
        self.runtime = runtime
        self.id = f"conformance-{uuid.uuid4().hex[:12]}"
        self.directory = place / self.id
        self.rootfs = self.directory / "rootfs"
        make_root(self.rootfs)
        self.config = default_config()
        if script is not None:
            args = ["/bin/sh", "-c", script]
        if args is not None:
            self.process["args"] = args
        self.stdout, self.stderr = self.directory / "stdout", self.directory / "stderr"
        self.may_exist = False

    # the parts of the configuration that tests change most

    @property
    def process(self) -> dict:
        return self.config["process"]

    @property
    def linux(self) -> dict:
        return self.config["linux"]

    @property
    def mounts(self) -> list[dict]:
        return self.config["mounts"]

    @property
    def resources(self) -> dict:
        return self.linux["resources"]

    def namespace(self, type: str, path=None) -> "Container":
        """Makes the container have a new namespace of this type, or join the one at `path`."""
        self.without(type)
        self.linux["namespaces"].append({"type": type} | ({"path": str(path)} if path else {}))
        return self

    def without(self, type: str) -> "Container":
        self.linux["namespaces"] = [n for n in self.linux["namespaces"] if n["type"] != type]
        return self

    def mapped(self, *ranges: tuple[int, int, int]) -> "Container":
        """Gives the container a user namespace and its files to the mapped root. A range: inside, outside, size."""
        ranges = ranges or ((0, 100000, 65536),)
        mapping = [{"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in ranges]
        self.namespace("user").linux.update(uidMappings=mapping, gidMappings=mapping)
        for directory, directories, files in os.walk(self.rootfs):
            for name in [directory, *(os.path.join(directory, n) for n in directories + files)]:
                os.lchown(name, ranges[0][1], ranges[0][1])
        return self

    def capabilities(self, *names: str, sets=("bounding", "effective", "permitted")) -> "Container":
        self.process["capabilities"] = {name: list(names) for name in sets}
        return self

    def write(self, text: str | None = None):
        (self.directory / "config.json").write_text(json.dumps(self.config) if text is None else text)

    # operations

    def _launch(self, verb: str, *options, check=True, write=True, prefix=(), **popen) -> Result:
        """`create` and `run`: the container's output goes to files in the bundle."""
        if write:
            self.write()
        self.may_exist = True
        result = self.runtime.call(verb, "--bundle", self.directory, *options, self.id, check=False, prefix=prefix,
                                   **popen)
        assert not check or result.returncode == 0, str(result)
        return result

    def create(self, *options, **more) -> Result:
        """`create`, with the container's output in `stdout` and `stderr` of the bundle."""
        self.write()
        with open(self.stdout, "wb") as out, open(self.stderr, "wb") as err:
            command = [*COMMAND, "--root", str(self.runtime.root), *more.pop("prefix", ()), "create", "--bundle",
                       str(more.pop("bundle", self.directory)), *(str(o) for o in options), self.id]
            check = more.pop("check", True)
            self.may_exist = True
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **more)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"{shlex.join(command)}: not done within {LIMIT} s") from None
        result = Result(command, process.returncode, self.stdout.read_text(), self.stderr.read_text())
        assert not check or result.returncode == 0, str(result)
        return result

    def start(self, check=True) -> Result:
        return self.runtime.call("start", self.id, check=check)

    def up(self, *options) -> "Container":
        """Creates and starts."""
        self.create(*options)
        self.start()
        return self

    def run(self, *options, check=True, **more) -> Result:
        """`run` in the foreground."""
        return self._launch("run", *options, check=check, **more)

    def output(self, *options) -> str:
        """What the program printed, which must have ended well."""
        return self.run(*options).stdout

    def lines(self) -> list[str]:
        return self.output().splitlines()

    def state(self, check=True) -> dict:
        result = self.runtime.call("state", self.id, check=check)
        return json.loads(result.stdout) if result.returncode == 0 else {}

    @property
    def status(self) -> str | None:
        return self.state(check=False).get("status")

    @property
    def pid(self) -> int:
        return self.state()["pid"]

    def kill(self, signal="KILL", *options, check=True) -> Result:
        return self.runtime.call("kill", *options, self.id, signal, check=check)

    def delete(self, *options, check=True) -> Result:
        result = self.runtime.call("delete", *options, self.id, check=check)
        self.may_exist = self.may_exist and result.returncode != 0
        return result

    def exec(self, *words, check=True, **more) -> Result:
        """`exec` with the container's id put after the options: words before `--` are options."""
        options, program = (words[:words.index("--")], words[words.index("--") + 1:]) if "--" in words else ((), words)
        return self.runtime.call("exec", *options, self.id, *program, check=check, **more)

    def stopped(self) -> "Container":
        wait_for(lambda: self.status == "stopped", f"{self.id} stopped")
        return self

    def finished(self) -> str:
        """Creates, starts, waits for the end, and gives what it printed."""
        self.up().stopped()
        return self.stdout.read_text()

    def refused(self, *, verb="create", **more) -> Result:
        """The operation must fail, say why, and leave no container."""
        result = self.create(check=False, **more) if verb == "create" else self.run(check=False, **more)
        assert result.returncode != 0, f"was not refused: {result}"
        assert result.stderr.strip(), "an error without a word"
        assert self.state(check=False) == {}, "a refused container must not exist"
        self.may_exist = False
        return result

    def remove(self):
        """Teardown: whatever the test left of it."""
        if self.may_exist:
            with contextlib.suppress(AssertionError):
                self.runtime.call("delete", "--force", self.id, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        for directory in CGROUPS.places():
            for name in (self.id, f"conformance/{self.id}/inner", f"conformance/{self.id}", "conformance"):
                with contextlib.suppress(OSError):
                    (directory / name).rmdir()


class Console:
    """A console socket: receives the master of the container's terminal."""

    def __init__(self, directory: Path):
        self.path = directory / f"c{uuid.uuid4().hex[:6]}"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(1)
        self.socket.settimeout(LIMIT)
        self.master: int | None = None

    def accept(self) -> int:
        connection, _ = self.socket.accept()
        with connection:
            _, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
        assert len(descriptors) == 1, "one descriptor comes over the console socket"
        self.master = descriptors[0]
        return self.master

    def read(self) -> str:
        """Everything until the last slave is closed (EIO)."""
        collected = b""
        with contextlib.suppress(OSError):
            while part := os.read(self.master, 4096):
                collected += part
        return collected.decode().replace("\r\n", "\n")

    def close(self):
        if self.master is not None:
            os.close(self.master)
        self.socket.close()


# markers

def lacks(name: str, reason: str, view: str | None = None):
    """This peer breaks the rule: the test must fail there, and says when it does no longer."""
    return pytest.mark.lacks(name=name, reason=reason, view=view)


def cases(*values, crun=(), runc=(), reason="takes it"):
    """Parameters, some of which a peer gets wrong."""
    return [pytest.param(value, marks=[lacks(name, f"{reason}: {value!r}") for name, wrong in
                                       (("crun", crun), ("runc", runc)) if value in wrong]) for value in values]


def needs(*controllers: str):
    """The view must have these cgroup controllers; `unified` is the v2 hierarchy as the main one, `v1` its opposite."""
    return pytest.mark.needs(*controllers)


def missing(controllers) -> str | None:
    for name in controllers:
        if name == "unified" and VIEW != "v2":
            return f"the {VIEW} view is not cgroup v2"
        if name == "v1" and VIEW == "v2":
            return "the v2 view has no v1 hierarchies"
        if name not in ("unified", "v1") and name not in CGROUPS.controllers:
            return f"no {name} controller in the {VIEW} view"
    return None


def private_mounts():
    """Moves this process into a mount namespace of its own: what is mounted from here on is gone with it."""
    libc, new_mounts = ctypes.CDLL(None, use_errno=True), 0x20000
    if libc.unshare(new_mounts) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def probe() -> int:
    """Does the runtime run anything at all in this view? Prints why not."""
    place = Path(tempfile.mkdtemp(prefix="oci-", dir="/tmp"))
    try:
        container = Container(Runtime(place), place)
        result = container.run(check=False)
        container.remove()
        print(result.stderr.strip().splitlines()[-1] if result.stderr.strip() else "")
        return result.returncode
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(probe())
