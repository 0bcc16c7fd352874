"""A broker that somebody else runs: `wherry hub --broker URL`."""

import signal
import subprocess
from pathlib import Path

import pytest

from harness import SLEEP, Agent, Hub, deployment, free_port, import_busybox, run, wait_for
from test_05_offline import ready_state
from test_11_bad_input import refused
from test_14_tls_registry import Authority


class FleetAuthority(Authority):
    """The hub's own: an administrator issues the broker's certificate with it."""

    def __init__(self, hub: Hub):
        self.directory, self.certificate, self.key = hub.directory, hub.data / "pki/ca.crt", hub.data / "pki/ca.key"


class Broker:
    """Debian's mosquitto with the settings that the hub's own would have, started by hand."""

    def __init__(self, directory: Path, host="127.0.0.1"):
        self.directory, self.address, self.port = directory, host, free_port()
        self.process: subprocess.Popen | None = None
        directory.mkdir(parents=True)

    @property
    def host(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"mqtts://{self.host}"

    def configure(self, hub: Hub, authority: Authority) -> "Broker":
        certificate, key = authority.issue("broker", f"IP:{self.address}")
        (self.directory / "acl").write_text(
            "user HUB\ntopic readwrite wh/1/#\n\n"
            "pattern write wh/1/d/%u/up/#\npattern read wh/1/d/%u/dn/#\npattern read wh/1/hub/state\n")
        (self.directory / "mosquitto.conf").write_text(
            f"user root\nlistener {self.port} {self.address}\ncafile {hub.data}/pki/ca.crt\ncertfile {certificate}\n"
            f"keyfile {key}\nrequire_certificate true\nuse_identity_as_username true\nuse_username_as_clientid true\n"
            f"allow_anonymous false\nacl_file {self.directory}/acl\nmax_packet_size 163840\npersistence false\n")
        return self

    def start(self) -> "Broker":
        self.process = subprocess.Popen(
            ["/usr/sbin/mosquitto", "-c", str(self.directory / "mosquitto.conf")], stdin=subprocess.DEVNULL,
            stdout=open(self.directory / "log", "a"), stderr=subprocess.STDOUT)
        return self

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)


@pytest.fixture
def broker(place):
    broker = Broker(place / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def hub(place, broker):
    """A hub whose broker does not run yet: its authority is there, so that the broker can be set up."""
    hub = Hub(place / "h", "--broker", broker.url).start(ready=False)
    wait_for(lambda: hub.get("/livez")[0] == 200, "the hub lives")
    yield hub
    hub.stop()


@pytest.fixture
def agent(place, images):
    agent = Agent(place / "a")
    yield agent
    agent.remove_everything()


def converges(hub: Hub, agent: Agent, name: str, what: str):
    hub.apply(deployment(name, 1, SLEEP))
    wait_for(lambda: agent.pods(f"app={name}")[0]["status"]["phase"] == "Running", what, 60)
    wait_for(lambda: hub.pods(f"app={name}")[0]["status"]["phase"] == "Running", f"{what}; seen at the hub", 60)


def test_a_fleet_over_a_broker_of_somebody_else(hub, broker, agent, images):
    status, body = wait_for(lambda: (lambda a: a[0] == 503 and broker.host.encode() in a[1] and a)(hub.get("/readyz")),
                            "not ready, and why")
    assert b"refused" in body, body
    wait_for(lambda: broker.host in hub.tail() and "refused" in hub.tail(), "the log says so too")
    assert "No resources found" in hub.kubectl("get", "nodes").stderr, "the API answers meanwhile"

    broker.configure(hub, FleetAuthority(hub)).start()
    hub.wait_ready(40)
    hub.enrol(agent, "dev1")
    agent.start()
    import_busybox(agent, images)
    wait_for(lambda: ready_state(hub) == "True", "the device is ready at the hub")
    converges(hub, agent, "first", "a deployment runs")

    broker.stop(signal.SIGKILL)
    hub.apply(deployment("meanwhile", 1, SLEEP))
    agent.kubectl("scale", "deployment/first", "--replicas=2")
    wait_for(lambda: hub.get("/readyz")[0] == 503, "the hub notices")
    wait_for(lambda: len(agent.pods("app=first")) == 2, "the device goes on")
    broker.start()
    wait_for(lambda: agent.pods("app=meanwhile")[0]["status"]["phase"] == "Running", "the hub's change arrives", 60)
    wait_for(lambda: len(hub.pods("app=first")) == 2, "the device's change arrives", 60)
    hub.wait_ready()

    # The broker is not the hub's to stop, and a hub that comes back finds its devices.
    assert hub.stop() == 0
    assert broker.process.poll() is None
    assert not (hub.run_dir / "broker").exists()
    hub.start()
    converges(hub, agent, "late", "a change after the hub's restart")


def test_a_broker_whose_certificate_is_from_another_authority(hub, broker, agent, images, place):
    """`<data>/pki/broker-ca.crt` names that authority, to the hub and to the devices that join."""
    other = Authority(place / "other")
    broker.configure(hub, other).start()
    (hub.data / "pki/broker-ca.crt").write_text(other.certificate.read_text())
    hub.wait_ready(40)
    hub.enrol(agent, "dev1")
    agent.start()
    import_busybox(agent, images)
    try:
        wait_for(lambda: ready_state(hub) == "True", "the device is ready at the hub", 20)
    except AssertionError as error:
        raise AssertionError(f"{error}; the device says: {agent.tail(3)}") from None
    converges(hub, agent, "first", "a deployment runs")


def test_a_broker_that_is_not_trusted_is_named_with_the_remedy(hub, broker, place):
    broker.configure(hub, Authority(place / "other")).start()
    _, body = wait_for(lambda: (lambda a: b"TLS" in a[1] and a)(hub.get("/readyz")), "the hub refuses the broker")
    for word in (broker.host, "certificate", "broker-ca.crt"):
        assert word.encode() in body, body


@pytest.mark.parametrize("url", ["127.0.0.1:8883", "http://127.0.0.1:8883", "mqtts://", "mqtts://:8883",
                                 "mqtts://host:port", "mqtts://host:70000", "mqtts://::1:8883", "mqtts://fe80::1"])
def test_a_malformed_broker_is_wrong_usage(url, place):
    hub = Hub(place / "h", "--broker", url)
    try:
        hub.start(ready=False)
        wait_for(lambda: hub.process.poll() is not None, "the hub ends at once", 30)
    finally:
        hub.stop()
    assert hub.process.returncode == 2, hub.tail()
    assert url in hub.tail() and "mqtts://HOST[:PORT]" in hub.tail(), hub.tail()
    assert not hub.data.exists(), "nothing half-done"


def test_a_broker_without_tls_is_refused(place):
    """Devices speak TLS only, and without it nobody is who the topic says."""
    hub = Hub(place / "h", "--broker", "mqtt://127.0.0.1:1883")
    try:
        hub.start(ready=False)
        wait_for(lambda: hub.process.poll() is not None, "the hub refuses to start", 30)
        assert hub.process.returncode == 2
        assert "mqtt://127.0.0.1:1883" in hub.tail() and "mqtts://" in hub.tail(), hub.tail()
    finally:
        hub.stop()


def test_a_broker_that_has_no_address_is_named(place):
    hub = Hub(place / "h", "--broker", "mqtts://broker.invalid:8883").start(ready=False)
    try:
        wait_for(lambda: hub.get("/readyz")[0] == 503 and b"broker.invalid" in hub.get("/readyz")[1], "says which")
        assert b"cannot find the address of broker.invalid" in hub.get("/readyz")[1], hub.get("/readyz")
        done = run(*Hub(place / "g", "--broker", "mqtts://h", "--mqtt-listen", "127.0.0.1:1").arguments(), check=False)
        refused(done, "exclude each other", status=2)
    finally:
        assert hub.stop() == 0
