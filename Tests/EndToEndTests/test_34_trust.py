"""The image policy of a device: signatures made with openssl, in a real registry, by pull and for pods."""

import hashlib
import json
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from harness import SLEEP, Agent, oci_layout, pod, run, wait_for
from test_11_bad_input import refused as check_refused

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
COSIGN_ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def refused(done, *words: str):
    check_refused(done, *words)
    return done


class Key:
    """A key pair of openssl's, and signatures by it."""

    KINDS = {"p256": ("EC", "ec_paramgen_curve:P-256"), "p384": ("EC", "ec_paramgen_curve:P-384"),
             "rsa": ("RSA", "rsa_keygen_bits:2048"), "rsa4096": ("RSA", "rsa_keygen_bits:4096"),
             "short": ("RSA", "rsa_keygen_bits:1024"), "ed25519": ("ED25519", None)}

    def __init__(self, directory: Path, name: str, kind="p256"):
        directory.mkdir(parents=True, exist_ok=True)
        self.private, self.public, self.kind = directory / f"{name}.key", directory / f"{name}.pub", kind
        algorithm, option = self.KINDS[kind]
        run("openssl", "genpkey", "-algorithm", algorithm, *(["-pkeyopt", option] if option else []),
            "-out", self.private)
        run("openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public)

    def sign(self, message: bytes) -> bytes:
        file = self.private.with_suffix(".message")
        file.write_bytes(message)
        out = self.private.with_suffix(".signature")
        if self.kind == "ed25519":
            run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", file, "-out", out)
        else:
            run("openssl", "dgst", "-sha256", "-sign", self.private, "-out", out, file)
        return out.read_bytes()


class Repository:
    """A repository by plain HTTP."""

    def __init__(self, host: str, name: str):
        self.base, self.name, self.host = f"http://{host}/v2/{name}", f"{host}/{name}", host

    def put(self, url: str, body: bytes, kind: str):
        request = urllib.request.Request(url, body, {"Content-Type": kind}, method="PUT")
        assert urllib.request.urlopen(request, timeout=10).status == 201

    def blob(self, content: bytes) -> dict:
        start = urllib.request.urlopen(urllib.request.Request(f"{self.base}/blobs/uploads/", b"", method="POST"))
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        location = start.headers["Location"]
        separator = "&" if "?" in location else "?"
        self.put(f"{location}{separator}digest={digest}", content, "application/octet-stream")
        return {"digest": digest, "size": len(content)}

    def digest(self, tag: str) -> str:
        request = urllib.request.Request(f"{self.base}/manifests/{tag}", method="HEAD",
                                         headers={"Accept": f"{MANIFEST}, {INDEX}"})
        return urllib.request.urlopen(request, timeout=10).headers["Docker-Content-Digest"]

    def artifact(self, layer: dict, **more) -> tuple[bytes, dict]:
        config = {"mediaType": "application/vnd.oci.image.config.v1+json", **self.blob(b"{}")}
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
                           **more}).encode()
        return body, {"mediaType": MANIFEST, "digest": "sha256:" + hashlib.sha256(body).hexdigest(), "size": len(body)}

    def cosign(self, key: Key, digest: str, signed: str | None = None, name: str | None = None):
        """Signs as cosign does, under its tag; `signed` is the digest in the payload when it shall be another."""
        layer = self.simple_signing(key, signed or digest, name or self.name)
        body, _ = self.artifact(layer)
        self.put(f"{self.base}/manifests/{digest.replace(':', '-')}.sig", body, MANIFEST)

    def simple_signing(self, key: Key, digest: str, name: str) -> dict:
        payload = json.dumps({"critical": {"identity": {"docker-reference": name},
                                           "image": {"docker-manifest-digest": digest},
                                           "type": "cosign container image signature"}, "optional": None}).encode()
        return {"mediaType": SIMPLE_SIGNING, **self.blob(payload),
                "annotations": {"dev.cosignproject.cosign/signature": b64encode(key.sign(payload)).decode()}}

    def refer(self, digest: str, layer: dict, kind: str):
        """As a referrer of OCI 1.1; Debian's registry has no list of them, so the fallback tag holds one."""
        size = len(urllib.request.urlopen(urllib.request.Request(
            f"{self.base}/manifests/{digest}", headers={"Accept": MANIFEST}), timeout=10).read())
        body, descriptor = self.artifact(layer, artifactType=kind, subject={
            "mediaType": MANIFEST, "digest": digest, "size": size})
        self.put(f"{self.base}/manifests/{descriptor['digest']}", body, MANIFEST)
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX,
                            "manifests": [{**descriptor, "artifactType": kind}]}).encode()
        self.put(f"{self.base}/manifests/{digest.replace(':', '-')}", index, INDEX)

    def bundle(self, key: Key, digest: str):
        statement = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": [
            {"digest": {"sha256": digest.split(":")[1]}}], "predicate": {},
            "predicateType": "https://sigstore.dev/cosign/sign/v1"}).encode()
        kind = "application/vnd.in-toto+json"
        message = f"DSSEv1 {len(kind)} {kind} {len(statement)} ".encode() + statement
        content = json.dumps({"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": "x"}},
                              "dsseEnvelope": {"payload": b64encode(statement).decode(), "payloadType": kind,
                                               "signatures": [{"sig": b64encode(key.sign(message)).decode()}]}}).encode()
        self.refer(digest, {"mediaType": BUNDLE, **self.blob(content)}, BUNDLE)


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Key:
    return Key(tmp_path_factory.mktemp("keys"), "fleet")


@pytest.fixture
def site(agent, registry, place):
    """An agent, and an image in the repositories that its policy speaks of, each with its own digest."""
    layout = oci_layout(place, SLEEP)

    def push(name: str) -> Repository:
        run("umoci", "config", "--image", f"{place / 'layout'}:latest", "--tag", "labelled",
            "--config.label", f"for={name}")
        registry.push(f"{name}:1", Path(f"{place / 'layout'}:labelled"))
        return Repository(registry.host, name)

    assert layout
    return agent, registry, push


def policy(agent: Agent, default: list, **scopes):
    (agent.data / "image-policy.json").write_text(json.dumps({"default": default, "transports": {"docker": scopes}}))


def signed_by(*keys: Key, **more) -> list:
    return [{"type": "sigstoreSigned", "keyPaths": [str(key.public) for key in keys], **more}]


ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]


def blocked(agent: Agent, name: str, reason: str) -> str:
    """Waits until a pod's container waits for this reason; its message."""
    def waiting():
        state = agent.pod(name)["status"]["containerStatuses"][0]["state"]["waiting"]
        assert state["reason"] == reason, state
        return state["message"]
    return wait_for(waiting, f"pod {name} waits with {reason}", 20)


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa", "rsa4096"])
def test_an_image_signed_with_a_key_of_the_policy_is_pulled_and_runs(site, place, kind):
    agent, registry, push = site
    signer = Key(place / "keys", kind, kind)
    repository = push("fleet/app")
    repository.cosign(signer, repository.digest("1"))
    policy(agent, REJECT, **{registry.host: signed_by(signer)})
    assert "sha256:" in agent.cli("pull", f"{repository.name}:1").stdout
    if kind == "p256":
        policy(agent, REJECT, **{registry.host: signed_by(signer), "docker.io/library/busybox": ACCEPT})
        registry.stop()  # the signature is kept: a start needs no registry
        agent.apply(pod("app", SLEEP, image=f"{repository.name}:1", container={"imagePullPolicy": "IfNotPresent"}))
        wait_for(lambda: agent.running("app"), "the signed image runs")


def test_a_key_that_cannot_be_used_breaks_the_policy(site, place):
    agent, registry, push = site
    repository = push("fleet/app")
    signer = Key(place / "keys", "short", "short")
    policy(agent, REJECT, **{registry.host: signed_by(signer)})
    refused(agent.cli("pull", f"{repository.name}:1", check=False), "RSA of 2048 to 8192 bits", str(signer.public))


@pytest.mark.parametrize("form", ["referrer", "bundle"])
def test_signatures_are_found_among_the_referrers(site, key, form):
    agent, registry, push = site
    repository = push("fleet/app")
    digest = repository.digest("1")
    policy(agent, REJECT, **{registry.host: signed_by(key)})
    refused(agent.cli("pull", f"{repository.name}:1", check=False), "no signature")
    if form == "bundle":
        repository.bundle(key, digest)
    else:
        repository.refer(digest, repository.simple_signing(key, digest, repository.name), COSIGN_ARTIFACT)
    agent.cli("pull", f"{repository.name}:1")


CASES = {
    "unsigned": ("SignatureValidationFailed", "no signature of"),
    "wrongly": ("SignatureValidationFailed", "was made with"),
    "other": ("SignatureValidationFailed", "for another image"),
    "renamed": ("SignatureValidationFailed", "for the name"),
    "expired": ("SignatureValidationFailed", "admits no images after"),
    "forbidden": ("ImagePolicyRejected", "not allowed on this device"),
}


@pytest.mark.parametrize("case", list(CASES))
def test_what_the_policy_does_not_allow_is_refused_by_name_scope_and_reason(site, key, place, case):
    agent, registry, push = site
    repository = push(f"fleet/{case}")
    digest = repository.digest("1")
    rule, scope = signed_by(key), f"{registry.host}/fleet"
    if case == "wrongly":
        repository.cosign(Key(place / "keys", "stranger"), digest)
    elif case == "other":
        repository.cosign(key, digest, signed=push("fleet/elsewhere").digest("1"))
    elif case == "renamed":
        repository.cosign(key, digest, name="registry.test/another/app")
        rule = signed_by(key, signedIdentity={"type": "matchRepository"})
    elif case == "expired":
        repository.cosign(key, digest)
        rule = [{"type": "sigstoreSigned",
                 "keys": [{"keyPath": str(key.public), "notAfter": "2020-01-01T00:00:00Z"}]}]
    elif case == "forbidden":
        rule, scope = REJECT, repository.name
    policy(agent, REJECT, **{registry.host: ACCEPT, scope: rule})
    reason, words = CASES[case]
    image = f"{repository.name}:1"
    done = refused(agent.cli("pull", image, check=False), words)
    for part in (image, str(agent.data / "image-policy.json"), f'scope "{scope}"'):
        assert part in done.stderr, done.stderr
    assert image not in agent.cli("images").stdout
    blobs = {path.name for path in (agent.data / "blobs/sha256").iterdir()}
    assert not blobs & {layer["digest"].split(":")[1] for layer in json.loads(
        run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{image}").stdout)["layers"]}
    agent.apply(pod("app", SLEEP, image=image))
    message = blocked(agent, "app", reason)
    assert words in message and "image-policy.json" in message, message
    assert any(words in event["message"] for event in agent.events("app"))
    assert reason in agent.kubectl("get", "pod", "app").stdout
    assert words in agent.kubectl("describe", "pod", "app").stdout


def test_a_policy_change_is_seen_at_the_next_start_and_stops_nothing_that_runs(site, key):
    agent, registry, push = site
    repository = push("fleet/app")
    image = f"{repository.name}:1"
    agent.apply(pod("app", SLEEP, image=image))
    wait_for(lambda: agent.running("app"), "the pod runs while there is no policy")
    policy(agent, REJECT, **{registry.host: signed_by(key)})
    agent.apply(pod("second", SLEEP, image=image, container={"imagePullPolicy": "IfNotPresent"}))
    assert "no signature of" in blocked(agent, "second", "SignatureValidationFailed")
    agent.running("app")
    repository.cosign(key, repository.digest("1"))
    # It is pulled again for its signature, in the pod's own back-off.
    wait_for(lambda: agent.running("second"), "the signed image runs", 60)
    assert agent.running("app")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_broken_policy_admits_nothing_new_and_stops_nothing(site):
    agent, registry, push = site
    known, new = push("fleet/known"), push("fleet/new")
    policy(agent, REJECT, **{registry.host: ACCEPT})
    agent.apply(pod("known", ["sh", "-c", "sleep 2; exit 1"], image=f"{known.name}:1"))
    wait_for(lambda: agent.running("known"), "the pod runs")
    (agent.data / "image-policy.json").write_text('{"default": [')
    refused(agent.cli("pull", f"{new.name}:1", check=False), "image-policy.json is broken")
    agent.apply(pod("new", SLEEP, image=f"{new.name}:1"))
    assert "repair it" in blocked(agent, "new", "ImagePolicyRejected")
    # What was accepted before is started again after its end.
    wait_for(lambda: agent.pod("known")["status"]["containerStatuses"][0]["restartCount"] >= 1, "a restart", 30)
    (agent.data / "image-policy.json").unlink()
    refused(agent.cli("pull", f"{new.name}:1", check=False), "was in force and is gone")


def test_loads_and_imports_are_judged_by_the_names_they_give(site, key, images, place):
    agent, registry, push = site
    repository = push("fleet/app")
    digest = repository.digest("1")
    repository.cosign(key, digest)
    image, source = f"{repository.name}:1", f"docker://{repository.name}"
    scopes = {registry.host: signed_by(key), "docker.io/library/free": ACCEPT}
    policy(agent, REJECT, **scopes)
    archive = place / "app.tar"
    run("skopeo", "copy", "-q", "--src-tls-verify=false", f"{source}:1", f"docker-archive:{archive}:{image}")
    done = refused(agent.cli("load", str(archive), check=False), "no signature of it is here")
    assert image in done.stderr
    # A layout with the signature beside the image, as `cosign save` writes it.
    layout = place / "signed"
    for tag, name in (("1", image), (f"{digest.replace(':', '-')}.sig", "")):
        run("skopeo", "copy", "-q", "--src-tls-verify=false", f"{source}:{tag}", f"oci:{layout}:{name or tag}")
    assert image in agent.cli("load", str(layout)).stdout
    agent.apply(pod("app", SLEEP, image=image, container={"imagePullPolicy": "Never"}))
    wait_for(lambda: agent.running("app"), "the loaded image runs")
    root = images / "root.tar"
    refused(agent.cli("import", str(root), "other.test/x:1", check=False), "not allowed on this device")
    agent.cli("import", str(root), "free:1")
    # A name under another rule does not come with the rights of the first.
    agent.cli("tag", "free:1", f"{registry.host}/fleet/smuggled:1")
    agent.apply(pod("smuggled", SLEEP, image=f"{registry.host}/fleet/smuggled:1",
                    container={"imagePullPolicy": "Never"}))
    assert "no signature" in blocked(agent, "smuggled", "SignatureValidationFailed")
