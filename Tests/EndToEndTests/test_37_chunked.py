"""zstd:chunked layers: of a new version of an image only what changed goes over the link.

The layers are packed by Debian's skopeo and lie in Debian's docker-registry; the link is `bad_link.BadLink`, which counts.
"""

import ctypes
import hashlib
import io
import json
import os
import random
import stat
import subprocess
import tarfile
import urllib.request
from pathlib import Path

import pytest

from bad_link import BadLink, Plan
from harness import Agent, Registry, run, wait_for

NOISE = 256 << 10  # of a table of contents and what is fetched around what changed
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Version:
    """A version of an image of one layer: many files of all kinds."""

    def __init__(self, tag: str, changed=0, time=1_700_000_000, seed=1):
        self.tag, self.time = tag, time
        draw = random.Random(seed)
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as self.tar:
            for directory in ("app", "app/lib", "app/data", "app/bin"):
                self.add(directory + "/", type=tarfile.DIRTYPE, mode=0o755)
            for number in range(80):
                self.add(f"app/lib/module{number:03}.so", draw.randbytes(draw.randint(20_000, 40_000)), mode=0o755)
            for number in range(300):
                self.add(f"app/data/item{number:03}.txt", draw.randbytes(draw.randint(1, 900)), uid=number, gid=3)
            for number in range(changed):
                self.add(f"app/new{number}", random.Random(f"{tag} {number}").randbytes(100_000))
            self.add("app/data/config.json", json.dumps({"version": tag}).encode() * 30)
            # In one place of a large file something else stands, and the rest is longer by that.
            large = draw.randbytes(1_200_000)
            self.add("app/model.bin", large[:700_000] + tag.encode() * (1 + changed * 10) + bytes(9000) + large[700_000:])
            self.add("app/bin/sudo", draw.randbytes(9_000), mode=0o4755)
            self.add("app/bin/link", type=tarfile.SYMTYPE, linkname="sudo", mode=0o777)
            self.add("app/bin/hard", type=tarfile.LNKTYPE, linkname="app/bin/sudo", mode=0o4755)
            self.add("app/fifo", type=tarfile.FIFOTYPE)
            for depth in range(1, 15):
                self.add("app/" + "long-name/" * depth, type=tarfile.DIRTYPE, mode=0o700)
            self.add("app/" + "long-name/" * 14 + "file", b"far down")
            self.add("app/marked", b"with an attribute", pax_headers={"SCHILY.xattr.user.colour": "red"})
            self.add("app/\xe4\xf6.txt", b"umlauts")
            self.add("app/.wh.gone", b"")
            self.add("app/empty", b"")
        # Two blocks of zeros, as Go's tar ends: this skopeo drops the rest of the record that Python's fills up.
        self.plain = stream.getvalue().rstrip(b"\0")
        self.plain += bytes(-len(self.plain) % 512 + 1024)

    def add(self, name: str, content: bytes | None = None, **fields):
        info = tarfile.TarInfo(name)
        info.mtime = self.time
        for field, value in fields.items():
            setattr(info, field, value)
        info.size = len(content or b"")
        self.tar.addfile(info, io.BytesIO(content or b""))

    @property
    def diff(self) -> str:
        return sha(self.plain)

    def layout(self, directory: Path) -> Path:
        blobs = directory / f"layout-{self.tag}/blobs/sha256"
        blobs.mkdir(parents=True)

        def put(content: bytes, kind: str) -> dict:
            (blobs / sha(content)[7:]).write_bytes(content)
            return {"mediaType": kind, "digest": sha(content), "size": len(content)}
        layer = put(self.plain, "application/vnd.oci.image.layer.v1.tar")
        config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/none", self.tag]},
                                 "rootfs": {"type": "layers", "diff_ids": [self.diff]}}).encode(),
                     "application/vnd.oci.image.config.v1+json")
        manifest = put(json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}).encode(), MANIFEST)
        manifest["annotations"] = {"org.opencontainers.image.ref.name": self.tag}
        (blobs.parents[1] / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
        (blobs.parents[1] / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        return Path(f"{blobs.parents[1]}:{self.tag}")


class Shelf:
    """The registry with all versions in it."""

    def __init__(self, directory: Path):
        self.registry = Registry(directory / "registry").start()
        self.versions: dict[str, Version] = {}
        # v2: little changed. v3: the same, by a build that gave every file a new time. v4: much to fetch.
        for version in (Version("v1"), Version("v2", 1), Version("v3", 1, time=1_750_000_000), Version("v4", 12)):
            self.versions[version.tag] = version
            run("skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked",
                f"oci:{version.layout(directory)}", f"docker://{self.registry.host}/app:{version.tag}")

    def request(self, method: str, path: str, content: bytes | None = None, **headers) -> tuple[bytes, dict]:
        url = path if path.startswith("http") else f"http://{self.registry.host}/v2/app/{path}"
        request = urllib.request.Request(url, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read(), dict(answer.headers)

    def manifest(self, tag: str) -> dict:
        return json.loads(self.request("GET", f"manifests/{tag}", Accept=MANIFEST)[0])

    def layer(self, tag: str) -> dict:
        return self.manifest(tag)["layers"][0]

    def blob(self, digest: str) -> bytes:
        return self.request("GET", f"blobs/{digest}")[0]

    def put_blob(self, content: bytes, like: dict) -> dict:
        _, headers = self.request("POST", "blobs/uploads/", b"")
        separator = "&" if "?" in headers["Location"] else "?"
        self.request("PUT", f"{headers['Location']}{separator}digest={sha(content)}", content,
                     **{"Content-Type": "application/octet-stream"})
        return {**like, "digest": sha(content), "size": len(content)}

    def put_manifest(self, tag: str, manifest: dict):
        self.request("PUT", f"manifests/{tag}", json.dumps(manifest).encode(), **{"Content-Type": MANIFEST})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    yield shelf
    shelf.registry.stop()


@pytest.fixture
def link(shelf):
    link = BadLink(shelf.registry.host)
    yield link
    link.stop()


@pytest.fixture
def device(place, link):
    """An agent that has v1, and whose link has counted nothing yet."""
    agent = Agent(place / "a", "--node-name", "dev1").start()
    pull(agent, link, "v1")
    link.sent.clear()
    link.requests.clear()
    yield agent
    agent.remove_everything()


@pytest.fixture(scope="module")
def trees(shelf, tmp_path_factory):
    """Each version's tree, as it comes with the whole layer: that is fetched to be kept."""
    agent = Agent(tmp_path_factory.mktemp("whole"), "--node-name", "dev2", "--keep-blobs").start()
    try:
        for tag in shelf.versions:
            agent.cli("pull", f"{shelf.registry.host}/app:{tag}")
        return {tag: tree(agent, version) for tag, version in shelf.versions.items()}
    finally:
        agent.remove_everything()


def pull(agent: Agent, link: BadLink, tag: str, check=True):
    return agent.cli("pull", f"{link.host}/app:{tag}", check=check)


def layer_path(agent: Agent, version: Version) -> Path:
    return agent.data / "layers" / version.diff[7:]


def tree(agent: Agent, version: Version) -> dict:
    """Everything about every file: kind, mode, owner, time, links, attributes, content."""
    root = layer_path(agent, version)
    found, inodes = {}, {}
    for path in sorted(root.rglob("*")):
        info, name = path.lstat(), str(path.relative_to(root))
        # A whiteout is made here, and has no time of the image.
        time = 0 if stat.S_ISCHR(info.st_mode) else info.st_mtime_ns
        entry = [info.st_mode, info.st_uid, info.st_gid, time, inodes.setdefault(info.st_ino, name)]
        if stat.S_ISLNK(info.st_mode):
            entry.append(os.readlink(path))
        elif stat.S_ISREG(info.st_mode):
            entry += [sha(path.read_bytes()), {key: os.getxattr(path, key) for key in os.listxattr(path)}]
        found[name] = entry
    return found


def log_says(agent: Agent, text: str) -> bool:
    return text in agent.log.read_text()


@pytest.mark.parametrize("tag", ["v2", "v3"], ids=["times kept", "times new"])
def test_an_update_fetches_what_changed(device, shelf, link, trees, tag):
    size = shelf.layer(tag)["size"]
    shown = pull(device, link, tag)
    print(f"{tag}: {link.blob_bytes()} of {size} bytes in {len(link.requests)} requests")
    assert 100_000 < link.blob_bytes() < 100_000 + NOISE < size / 4
    assert tree(device, shelf.versions[tag]) == trees[tag], shown.stdout
    assert not list((device.data / "ingest").iterdir())
    # What was put together is a layer as any other: it is read back, and its exact tar can be given away.
    assert "0 damaged, 0 repaired" in device.cli("images", "--check").stdout
    archive = device.directory / "saved.tar"
    device.cli("save", "-o", str(archive), f"{link.host}/app:{tag}")
    with tarfile.open(archive) as saved:
        names = saved.getnames()
    assert f"blobs/sha256/{shelf.versions[tag].diff[7:]}" in names


def test_a_registry_that_sends_no_ranges_gives_the_whole(device, shelf, link, trees):
    size = shelf.layer("v2")["size"]
    for plan in (Plan(whole=True), Plan(status=416)):
        link.plan = lambda request, plan=plan: plan if request.is_blob and request.start is not None else Plan()
        pull(device, link, "v2")
        # Of an answer with everything no more is read than what was on its way.
        assert size <= link.blob_bytes() < size + NOISE
        assert tree(device, shelf.versions["v2"]) == trees["v2"]
        assert log_says(device, "does not send ranges of blobs")
        device.cli("rmi", f"{link.host}/app:v2")
        link.sent.clear()


def test_ranges_that_end_in_the_middle_of_a_pull(device, shelf, link, trees):
    """The table of contents comes, and then the server has changed its mind."""
    answered = []

    def plan(request) -> Plan:
        if not request.is_blob or request.start is None:
            return Plan()
        answered.append(request)
        return Plan() if len(answered) < 3 else Plan(whole=True)
    link.plan = plan
    pull(device, link, "v4")
    assert len(answered) >= 3, "the plan had no third range"
    assert tree(device, shelf.versions["v4"]) == trees["v4"]
    assert not list((device.data / "ingest").iterdir())


LIBZSTD = ctypes.CDLL("libzstd.so.1")  # libarchive's
LIBZSTD.ZSTD_compressBound.restype = LIBZSTD.ZSTD_compress.restype = LIBZSTD.ZSTD_decompress.restype = ctypes.c_size_t
LIBZSTD.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
LIBZSTD.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
LIBZSTD.ZSTD_compress.argtypes = [*LIBZSTD.ZSTD_decompress.argtypes, ctypes.c_int]


def pack(content: bytes) -> bytes:
    room = ctypes.create_string_buffer(LIBZSTD.ZSTD_compressBound(len(content)))
    count = LIBZSTD.ZSTD_compress(room, len(room), content, len(content), 3)
    return room.raw[:count]


def unpack(content: bytes, size: int) -> bytes:
    room = ctypes.create_string_buffer(size)
    assert LIBZSTD.ZSTD_decompress(room, size, content, len(content)) == size
    return room.raw


def position(layer: dict) -> tuple[str, list[int]]:
    key = next(key for key in layer["annotations"] if key.endswith(".manifest-position"))
    return key, [int(number) for number in layer["annotations"][key].split(":")]


def with_contents(shelf: Shelf, layer: dict, edit) -> dict:
    """The same blob with another table of contents, and a descriptor that has its digest."""
    blob = shelf.blob(layer["digest"])
    key, (offset, length, size, _) = position(layer)
    contents = json.loads(unpack(blob[offset:offset + length], size))
    edit(contents)
    plain = json.dumps(contents).encode()
    packed = pack(plain)
    frame = b"\x50\x2a\x4d\x18" + len(packed).to_bytes(4, "little") + packed
    layer = shelf.put_blob(blob[:offset - 8] + frame, layer)
    return {**layer, "annotations": {key: f"{offset}:{len(packed)}:{len(plain)}:1",
                                     key.replace("position", "checksum"): sha(packed)}}


def test_a_table_of_contents_that_is_not_what_the_manifest_says(device, shelf, link, trees):
    manifest = shelf.manifest("v2")
    key = next(key for key in manifest["layers"][0]["annotations"] if key.endswith("checksum"))
    manifest["layers"][0]["annotations"][key] = sha(b"another")
    shelf.put_manifest("wrong", manifest)
    pull(device, link, "wrong")
    assert tree(device, shelf.versions["v2"]) == trees["v2"]
    assert log_says(device, "layer is fetched as a whole") and log_says(device, "something between changes the content")


def swap(contents: dict):
    """Two modules of the same mode take each other's content."""
    one, other = [entry for entry in contents["entries"] if entry["name"].startswith("app/lib/") and entry["type"] == "reg"][:2]
    for field in ("digest", "size"):
        one[field], other[field] = other[field], one[field]


def test_a_table_of_contents_that_lies_reaches_no_layer(device, shelf, link, trees):
    """The diff ID is another image's; with a table that lies the layer must not take its place."""
    layer = with_contents(shelf, shelf.layer("v2"), swap)
    shelf.put_manifest("liar", {**shelf.manifest("v2"), "layers": [layer]})
    # Its blob is good: that comes in the end, and nothing of the table is in it.
    pull(device, link, "liar")
    assert log_says(device, "layer put together is not what it should be")
    assert tree(device, shelf.versions["v2"]) == trees["v2"]
    device.cli("rmi", f"{link.host}/app:liar")
    # Neither blob nor table is what the config says: nothing is taken, and the honest image comes as ever.
    shelf.put_manifest("thief", {**shelf.manifest("v2"), "layers": [shelf.layer("v4")]})
    refused = pull(device, link, "thief", check=False)
    assert refused.returncode != 0 and "diff ID" in refused.stderr, refused.stderr
    assert not layer_path(device, shelf.versions["v2"]).exists()
    link.sent.clear()
    pull(device, link, "v2")
    assert link.blob_bytes() < 100_000 + NOISE
    assert tree(device, shelf.versions["v2"]) == trees["v2"]
    assert "0 damaged, 0 repaired" in device.cli("images", "--check").stdout


def test_a_kill_in_the_middle_costs_no_range_twice(device, shelf, link, trees):
    size = shelf.layer("v4")["size"]
    link.rate = 1.5e6
    for target in (500_000, 900_000):
        client = subprocess.Popen([device.binary, "pull", f"{link.host}/app:v4", "--run-dir", str(device.run_dir)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: link.blob_bytes() >= target, f"{target} bytes carried", 60, 0.002)
        device.kill()
        client.wait(30)
        device.start()
    link.rate = None
    pull(device, link, "v4")
    print(f"v4: {link.blob_bytes()} of {size} bytes, two kills")
    assert 1_200_000 < link.blob_bytes() < 1_200_000 + NOISE
    assert tree(device, shelf.versions["v4"]) == trees["v4"]
    assert not list((device.data / "ingest").iterdir())


def test_what_rotted_here_is_found_and_not_spread(device, shelf, link, trees):
    """A file of v1 that would have been taken has another byte: v2 is right, and v1 is mended."""
    module = layer_path(device, shelf.versions["v1"]) / "app/lib/module050.so"
    good, info = module.read_bytes(), module.stat()
    module.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    os.utime(module, ns=(info.st_atime_ns, info.st_mtime_ns))
    pull(device, link, "v2")
    assert tree(device, shelf.versions["v2"]) == trees["v2"]
    assert log_says(device, "image store is damaged")
    device.cli("images", "--check", check=False)
    assert module.read_bytes() == good
    assert tree(device, shelf.versions["v1"]) == trees["v1"]
