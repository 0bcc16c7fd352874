"""exec, attach, port-forward and cp: kubectl with SPDY (1.27, 1.28, 1.30) and with WebSockets (1.31, 1.33), PyPI's client, and rude
ones."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness import SOAK, Agent, import_busybox, pod, private_memory, wait_for
from packages import kubectl, kubernetes_client
from raw_streams import Spdy, Upgraded, WebSocket
from terminal import Terminal

SPDY, SOCKETS = ("1.27", "1.28", "1.30"), ("1.31", "1.33")
ONE_OF_EACH = ("1.28", "1.33")
EXEC = "/api/v1/namespaces/default/pods/p/exec"
# Both an HTTP server and, on port 7, an echo.
SERVER = "httpd -p 8080 -h /www; exec nc -ll -p 7 -e cat"


@pytest.fixture(scope="module")
def device(images):
    """An agent with a pod `p` that does nothing and a pod `web` that serves."""
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.apply([pod("p", ["sh", "-c", "trap exit TERM; while :; do sleep 1; done"]),
                     pod("web", ["sh", "-c", SERVER])])
        for name in ("p", "web"):
            wait_for(lambda name=name: agent.running(name), f"{name} runs")
        wait_for(lambda: k(agent, "1.33", "exec", "web", "--", "netstat", "-ltn").stdout.count(b"LISTEN") == 2, "web serves")
        yield agent
    finally:
        agent.remove_everything()
        shutil.rmtree(place, ignore_errors=True)


def environment(agent) -> dict:
    return os.environ | {"HOME": str(agent.directory / "home"), "KUBECONFIG": str(agent.directory / "kubeconfig")}


def k(agent, minor: str, *arguments: str, input=b"", timeout=60) -> subprocess.CompletedProcess:
    return subprocess.run([kubectl(minor), *arguments], env=environment(agent), input=input, capture_output=True,
                          timeout=timeout)


def start(agent, minor: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([kubectl(minor), *arguments], env=environment(agent), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class OnTerminal(Terminal):
    """kubectl with a terminal of a size."""

    def __init__(self, agent, minor: str, *arguments: str, rows=33, columns=101):
        super().__init__([kubectl(minor), *arguments], environment(agent), rows, columns)


# exec


@pytest.mark.parametrize("minor", SPDY + SOCKETS)
def test_exec_keeps_output_apart_and_tells_the_exit_status(device, minor):
    done = k(device, minor, "exec", "p", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, b"out\n")
    assert done.stderr == b"err\ncommand terminated with exit code 3\n"
    assert k(device, minor, "exec", "p", "--", "true").returncode == 0
    missing = k(device, minor, "exec", "p", "--", "nope")
    assert missing.returncode == 127 and b'exec: "nope": executable file not found in $PATH' in missing.stderr
    barred = k(device, minor, "exec", "p", "--", "/etc/passwd")
    assert barred.returncode == 126 and b"permission denied" in barred.stderr
    killed = k(device, minor, "exec", "p", "--", "sh", "-c", "kill -9 $$")
    assert killed.returncode == 137
    wrong = k(device, minor, "exec", "p", "-c", "other", "--", "true")
    assert wrong.stderr == b"Error from server (BadRequest): container other is not valid for pod p\n"


@pytest.mark.parametrize("minor", ("1.28", "1.31", "1.33"))
def test_megabytes_go_through_whole_and_stdin_ends(device, minor):
    data = os.urandom(200_000_000 if SOAK else 6_000_000)
    echoed = k(device, minor, "exec", "-i", "p", "--", "cat", input=data)
    assert echoed.returncode == 0 and hashlib.sha256(echoed.stdout).digest() == hashlib.sha256(data).digest()
    digest = k(device, minor, "exec", "-i", "p", "--", "sha256sum", input=data).stdout
    assert digest.decode().split()[0] == hashlib.sha256(data).hexdigest()
    # A command that does not read its input ends all the same.
    assert k(device, minor, "exec", "-i", "p", "--", "echo", "done", input=data).stdout == b"done\n"


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_exec_on_a_terminal_follows_its_size(device, minor):
    terminal = OnTerminal(device, minor, "exec", "-it", "p", "--", "sh")
    terminal.expect("# ")
    terminal.type("stty size; echo TE''RM=$TERM\n")
    terminal.expect("33 101\r\n")
    terminal.expect("TERM=xterm\r\n")
    terminal.resize(50, 120)
    terminal.type("while [ \"$(stty size)\" != '50 120' ]; do sleep 0.1; done; echo re''sized\n")
    terminal.expect("resized\r\n")
    # Said by the program that has the terminal: before that Ctrl-C would be the shell's.
    terminal.type("sh -c 'echo be\"\"gun; exec sleep 1000'\n")
    terminal.expect("begun\r\n")
    terminal.type("\x03")  # Ctrl-C reaches the program, not kubectl
    terminal.expect("# ")
    terminal.type("exit 5\n")
    assert terminal.end() == 5


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_the_end_of_the_container_ends_the_session(device, minor):
    name = f"brief-{minor.replace('.', '')}"
    device.apply(pod(name, ["sleep", "1000"]))
    wait_for(lambda: device.running(name), "it runs")
    client = start(device, minor, "exec", "-i", name, "--", "sh", "-c", "echo begun; exec sleep 1000")
    assert client.stdout.readline() == b"begun\n"
    device.kubectl("delete", "pod", name, "--now", "--wait=false")
    _, errors = client.communicate(timeout=60)
    assert client.returncode == 137 and b"command terminated with exit code 137" in errors


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_cp_copies_trees_both_ways(device, minor, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "big").write_bytes(os.urandom(2_000_000))
    (tree / "small").write_text("small\n")
    there = f"/tmp/tree-{minor}"
    assert k(device, minor, "cp", str(tree), f"p:{there}").returncode == 0
    assert k(device, minor, "cp", f"p:{there}", str(tmp_path / "back")).returncode == 0
    for name in ("sub/big", "small"):
        assert (tmp_path / "back" / name).read_bytes() == (tree / name).read_bytes()


def test_a_container_is_chosen_as_the_real_server_does(device):
    two = pod("two", ["sleep", "1000"])
    two["spec"]["containers"].append({"name": "side", "image": "busybox:test", "command": ["sleep", "1000"]})
    two["spec"]["initContainers"] = [{"name": "init", "image": "busybox:test", "command": ["true"]}]
    device.apply(two)
    wait_for(lambda: device.running("two"), "both run")
    path = "/api/v1/namespaces/default/pods/two/exec?stdout=1&command=hostname"

    def refusal(query: str) -> tuple[int, str]:
        answer = WebSocket(device.run_dir / "wherry.sock", query)
        return answer.status, json.loads(answer.rest())["message"]
    assert refusal(path) == (400, "a container name must be specified for pod two, choose one of: [main side] "
                                  "or one of the init containers: [init]")
    assert refusal(path + "&container=x") == (400, "container x is not valid for pod two")
    assert refusal(path.replace("stdout=1&", "container=side&")) == (
        400, "you must specify at least one of stdin, stdout, stderr")
    assert refusal(path.replace("command=hostname", "container=side")) == (
        400, "you must specify at least one command for the container")
    ended = WebSocket(device.run_dir / "wherry.sock", path + "&container=init")
    assert ended.status == 500 and ended.rest() == b'container not found ("init")'
    for minor in ONE_OF_EACH:
        assert k(device, minor, "exec", "two", "-c", "init", "--", "true").stderr == (
            b'error: unable to upgrade connection: container not found ("init")\n')
    device.kubectl("annotate", "pod", "two", "kubectl.kubernetes.io/default-container=side")
    chosen = WebSocket(device.run_dir / "wherry.sock", path)
    assert chosen.status == 101
    device.kubectl("delete", "pod", "two", "--now", "--wait=false")


def test_what_is_no_upgrade_is_refused_in_words(device):
    path = device.run_dir / "wherry.sock"
    status, body = device.get(f"{EXEC}?command=true&stdout=1")
    assert status == 400 and json.loads(body)["message"] == "Upgrade request required"
    unknown = Spdy(path, f"{EXEC}?command=true&stdout=1", protocol="v9.channel.k8s.io")
    assert unknown.status == 403 and "unable to negotiate protocol" in json.loads(unknown.rest())["message"]
    assert WebSocket(path, f"{EXEC}?command=true&stdout=1", protocol="v9.channel.k8s.io").status == 400
    assert Upgraded(path, f"{EXEC}?command=true&stdout=1", "h2c", "").status == 400
    missing = WebSocket(path, EXEC.replace("/p/", "/nobody/") + "?command=true&stdout=1")
    assert missing.status == 404 and json.loads(missing.rest())["reason"] == "NotFound"
    resources = {r["name"]: r["verbs"] for r in device.json("/api/v1")["resources"]}
    for part in ("exec", "attach", "portforward"):
        assert resources[f"pods/{part}"] == ["create", "get"]


# attach and run


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_attach_talks_to_a_container(device, minor):
    name = f"talk-{minor.replace('.', '')}"
    device.apply(pod(name, ["sh", "-c", "while read x; do echo got $x; echo err $x >&2; done; echo end"],
                     container={"stdin": True}))
    wait_for(lambda: device.running(name), "it runs")
    for word in (b"one", b"two"):  # stdin stays open for the next client
        client = start(device, minor, "attach", "-i", name)
        client.stdin.write(word + b"\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"got " + word + b"\n"
        while (line := client.stderr.readline()) != b"err " + word + b"\n":
            assert line, "nothing came on stderr"
        client.terminate()
        client.communicate(timeout=30)
    device.kubectl("delete", "pod", name, "--now", "--wait=false")


def test_attach_shows_output_from_now_on_to_several(device):
    device.apply(pod("ticks", ["sh", "-c", "i=0; while :; do echo tick $i; i=$((i+1)); sleep 0.1; done"]))
    wait_for(lambda: b"tick 3" in device.get("/api/v1/namespaces/default/pods/ticks/log")[1], "it ticks")
    clients = [start(device, minor, "attach", "ticks") for minor in ONE_OF_EACH]
    lines = [[client.stdout.readline() for _ in range(3)] for client in clients]
    for client, (first, second, third) in zip(clients, lines):
        number = int(first.split()[1])
        assert number >= 3 and (second, third) == (b"tick %d\n" % (number + 1), b"tick %d\n" % (number + 2))
        client.terminate()
        client.communicate(timeout=30)
    device.kubectl("delete", "pod", "ticks", "--now", "--wait=false")


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_run_with_stdin_gets_all_output_and_the_exit_status(device, minor):
    image = ("--image=busybox:test", "--restart=Never", "--rm", "-i")
    name = f"run-{minor.replace('.', '')}"
    data = os.urandom(3_000_000)
    done = k(device, minor, "run", name, *image, "--", "sh", "-c", "sha256sum; exit 4", input=data)
    assert done.returncode == 4 and hashlib.sha256(data).hexdigest().encode() in done.stdout, done.stderr
    # Its words are over before a client can attach; none is lost.
    quick = k(device, minor, "run", f"{name}-q", *image, "--", "echo", "hi")
    assert quick.returncode == 0 and quick.stdout.startswith(b"hi\n")
    terminal = OnTerminal(device, minor, "run", f"{name}-t", *image, "-t", "--", "sh")
    terminal.expect("# ")
    terminal.type("stty size; exit 6\n")
    terminal.expect("33 101\r\n")
    assert terminal.end() == 6


def test_logs_follow_to_the_end(device):
    device.apply(pod("said", ["sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done"], restartPolicy="Never"))
    wait_for(lambda: device.get("/api/v1/namespaces/default/pods/said/log")[0] == 200, "it has a log")
    assert k(device, "1.33", "logs", "-f", "said").stdout == b"1\n2\n3\n"


# port-forward


@contextlib.contextmanager
def forwarded(agent, minor: str, *ports: int):
    """kubectl port-forward to the pod `web`: the process and the local port of each."""
    process = subprocess.Popen([kubectl(minor), "port-forward", "web", *[f":{port}" for port in ports]],
                               env=environment(agent), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        local = {}
        while len(local) < len(ports):
            line = process.stdout.readline().decode()
            assert line, process.stderr.read().decode()
            if match := re.match(r"Forwarding from 127.0.0.1:(\d+) -> (\d+)", line):
                local[int(match[2])] = int(match[1])
        yield process, local
    finally:
        process.terminate()
        process.wait(30)


def echoed(port: int, data: bytes) -> bytes:
    """Sends through an echo, ends its direction, and reads to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        def send():
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        received = b""
        while part := connection.recv(65536):
            received += part
        sender.join()
        return received


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_port_forward_carries_many_connections_to_several_ports(device, minor):
    with forwarded(device, minor, 7, 8080) as (_, local):
        datas = [os.urandom(1_000_000) for _ in range(6)]
        results: dict[int, bytes] = {}
        threads = [threading.Thread(target=lambda i=i: results.update({i: echoed(local[7], datas[i])}))
                   for i in range(len(datas))]
        for thread in threads:
            thread.start()
        page = subprocess.run(["curl", "-s", "-m", "30", f"http://127.0.0.1:{local[8080]}/index.html"],
                              capture_output=True).stdout
        for thread in threads:
            thread.join(60)
        assert page == b"hello from wherry\n"
        assert all(results.get(i) == data for i, data in enumerate(datas))


@pytest.mark.parametrize("minor", ONE_OF_EACH)
def test_port_forward_to_a_closed_port_says_so(device, minor):
    with forwarded(device, minor, 9) as (process, local):
        assert echoed(local[9], b"") == b""
        error = b""
        while b"error forwarding port 9 to pod" not in error:
            line = process.stderr.readline()
            assert line, error
            error += line
        assert b"uid : " in error and b"connect: connection refused" in error


# PyPI's client


PYTHON_CLIENT = """
import hashlib, os, sys, json
from kubernetes import client, config
from kubernetes.stream import stream, portforward
config.load_kube_config()
api = client.CoreV1Api()
call = lambda **more: stream(api.connect_get_namespaced_pod_exec, "p", "default", **more)
out = call(command=["sh", "-c", "echo out; echo err >&2"], stdout=True, stderr=True, stdin=False, tty=False)
session = call(command=["sh", "-c", "head -c 2000000 | sha256sum; exit 7"], stdin=True, stdout=True, stderr=True,
               tty=False, _preload_content=False)
data = os.urandom(2000000)
for start in range(0, len(data), 100000):
    session.write_stdin(data[start:start + 100000])
session.run_forever(timeout=60)
digest = session.read_stdout().split()[0]
forward = portforward(api.connect_get_namespaced_pod_portforward, "web", "default", ports="8080,9")
http = forward.socket(8080)
http.setblocking(True)
http.sendall(b"GET /index.html HTTP/1.0\\r\\n\\r\\n")
page = b""
while part := http.recv(65536):
    page += part
import time
for _ in range(600):
    if forward.error(9): break
    time.sleep(0.05)
print(json.dumps({"out": sorted(out.split()), "code": session.returncode, "page": page.decode(),
                  "digest": digest == hashlib.sha256(data).hexdigest(), "error": forward.error(9)}))
"""


def test_the_python_client_execs_and_forwards(device):
    path = {"PYTHONPATH": str(kubernetes_client())}
    done = subprocess.run(["/usr/bin/python3", "-c", PYTHON_CLIENT], env=environment(device) | path,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["out"] == ["err", "out"] and answer["code"] == 7 and answer["digest"]
    assert answer["page"].endswith("hello from wherry\n")
    assert "error forwarding port 9 to pod" in answer["error"]


# What must not happen


def descriptors(agent) -> int:
    return len(os.listdir(f"/proc/{agent.process.pid}/fd"))


def helpers(agent) -> list[int]:
    """Processes of ours that stand beside commands in containers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            text = status.read_text()
            if "Name:\twherry-exec" in text and f"PPid:\t{agent.process.pid}\n" in text:
                found.append(int(status.parent.name))
    return found


def test_slow_clients_hold_the_command_back_and_not_the_memory(device):
    """A client that does not read, and one whose command does not read, by both framings."""
    path = device.run_dir / "wherry.sock"
    before = private_memory(device.process.pid)
    flood = f"{EXEC}?command=cat&command=/dev/zero&stdout=1"
    stuck = f"{EXEC}?command=sleep&command=1000&stdin=1&stdout=1"
    sockets = [WebSocket(path, flood) for _ in range(4)] + [WebSocket(path, stuck) for _ in range(4)]
    spdies = []
    for query, names in ((flood, ("error", "stdout")), (stuck, ("error", "stdin", "stdout"))):
        client = Spdy(path, query)
        spdies.append((client, {name: client.open(streamtype=name) for name in names}))
    sent = []
    for client in sockets[4:]:
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                client.send(b"\0" + bytes(65535))
                sent.append(65536)
    client, streams = spdies[1]
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        for _ in range(1000):
            client.send(streams["stdin"], bytes(65536))
    wait_for(lambda: len(helpers(device)) == 10, "ten commands run")
    grown = private_memory(device.process.pid) - before
    print(f"10 stuck sessions: {grown >> 10} KiB, {sum(sent) >> 10} KiB taken from 4 clients")
    assert grown < 24 << 20
    # Slow is not lost: what waits comes, in order.
    received = 0
    while received < 1 << 20:
        opcode, payload = sockets[0].receive()
        assert opcode == 2 and payload[0] == 1 and not any(payload[1:])
        received += len(payload)
    for client in [*sockets, *[client for client, _ in spdies]]:
        client.close()
    device.kubectl("exec", "p", "--", "killall", "sleep", check=False)
    wait_for(lambda: not helpers(device), "commands whose client is gone end")


def test_sessions_come_and_go_and_leave_nothing(device):
    path = device.run_dir / "wherry.sock"
    wait_for(lambda: not helpers(device), "no command runs")
    before = wait_for(lambda: descriptors(device), "descriptors")

    def polite():
        client = WebSocket(path, f"{EXEC}?command=echo&command=hi&stdout=1")
        assert [client.receive() for _ in range(4)] == [
            (2, b"\1"), (2, b"\1hi\n"), (2, b'\3{"metadata":{},"status":"Success"}'), (8, b"\x03\xe8")]
        client.close()

    def rude(kind: int):
        """Gone at once, in the middle of the output, in the middle of a frame, with streams that never come."""
        if kind == 3:
            Spdy(path, f"{EXEC}?command=cat&stdin=1&stdout=1").open(streamtype="error")
            return
        client = WebSocket(path, f"{EXEC}?command=cat&stdin=1&stdout=1")
        if kind >= 1:
            client.send(b"\0hello")
            client.receive()
        if kind == 2:
            client.socket.sendall(b"\x82\xff\0\0\0\0\0\1")
        client.close()
    for _ in range(100 if SOAK else 10):
        threads = [threading.Thread(target=polite) for _ in range(6)]
        threads += [threading.Thread(target=rude, args=(kind,)) for kind in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    wait_for(lambda: not helpers(device), "every command has ended")
    wait_for(lambda: descriptors(device) <= before + 4, f"about {before} descriptors again")
    zombies = [p for p in Path("/proc").glob("[0-9]*/stat") if f") Z {device.process.pid} " in read(p)]
    assert not zombies
    assert k(device, "1.33", "exec", "p", "--", "true").returncode == 0


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_hostile_clients_lose_their_connection_only(device):
    path = device.run_dir / "wherry.sock"
    query = f"{EXEC}?command=cat&stdin=1&stdout=1"
    for bytes_, code in ((b"\x82\x05hello", 1002), (b"\xf2\x80\0\0\0\0", 1002), (b"\x82\xff" + b"\x7f" * 8, 1009),
                         (b"\x89\xfe\1\0", 1002), (WebSocket.frame(b"\xff"), 1002),
                         (WebSocket.frame(b"\4" + b"x" * 2000), 1009)):
        client = WebSocket(path, query)
        client.socket.sendall(bytes_)
        rest = client.rest()
        assert struct.pack(">BBH", 0x88, 2, code) in rest, (bytes_, rest)
    for bytes_ in (b"\xff" * 64, b"\x80\x03\0\1\0\xff\xff\xff", struct.pack(">II", 2, 5) + b"hello", b"GET / HTTP/1.1\r\n\r\n",
                   b"\x80\x03\0\1\0\0\0\x0e" + b"\0\0\0\1\0\0\0\0\0\0" + b"junk"):
        for query_, protocol in ((query, "v4.channel.k8s.io"),
                                 ("/api/v1/namespaces/default/pods/web/portforward", "portforward.k8s.io")):
            client = Spdy(path, query_, protocol=protocol)
            assert client.status == 101
            client.socket.sendall(bytes_)
            client.rest()  # ends, or the receive times out
    forward = WebSocket(path, "/api/v1/namespaces/default/pods/web/portforward?ports=8080", protocol="v4.channel.k8s.io")
    forward.send(b"\x09nobody")
    assert struct.pack(">BBH", 0x88, 2, 1002) in forward.rest()
    for ports in ("", "0", "70000", "x", ",".join(["80"] * 65)):
        refused = WebSocket(path, f"/api/v1/namespaces/default/pods/web/portforward?ports={ports}",
                            protocol="v4.channel.k8s.io")
        assert refused.status == 400
    # More connections than one session may have are refused, one by one.
    flood = Spdy(path, "/api/v1/namespaces/default/pods/web/portforward", protocol="portforward.k8s.io")
    for request in range(140):
        for kind in ("error", "data"):
            flood.open(streamtype=kind, port="7", requestid=str(request))
    replies = []
    while len(replies) < 280:
        replies += [stream for stream, _, _ in [flood.receive()] if stream in (-2, -3)]
    assert replies.count(-2) == 256 and replies.count(-3) == 24
    flood.close()
    wait_for(lambda: device.get("/livez")[0] == 200, "the device serves")


def test_a_stop_of_the_daemon_ends_sessions_and_not_the_command(place, images):
    agent = Agent(place / "b", "--node-name", "dev2").start()
    try:
        import_busybox(agent, images)
        agent.apply(pod("p", ["sh", "-c", "trap exit TERM; while :; do sleep 1; done"]))
        wait_for(lambda: agent.running("p"), "p runs")
        client = WebSocket(agent.run_dir / "wherry.sock", f"{EXEC}?command=sleep&command=1000&stdin=1&stdout=1")
        assert client.receive() == (2, b"\1")
        agent.stop()
        assert client.rest() == b""
        agent.start()
        assert agent.kubectl("exec", "p", "--", "pidof", "sleep", check=False).returncode == 0
    finally:
        agent.remove_everything()

