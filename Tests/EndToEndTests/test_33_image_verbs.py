"""The image verbs as Docker users know them: the docker CLI, docker-py, skopeo and umoci against a device's socket."""

import contextlib
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import SLEEP, SOAK, Agent, WHERRY, busybox_root, deployment, oci_layout, pod, run, wait_for
from test_11_bad_input import refused
from test_14_tls_registry import PASSWORD, USER


class Docker:
    """The docker command against an agent, with a configuration of its own."""

    def __init__(self, agent: Agent):
        self.socket, self.config = f"unix://{agent.run_dir}/wherry.sock", agent.directory / "docker"
        self.config.mkdir(exist_ok=True)

    def __call__(self, *arguments, check=True, **more) -> subprocess.CompletedProcess:
        return run("docker", "-H", self.socket, "--config", self.config, *arguments, check=check, **more)

    def inspect(self, name: str) -> dict:
        return json.loads(self("inspect", name).stdout)[0]


@pytest.fixture
def docker(agent) -> Docker:
    return Docker(agent)


@pytest.fixture
def client(agent):
    docker = pytest.importorskip("docker", reason="needs python3-docker")
    client = docker.DockerClient(base_url=f"unix://{agent.run_dir}/wherry.sock", version="auto")
    yield client
    client.close()


def diff_ids(source: str) -> list[str]:
    return json.loads(run("skopeo", "inspect", "--config", "--tls-verify=false", source).stdout)["rootfs"]["diff_ids"]


def own_command(name: str, image: str) -> dict:
    """A pod that runs what its image says, once."""
    made = pod(name, SLEEP, image=image, restartPolicy="Never")
    del made["spec"]["containers"][0]["command"]
    return made


def container_id(agent: Agent, name: str) -> str:
    pod = wait_for(lambda: agent.running(name), f"pod {name} runs")
    return pod["status"]["containerStatuses"][0]["containerID"].split("://")[1]


# Archives


def test_what_save_writes_skopeo_reads_and_load_takes_back(agent, docker, place):
    docker("tag", "busybox:test", "registry.test/team/box:1")
    before = docker.inspect("busybox:test")
    archive = place / "images.tar"
    docker("save", "-o", archive, "busybox:test", "registry.test/team/box:1")
    names = tarfile.open(archive).getnames()
    for name in ("oci-layout", "index.json", "manifest.json", "repositories"):
        assert names.count(name) == 1, names
    layers = before["RootFS"]["Layers"]
    assert diff_ids(f"docker-archive:{archive}:busybox:test") == layers
    assert diff_ids(f"docker-archive:{archive}:registry.test/team/box:1") == layers
    assert diff_ids(f"oci-archive:{archive}:test") == layers
    for kind in ("docker-archive", "oci-archive"):
        run("skopeo", "copy", "-q", f"{kind}:{archive}:{'busybox:' if kind == 'docker-archive' else ''}test",
            f"oci:{place / kind}:test")
        run("umoci", "unpack", "--image", f"{place / kind}:test", place / f"{kind}-root")
        assert (place / f"{kind}-root/rootfs/www/index.html").read_text() == "hello from wherry\n"
    docker("rmi", "busybox:test", "registry.test/team/box:1")
    assert "busybox" not in docker("images").stdout
    loaded = docker("load", "-i", archive).stdout
    assert "Loaded image: busybox:test" in loaded and "Loaded image: registry.test/team/box:1" in loaded
    assert docker.inspect("busybox:test")["Id"] == before["Id"]


def test_a_repository_without_tag_is_saved_with_all_of_them_and_an_id_without_names(agent, docker, place):
    docker("tag", "busybox:test", "busybox:other")
    for name, tags in (("busybox", ["busybox:other", "busybox:test"]), ("busybox:other", ["busybox:other"]),
                       (docker.inspect("busybox:test")["Id"], None)):
        data = subprocess.run(["docker", "-H", docker.socket, "save", name], capture_output=True, check=True).stdout
        entries = json.loads(tarfile.open(fileobj=io.BytesIO(data)).extractfile("manifest.json").read())
        assert [entry["RepoTags"] for entry in entries] == [tags]


def test_layout_directories_go_both_ways(agent, docker, place):
    layout = place / "layout"
    agent.cli("save", "--layout", str(layout), "busybox:test")
    assert sorted(p.name for p in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]
    image = docker.inspect("busybox:test")
    assert diff_ids(f"oci:{layout}:test") == image["RootFS"]["Layers"]
    run("umoci", "config", "--image", f"{layout}:test", "--tag", "changed", "--config.cmd", "true")
    index = json.loads((layout / "index.json").read_text())
    for entry in index["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == "changed":
            entry["annotations"] = {"org.opencontainers.image.ref.name": "example.test/changed:2"}
    (layout / "index.json").write_text(json.dumps(index))
    refused(agent.cli("save", "--layout", str(layout), "busybox:test", check=False), "not empty")
    text = agent.cli("load", str(layout)).stdout
    assert "example.test/changed:2" in text
    assert docker.inspect("example.test/changed:2")["Config"]["Cmd"] == ["true"]
    (layout / "oci-layout").unlink()
    refused(agent.cli("load", str(layout), check=False), "oci-layout")


def test_everything_that_skopeo_writes_is_loaded(agent, docker, place):
    source = oci_layout(place, ["sleep", "7"])
    for kind, more in (("docker-archive", []), ("oci-archive", []),
                       ("oci-archive", ["--dest-compress-format", "zstd", "--dest-oci-accept-uncompressed-layers"])):
        name, archive = f"example.test/{kind}{len(more)}:1", place / f"{kind}{len(more)}.tar"
        run("skopeo", "copy", "-q", *more[:2], f"oci:{source}", f"{kind}:{archive}:{name}")
        assert f"Loaded image: {name}" in docker("load", "-i", archive).stdout
        assert docker.inspect(name)["Config"]["Cmd"] == ["sleep", "7"]


# Registries


def test_push_sends_what_the_registry_lacks_and_skopeo_reads_it(agent, docker, registry):
    name = f"{registry.host}/team/box"
    docker("tag", "busybox:test", f"{name}:1")
    first = docker("push", f"{name}:1").stdout
    digest = next(line.split()[2] for line in first.splitlines() if line.startswith("1: digest:"))
    assert "The push refers to repository" in first and "Pushed" in first
    assert diff_ids(f"docker://{name}:1") == docker.inspect("busybox:test")["RootFS"]["Layers"]
    assert f"{name}@{digest}" in docker.inspect(f"{name}:1")["RepoDigests"]
    assert "Layer already exists" in docker("push", f"{name}:1").stdout
    docker("tag", "busybox:test", f"{registry.host}/other/box:1")
    assert "Mounted from team/box" in docker("push", f"{registry.host}/other/box:1").stdout
    docker("tag", "busybox:test", f"{name}:2")
    docker("push", "-a", name)
    tags = json.load(urllib.request.urlopen(f"http://{registry.host}/v2/team/box/tags/list"))["tags"]
    assert sorted(tags) == ["1", "2"]
    identity = docker.inspect("busybox:test")["Id"]
    docker("rmi", f"{name}:1", f"{name}:2", f"{registry.host}/other/box:1", "busybox:test")
    docker("pull", f"{name}@{digest}")
    assert docker.inspect(f"{name}@{digest}")["Id"] == identity
    assert "No such image" in docker("push", f"{name}:absent", check=False).stderr
    refused(agent.cli("push", f"{name}:absent", check=False), f"{name}:absent")
    refused(agent.cli("push", f"{name}@{digest}", check=False), "not a digest", status=2)


class CuttingProxy:
    """Passes a registry's connections on, and breaks one whenever so many bytes went up, so many times."""

    def __init__(self, target: str, every: int, cuts: int):
        self.host, self.port = target.split(":")
        self.every, self.cuts, self.sent, self.made = every, cuts, 0, 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection((self.host, int(self.port)))
                threading.Thread(target=self.copy, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self.copy, args=(far, near, False), daemon=True).start()

    def copy(self, source, target, is_upload):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
                if is_upload and self.must_cut(len(data)):
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def must_cut(self, count: int) -> bool:
        with self.lock:
            self.sent += count
            if self.made < self.cuts and self.sent >= self.every * (self.made + 1):
                self.made += 1
                return True
            return False

    def stop(self):
        self.listener.close()


def random_image(agent: Agent, place, name: str, size: int):
    root = place / "big.tar"
    with tarfile.open(root, "w") as tar:
        info = tarfile.TarInfo("big")
        info.size = size
        tar.addfile(info, io.BytesIO(os.urandom(size)))
    agent.cli("import", str(root), name)


def test_a_push_gets_through_a_link_that_breaks(agent, docker, registry, place):
    size = (64 if SOAK else 24) << 20
    proxy = CuttingProxy(registry.host, every=5 << 20, cuts=size >> 23)
    name = f"{proxy.address}/big:1"
    random_image(agent, place, name, size)
    agent.cli("push", name)
    proxy.stop()
    assert proxy.made == size >> 23
    assert diff_ids(f"docker://{registry.host}/big:1") == docker.inspect(name)["RootFS"]["Layers"]
    run("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{registry.host}/big:1", f"dir:{place / 'out'}")


class StrictRegistry:
    """Uploads by the letter of the specification: it keeps what came of a chunk that broke off, says how far it got, and
    takes nothing out of order. It breaks the connection at random within every third chunk."""

    def __init__(self):
        outer = self
        self.uploads, self.blobs, self.manifests = {}, {}, {}
        self.received, self.cuts, self.chunks = 0, 0, 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def session(self, status, key):
                end = max(len(outer.uploads[key]) - 1, 0)
                self.answer(status, Location=f"/v2/big/blobs/uploads/{key}?state=x", Range=f"0-{end}")

            def do_GET(self):
                last = urlsplit(self.path).path.split("/")[-1]
                if self.path == "/v2/":
                    self.answer(200)
                elif "/uploads/" in self.path:
                    self.session(204, last)
                else:
                    content = (outer.blobs if "/blobs/" in self.path else outer.manifests).get(last)
                    self.answer(404 if content is None else 200, content or b"")

            do_HEAD = do_GET

            def do_POST(self):
                key = f"u{len(outer.uploads)}"
                outer.uploads[key] = bytearray()
                self.session(202, key)

            def do_PATCH(self):
                key = urlsplit(self.path).path.split("/")[-1]
                start, end = map(int, self.headers["Content-Range"].split("-"))
                if start != len(outer.uploads[key]) or "state=x" not in self.path:
                    self.close_connection = True
                    return self.answer(416)
                outer.chunks += 1
                rest = end - start + 1
                if outer.chunks % 3 == 0:
                    outer.cuts += 1
                    rest = int.from_bytes(os.urandom(4), "big") % rest
                while rest and (data := self.rfile.read(min(rest, 1 << 16))):
                    outer.uploads[key] += data
                    outer.received += len(data)
                    rest -= len(data)
                if len(outer.uploads[key]) <= end:
                    self.close_connection = True
                    return self.connection.shutdown(socket.SHUT_RDWR)
                return self.session(202, key)

            def do_PUT(self):
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if "/manifests/" in url.path:
                    outer.manifests[url.path.split("/")[-1]] = body
                    return self.answer(201)
                content = bytes(outer.uploads[url.path.split("/")[-1]]) + body
                digest = parse_qs(url.query)["digest"][0]
                if digest != "sha256:" + hashlib.sha256(content).hexdigest():
                    return self.answer(400)
                outer.blobs[digest] = content
                return self.answer(201)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_a_push_goes_on_from_the_byte_where_it_was_cut(agent, docker, place):
    size = (96 if SOAK else 32) << 20
    registry = StrictRegistry()
    name = f"{registry.address}/big:1"
    random_image(agent, place, name, size)
    agent.cli("push", name)
    registry.stop()
    manifest = json.loads(registry.manifests["1"])
    assert registry.cuts >= 3 and all(part["digest"] in registry.blobs for part in
                                      [manifest["config"], *manifest["layers"]])
    # Not one byte twice.
    assert registry.received == sum(len(blob) for blob in registry.blobs.values()), registry.cuts
    config = json.loads(registry.blobs[manifest["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == docker.inspect(name)["RootFS"]["Layers"]


class TokenRealm:
    """Gives opaque tokens for the scopes that are asked for, and stands before a registry to check them."""

    def __init__(self, target: str):
        outer = self
        self.scopes: list[str] = []
        self.tokens: dict[str, str] = {}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, headers=(), body=b""):
                self.send_response(status)
                for key, value in headers:
                    self.send_header(key, value)
                if not any(key.lower() == "content-length" for key, _ in headers):
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else None
                if self.path.startswith("/token"):
                    query = parse_qs(urlsplit(self.path).query)
                    if self.headers.get("Authorization") is None:
                        return self.answer(401)
                    outer.scopes += query["scope"]
                    token = f"t{len(outer.tokens)}"
                    outer.tokens[token] = query["scope"][0]
                    return self.answer(200, body=json.dumps({"token": token}).encode())
                action = "pull" if self.command in ("GET", "HEAD") else "pull,push"
                shown = outer.tokens.get((self.headers.get("Authorization") or "").removeprefix("Bearer "), "")
                if not shown.endswith(action) and not (action == "pull" and shown.endswith("pull,push")):
                    repository = self.path.removeprefix("/v2/").split("/blobs/")[0].split("/manifests/")[0]
                    return self.answer(401, [("WWW-Authenticate", (
                        f'Bearer realm="http://{outer.address}/token",service="test",'
                        f'scope="repository:{repository}:{action}"'))])
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("authorization", "connection")}
                request = urllib.request.Request(f"http://{target}{self.path}", body, headers, method=self.command)
                try:
                    done = urllib.request.urlopen(request, timeout=30)
                except urllib.error.HTTPError as error:
                    done = error
                kept = [(k, v) for k, v in done.headers.items() if k.lower() not in ("transfer-encoding", "connection")]
                return self.answer(done.status, kept, done.read())

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_any

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_push_asks_a_token_server_for_the_right_to_push(agent, docker, registry):
    realm = TokenRealm(registry.host)
    name = f"{realm.address}/team/box:1"
    docker("tag", "busybox:test", name)
    denied = docker("push", name, check=False)
    assert denied.returncode == 1 and "anonymous access" in denied.stderr, denied.stderr
    (docker.config / "config.json").write_text(json.dumps(
        {"auths": {realm.address: {"username": USER, "password": PASSWORD, "auth": "ZmxlZXQ6czNjcmV0IHBhc3M="}}}))
    docker("push", name)
    assert "repository:team/box:pull,push" in realm.scopes, realm.scopes
    assert diff_ids(f"docker://{registry.host}/team/box:1") == docker.inspect(name)["RootFS"]["Layers"]
    realm.stop()


# Containers


CHANGES = ("mkdir -p /new/sub && echo changed > /new/sub/file && rm /www/index.html && rm -r /root && mkdir /root"
           " && ln /new/sub/file /new/link && chown 1000:1000 /new/sub && chmod 4755 /new/sub/file && mkfifo /new/pipe"
           " && ln -s sub/file /new/soft && touch /tmp/done; exec sleep 1000000")


@pytest.fixture
def changed(agent) -> str:
    """The id of a container that changed its files."""
    agent.apply(pod("changed", ["sh", "-c", CHANGES]))
    identity = container_id(agent, "changed")
    wait_for(lambda: (agent.data / "containers" / identity / "upper/tmp/done").exists(), "the files are changed")
    return identity


def test_export_is_the_merged_tree(agent, docker, changed, place):
    archive = place / "export.tar"
    docker("export", "-o", archive, changed)
    files = {member.name.rstrip("/"): member for member in tarfile.open(archive)}
    assert "www" in files and "www/index.html" not in files and "root" in files
    assert not any(".wh." in name for name in files)
    assert files["new/sub"].uid == 1000 and files["new/sub/file"].mode & 0o7777 == 0o4755 or files["new/link"].isreg()
    assert {files["new/link"].type, files["new/sub/file"].type} == {tarfile.REGTYPE, tarfile.LNKTYPE}
    assert files["new/soft"].linkname == "sub/file" and files["new/pipe"].isfifo() and files["bin/busybox"].isreg()
    assert agent.cli("export", "--output", str(place / "again.tar"), changed[:20]).stdout == ""
    assert (place / "again.tar").read_bytes() == archive.read_bytes()
    refused(agent.cli("export", "-o", str(place / "none.tar"), "nosuchid", check=False), "No such container: nosuchid")
    assert not (place / "none.tar").exists()
    agent.cli("import", "-c", 'CMD ["cat","/new/sub/file"]', "-m", "from an export", str(archive), "exported:1")
    agent.apply(own_command("exported", "exported:1"))
    wait_for(lambda: agent.pod("exported")["status"]["phase"] == "Succeeded", "the import runs")
    assert agent.kubectl("logs", "exported").stdout == "changed\n"
    assert "from an export" in docker("history", "exported:1").stdout


def test_commit_keeps_what_changed_and_what_went(agent, docker, changed, place, registry):
    base = docker.inspect("busybox:test")
    done = docker("commit", "-a", "Ada <ada@example.test>", "-m", "as it is now", "-c", 'CMD ["cat","/new/sub/file"]',
                  "-c", "ENV MORE=yes", "-c", "LABEL a=b", "-c", "EXPOSE 80", changed, "committed:1").stdout.strip()
    image = docker.inspect("committed:1")
    assert image["Id"] == done and image["Author"] == "Ada <ada@example.test>" and image["Comment"] == "as it is now"
    assert image["RootFS"]["Layers"][:-1] == base["RootFS"]["Layers"]
    assert image["Config"]["Cmd"] == ["cat", "/new/sub/file"] and image["Config"]["Labels"] == {"a": "b"}
    assert "PATH=/bin" in image["Config"]["Env"] and "MORE=yes" in image["Config"]["Env"]
    assert docker("inspect", "--format", "{{.Comment}} {{len .RootFS.Layers}}", done).stdout == "as it is now 2\n"
    history = docker("history", "--format", "{{.ID}} {{.Size}} {{.Comment}}", "committed:1").stdout.splitlines()
    assert len(history) == 2 and history[0].startswith(done[7:19]) and history[0].endswith("as it is now")
    assert history[1].startswith("<missing> ") and "MB" in history[1]
    agent.apply(own_command("committed", "committed:1"))
    wait_for(lambda: agent.pod("committed")["status"]["phase"] == "Succeeded", "the commit runs")
    assert agent.kubectl("logs", "committed").stdout == "changed\n"
    # Others apply the layer's whiteouts just so.
    name = f"{registry.host}/committed:1"
    docker("tag", "committed:1", name)
    docker("push", name)
    run("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{place / 'oci'}:1")
    run("umoci", "unpack", "--image", f"{place / 'oci'}:1", place / "unpacked")
    root = place / "unpacked/rootfs"
    assert (root / "new/sub/file").read_text() == "changed\n" and not (root / "www/index.html").exists()
    assert (root / "www").is_dir() and list((root / "root").iterdir()) == []
    assert (root / "new/link").stat().st_ino == (root / "new/sub/file").stat().st_ino
    refused(agent.cli("commit", "-c", "NONSENSE x", changed, "bad:1", check=False), "NONSENSE is not a valid change")
    assert agent.cli("commit", "--no-pause", changed).stdout.startswith("sha256:")


# Lists and removal


def test_lists_are_filtered_as_docker_filters_them(agent, docker, place):
    root = busybox_root(place)
    agent.cli("import", "-c", "LABEL tier=edge", str(root), "example.test/a:1")
    agent.cli("import", "-c", "LABEL tier=core", str(root), "example.test/b:2")
    docker("tag", "example.test/b:2", "example.test/b:3")
    def names(*options):
        return sorted(docker("images", "--format", "{{.Repository}}:{{.Tag}}", *options).stdout.split())
    assert names("example.test/b") == ["example.test/b:2", "example.test/b:3"]
    assert names("--filter", "label=tier=edge") == ["example.test/a:1"]
    assert names("--filter", "reference=example.test/*:[ab]") == []
    assert names("--filter", "reference=example.test/*:3") == ["example.test/b:3"]
    docker("tag", "example.test/b:2", "example.test/a:1")  # takes the name away from the first
    assert names("--filter", "dangling=true") == ["<none>:<none>"]
    assert docker("images", "-q", "--no-trunc", "--filter", "dangling=true").stdout.startswith("sha256:")
    assert "invalid filter" in docker("images", "--filter", "nonsense=1", check=False).stderr
    assert names("--filter", "until=24h") == names("-a")  # all are dated by their newest file, long ago
    assert names("--filter", "since=example.test/b:2") == []
    assert "No such image: nosuch" in docker("images", "--filter", "before=nosuch", check=False).stderr
    report = docker("image", "prune", "-f").stdout
    assert "deleted: sha256:" in report.lower() and "Total reclaimed space:" in report
    assert names("--filter", "dangling=true") == []
    docker("image", "prune", "-f", "-a", "--filter", "label!=tier=core", "--filter", "label=tier")
    assert "example.test/b:2" in names()
    docker("image", "prune", "-f", "-a", "--filter", "label=tier=core")
    assert not any(name.startswith("example.test") for name in names())
    table = agent.cli("images", "--digests").stdout.splitlines()
    assert table[0].split() == ["IMAGE", "DIGEST", "ID", "CREATED", "SIZE"] and "busybox:test" in table[1]
    assert agent.cli("images", "-q").stdout.strip() == docker("images", "-q").stdout.strip()


def test_pruning_keeps_what_a_workload_without_pods_needs(agent, docker):
    docker("tag", "busybox:test", "busybox:scaled")
    agent.apply(deployment("idle", 0, SLEEP, image="busybox:scaled"))
    docker("image", "prune", "-a", "-f")
    assert "busybox" in docker("images").stdout
    agent.kubectl("delete", "deployment", "idle")
    wait_for(lambda: "Deleted" in docker("image", "prune", "-a", "-f").stdout, "nothing needs it any more")


def test_removal_speaks_as_docker_does(agent, docker):
    docker("tag", "busybox:test", "busybox:second")
    identity = docker.inspect("busybox:test")["Id"]
    assert docker("rmi", "busybox:second").stdout == "Untagged: busybox:second\n"
    assert "No such image: nosuch:latest" in docker("rmi", "nosuch", check=False).stderr
    agent.apply(pod("user", SLEEP))
    container = container_id(agent, "user")[:12]
    for arguments, words in (
            (["busybox:test"], 'unable to remove repository reference "busybox:test" (must force) - container '
                               f"{container} is using its referenced image {identity[7:19]}; remove that container first"),
            (["-f", "busybox:test"], f"(cannot be forced) - image is being used by running container {container}"),
            ([identity[7:19]], f"unable to delete {identity[7:19]} (cannot be forced)")):
        done = docker("rmi", *arguments, check=False)
        assert done.returncode == 1 and f"conflict: " in done.stderr and words in done.stderr, done.stderr
    assert "Total reclaimed space: 0B" in docker("image", "prune", "-a", "-f").stdout
    agent.running("user")
    agent.kubectl("delete", "pod", "user", "--now")
    wait_for(lambda: "Deleted: " + identity in docker("rmi", "busybox:test", check=False).stdout, "the image goes")
    assert not (agent.data / "layers").exists() or list((agent.data / "layers").iterdir()) == []


# docker-py and the wherry command


def test_docker_py_uses_every_verb(agent, client, registry, changed, place):
    image = client.images.get("busybox:test")
    assert image.tags == ["busybox:test"] and image.history()[0]["Id"] == image.id
    name = f"{registry.host}/py/box"
    assert image.tag(name, tag="1")
    lines = list(client.images.push(name, tag="1", stream=True, decode=True))
    assert not any("error" in line for line in lines) and lines[-1]["aux"]["Digest"].startswith("sha256:")
    archive = place / "py.tar"
    archive.write_bytes(b"".join(image.save(named=True)))
    client.images.remove(f"{name}:1")
    pulled = client.images.pull(name, tag="1")
    assert pulled.id == image.id
    with archive.open("rb") as file:
        assert client.images.load(file)[0].id == image.id
    made = client.api.commit(changed, repository="py/committed", tag="1", message="m", author="a",
                             changes=["CMD [\"true\"]"])
    assert client.images.get("py/committed:1").id == made["Id"]
    assert b"new/sub/file" in b"".join(client.api.export(changed))
    assert {tag for found in client.images.list(name="py/committed") for tag in found.tags} == {"py/committed:1"}
    client.images.remove("py/committed:1")
    report = client.images.prune(filters={"dangling": False})
    assert isinstance(report["SpaceReclaimed"], int)
    import docker
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("py/committed:1")


def test_the_wherry_command_has_the_same_verbs(agent, place):
    help = run(WHERRY, "--help").stdout
    for verb in ("pull", "push", "load", "save", "import", "export", "commit", "tag", "images", "history", "inspect",
                 "rmi", "image"):
        assert f"\n  {verb} " in help, verb
    agent.cli("tag", "busybox:test", "cli/box:1")
    assert sorted(json.loads(agent.cli("inspect", "cli/box:1", "busybox:test").stdout)[0]["RepoTags"]) == [
        "busybox:test", "cli/box:1"]
    assert "wherry import" in agent.cli("history", "cli/box:1").stdout
    agent.cli("save", "-o", str(place / "x.tar"), "cli/box:1")
    assert agent.cli("rmi", "cli/box:1").stdout == "Untagged: cli/box:1\n"
    assert agent.cli("load", "-i", str(place / "x.tar")).stdout == "Loaded image: cli/box:1\n"
    assert agent.cli("load", "-q", str(place / "x.tar")).stdout == ""
    assert "Total reclaimed space" in agent.cli("image", "prune").stdout
    for arguments, status in ((["tag", "nosuch", "a:1"], 1), (["tag", "busybox:test", "UPPER"], 2), (["save"], 2),
                              (["inspect", "nosuch"], 1), (["image", "prune", "--filter", "x"], 2),
                              (["save", "-o", "/nonexistent/x.tar", "busybox:test"], 1), (["load"], 2),
                              (["commit", "nosuch", "a:1"], 1)):
        done = agent.cli(*arguments, check=False)
        assert done.returncode == status and done.stderr and not done.stdout, (arguments, done)
