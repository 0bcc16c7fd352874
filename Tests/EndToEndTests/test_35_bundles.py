"""Bundles: images and objects in one signed file, made on one machine and installed on another without a network."""

import base64
import hashlib
import json
import os
import random
import signal
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from harness import SLEEP, WHERRY, Agent, Hub, deployment, oci_layout, run, wait_for
from test_11_bad_input import refused as check_refused
from test_31_store import SmallAgent

NAME = "docker.io/library/app"


def refused(done, *words: str):
    check_refused(done, *words)
    return done


class Workshop:
    """Where bundles are made: keys of openssl's, archives of skopeo's, no daemon."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True)
        self.key, self.public = self.pair("release")
        self.sequence = 0
        self.archives = {}
        layout = oci_layout(directory, SLEEP, "one")
        # A second version: the first one's layer, and a file more.
        more = directory / "more"
        more.mkdir()
        (more / "version").write_text("two\n")
        run("umoci", "insert", "--image", layout, "--tag", "two", more / "version", "/version")
        for tag in ("one", "two"):
            path = directory / f"{tag}.tar"
            run("skopeo", "copy", "-q", f"oci:{directory}/layout:{tag}", f"oci-archive:{path}:{NAME}:{tag}")
            self.archives[tag] = path

    def pair(self, name: str) -> tuple[Path, Path]:
        private, public = self.directory / f"{name}.pem", self.directory / f"{name}.pub"
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", private)
        run("openssl", "pkey", "-in", private, "-pubout", "-out", public)
        return private, public

    def make(self, *objects: dict, archives=("one",), name="app", sequence=None, key=None, options=(),
             check=True) -> Path:
        if sequence is None:
            self.sequence += 1
            sequence = self.sequence
        output = self.directory / f"{name}-{sequence}.bundle"
        done = run(WHERRY, "bundle", "create", "--key", key or self.key, "--name", name, "--sequence", sequence,
                   "-o", output, *[w for a in archives for w in ("--archive", self.archives.get(a, a))], *options,
                   *(["-f", "-"] if objects else []), input=json.dumps({"apiVersion": "v1", "kind": "List",
                                                                        "items": list(objects)}), check=check)
        return output if check else done


def app(tag="one", name="app", command=SLEEP, **more) -> dict:
    return deployment(name, 1, command, image=f"app:{tag}", **more)


def settings(level: str, name="settings") -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"level": level}}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop") / "w")


class Device(Agent):
    """A device that trusts the workshop and cannot reach any registry."""

    def __init__(self, directory: Path, workshop: Workshop | None, name="gw1"):
        super().__init__(directory, "--node-name", name)
        if workshop:
            self.trust(workshop.public)

    def trust(self, key: Path):
        keys = self.data / "bundle-keys"
        keys.mkdir(parents=True, exist_ok=True)
        (keys / f"{key.stem}.pem").write_bytes(key.read_bytes())

    def install(self, bundle: Path, *options, check=True):
        return self.cli("bundle", "install", str(bundle), "--wait", "20", "--soak", "1", *options, check=check)

    def refuse(self, bundle: Path, *words: str):
        """Refused for these reasons, and nothing is changed by it."""
        before = self.everything()
        done = refused(self.install(bundle, check=False), *words)
        assert self.everything() == before
        return done

    def everything(self):
        objects = [(o["metadata"]["name"], o["metadata"]["resourceVersion"])
                   for path in ("/apis/apps/v1/deployments", "/api/v1/configmaps") for o in self.json(path)["items"]]
        return (objects, self.images(), self.json("/wherry/v1/bundles"), sorted(os.listdir(self.data / "layers")),
                sorted(os.listdir(self.data / "blobs" / "sha256")))

    def images(self) -> list[str]:
        return sorted(i["Id"] for i in self.json("/images/json"))

    def deployment(self, name="app") -> dict:
        return self.json(f"/apis/apps/v1/namespaces/default/deployments/{name}")

    def data_of(self, name="settings") -> dict:
        return self.json(f"/api/v1/namespaces/default/configmaps/{name}")["data"]

    def installed(self) -> dict:
        return {b["name"]: (b["sequence"], b["state"]) for b in self.json("/wherry/v1/bundles")["bundles"]}


def receipt(bundle: Path, device="gw1", kind="receipt") -> dict:
    envelope = json.loads(Path(f"{bundle}.{device}.{kind}.json").read_text())
    assert envelope["payloadType"] == "application/vnd.wherry.bundle-receipt+json"
    return json.loads(base64.b64decode(envelope["payload"]))


@pytest.fixture(scope="module")
def device(tmp_path_factory, workshop):
    device = Device(tmp_path_factory.mktemp("gw1"), workshop)
    device.start()
    yield device
    device.remove_everything()


@pytest.fixture(scope="module")
def first(workshop, device) -> Path:
    """The first bundle, installed."""
    bundle = workshop.make(app(), settings("low"))
    device.install(bundle)
    return bundle


def test_a_bundle_brings_image_and_objects_and_leaves_a_receipt(device, first):
    assert device.deployment()["status"]["availableReplicas"] == 1
    image = device.deployment()["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("app:one@sha256:")
    assert device.data_of() == {"level": "low"}
    told = receipt(first)
    assert (told["bundle"], told["seq"], told["dev"], told["result"]) == ("app", 1, "gw1", "healthy")
    assert {(o["object"]["kind"], o["state"]) for o in told["objects"]} == {("ConfigMap", "stored"),
                                                                           ("Deployment", "ready")}
    assert device.installed() == {"app": (1, "healthy")}
    assert "app" in device.cli("bundle", "list").stdout
    # Layers were unpacked from the bundle itself: no blob of one is kept.
    shown = device.cli("bundle", "receipt", f"{first}.gw1.receipt.json", "--show-only").stdout
    assert "result    healthy" in shown and "Deployment default/app: ready" in shown


def test_the_same_bundle_again_changes_nothing(device, first):
    before = device.everything()
    device.install(first)
    assert device.everything() == before


def test_verify_says_what_it_is_without_a_daemon(workshop, first, tmp_path):
    told = run(WHERRY, "bundle", "verify", first, "--key", workshop.public).stdout
    assert "bundle    app, sequence 1" in told and "app:one" in told and "devices   any" in told
    keys = tmp_path / "bundle-keys"
    keys.mkdir()
    (keys / "a.pub").write_bytes(workshop.public.read_bytes())
    assert run(WHERRY, "bundle", "verify", first, "--data-dir", tmp_path).stdout == told
    _, other = workshop.pair("other")
    refused(run(WHERRY, "bundle", "verify", first, "--key", other, check=False), "none of which this device trusts")
    refused(run(WHERRY, "bundle", "verify", first, "--data-dir", tmp_path / "empty", check=False), "no key is trusted")


def test_other_tools_read_it(workshop, first, tmp_path):
    run("skopeo", "copy", "-q", f"oci-archive:{first}", f"oci:{tmp_path}/layout:x")
    inspected = json.loads(run("skopeo", "inspect", f"oci:{tmp_path}/layout:x").stdout)
    original = json.loads(run("skopeo", "inspect", f"oci-archive:{workshop.archives['one']}").stdout)
    assert inspected["Layers"] == original["Layers"]
    # The signature is Ed25519 over the DSSE encoding: openssl agrees.
    with tarfile.open(first) as tar:
        member = tar.next()
        assert member.name == "bundle.json"
        envelope = json.load(tar.extractfile(member))
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    (tmp_path / "message").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload))
    (tmp_path / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", workshop.public, "-in", tmp_path / "message",
        "-sigfile", tmp_path / "signature")
    for path, file in ((f["path"], f) for f in json.loads(payload)["files"]):
        with tarfile.open(first) as tar:
            content = tar.extractfile(path).read()
        assert "sha256:" + hashlib.sha256(content).hexdigest() == file["digest"]


def test_damaged_and_truncated_bundles_are_refused_with_nothing_changed(workshop, device, first, tmp_path):
    good = workshop.make(app("two"), archives=("two",), sequence=1000).read_bytes()
    bad = tmp_path / "bad.bundle"
    chance = random.Random(35)
    signed = 512 + int(good[124:135], 8)
    places = [0, 130, 512, signed - 1, signed, len(good) - 1, len(good) - 1500,
              *(chance.randrange(signed, len(good)) for _ in range(6))]
    for place in places:
        bad.write_bytes(good[:place] + bytes([good[place] ^ 1 << chance.randrange(8)]) + good[place + 1:])
        device.refuse(bad, "bad.bundle")
    for length in (0, 511, 512, signed, len(good) // 2, len(good) - 1):
        bad.write_bytes(good[:length])
        device.refuse(bad, "bad.bundle")
    bad.write_bytes(good + b"x")
    device.refuse(bad, "bytes follow its end", "damaged")
    bad.unlink()
    device.refuse(bad, "check the path")
    device.refuse(tmp_path, "not a regular file")


def test_a_foreign_device_is_refused(workshop, device, first):
    bundle = workshop.make(app("two"), archives=("two",), options=["--device", "gw2", "--device", "gw3"])
    device.refuse(bundle, "it is for gw2, gw3, and this device is gw1", "wrongDevice")
    assert receipt(bundle, kind="refusal")["result"] == "refused"


def test_an_unknown_key_is_refused(workshop, device, first):
    stranger, _ = workshop.pair("stranger")
    bundle = workshop.make(app("two"), archives=("two",), key=stranger)
    device.refuse(bundle, "none of which this device trusts", "bundle-keys", "unknownKey")


def test_an_expired_bundle_is_refused(workshop, device, first):
    bundle = workshop.make(app("two"), archives=("two",), options=["--expires", "2025-06-30"])
    device.refuse(bundle, "it expired at 2025-06-30T23:59:59Z", "expired")


def test_what_cannot_be_made_is_told_at_the_workshop(workshop):
    refused(workshop.make(app("three"), check=False), "Deployment", "app:three", "does not carry", "app:one")
    bad = app()
    bad["spec"]["template"]["spec"]["containers"][0]["imag"] = "x"
    refused(workshop.make(bad, check=False), "imag")
    refused(workshop.make(app(), check=False, key=workshop.public), "no Ed25519 private key", "openssl genpkey")
    refused(workshop.make(app(), check=False, archives=("/no/such.tar",)), "/no/such.tar")
    assert not list(workshop.directory.glob("*.part")) and not list(workshop.directory.glob("*.work.*"))


def test_objects_of_others_are_not_touched(workshop, device, first):
    device.apply(settings("mine", "own"))
    bundle = workshop.make(settings("theirs", "own"), archives=(), name="intruder")
    device.refuse(bundle, "the device has its own configmaps default/own", "conflict")
    bundle = workshop.make(settings("theirs"), archives=(), name="intruder")
    device.refuse(bundle, "came with the bundle app", "conflict")
    assert device.data_of("own") == {"level": "mine"}


def test_a_base_makes_it_small_and_must_be_there(workshop, device, first, tmp_path_factory):
    whole = workshop.make(app("two"), archives=("two",), sequence=2, name="whole")
    small = workshop.make(app("two"), archives=("two",), sequence=2, options=["--base", str(first)])
    assert small.stat().st_size < whole.stat().st_size / 5
    assert "1 of 2 layers expected on the device" in run(WHERRY, "bundle", "verify", small, "--key",
                                                           workshop.public).stdout
    other = Device(tmp_path_factory.mktemp("gw9"), workshop, "gw9").start()
    try:
        other.refuse(small, "is not carried and not on this device", "--base")
        assert other.images() == []
    finally:
        other.remove_everything()
    device.install(small)
    assert device.deployment()["spec"]["template"]["spec"]["containers"][0]["image"].startswith("app:two@")
    pod = next(p for p in device.pods("app=app") if p["status"]["phase"] == "Running"
               and not p["metadata"].get("deletionTimestamp"))
    assert device.kubectl("exec", pod["metadata"]["name"], "--", "cat", "/version", check=False).stdout in ("two\n", "")
    # The ConfigMap is no longer among its objects.
    assert device.get("/api/v1/namespaces/default/configmaps/settings")[0] == 404
    assert device.installed()["app"] == (2, "healthy")
    workshop.sequence = 2


def test_an_older_sequence_is_refused(workshop, device):
    assert device.installed()["app"][0] == 2
    device.refuse(workshop.directory / "app-1.bundle", "its sequence 1 is older than 2", "olderRevision")
    twin = workshop.make(settings("other"), archives=(), sequence=2)
    device.refuse(twin, "with other content", "equivocation")


def test_an_unhealthy_bundle_goes_back(workshop, device):
    before = device.deployment()
    assert device.installed()["app"] == (2, "healthy")
    bad = workshop.make(app("two", command=["sh", "-c", "exit 3"]), settings("new"), archives=(), sequence=5,
                        options=["--archive", str(workshop.archives["two"])])
    done = refused(device.cli("bundle", "install", str(bad), "--wait", "3", "--soak", "1", check=False),
                   "did not become ready", "sequence 2 is back", "unhealthy")
    assert "nothing was changed" not in done.stderr
    told = receipt(bad)
    assert (told["result"], told["code"]) == ("rolledBack", "unhealthy")
    assert device.installed()["app"] == (2, "healthy")
    assert device.deployment()["spec"]["template"] == before["spec"]["template"]
    assert device.get("/api/v1/namespaces/default/configmaps/settings")[0] == 404
    wait_for(lambda: device.deployment()["status"].get("availableReplicas") == 1, "the old pod is there again")
    # What failed did not raise the floor: a better one may follow with a number between.
    good = workshop.make(app("two"), settings("new"), archives=("two",), sequence=3)
    device.install(good)
    assert device.installed()["app"] == (3, "healthy")


def test_a_first_bundle_that_fails_leaves_nothing(workshop, device):
    bad = workshop.make(app("one", "late", command=["false"]), name="late")
    refused(device.cli("bundle", "install", str(bad), "--wait", "2", "--soak", "1", check=False), "its objects were removed")
    assert "late" not in device.installed()
    wait_for(lambda: device.get("/apis/apps/v1/namespaces/default/deployments/late")[0] == 404, "it is gone")


def test_a_killed_agent_leaves_nothing_half_done(workshop, tmp_path_factory):
    device = Device(tmp_path_factory.mktemp("gw4"), workshop, "gw4").start()
    bundle = workshop.make(app("two", "kept"), settings("x", "kept"), archives=("two",), name="kept")
    chance = random.Random(4)
    try:
        committed = []
        for moment in ("Verifying", "Checking", "Loading", "Loading", "Loading", "Waiting"):
            client = subprocess.Popen(
                [WHERRY, "bundle", "install", bundle, "--run-dir", device.run_dir, "--wait", "20", "--soak", "1"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            told = next((line for line in client.stderr if line.startswith(moment)), None)
            assert told or committed[-1:] == [True], f"it never said {moment}"
            if moment == "Loading":  # from the first layer to the commit
                threading.Event().wait(chance.random() * 0.15)
            device.kill()
            client.stderr.close()
            client.wait(20)
            device.start()
            has = (device.get("/apis/apps/v1/namespaces/default/deployments/kept")[0] == 200,
                   device.get("/api/v1/namespaces/default/configmaps/kept")[0] == 200,
                   "kept" in device.installed())
            assert len(set(has)) == 1, has
            committed.append(has[0])
        print(f"committed after each kill: {committed}")
        assert committed[-1], "the last one was killed while its workloads were waited for"
        device.install(bundle)
        assert device.installed()["kept"][1] == "healthy"
        assert device.deployment("kept")["status"]["availableReplicas"] == 1
    finally:
        device.remove_everything()


def test_a_trial_is_judged_by_the_next_agent(workshop, tmp_path_factory):
    device = Device(tmp_path_factory.mktemp("gw5"), workshop, "gw5").start()
    try:
        slow = workshop.make(app("one", "slow", command=["sh", "-c", "sleep 2; touch /tmp/ready; sleep 100000"],
                                 readinessProbe={"exec": {"command": ["test", "-e", "/tmp/ready"]},
                                                 "periodSeconds": 1}), name="slow")
        client = subprocess.Popen([WHERRY, "bundle", "install", slow, "--run-dir", device.run_dir],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: device.installed().get("slow", ("", ""))[1] == "trial", "committed", interval=0.01)
        device.kill()
        client.wait(20)
        device.start()
        wait_for(lambda: device.installed()["slow"][1] == "healthy", "judged")
    finally:
        device.remove_everything()


def test_a_full_disk_refuses_before_the_first_layer(workshop, tmp_path):
    device = SmallAgent(tmp_path / "s", 96)
    device.start()
    try:
        keys = device.inside("data/bundle-keys")
        keys.mkdir()
        (keys / "release.pem").write_bytes(workshop.public.read_bytes())
        bundle = workshop.make(app("two", "tight"), archives=("two",), name="tight")
        install = ("bundle", "install", str(bundle), "--wait", "20", "--soak", "1")
        device.fill(leave=3 << 20)
        refused(device.cli(*install, check=False), "are free", "diskFull")
        assert receipt(bundle, "small", "refusal")["result"] == "refused"
        assert device.json("/images/json") == [] and device.json("/wherry/v1/bundles")["bundles"] == []
        assert list(device.inside("data/layers").iterdir()) == []
        device.empty()
        device.cli(*install)
        assert receipt(bundle, "small")["result"] == "healthy"
    finally:
        device.remove_everything()


# From the hub


class Fleet:
    """A hub with an image in its registry and two devices that never reach it after they joined."""

    def __init__(self, place: Path, workshop: Workshop):
        self.place, self.workshop = place, workshop
        self.hub = Hub(place / "h").start()
        self.devices = [Device(place / name, None, name) for name in ("gw1", "gw2")]
        for device, name in zip(self.devices, ("gw1", "gw2")):
            self.hub.enrol(device, name)
        self.address = (self.hub.data / "tls/address").read_text()
        self.certs = place / "certs"
        self.certs.mkdir()
        (self.certs / "ca.crt").write_bytes((self.hub.data / "pki/ca.crt").read_bytes())
        self.serial = 0

    def push(self, tag: str):
        run("skopeo", "copy", "-q", "--dest-cert-dir", self.certs, "--dest-creds",
            "admin:" + (self.hub.data / "tls/token").read_text().strip(),
            f"oci:{self.workshop.directory}/layout:{tag}", f"docker://{self.address}/fleet/app:{tag}")

    def order(self, tag: str, *devices: str, options=(), check=True, **more) -> Path:
        """A bundle of a new revision of the hub."""
        self.hub.apply(deployment("fleet", 1, SLEEP, image=f"{self.address}/fleet/app:{tag}", **more))
        self.serial += 1
        output = self.place / f"fleet-{self.serial}.bundle"

        def made():
            done = self.hub.cli("bundle", "create", "-o", str(output), "--platform", "amd64", *options,
                                *[w for d in devices for w in ("--device", d)], check=check)
            if check:  # the planner may not have seen the change yet
                documents = [f for f in self.documents(output).values() if f"fleet/app:{tag}" in f]
                assert len(documents) == len(devices), documents
            return done
        done = wait_for(made, "the hub plans the change")
        return output if check else done

    @staticmethod
    def documents(bundle: Path) -> dict[str, str]:
        with tarfile.open(bundle) as tar:
            return {m.name: tar.extractfile(m).read().decode() for m in tar
                    if m.name.startswith("devices/") and not m.name.endswith(".head.json")}


@pytest.fixture(scope="module")
def fleet(workshop):
    import shutil
    import tempfile
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    fleet = Fleet(place, workshop)
    yield fleet
    for device in fleet.devices:
        device.remove_everything()
    fleet.hub.stop()
    shutil.rmtree(place, ignore_errors=True)


def test_the_hubs_bundle_is_an_update_of_the_hub(fleet):
    """What the hub would send goes by hand: the same head, the same checks, and the receipt comes back."""
    hub, (gw1, gw2) = fleet.hub, fleet.devices
    fleet.push("one")
    lacking = fleet.order("three", "gw1", check=False)
    refused(lacking, "fleet/app:three", "is not in the hub's registry", "push it there")
    old = fleet.order("one", "gw1", "gw2")
    fleet.push("two")
    new = fleet.order("two", "gw1", options=["--base", str(old)])
    assert new.stat().st_size < old.stat().st_size / 5
    hub.stop()

    gw1.start()
    gw1.refuse(new, "is not carried and not on this device")
    gw1.install(old)
    assert gw1.deployment("fleet")["status"]["availableReplicas"] == 1
    assert gw1.deployment("fleet")["metadata"]["annotations"]["wherry.dev/owner"] == "hub"
    gw1.install(new)
    image = gw1.deployment("fleet")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"{fleet.address}/fleet/app:two"
    # The floor of the fleet protocol holds for bundles, too.
    gw1.refuse(old, "is older than", "olderRevision")
    before = gw1.everything()
    gw1.install(new)
    assert gw1.everything() == before
    told = receipt(new)
    assert told["result"] == "healthy" and told["revision"]["rev"] > 0
    gw1.stop()

    gw2.start()
    gw2.refuse(new, "it is for gw1, and this device is gw2", "wrongDevice")
    gw2.stop()

    hub.start()
    shown = hub.cli("bundle", "receipt", f"{new}.gw1.receipt.json").stdout
    assert "signed by gw1; the hub counts revision" in shown and "as healthy" in shown
    wait_for(lambda: [e for e in hub.json("/api/v1/namespaces/default/events")["items"]
                      if e["reason"] == "BundleReceipt" and "healthy" in e["message"]], "an event on the Node")
    late = hub.cli("bundle", "receipt", f"{old}.gw1.receipt.json").stdout
    assert "is not the one that the hub has now" in late

    # Changed by one letter, or by another device: refused.
    envelope = json.loads(Path(f"{new}.gw1.receipt.json").read_text())
    for find, put in ((b'"healthy"', b'"unknown"'), (b'"dev":"gw1"', b'"dev":"gw2"')):
        forged = base64.b64decode(envelope["payload"]).replace(find, put)
        path = fleet.place / "forged.json"
        path.write_text(json.dumps({**envelope, "payload": base64.b64encode(forged).decode()}))
        refused(hub.cli("bundle", "receipt", str(path), check=False), "is not signed by its key")


def test_a_key_of_the_devices_does_not_replace_the_hubs(fleet, workshop):
    """A device of a fleet takes bundles of its own keys beside, and never over what the hub gave it."""
    gw1 = fleet.devices[0]
    gw1.trust(workshop.public)
    fleet.hub.stop()
    gw1.start()
    gw1.refuse(workshop.make(app("one", "fleet"), name="beside"), "is the hub's; it was not touched", "conflict")
    gw1.install(workshop.make(settings("low", "beside"), archives=(), name="beside"))
    assert gw1.data_of("beside") == {"level": "low"}
    gw1.stop()
