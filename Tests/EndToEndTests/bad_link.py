"""A link to a registry that cuts, waits and lies, and counts every byte that it carried; and images to carry."""

import fcntl
import gzip
import hashlib
import io
import json
import random
import re
import socket
import struct
import tarfile
import termios
import threading
import time
from collections import defaultdict
from http.client import HTTPConnection
from pathlib import Path

CHUNK = 16 << 10


class Request:
    """What the device asks: `number` counts the requests of one path."""

    def __init__(self, path: str, headers: dict[str, str], number: int):
        self.path, self.headers, self.number = path, headers, number
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        self.start = int(found[1]) if found else None
        self.end = int(found[2]) if found and found[2] else None

    @property
    def is_blob(self) -> bool:
        return "/blobs/" in self.path


class Plan:
    """What becomes of one answer. The default passes it on as it is."""

    def __init__(self, status=None, headers=(), cut=None, reset=False, whole=False, shift=0, delay=0.0, stall_at=None,
                 location=None):
        self.status, self.headers = status, dict(headers)  # answered here, without the registry
        self.cut, self.reset = cut, reset  # the connection ends after so many bytes of the body, by FIN or by RST
        self.whole = whole  # 200 and everything in place of a range
        self.shift = shift  # a range that begins so many bytes later than asked for
        self.delay = delay  # seconds before the head
        self.stall_at = stall_at  # after so many bytes nothing more comes
        self.location = location  # a redirect


class BadLink:
    """An HTTP proxy before a registry; `plan(request)` says what happens to each answer."""

    def __init__(self, upstream: str, plan=lambda request: Plan(), rate: float | None = None):
        self.upstream, self.plan, self.rate = upstream, plan, rate
        self.sent: dict[str, int] = defaultdict(int)  # bytes of bodies by path
        self.asked: dict[str, int] = defaultdict(int)
        self.requests: list[Request] = []
        self.cuts = 0
        self.lock = threading.Lock()
        self.carrying: set[socket.socket] = set()
        self.in_hand = 0  # chunks on their way into a socket
        self.position: dict[str, int] = {}  # by path, how much of a blob the device must have by now
        self.open_gate = threading.Event()
        self.open_gate.set()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.serve, daemon=True).start()

    def blob_bytes(self) -> int:
        with self.lock:
            return sum(count for path, count in self.sent.items() if "/blobs/" in path)

    def is_quiet(self) -> bool:
        """Whether nothing is on its way: with the gate closed, what was counted is in the device's kernel."""
        with self.lock:
            return self.in_hand == 0 and all(unsent(connection) == 0 for connection in self.carrying)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def stop(self):
        self.open_gate.set()
        self.listener.close()

    def talk(self, connection: socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # What is in here when the device dies was sent for nothing; a mobile link holds little, too.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 << 10)
        try:
            with connection, connection.makefile("rb") as reader:
                while self.answer_one(connection, reader):
                    pass
        except (OSError, ValueError):
            pass

    def answer_one(self, connection, reader) -> bool:
        line = reader.readline(8192).decode("latin-1").split()
        if len(line) != 3 or line[0] != "GET":  # such as a first try with TLS
            return False
        headers = {}
        while (header := reader.readline(8192).strip()):
            name, _, value = header.decode("latin-1").partition(":")
            name = name.lower()
            headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
        path = line[1]
        with self.lock:
            self.asked[path] += 1
            request = Request(path, headers, self.asked[path])
            self.requests.append(request)
            plan = self.plan(request)
        if plan.delay:
            time.sleep(plan.delay)
        if plan.location:
            connection.sendall(f"HTTP/1.1 307 Moved\r\nLocation: {plan.location}\r\nContent-Length: 0\r\n\r\n".encode())
            return True
        if plan.status:
            self.head(connection, plan.status, {**plan.headers, "Content-Length": "0"})
            return True
        return self.pass_on(connection, request, plan)

    @staticmethod
    def head(connection, status, headers):
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode("latin-1"))

    def pass_on(self, connection, request, plan) -> bool:
        upstream = HTTPConnection(self.upstream, timeout=60)
        try:
            asked = {k: v for k, v in request.headers.items() if k in ("authorization", "accept", "accept-encoding")}
            asked["Host"] = self.upstream
            if request.start is not None and not plan.whole:
                asked["Range"] = f"bytes={request.start + plan.shift}-{'' if request.end is None else request.end}"
            upstream.request("GET", request.path, headers=asked)
            answer = upstream.getresponse()
            length = int(answer.headers.get("Content-Length", 0))
            kept = {name: answer.headers[name] for name in
                    ("Content-Type", "Docker-Content-Digest", "Content-Range", "WWW-Authenticate") if answer.headers[name]}
            self.head(connection, answer.status, {**kept, "Content-Length": str(length)})
            with self.lock:
                self.carrying.add(connection)
                if request.is_blob and answer.status in (200, 206):
                    self.position[request.path] = (request.start or 0) if answer.status == 206 else 0
            return self.body(connection, request, plan, answer, length)
        finally:
            with self.lock:
                self.carrying.discard(connection)
            upstream.close()

    def enter(self, connection: socket.socket) -> bool:
        """Waits at the gate with the next chunk; false when nobody is there any more to take it."""
        while True:
            self.open_gate.wait()
            with self.lock:
                if self.open_gate.is_set():
                    self.in_hand += 1
                    break
        if not is_gone(connection):
            return True
        with self.lock:
            self.in_hand -= 1
        return False

    def close_gate(self):
        with self.lock:
            self.open_gate.clear()

    def body(self, connection, request, plan, answer, length) -> bool:
        done = 0
        # Below the size of an answer, or there is nothing to cut.
        cut = min(plan.cut, length - 1) if plan.cut is not None and length > 1 else None
        while done < length:
            if cut is not None and done >= cut:
                with self.lock:
                    self.cuts += 1
                if plan.reset:
                    drain(connection)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    connection.shutdown(socket.SHUT_WR)
                return False
            if plan.stall_at is not None and done >= plan.stall_at:
                return connection.recv(1) != b""  # until the device has enough of it
            if not self.enter(connection):
                return False
            size = min(CHUNK, (length if cut is None else cut) - done)
            if plan.stall_at is not None:
                size = min(size, plan.stall_at - done)
            chunk = b""
            try:
                chunk = answer.read(size)
                if not chunk:
                    return False
                connection.sendall(chunk)
                done += len(chunk)
            finally:
                with self.lock:
                    self.in_hand -= 1
                    self.sent[request.path] += len(chunk)
                    if request.path in self.position:
                        self.position[request.path] += len(chunk)
            if self.rate:
                time.sleep(len(chunk) / self.rate)
        return request.headers.get("connection", "").lower() != "close"


def unsent(connection: socket.socket) -> int:
    """Bytes that the other side's kernel does not have."""
    try:
        return struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]
    except OSError:
        return 0


def is_gone(connection: socket.socket) -> bool:
    """Whether the other side closed or died: what is sent to it now is carried by nobody."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def drain(connection: socket.socket, timeout=2.0):
    """Waits until the other side's kernel has all that was sent."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if unsent(connection) == 0:
            return
        time.sleep(0.0005)


class SampleImage:
    """An OCI layout with layers of random and of repeating bytes, and the digests of the files in them."""

    def __init__(self, directory: Path, layers: int, layer_bytes: int, seed=1, random_share=1.0, tag="big",
                 platform="amd64"):
        self.layout, self.tag = directory / "sample", tag
        self.files: dict[str, str] = {}
        self.layers: list[dict] = []
        draw = random.Random(seed)
        blobs = self.layout / "blobs/sha256"
        blobs.mkdir(parents=True)
        diff_ids = []
        for number in range(layers):
            plain = self.tar(number, layer_bytes, draw, random_share)
            packed = gzip.compress(plain, 1, mtime=0)
            diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
            self.layers.append(self.put(packed, "application/vnd.oci.image.layer.v1.tar+gzip"))
        config = {"architecture": platform, "os": "linux", "config": {"Cmd": ["/none"]},
                  "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        self.config = self.put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
        manifest = self.put(json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": self.config,
            "layers": self.layers}).encode(), "application/vnd.oci.image.manifest.v1+json")
        manifest["annotations"] = {"org.opencontainers.image.ref.name": tag}
        (self.layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
        (self.layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    @property
    def path(self) -> Path:
        return Path(f"{self.layout}:{self.tag}")

    @property
    def blob_bytes(self) -> int:
        return sum(layer["size"] for layer in self.layers) + self.config["size"]

    def tar(self, number: int, size: int, draw: random.Random, random_share: float) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for part in range(8):
                content = draw.randbytes(int(size // 8 * random_share))
                content += (b"%d of %d, " % (part, number) * 4096)[:32768] * ((size // 8 - len(content)) // 32768)
                name = f"data/layer{number}/file{part}"
                self.files[name] = hashlib.sha256(content).hexdigest()
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return stream.getvalue()

    def put(self, content: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        (self.layout / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def check(self, data: Path):
        """Every file of every layer, as it lies unpacked in a data directory."""
        found = {}
        for file in (data / "layers").glob("*/data/layer*/file*"):
            found[str(file.relative_to(file.parents[2]))] = hashlib.sha256(file.read_bytes()).hexdigest()
        assert found == self.files, sorted(set(self.files.items()) ^ set(found.items()))[:4]
