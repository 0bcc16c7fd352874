"""Images from registries behind TLS, with an authority of their own and a password, and what is said when that fails."""

import json
import shutil
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import SLEEP, Agent, Hub, deployment, free_port, oci_layout, pod, run, wait_for
from test_11_bad_input import refused

NAME = "registry.test"
USER, PASSWORD = "fleet", "s3cret pass"
# bcrypt of PASSWORD, of the least cost: Debian's htpasswd is in a package that nothing else here needs.
HTPASSWD = "fleet:$2b$04$WZTKZGCjTcJyByDwvI7ZUe5QQAudOb8ZHBP299DEZjHYKZZwZXehC\n"
SYSTEM_TRUST = Path("/etc/ssl/certs/ca-certificates.crt")


class Authority:
    """A private certificate authority, made with openssl."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True)
        self.certificate = directory / "ca.crt"
        self.key = directory / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=Test authority", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name: str, alternatives: str, days=2, usage="serverAuth") -> tuple[Path, Path]:
        """The paths of a new certificate and its key."""
        certificate, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage={usage}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key


class TLSRegistry:
    """Debian's docker-registry behind TLS, with a password when asked; several may share a store."""

    def __init__(self, directory: Path, pair: tuple[Path, Path], password=False, store: Path | None = None, auth=None):
        self.directory, self.pair, self.password, self.auth = directory, pair, password, auth
        self.store = store or directory / "store"
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    @property
    def host(self) -> str:
        return f"{NAME}:{self.port}"

    @property
    def loopback(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> "TLSRegistry":
        self.directory.mkdir(parents=True)
        config = {"version": 0.1, "log": {"level": "warn"}, "storage": {"filesystem": {"rootdirectory": str(self.store)}},
                  "http": {"addr": self.loopback,
                           "tls": {"certificate": str(self.pair[0]), "key": str(self.pair[1])}}}
        if self.password:
            (self.directory / "htpasswd").write_text(HTPASSWD)
            config["auth"] = {"htpasswd": {"realm": "fleet", "path": str(self.directory / "htpasswd")}}
        if self.auth:
            config["auth"] = self.auth
        (self.directory / "config.yml").write_text(json.dumps(config))  # JSON is YAML
        self.process = subprocess.Popen(["docker-registry", "serve", str(self.directory / "config.yml")],
                                        stdin=subprocess.DEVNULL, stdout=open(self.directory / "log", "a"),
                                        stderr=subprocess.STDOUT)
        wait_for(self.answers, "registry up")
        return self

    def answers(self) -> bool:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            urllib.request.urlopen(f"https://{self.loopback}/v2/", timeout=2, context=context)
        except urllib.error.HTTPError as error:
            return error.code == 401
        return True

    def push(self, name: str, layout: Path):
        run("skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}", f"oci:{layout}",
            f"docker://{self.loopback}/{name}")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


class TokenServer:
    """Signs tokens for the one user that it knows, as the distribution specification says; one answer for anybody else."""

    def __init__(self, authority: Authority, directory: Path):
        directory.mkdir(parents=True)
        self.pair = authority.issue("token", "IP:127.0.0.1")
        self.authority, self.port, self.asked = authority, free_port(), []
        self.signer, self.signing = directory / "signer.crt", directory / "signer.key"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Token signer",
            "-keyout", self.signing, "-out", self.signer)

    @property
    def configuration(self) -> dict:
        return {"token": {"realm": f"https://127.0.0.1:{self.port}/token", "service": "our registry", "issuer": "test",
                          "rootcertbundle": str(self.signer)}}

    def start(self) -> "TokenServer":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                login = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                known = self.headers.get("Authorization") == login
                if known:
                    outer.asked.append((query["service"], query["scope"]))
                body = json.dumps({"token": outer.token(query)} if known else {"details": "who?"}).encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def token(self, query: dict) -> str:
        kind, name, action = query["scope"].split(":")
        chain = run("openssl", "x509", "-in", self.signer).stdout.split("-----")[2].replace("\n", "")
        now = int(time.time())
        parts = [{"typ": "JWT", "alg": "RS256", "x5c": [chain]},
                 {"iss": "test", "sub": USER, "aud": query["service"], "iat": now, "nbf": now - 5, "exp": now + 60,
                  "jti": str(now), "access": [{"type": kind, "name": name, "actions": action.split(",")}]}]
        text = ".".join(self.encode(json.dumps(part).encode()) for part in parts)
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(self.signing)], input=text.encode(),
                                   capture_output=True, check=True).stdout
        return f"{text}.{self.encode(signature)}"

    @staticmethod
    def encode(data: bytes) -> str:
        return urlsafe_b64encode(data).decode().rstrip("=")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Machine:
    """A private view of /etc for an agent: our registry's name, and trust that the test may change while it runs."""

    def __init__(self, directory: Path):
        directory.mkdir(parents=True)
        self.trust, self.hosts = directory / "ca-certificates.crt", directory / "hosts"
        shutil.copy(SYSTEM_TRUST, self.trust)
        self.hosts.write_text(Path("/etc/hosts").read_text() + f"\n127.0.0.1 {NAME}\n")
        script = f'mount --bind {self.trust} {SYSTEM_TRUST} && mount --bind {self.hosts} /etc/hosts && exec "$@"'
        self.prefix = ("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh")

    def trusts(self, authority: Authority):
        """What `update-ca-certificates` does with a file in /usr/local/share/ca-certificates."""
        with self.trust.open("a") as file:
            file.write(authority.certificate.read_text())


@pytest.fixture
def authority(place):
    return Authority(place / "ca")


@pytest.fixture
def machine(place):
    return Machine(place / "etc")


@pytest.fixture
def device(place, machine):
    agent = Agent(place / "a", "--node-name", "dev1", prefix=machine.prefix).start()
    yield agent
    agent.remove_everything()


@pytest.fixture
def registries(place):
    """Starts registries, and stops them."""
    started = []

    def start(*arguments, **options) -> TLSRegistry:
        started.append(TLSRegistry(place / f"registry{len(started)}", *arguments, **options))
        return started[-1].start()
    yield start
    for registry in started:
        registry.stop()


def docker_configuration(registry: TLSRegistry, user=USER, password=PASSWORD) -> dict:
    """What `docker login` writes."""
    return {"auths": {registry.host: {"auth": b64encode(f"{user}:{password}".encode()).decode()}}}


def pull_secret(name: str, registry: TLSRegistry, **login) -> dict:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
            "stringData": {".dockerconfigjson": json.dumps(docker_configuration(registry, **login))}}


def with_secret(manifest: dict, name: str) -> dict:
    spec = manifest["spec"]["template"]["spec"] if "template" in manifest["spec"] else manifest["spec"]
    spec["imagePullSecrets"] = [{"name": name}]
    return manifest


def waiting(agent: Agent, name: str) -> dict:
    return agent.pod(name)["status"]["containerStatuses"][0]["state"]["waiting"]


def test_a_private_authority_and_a_password(device, machine, authority, registries, images, place):
    """The system's store of authorities is asked at each pull; the docker client's login reaches the registry."""
    registry = registries(authority.issue("good", f"DNS:{NAME},IP:127.0.0.1"), password=True)
    registry.push("app:1", oci_layout(images, SLEEP, tag="tls"))
    image = f"{registry.host}/app:1"
    refused(device.cli("pull", image, check=False), image, "certificate")
    machine.trusts(authority)  # the agent runs on
    refused(device.cli("pull", image, check=False), image, f"registry {registry.host} wants a login")

    home = place / "docker"
    home.mkdir()

    def docker_pull(check=True, **login):
        (home / "config.json").write_text(json.dumps(docker_configuration(registry, **login)))
        return run("docker", "-H", f"unix://{device.run_dir}/wherry.sock", "pull", image, check=check,
                   env={"DOCKER_CONFIG": str(home)})

    refused(docker_pull(check=False, password="guess"), registry.host, "check the login")
    assert image not in device.cli("images").stdout
    assert f"Downloaded newer image for {image}" in docker_pull().stdout
    assert image in device.cli("images").stdout
    assert PASSWORD not in device.log.read_text()


def test_a_deployment_of_the_hub_pulls_with_its_secret(place, machine, authority, registries, images):
    registry = registries(authority.issue("good", f"DNS:{NAME}"), password=True)
    registry.push("app:1", oci_layout(images, SLEEP, tag="tls"))
    machine.trusts(authority)
    image = f"{registry.host}/app:1"
    hub, agent = Hub(place / "h").start(), Agent(place / "a", prefix=machine.prefix)
    try:
        hub.enrol(agent, "dev1")
        agent.start()
        hub.apply([pull_secret("login", registry), with_secret(deployment("app", 2, SLEEP, image=image), "login")])
        hub.kubectl("rollout", "status", "deployment/app", "--timeout=30s")
        name = agent.pods("app=app")[0]["metadata"]["name"]
        assert [e["message"] for e in agent.events(name) if e["reason"] == "Pulled"], agent.events(name)
        assert agent.json("/api/v1/namespaces/default/secrets/login")["type"] == "kubernetes.io/dockerconfigjson"
    finally:
        agent.remove_everything()
        hub.stop()


def test_pods_say_which_login_is_missing_or_wrong_and_take_the_right_one(device, machine, authority, registries, images):
    registry = registries(authority.issue("good", f"DNS:{NAME}"), password=True)
    registry.push("app:1", oci_layout(images, SLEEP, tag="tls"))
    machine.trusts(authority)
    image = f"{registry.host}/app:1"
    device.apply([pull_secret("wrong", registry, password="guess"), pod("without", SLEEP, image=image),
                  with_secret(pod("wrong", SLEEP, image=image), "wrong"),
                  with_secret(pod("missing", SLEEP, image=image), "missing")])
    for name, words in (("without", "wants a login"), ("wrong", "check the login"), ("missing", "wants a login")):
        state = wait_for(lambda n=name: waiting(device, n), f"{name} waits")
        wait_for(lambda n=name: waiting(device, n)["reason"] in ("ErrImagePull", "ImagePullBackOff"), "its reason")
        told = wait_for(lambda n=name: [e["message"] for e in device.events(n) if "registry" in e["message"]], "its event")
        assert words in " ".join(told) and registry.host in " ".join(told), (name, told, state)
    described = device.kubectl("describe", "pod", "without").stdout
    assert "wants a login" in described and "ErrImagePull" in described + str(device.events("without")), described
    # The secret that was missing comes: the next try, which backs off, takes it.
    device.apply(pull_secret("missing", registry))
    wait_for(lambda: device.running("missing"), "pulled with the secret that came late", 40)


def test_a_token_server_is_asked_as_the_registry_says(device, machine, authority, registries, images, place):
    """The token flow against the real registry: it accepts only what our token server signs."""
    server = TokenServer(authority, place / "token").start()
    try:
        registry = registries(authority.issue("good", f"DNS:{NAME}"), auth=server.configuration)
        seed = registries(authority.issue("seed", f"DNS:{NAME}"), store=registry.store)
        seed.push("app:1", oci_layout(images, SLEEP, tag="tls"))
        machine.trusts(authority)
        image = f"{registry.host}/app:1"
        refused(device.cli("pull", image, check=False), registry.host, "anonymous access")
        device.apply([pull_secret("login", registry), with_secret(pod("app", SLEEP, image=image), "login")])
        wait_for(lambda: device.running("app"), "pulled with a token", 40)
        assert {"repository:app:pull"} == {scope for _, scope in server.asked}, server.asked
    finally:
        server.stop()


@pytest.mark.parametrize("by", ["host", "loopback"])
def test_a_certificate_that_cannot_be_trusted_is_named_with_its_remedy(by, device, machine, authority, registries):
    names = f"DNS:{NAME},IP:127.0.0.1"
    unknown = registries(Authority(authority.directory / "unknown").issue("unknown", names))
    expired = registries(authority.issue("expired", names, days=-1))
    other = registries(authority.issue("other", "DNS:elsewhere.test,IP:127.0.0.2"))
    machine.trusts(authority)
    for registry, words in ((unknown, ("authority", str(SYSTEM_TRUST))), (expired, ("expired", "clock")),
                            (other, ("is not for",))):
        address = getattr(registry, by)
        done = device.cli("pull", f"{address}/app:1", check=False)
        refused(done, f"{address}/app:1", f"registry {address}", "certificate", *words)
        # Words for people: no library's names, no paths of the build machine, no remedy that does not exist.
        for word in ("BoringSSL", "NIOSSL", "/checkouts/", "insecure"):
            assert word not in done.stderr, done.stderr
    device.apply(pod("app", SLEEP, image=f"{getattr(expired, by)}/app:1"))
    told = wait_for(lambda: [e["message"] for e in device.events("app") if "certificate" in e["message"]], "its event")
    assert "expired" in told[0] and getattr(expired, by) in told[0], told


def test_plain_http_is_for_this_machine_only(device, registry, images):
    registry.push("app:1", oci_layout(images, SLEEP, tag="plain"))
    for host in (f"localhost:{registry.port}", registry.host):
        assert "app:1" in device.cli("pull", f"{host}/app:1").stdout
    away = f"{NAME}:{registry.port}"  # a name that might lead anywhere
    done = device.cli("pull", f"{away}/app:1", check=False)
    refused(done, f"registry {away}", "https")
    for word in ("BoringSSL", "NIOSSL", "/checkouts/", "insecure"):
        assert word not in done.stderr, done.stderr


def test_a_login_that_a_registry_wants_can_be_given_to_wherry_pull(device, machine, authority, registries, images, place):
    """The message's remedy must exist: `docker login`'s file, which skopeo, podman and docker read too."""
    registry = registries(authority.issue("good", f"DNS:{NAME}"), password=True)
    registry.push("app:1", oci_layout(images, SLEEP, tag="tls"))
    machine.trusts(authority)
    (place / "docker").mkdir()
    (place / "docker/config.json").write_text(json.dumps(docker_configuration(registry)))
    image = f"{registry.host}/app:1"
    done = run(device.binary, "pull", image, "--run-dir", device.run_dir, env={"DOCKER_CONFIG": str(place / "docker")})
    assert f"Downloaded newer image for {image}" in done.stdout
