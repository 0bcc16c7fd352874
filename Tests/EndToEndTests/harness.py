"""Daemons, clients and images for the end-to-end tests. Everything runs on loopback, in directories of its own."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

WHERRY = os.environ.get("WHERRY_BINARY", str(Path(__file__).resolve().parents[2] / "build" / "wherry"))
SOAK = os.environ.get("WHERRY_SOAK") == "1"


def wait_for(condition, what: str, timeout: float = 30, interval: float = 0.05):
    """Polls until `condition` gives something true, and gives that."""
    deadline = time.monotonic() + timeout
    last = None
    while time.monotonic() < deadline:
        try:
            last = condition()
            if last:
                return last
        except (AssertionError, OSError, KeyError, IndexError, ValueError, subprocess.CalledProcessError) as error:
            last = error
        threading.Event().wait(interval)
    raise AssertionError(f"not within {timeout} s: {what} (last: {last!r})")


def run(*arguments, check=True, input=None, env=None, timeout=120, cwd=None) -> subprocess.CompletedProcess:
    """Runs a command; a failure shows what it printed."""
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, input=input, timeout=timeout,
                          env={**os.environ, **(env or {})}, cwd=cwd)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class UnixConnection(HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """A wherry agent or hub in its own directories."""

    def __init__(self, directory: Path, role: str, *options: str, prefix: tuple[str, ...] = (), binary: str = WHERRY):
        self.directory, self.role, self.options, self.prefix = Path(directory), role, options, prefix
        self.binary = binary
        self.data, self.run_dir = self.directory / "data", self.directory / "run"
        self.process: subprocess.Popen | None = None
        self.log = self.directory / f"{role}.log"
        self.directory.mkdir(parents=True, exist_ok=True)

    def arguments(self) -> list[str]:
        return [*self.prefix, self.binary, self.role, "--data-dir", str(self.data), "--run-dir", str(self.run_dir),
                *self.options]

    def start(self, ready=True, timeout=20) -> "Daemon":
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL, stdout=open(self.log, "a"),
                                        stderr=subprocess.STDOUT, start_new_session=True)
        if ready:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=20):
        def answers():
            assert self.process and self.process.poll() is None, f"{self.role} ended:\n{self.tail()}"
            return self.get("/readyz")[0] == 200
        try:
            wait_for(answers, f"{self.role} ready", timeout, 0.01)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def tail(self, lines=40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def get(self, path: str) -> tuple[int, bytes]:
        connection = UnixConnection(self.run_dir / "wherry.sock")
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def json(self, path: str):
        status, body = self.get(path)
        assert status == 200, f"GET {path}: {status} {body[:300]!r}"
        return json.loads(body)

    def cli(self, *arguments: str, check=True, input=None, timeout=120):
        return run(self.binary, *arguments, "--run-dir", self.run_dir, check=check, input=input, timeout=timeout)

    def kubeconfig(self) -> Path:
        path = self.directory / "kubeconfig"
        path.write_text(self.cli("kubeconfig").stdout)
        return path

    def kubectl(self, *arguments: str, check=True, input=None, timeout=120) -> subprocess.CompletedProcess:
        path = self.directory / "kubeconfig"
        if not path.exists():
            self.kubeconfig()
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return run("kubectl", "--kubeconfig", path, *arguments, check=check, input=input, timeout=timeout,
                   env={"HOME": str(home)})

    def apply(self, manifest: str | dict | list) -> str:
        text = manifest if isinstance(manifest, str) else json.dumps(
            manifest if isinstance(manifest, dict) else {"apiVersion": "v1", "kind": "List", "items": manifest})
        return self.kubectl("apply", "-f", "-", input=text).stdout

    def pods(self, selector: str = "", namespace="default") -> list[dict]:
        query = f"?labelSelector={selector}" if selector else ""
        return self.json(f"/api/v1/namespaces/{namespace}/pods{query}")["items"]

    def pod(self, name: str, namespace="default") -> dict:
        return self.json(f"/api/v1/namespaces/{namespace}/pods/{name}")

    def running(self, name: str, namespace="default") -> dict:
        pod = self.pod(name, namespace)
        assert pod.get("status", {}).get("phase") == "Running", pod.get("status")
        assert all("running" in c["state"] for c in pod["status"]["containerStatuses"]), pod["status"]
        return pod

    def events(self, name: str, namespace="default") -> list[dict]:
        items = self.json(f"/api/v1/namespaces/{namespace}/events")["items"]
        return [e for e in items if e["involvedObject"]["name"] == name]

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(30)

    def stop(self, timeout=40):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise AssertionError(f"{self.role} did not stop within {timeout} s\n{self.tail()}") from None
        return self.process.returncode if self.process else None


def unmount_below(directory: Path):
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = line.split()[4]
        if point.startswith(str(directory)):
            subprocess.run(["umount", "-l", point], check=False)


def removed(group: Path) -> bool:
    with contextlib.suppress(OSError):
        group.rmdir()
    return not group.exists()


class Agent(Daemon):
    def __init__(self, directory: Path, *options: str, **more):
        super().__init__(directory, "agent", *options, **more)

    def container_pids(self) -> dict[str, int]:
        """Container id to the pid of its first process, from the runtime's own state files."""
        found = {}
        for state in sorted((self.run_dir / "containers").glob("*/state.json")):
            with contextlib.suppress(OSError, ValueError):
                value = json.loads(state.read_text())
                if value.get("pid") and not (state.parent / "exit.json").exists():
                    found[state.parent.name] = value["pid"]
        return found

    def monitor_pids(self) -> list[int]:
        found = []
        for state in (self.run_dir / "containers").glob("*/state.json"):
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads(state.read_text())["monitorPid"])
        return [pid for pid in found if Path(f"/proc/{pid}").exists()]

    def remove_everything(self):
        """Ends what the test left: pods, then the daemon, then anything that outlived it."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(Exception):
                for pod in self.json("/api/v1/pods")["items"]:
                    namespace = pod["metadata"]["namespace"]
                    self.kubectl("delete", "pod", pod["metadata"]["name"], "-n", namespace, "--now", "--wait=false",
                                 check=False)
            with contextlib.suppress(Exception):
                self.stop()
        names = [path.name for path in (self.run_dir / "containers").glob("*")]
        for pid in [*self.container_pids().values(), *self.monitor_pids()]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for group in [group for name in names for group in Path("/sys/fs/cgroup").glob(f"*/wherry/{name}")]:
            with contextlib.suppress(AssertionError):
                wait_for(lambda group=group: removed(group), f"{group} is empty", 5)
        unmount_below(self.directory)


class Hub(Daemon):
    def __init__(self, directory: Path, *options: str, **more):
        super().__init__(directory, "hub", *options, **more)

    def token(self) -> str:
        return self.cli("token", "create").stdout.strip()

    def enrol(self, agent: Agent, name: str):
        run(WHERRY, "join", self.token(), "--data-dir", agent.data, "--node-name", name)


def busybox_root(directory: Path) -> Path:
    """A root tar of Debian's static busybox with a link for each of its names."""
    path = directory / "root.tar"
    if path.exists():
        return path
    names = run("busybox", "--list").stdout.split()
    with tarfile.open(path, "w") as tar:
        for name, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777), ("www", 0o755), ("root", 0o700),
                           ("proc", 0o755), ("sys", 0o755), ("dev", 0o755)):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        tar.add("/bin/busybox", "bin/busybox")
        for name in names:
            if name != "busybox":
                info = tarfile.TarInfo(f"bin/{name}")
                info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(info)
        for name, text in (("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
                           ("etc/group", "root:x:0:\napp:x:1000:\n"), ("www/index.html", "hello from wherry\n")):
            import io
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def import_busybox(agent: Agent, directory: Path, name="busybox:test"):
    agent.cli("import", "--cmd", '["sh"]', "--env", "PATH=/bin", str(busybox_root(directory)), name)


class Registry:
    """Debian's docker-registry on loopback, filled through skopeo from an OCI layout."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.port = free_port()
        self.process = None

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "config.yml"
        config.write_text(
            "version: 0.1\nlog: {level: warn}\nstorage:\n  filesystem: {rootdirectory: %s}\nhttp: {addr: '%s'}\n"
            % (self.directory / "store", self.host))
        self.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: urllib.request.urlopen(f"http://{self.host}/v2/", timeout=2).status == 200, "registry up")
        return self

    def push(self, name: str, layout: Path):
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{self.host}/{name}")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


def oci_layout(directory: Path, command: list[str], tag="latest") -> Path:
    """An OCI layout with one image: busybox, and the given command."""
    layout = directory / "layout"
    reference = f"{layout}:{tag}"
    if not layout.exists():
        run("umoci", "init", "--layout", layout)
        run("umoci", "new", "--image", f"{layout}:base")
        root = directory / "tree"
        root.mkdir()
        run("tar", "xf", busybox_root(directory), "-C", root)
        run("umoci", "insert", "--image", f"{layout}:base", root, "/")
    run("umoci", "config", "--image", f"{layout}:base", "--tag", tag, "--config.env", "PATH=/bin",
        *[word for part in command for word in ("--config.cmd", part)])
    return Path(reference)


def pod(name: str, command: list[str], image="busybox:test", **spec) -> dict:
    container = {"name": "main", "image": image, "command": command, **spec.pop("container", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **spec.pop("metadata", {})},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1, **spec}}


def deployment(name: str, replicas: int, command: list[str], image="busybox:test", strategy=None, node_selector=None,
               **container) -> dict:
    template = {"terminationGracePeriodSeconds": 1,
                "containers": [{"name": "main", "image": image, "command": command, **container}]}
    if node_selector:
        template["nodeSelector"] = node_selector
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template}}
    if strategy:
        spec["strategy"] = strategy
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


SLEEP = ["sleep", "1000000"]


def private_memory(pid: int) -> int:
    """Private bytes (dirty and clean anonymous) of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * sum(int(m) for m in re.findall(r"Private_Dirty:\s+(\d+)", text))
