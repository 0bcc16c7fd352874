"""IPv6 addresses everywhere an address is written."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from base64 import urlsafe_b64decode

import pytest

from harness import SLEEP, Agent, Hub, Registry, deployment, import_busybox, oci_layout, pod, run, wait_for
from test_01_run import processes_mentioning
from test_05_offline import ready_state
from test_11_bad_input import refused
from test_15_external_broker import Broker, FleetAuthority


def free_port6() -> int:
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        return listener.getsockname()[1]


def end_left_over(place):
    """What a refused daemon should have ended itself; test_18 asserts that it does."""
    for line in processes_mentioning(str(place)):
        os.kill(int(line.split(":")[0]), signal.SIGTERM)


def server_of(daemon) -> str:
    line, = [line for line in daemon.kubeconfig().read_text().splitlines() if "server:" in line or '"server"' in line]
    return line.split("https://")[1].strip('", ')


def decoded(line: str) -> dict:
    text = line.removeprefix("wherry1.")
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


@pytest.fixture
def fleet6(place, images):
    ports = [free_port6() for _ in range(3)]
    hub = Hub(place / "h", "--listen", f"[::1]:{ports[0]}", "--mqtt-listen", f"[::1]:{ports[1]}").start()
    agent = Agent(place / "a", "--listen", f"[::1]:{ports[2]}")
    try:
        hub.enrol(agent, "dev1")
        agent.start()
        import_busybox(agent, images)
        yield hub, agent, ports
    finally:
        agent.remove_everything()
        hub.stop()


def test_a_fleet_on_ipv6_alone(fleet6):
    hub, agent, ports = fleet6
    assert server_of(hub) == f"[::1]:{ports[0]}" and server_of(agent) == f"[::1]:{ports[2]}"
    assert decoded(hub.token())["hub"] == f"[::1]:{ports[0]}"
    assert json.loads((agent.data / "identity/link.json").read_text())["brokers"] == [f"[::1]:{ports[1]}"]
    for port in ports:  # nobody listens on IPv4
        with socket.socket() as client:
            assert client.connect_ex(("127.0.0.1", port)) != 0, port

    wait_for(lambda: ready_state(hub) == "True", "the device is ready at the hub")
    assert " Ready " in hub.kubectl("get", "nodes").stdout
    hub.apply(deployment("web", 2, ["sh", "-c", "echo over v6; exec sleep 1000000"]))
    assert "successfully rolled out" in hub.kubectl("rollout", "status", "deployment/web", "--timeout=30s").stdout
    wait_for(lambda: len(hub.pods("app=web")) == 2, "both pods are seen at the hub")
    for daemon in (hub, agent):
        assert "over v6" in daemon.kubectl("logs", "deployment/web").stdout, daemon.role
    hub.kubectl("scale", "deployment/web", "--replicas=1")
    wait_for(lambda: len(agent.pods("app=web")) == 1, "the change arrives")

    # Both come back where they were, also without being told again.
    agent.stop()
    hub.stop()
    hub.options = agent.options = ()
    hub.start()
    agent.start()
    assert server_of(hub) == f"[::1]:{ports[0]}" and server_of(agent) == f"[::1]:{ports[2]}"
    assert "web" in agent.kubectl("get", "deployments").stdout


def test_every_address_of_both_families(place):
    agent = Agent(place / "a", "--node-name", "dev1", "--listen", "[::]:0").start()
    try:
        assert "dev1" in agent.kubectl("get", "nodes").stdout
        port = int(server_of(agent).rsplit(":", 1)[1])
        kubeconfig = agent.kubeconfig().read_text()
        for host in ("[::1]", "127.0.0.1"):
            text = kubeconfig.replace(server_of(agent), f"{host}:{port}")
            path = place / "kubeconfig"
            path.write_text(text)
            assert "dev1" in run("kubectl", "--kubeconfig", path, "get", "nodes").stdout, host
    finally:
        agent.stop()


def test_a_broker_of_somebody_else_on_ipv6(place, images):
    broker = Broker(place / "broker", "::1")
    hub = Hub(place / "h", "--broker", broker.url).start(ready=False)
    agent = Agent(place / "a")
    try:
        wait_for(lambda: (hub.data / "pki/hub.crt").exists(), "the fleet's authority is there")
        broker.configure(hub, FleetAuthority(hub)).start()
        hub.wait_ready(40)
        hub.enrol(agent, "dev1")
        agent.start()
        import_busybox(agent, images)
        hub.apply(deployment("web", 1, SLEEP))
        hub.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    finally:
        agent.remove_everything()
        hub.stop()
        broker.stop()


def test_a_broker_is_named_with_its_brackets(place):
    broker = Broker(place / "broker", "::1")
    hub = Hub(place / "h", "--broker", broker.url).start(ready=False)
    try:
        body = wait_for(lambda: (lambda a: b"cannot reach" in a[1] and a[1])(hub.get("/readyz")), "not ready").decode()
        assert f"cannot reach {broker.host}" in body, body
    finally:
        hub.stop()


def test_ports_in_use_and_addresses_without_brackets(place):
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for daemon in (Agent(place / "a", "--listen", f"[::1]:{port}"), Hub(place / "h", "--listen", f"[::1]:{port}"),
                       Hub(place / "m", "--mqtt-listen", f"[::1]:{port}")):
            done = run(*daemon.arguments(), check=False, timeout=30)
            end_left_over(place)
            refused(done, str(port), "::1", "another program", "listen HOST:PORT")
    for option in ("--listen", "--mqtt-listen"):
        done = run(*Hub(place / "x", option, "::1:6443").arguments(), check=False, timeout=30)
        refused(done, "::1:6443", option, status=2)
    done = run(*Agent(place / "y", "--listen", "[2001:db8::1]:0").arguments(), check=False, timeout=30)
    refused(done, "2001:db8::1", "listen HOST:PORT")


def test_a_remembered_port_that_is_taken_gives_way(place):
    """As on IPv4: the address was chosen by the kernel or at another start, nobody asks for it now."""
    first = Agent(place / "a", "--node-name", "dev1", "--listen", "[::1]:0").start()
    port = int(server_of(first).rsplit(":", 1)[1])
    assert first.stop() == 0
    first.options = ("--node-name", "dev1")
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", port))
        taken.listen()
        try:
            first.start()
            assert server_of(first) != f"[::1]:{port}" and "dev1" in first.kubectl("get", "nodes").stdout
        finally:
            first.stop()


def test_an_image_from_a_registry_on_ipv6(agent, place, images):
    registry = Registry(place / "registry6")
    registry.port = free_port6()
    registry.directory.mkdir()
    config = registry.directory / "config.yml"
    config.write_text(f"version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: {place}/store}}\n"
                      f"http: {{addr: '[::]:{registry.port}'}}\n")
    registry.process = subprocess.Popen(["docker-registry", "serve", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: urllib.request.urlopen(f"http://[::1]:{registry.port}/v2/", timeout=2).status == 200, "it is up")
        registry.push("app:1", oci_layout(images, SLEEP, tag="six"))  # skopeo cannot write IPv6 addresses: over IPv4
        image = f"[::1]:{registry.port}/app:1"
        assert image in agent.cli("pull", image).stdout
        assert image in agent.cli("images").stdout
        agent.apply(pod("app", SLEEP, image=image))
        wait_for(lambda: agent.running("app"), "running")
    finally:
        registry.stop()
