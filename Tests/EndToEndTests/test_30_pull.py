"""Pulls over links that cut, from servers that do as they like, through kills of the agent and power cuts of a machine.

The registry is Debian's, with a password; the link is `bad_link.BadLink`, which counts what it carried. The short form
takes a minute; WHERRY_SOAK=1 makes it 500 cuts and 500 kills on an image of 300 MB.
"""

import contextlib
import json
import os
import pty
import random
import re
import shutil
import subprocess
import time
from base64 import b64encode
from pathlib import Path

import pytest

import guest
from bad_link import BadLink, Plan, SampleImage
from harness import SOAK, WHERRY, Agent, free_port, pod, run, wait_for
from test_14_tls_registry import HTPASSWD, PASSWORD, USER, Authority

LAYERS = 8
LAYER_BYTES = (300 << 20) // LAYERS if SOAK else 3 << 20
CUTS = 500 if SOAK else 60
KILLS = 500 if SOAK else 12
KILLS_IN_FLOW = 12 if SOAK else 6
POWER_CUTS = 5 if SOAK else 1
TWICE = 1 << 20  # bytes, in all
POWER_LAYER_BYTES = (4 << 20) if SOAK else 1 << 20


class PasswordRegistry:
    """Debian's docker-registry with a password, on loopback."""

    def __init__(self, directory: Path):
        self.directory, self.port = directory, free_port()
        directory.mkdir(parents=True)
        (directory / "htpasswd").write_text(HTPASSWD)
        config = {"version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(directory / "store")}},
                  "http": {"addr": self.host}, "auth": {"htpasswd": {"realm": "fleet", "path": str(directory / "htpasswd")}}}
        (directory / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        self.process = subprocess.Popen(["docker-registry", "serve", str(directory / "config.yml")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{self.host}/v2/").stdout == "401",
                 "registry up")

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def push(self, name: str, layout: Path):
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}", f"oci:{layout}",
            f"docker://{self.host}/{name}", timeout=300)

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """The registry, and the image in it."""
    directory = tmp_path_factory.mktemp("shelf")
    registry = PasswordRegistry(directory / "registry")
    image = SampleImage(directory, LAYERS, LAYER_BYTES)
    registry.push("team/big:1", image.path)
    yield registry, image
    registry.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def links():
    """Makes links, and ends them."""
    made = []

    def make(*arguments, **options) -> BadLink:
        made.append(BadLink(*arguments, **options))
        return made[-1]
    yield make
    for link in made:
        link.stop()


@pytest.fixture
def device(place):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    yield agent
    agent.remove_everything()


def login(place: Path, *hosts: str) -> dict[str, str]:
    """The environment in which `wherry pull` knows the password for these hosts."""
    directory = place / "docker"
    directory.mkdir(exist_ok=True)
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth} for host in hosts}}))
    return {"DOCKER_CONFIG": str(directory)}


def pull(device: Agent, name: str, env: dict, *options: str, check=True, timeout=900):
    return run(device.binary, "pull", name, *options, "--run-dir", device.run_dir, env=env, check=check, timeout=timeout)


class RandomCuts:
    """Cuts `count` answers at random bytes, with a delay, a 429 or a 503 before some, and takes closed ranges only."""

    def __init__(self, count: int, image: SampleImage, seed: int):
        self.left, self.mean, self.draw = count, image.blob_bytes / count, random.Random(seed)

    def __call__(self, request) -> Plan:
        if not request.is_blob:
            return Plan()
        if request.start is not None and request.end is None:
            return Plan(status=416)
        kind = self.draw.random()
        if kind < 0.03:
            return Plan(status=429, headers={"Retry-After": "0"})
        if kind < 0.06:
            return Plan(status=503)
        if self.left <= 0:
            return Plan()
        self.left -= 1
        return Plan(cut=self.draw.randint(0, int(self.mean * 1.6)), reset=self.draw.random() < 0.3,
                    delay=self.draw.random() * 0.02)


def test_cuts_at_random_bytes_cost_no_byte_twice(device, shelf, links, place):
    registry, image = shelf
    seed = random.randrange(1 << 30)
    link = links(registry.host, RandomCuts(CUTS, image, seed))
    pull(device, f"{link.host}/team/big:1", login(place, link.host))
    twice = link.blob_bytes() - image.blob_bytes
    print(f"seed {seed}: {link.cuts} cuts, {link.blob_bytes()} bytes for {image.blob_bytes}: {twice} twice")
    assert link.cuts >= CUTS * 0.9, link.cuts
    assert 0 <= twice < TWICE, f"seed {seed}: {twice} bytes were fetched twice"
    image.check(device.data)
    assert not list((device.data / "ingest").iterdir())
    assert f"{link.host}/team/big" in device.cli("images").stdout


def test_a_registry_and_its_cdn_that_do_as_they_like(device, shelf, links, place):
    """Everything of runtime-notes E at once; here the bytes may come twice, but they must be the right ones."""
    registry, image = shelf
    secret = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    leaked = []

    def cdn_plan(request) -> Plan:
        leaked.extend([request] if "authorization" in request.headers else [])
        request.headers["authorization"] = secret  # the store behind it is the registry's
        if request.number == 2:
            return Plan(status=403)  # its signature ran out
        return Plan(cut=200_000) if request.number == 1 else Plan()
    cdn = links(registry.host, cdn_plan)
    digests = [layer["digest"] for layer in image.layers]

    def plan(request) -> Plan:
        which = next((i for i, digest in enumerate(digests) if request.path.endswith(digest)), None)
        first = request.number == 1
        match which:
            case 0: return Plan(cut=100_000) if first else Plan(whole=True)
            case 1: return Plan(cut=100_000) if first else Plan(shift=5000) if request.start else Plan()
            case 2: return Plan(cut=100_000) if first else Plan(status=416) if request.start else Plan()
            case 3 | 4: return Plan(location=f"http://{cdn.host}{request.path}")
            case 5: return Plan(status=429, headers={"Retry-After": "1"}) if request.number < 3 else Plan()
            case 6: return Plan(status=500) if request.number < 4 else Plan()
            case 7: return Plan(stall_at=150_000) if first else Plan()
        return Plan()
    (device.data / "registries.yaml").write_text("limits:\n  stallSeconds: 1\n")
    link = links(registry.host, plan)
    pull(device, f"{link.host}/team/big:1", login(place, link.host))
    image.check(device.data)
    assert not leaked, "the login went to the CDN"
    assert len([r for r in cdn.requests if r.path.endswith(digests[3])]) == 3
    stalled = [r for r in link.requests if r.path.endswith(digests[7])]
    assert [r.start for r in stalled] == [None, 150_000], [r.start for r in stalled]


@pytest.mark.parametrize("silent", [True, False], ids=["while the link is silent", "in full flow"])
def test_kills_of_the_agent_at_random_bytes(device, shelf, links, place, silent):
    """What the agent had when it was killed is on the disk. In full flow what is between two kernels is lost as well, which
    is some kilobytes a kill and no matter of the agent's; silent, it is nothing."""
    registry, image = shelf
    draw = random.Random(seed := random.randrange(1 << 30))
    link = links(registry.host, rate=40e6 if silent else 1e6)
    env = login(place, link.host)
    kills, wanted = 0, KILLS if silent else KILLS_IN_FLOW
    began = time.monotonic()
    while kills < wanted:
        step = draw.randint(1, int(1.6 * image.blob_bytes / wanted))
        target = link.blob_bytes() + step
        if target >= image.blob_bytes:
            break
        client = subprocess.Popen([device.binary, "pull", f"{link.host}/team/big:1", "--run-dir", str(device.run_dir)],
                                  env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: link.blob_bytes() >= target, f"{target} bytes carried", 60, 0.001)
        if silent:
            link.close_gate()
            wait_for(lambda: link.is_quiet() and has_taken(device, link), "the agent has taken what came", 20, 0.005)
        device.kill()
        kills += 1
        client.wait(20)
        link.open_gate.set()
        device.start()
    pull(device, f"{link.host}/team/big:1", env)
    twice = link.blob_bytes() - image.blob_bytes
    print(f"seed {seed}: {kills} kills in {time.monotonic() - began:.0f} s, {twice} bytes twice")
    assert kills >= wanted / 2, f"{kills} kills test little"  # a slow machine lets more pass before each
    assert 0 <= twice < TWICE, f"seed {seed}: {twice} bytes were fetched twice in {kills} kills"
    image.check(device.data)
    assert not list((device.data / "ingest").iterdir())


def has_taken(device: Agent, link: BadLink) -> bool:
    """Whether every byte that came is in a part, or in a blob that is complete."""
    for path, position in list(link.position.items()):
        part = device.data / "ingest" / f"{path.rsplit(':', 1)[1]}.part"
        with contextlib.suppress(FileNotFoundError):
            if part.stat().st_size < position:
                return False
    return True


POWER_SCRIPT = """
mkdir -p /data
mount -t ext4 /dev/vda /data
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2
mkdir -p /data/wherry
cat > /data/wherry/registries.yaml <<YAML
mirrors:
  registry.test:
    endpoint: ["http://10.0.2.2:PORT"]
configs:
  "10.0.2.2:PORT":
    auth: {username: USER, password: "PASSWORD"}
YAML
/bin/wherry agent --node-name guest --data-dir /data/wherry --run-dir /run/wherry > /tmp/log 2>&1 &
i=0; while [ $i -lt 200 ] && ! [ -S /run/wherry/wherry.sock ]; do i=$((i+1)); sleep 0.1; done
echo "guest-pulls"
/bin/wherry pull registry.test/team/power:1 --run-dir /run/wherry && echo "verdict: pulled" || tail -20 /tmp/log
sync; cd /data/wherry/layers && find . -name 'file*' | sort | xargs sha256sum | sed 's/^/sum: /'
ls /data/wherry/ingest | sed 's/^/left: /'
sync; umount /data 2>/dev/null
"""


def test_a_power_cut_in_the_middle_of_a_pull(place, shelf, links):
    registry, _ = shelf
    image = SampleImage(place, LAYERS, POWER_LAYER_BYTES, seed=2, tag="power")
    registry.push("team/power:1", image.path)
    draw = random.Random(seed := random.randrange(1 << 30))
    # A link that the emulated machine keeps up with: what waits in a buffer of the host never reached it.
    link = links(registry.host, rate=150e3)
    disk = place / "disk"
    with disk.open("wb") as file:
        file.truncate(6 * image.blob_bytes + (256 << 20))
    run("mkfs.ext4", "-q", disk)
    script = POWER_SCRIPT.replace("PORT", str(link.port)).replace("USER", USER).replace("PASSWORD", PASSWORD)
    machine = guest.Machine({"/bin/wherry": WHERRY, **guest.libraries(WHERRY)}, script, place, disk=disk, network=True,
                            modules=["overlay", "virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4"])
    for _ in range(POWER_CUTS):
        console = machine.start()
        target = link.blob_bytes() + draw.randint(256 << 10, image.blob_bytes // (POWER_CUTS + 1))
        wait_for(lambda: link.blob_bytes() >= target or console.ended(), "bytes carried into the guest", 240, 0.01)
        assert not console.ended(), console.text()[-3000:]
        console.kill()
    console = machine.start()
    console.wait(400)
    text = console.text()
    assert "verdict: pulled" in text, f"seed {seed}\n{text[-4000:]}"
    sums = dict((name.split("/", 2)[2], digest) for digest, name in re.findall(r"sum: (\w{64})\s+(\S+)", text))
    assert sums == image.files, text[-2000:]
    assert "left: " not in text, text[-2000:]
    twice = link.blob_bytes() - image.blob_bytes
    print(f"seed {seed}: {POWER_CUTS} power cuts, {twice} bytes twice")
    # What was on its way, and what came since the last checkpoint, of all layers that were coming together.
    assert 0 <= twice < TWICE, f"seed {seed}: {twice} bytes were fetched twice"


def test_mirrors_limits_and_mistakes_in_registries_yaml(device, shelf, links, place):
    registry, image = shelf
    link, origin = links(registry.host), links(registry.host)
    file = device.data / "registries.yaml"
    file.write_text("mirrors:\n  docker.io:\n    endpoint: [https://x\n")
    done = pull(device, f"{origin.host}/team/big:1", {}, check=False)
    assert done.returncode != 0 and str(file) in done.stderr and "line 4" in done.stderr, done.stderr
    file.write_text("mirrors:\n  docker.io:\n    endpoints: []\n")
    done = pull(device, f"{origin.host}/team/big:1", {}, check=False)
    assert "mirrors[docker.io]: unknown field \"endpoints\"" in done.stderr, done.stderr

    budget = image.blob_bytes // 3
    good = json.dumps({
        "mirrors": {origin.host: {"endpoint": [f"http://127.0.0.1:{free_port()}", f"http://{link.host}"],
                                  "rewrite": {"^nick/(.*)": "team/$1"}}},
        "configs": {link.host: {"auth": {"username": USER, "password": PASSWORD}}},
        "limits": {"bytesPerDay": budget, "parallelLayers": 1}})
    file.write_text(good)
    client = subprocess.Popen([device.binary, "pull", f"{origin.host}/nick/big:1", "--run-dir", str(device.run_dir)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(lambda: "pull waits" in device.log.read_text(), "the budget is used up")
        assert budget <= link.blob_bytes() < budget + (1 << 20), (budget, link.blob_bytes())
        file.write_text("limits: {bytesPerDay: much}\n")  # the last good one stands
        wait_for(lambda: "limits.bytesPerDay: expected bytes" in device.log.read_text(), "the mistake is told")
        assert client.poll() is None
        file.write_text(good.replace(str(budget), str(budget * 100)))
        out, _ = client.communicate(timeout=60)
    finally:
        client.kill()
    assert client.returncode == 0 and "bytes of this day are used up" in out, out
    image.check(device.data)
    assert not origin.requests, "the registry itself was asked though a mirror had it"
    # What was on its way when the budget ended came again.
    assert link.blob_bytes() < image.blob_bytes + TWICE
    assert json.loads((device.data / "link-usage.json").read_text())["day"]["bytes"] >= image.blob_bytes * 0.9


def test_a_pod_says_why_its_image_waits(device, shelf, links):
    registry, image = shelf
    link = links(registry.host)
    settings = {"configs": {link.host: {"auth": {"username": USER, "password": PASSWORD}}}, "limits": {"bytesPerMonth": 1}}
    file = device.data / "registries.yaml"
    file.write_text(json.dumps(settings))
    device.apply(pod("app", ["/none"], image=f"{link.host}/team/big:1"))
    told = wait_for(lambda: [e for e in device.events("app") if e["reason"] == "PullWaiting"], "its event")
    assert "1 bytes of this month are used up" in told[0]["message"], told
    file.write_text(json.dumps(settings | {"limits": {}}))
    wait_for(lambda: [e for e in device.events("app") if e["reason"] == "Pulled"], "pulled", 60)
    image.check(device.data)


def test_a_registry_that_wants_the_devices_certificate(device, shelf, place):
    _, image = shelf
    authority = Authority(place / "ca")
    server, ours = authority.issue("server", "IP:127.0.0.1"), authority.issue("device", "DNS:dev1", usage="clientAuth")
    port = free_port()
    config = {"version": 0.1, "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(place / "store")}},
              "http": {"addr": f"127.0.0.1:{port}", "tls": {"certificate": str(server[0]), "key": str(server[1]),
                                                            "clientcas": [str(authority.certificate)]}}}
    (place / "config.yml").write_text(json.dumps(config))
    certificates = place / "certs"
    certificates.mkdir()
    for source, name in ((authority.certificate, "ca.crt"), (ours[0], "client.cert"), (ours[1], "client.key")):
        shutil.copy(source, certificates / name)
    process = subprocess.Popen(["docker-registry", "serve", str(place / "config.yml")], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: run("skopeo", "copy", "-q", "--dest-cert-dir", certificates, f"oci:{image.path}",
                             f"docker://127.0.0.1:{port}/big:1", check=False, timeout=200).returncode == 0, "pushed", 60)
        file, tls = device.data / "registries.yaml", {"ca_file": str(authority.certificate)}

        def configure():
            file.write_text(json.dumps({
                "mirrors": {"registry.test": {"endpoint": [f"https://127.0.0.1:{port}"]}},
                "configs": {f"127.0.0.1:{port}": {"tls": tls}}}))
        configure()
        done = pull(device, "registry.test/big:1", {}, check=False)
        assert done.returncode != 0 and "certificate" in done.stderr and "cert_file" in done.stderr, done.stderr
        tls |= {"cert_file": str(ours[0]), "key_file": str(ours[1])}
        configure()
        pull(device, "registry.test/big:1", {})
        image.check(device.data)
        tls["key_file"] = str(place / "gone.key")
        configure()
        done = pull(device, "registry.test/big:1", {}, check=False)
        assert f"key_file {place}/gone.key" in done.stderr, done.stderr
    finally:
        process.terminate()
        process.wait(10)


def test_progress_for_people_for_files_and_for_docker(device, shelf, links, place):
    registry, image = shelf
    link = links(registry.host, rate=4e6)
    env = login(place, link.host)
    name = f"{link.host}/team/big:1"
    # A terminal: lines that move.
    parent, child = pty.openpty()
    client = subprocess.Popen([device.binary, "pull", name, "--run-dir", str(device.run_dir)], stdout=child, stderr=child,
                              env={**os.environ, **env})
    os.close(child)
    shown = b""
    try:
        while chunk := os.read(parent, 65536):
            shown += chunk
    except OSError:
        pass  # the other end is closed
    assert client.wait(60) == 0, shown
    assert b"\x1b[" in shown and re.search(rb"Downloading \d+ % of", shown) and b"Pull complete" in shown, shown[-500:]
    device.cli("rmi", name)
    # A file: whole lines, and not many.
    out = pull(device, name, env).stdout
    assert "\x1b" not in out and out.count("Pull complete") == LAYERS and len(out.splitlines()) < LAYERS * 20, out
    device.cli("rmi", name)
    # docker's own client.
    done = run("docker", "-H", f"unix://{device.run_dir}/wherry.sock", "pull", name, env=env)
    assert f"Downloaded newer image for {name}" in done.stdout and done.stdout.count("Pull complete") == LAYERS, done.stdout
