"""A bounded load on the API over its unix socket: writers at a given rate, and watchers that check what they see.

Plain sockets and prepared requests, so that the clients cost less than the server.
"""

import json
import multiprocessing
import selectors
import socket
import time


def connect(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(30)
    client.connect(path)
    return client


def request(method: str, path: str, body: dict | None = None) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    return (f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n"
            ).encode() + data


class Answers:
    """Reads answers with a Content-Length from a connection."""

    def __init__(self, client: socket.socket):
        self.client, self.buffer = client, b""

    def next(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(self.buffer) < length:
            self.fill()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(head.split(b" ", 2)[1]), body

    def fill(self):
        data = self.client.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data


def namespace(index: int) -> str:
    return f"load-{index}"


def write(path: str, worker: int, connections: int, names: list[tuple[str, str]], rate: float, seconds: float, results):
    """Patches its objects at a rate, each from one connection only, so that its versions must come in order."""
    clients = [connect(path) for _ in range(connections)]
    answers = [Answers(client) for client in clients]
    sent = done = failed = turn = 0
    acknowledged: dict[str, int] = {}
    counters = [0] * len(names)
    start = time.monotonic()
    while (now := time.monotonic()) - start < seconds:
        due = int((now - start) * rate) - sent
        if due < connections:
            time.sleep(max(0.0, (sent + connections) / rate - (now - start)))
        batch = []
        for slot in range(connections):
            # A connection has its own share of the objects.
            mine = range(slot, len(names), connections)
            if not mine:
                continue
            index = mine[turn % len(mine)]
            counters[index] += 1
            place, name = names[index]
            body = {"data": {"n": str(counters[index]), "at": repr(time.monotonic())}}
            try:
                clients[slot].sendall(request("PATCH", f"/api/v1/namespaces/{place}/configmaps/{name}", body))
            except OSError:
                results.put((worker, done, failed + 1, time.monotonic() - start, acknowledged))
                return
            batch.append((slot, index))
        turn += 1
        sent += len(batch)
        for slot, index in batch:
            try:
                code, _ = answers[slot].next()
            except (ConnectionError, OSError):
                results.put((worker, done, failed + 1, time.monotonic() - start, acknowledged))
                return
            if code == 200:
                done += 1
                acknowledged["/".join(names[index])] = counters[index]
            else:
                failed += 1
    results.put((worker, done, failed, time.monotonic() - start, acknowledged))


def watch(path: str, worker: int, places: list[str], ready, stop, results):
    """Watches each of its namespaces; every object's numbers must grow by one, whatever else happens."""
    selector = selectors.DefaultSelector()
    for number_, place in enumerate(places):
        client = connect(path)
        client.sendall(request("GET", f"/api/v1/namespaces/{place}/configmaps?watch=1&resourceVersion=0"))
        selector.register(client, selectors.EVENT_READ, [b"", place, number_])
    latencies: list[float] = []
    last: dict[str, int] = {}
    before: dict[tuple[int, str], int] = {}
    faults: list[str] = []
    ready.release()
    quiet = 0.0
    while not (stop.is_set() and time.monotonic() - quiet > 2):
        for key, _ in selector.select(timeout=0.5):
            try:
                data = key.fileobj.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                selector.unregister(key.fileobj)
                continue
            quiet = time.monotonic()
            lines = (key.data[0] + data).split(b"\n")
            key.data[0] = lines.pop()
            for line in lines:
                if not line.startswith(b"{"):
                    continue  # the head, and the sizes of chunks
                event = json.loads(line)
                if event["type"] == "ERROR":
                    faults.append(json.dumps(event))
                    continue
                if event["type"] not in ("ADDED", "MODIFIED") or "data" not in event["object"]:
                    continue
                data_, name = event["object"]["data"], event["object"]["metadata"]["name"]
                number = int(data_.get("n", "0"))
                old = before.get((key.data[2], name))
                if old is not None and number != old + 1:
                    faults.append(f"{name}: {old} then {number}")
                before[(key.data[2], name)] = last[f"{key.data[1]}/{name}"] = number
                if number:
                    latencies.append(time.monotonic() - float(data_["at"]))
        if stop.is_set() and quiet == 0.0:
            quiet = time.monotonic()
    results.put((worker, latencies, last, faults[:10]))


class Load:
    """Writers and watchers in processes of their own."""

    def __init__(self, socket_path: str, objects: int, namespaces: int, watchers: int, rate: float, seconds: float,
                 writers: int = 2, connections: int = 32):
        self.path = socket_path
        names = [(namespace(n % namespaces), f"o{n}") for n in range(objects)]
        self.names = names
        context = multiprocessing.get_context("fork")
        self.written, self.seen = context.Queue(), context.Queue()
        self.stop, self.ready = context.Event(), context.Semaphore(0)
        places = [namespace(n % namespaces) for n in range(watchers)]
        groups = 2
        self.watchers = [
            context.Process(target=watch, args=(self.path, n, places[n::groups], self.ready, self.stop, self.seen))
            for n in range(groups)]
        self.writers = [
            context.Process(target=write, args=(
                self.path, n, connections, names[n::writers], rate / writers, seconds, self.written))
            for n in range(writers)]

    def create(self):
        """The objects, over one connection at a time; False when one was refused."""
        client = connect(self.path)
        answers = Answers(client)
        for place in sorted({place for place, _ in self.names}):
            client.sendall(request("POST", "/api/v1/namespaces", {"metadata": {"name": place}}))
            assert answers.next()[0] in (201, 409)
        clients = [connect(self.path) for _ in range(64)]
        readers = [Answers(client) for client in clients]
        for start in range(0, len(self.names), 64):
            part = self.names[start:start + 64]
            for slot, (place, name) in enumerate(part):
                body = {"metadata": {"name": name}, "data": {"n": "0", "at": "0", "text": "x" * 400}}
                clients[slot].sendall(request("POST", f"/api/v1/namespaces/{place}/configmaps", body))
            for slot in range(len(part)):
                code, answer = readers[slot].next()
                assert code == 201, answer

    def start(self):
        for process in self.watchers:
            process.start()
        for _ in self.watchers:
            assert self.ready.acquire(timeout=30)
        for process in self.writers:
            process.start()

    def finish(self) -> dict:
        """Waits for the writers, then for the watchers to have seen what came."""
        written = [self.written.get(timeout=600) for _ in self.writers]
        self.stop.set()
        seen = [self.seen.get(timeout=120) for _ in self.watchers]
        for process in self.writers + self.watchers:
            process.join(timeout=30)
        latencies = sorted(latency for _, found, _, _ in seen for latency in found)
        acknowledged: dict[str, int] = {}
        for entry in written:
            acknowledged.update(entry[4])
        last: dict[str, int] = {}
        for _, _, found, _ in seen:
            last.update(found)
        return {
            "writes": sum(entry[1] for entry in written), "failed": sum(entry[2] for entry in written),
            "rate": sum(entry[1] / entry[3] for entry in written), "events": len(latencies),
            "p50": latencies[len(latencies) // 2] if latencies else None,
            "p99": latencies[len(latencies) * 99 // 100] if latencies else None,
            "faults": [fault for entry in seen for fault in entry[3]], "acknowledged": acknowledged, "last": last,
        }
