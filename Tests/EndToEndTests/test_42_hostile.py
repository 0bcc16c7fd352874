"""Clients that mean harm, or are broken: refused with the right Status, memory bounded, the others served meanwhile."""

import base64
import json
import shutil
import socket
import ssl
import tempfile
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from cut_link import HERE, CutLink, watchers
from harness import Agent, UnixConnection, private_memory, wait_for

MIB = 1 << 20
WATCHES = 512  # that the API serves at once
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PATCHES = {"json": "application/json-patch+json", "merge": "application/merge-patch+json",
           "strategic": "application/strategic-merge-patch+json"}


@pytest.fixture(scope="module")
def agent():
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    agent = Agent(place / "a", "--node-name", "dev1").start()
    yield agent
    agent.remove_everything()
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def cut():
    """An agent whose places for watches all went to a client that is cut off, from the first test on: (agent, port, link, since)."""
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    link = CutLink()
    agent = Agent(place / "a", "--node-name", "dev1", "--listen", f"{HERE}:0", prefix=link.here)
    client = None
    try:
        agent.start()
        cluster = json.loads(agent.kubectl("config", "view", "--raw", "-o", "json").stdout)
        server = cluster["clusters"][0]["cluster"]
        authority = place / "ca.pem"
        authority.write_bytes(base64.b64decode(server["certificate-authority-data"]))
        address = server["server"].removeprefix("https://")
        port = int(address.rsplit(":", 1)[1])
        client = watchers(link, address, cluster["users"][0]["user"]["token"], authority, WATCHES)
        assert watch(agent) == 429 and link.connections(port) == WATCHES
        link.cut()
        # What half of them are not told any more.
        assert send(agent, "POST", CONFIG_MAPS, config_map("late", a="1"))[0] == 201
        yield agent, port, link, time.monotonic()
    finally:
        if client:
            client.kill()
            client.wait(10)
            for pipe in (client.stdin, client.stdout, client.stderr):
                pipe.close()
        agent.remove_everything()
        link.close()
        shutil.rmtree(place, ignore_errors=True)


def watch(agent) -> int:
    """The status that one more watch gets."""
    connection = UnixConnection(agent.run_dir / "wherry.sock", timeout=60)
    try:
        connection.request("GET", CONFIG_MAPS + "?watch=1&timeoutSeconds=1")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def slow(agent):
    """A client that begins a body and then sends a byte every few seconds, from the first test on: (socket, begun, thread)."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(agent.run_dir / "wherry.sock"))
    begun = time.monotonic()
    client.sendall(f"POST {CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   "Content-Length: 2000000\r\n\r\n{".encode())
    ended = threading.Event()

    def drip():
        try:
            while not ended.wait(3):
                client.sendall(b" ")
        except OSError:
            pass
    thread = threading.Thread(target=drip)
    thread.start()
    yield client, begun
    ended.set()
    client.close()
    thread.join(30)


def send(agent, method, path, body=b"", media="application/json", **headers):
    connection = UnixConnection(agent.run_dir / "wherry.sock", timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": media, **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


def refused(agent, code, reason, method, path, body, media="application/json"):
    """The message of the Status that a request must get."""
    before, begun = private_memory(agent.process.pid), time.monotonic()
    status, answer, _ = send(agent, method, path, body, media)
    assert (status, answer.get("kind"), answer.get("code"), answer.get("reason")) == (code, "Status", code, reason), answer
    assert time.monotonic() - begun < 20, "answered soon"
    assert private_memory(agent.process.pid) - before < 40 * MIB
    return answer["message"]


def config_map(name, **data):
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}).encode()


@pytest.mark.parametrize("body, said", [
    (b"[" * 1_000_000, "nested deeper than 64 levels"),
    (b'{"metadata":' * 200_000, "nested deeper than 64 levels"),
    (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"b"}}', 'the key "name" appears twice'),
    (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"n":1e999999999}}', ""),
    (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"\xff\xfe"}}', ""),
    (b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"\\ud800"}}', ""),
    (b"", ""), (b"\0" * 1000, ""), (b"null", ""), (b"[]", ""), (b'"text"', ""),
], ids=["brackets", "braces", "twice", "number", "utf8", "surrogate", "empty", "zeros", "null", "list", "text"])
def test_broken_json_is_a_bad_request(agent, cut, slow, body, said):
    assert said in refused(agent, 400, "BadRequest", "POST", CONFIG_MAPS, body)


def laughs(levels=12):
    lines = ['a0: &a0 "lol"']
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines).encode()


@pytest.mark.parametrize("body, said", [
    (laughs(), ""),
    (b"a: &a [*a]", ""),
    (b"[" * 100_000, ""),
    (b"- " * 100_000 + b"x", ""),
    (b"a: 1\n---\nb: 2\n", "holds 2 documents"),
    (b"a: [", ""),
], ids=["laughs", "itself", "flow", "block", "two", "cut"])
def test_broken_yaml_is_a_bad_request(agent, slow, body, said):
    assert said in refused(agent, 400, "BadRequest", "POST", CONFIG_MAPS, body, "application/yaml")


def test_what_is_too_large_is_said_to_be(agent, slow):
    message = refused(agent, 413, "RequestEntityTooLarge", "POST", CONFIG_MAPS, config_map("big", text="x" * 4 * MIB))
    assert message == "Request entity too large: limit is 3145728"
    message = refused(agent, 422, "Invalid", "POST", CONFIG_MAPS, config_map("big", text="x" * 2 * MIB))
    assert "Too long: may not be more than 1048576 bytes" in message
    noted = json.loads(config_map("noted"))
    noted["metadata"]["annotations"] = {"a": "x" * 300_000}
    message = refused(agent, 422, "Invalid", "POST", CONFIG_MAPS, json.dumps(noted).encode())
    assert "metadata.annotations: Too long: may not be more than 262144 bytes" in message
    assert send(agent, "GET", CONFIG_MAPS + "/big")[0] == 404


def test_oversized_patches_change_nothing(agent, slow):
    assert send(agent, "POST", CONFIG_MAPS, config_map("c", a="1"))[0] == 201
    path, before = CONFIG_MAPS + "/c", send(agent, "GET", CONFIG_MAPS + "/c")[1]
    many = json.dumps([{"op": "add", "path": "/data/a", "value": "2"}] * 20_000).encode()
    message = refused(agent, 413, "RequestEntityTooLarge", "PATCH", path, many, PATCHES["json"])
    assert message == "The allowed maximum operations in a JSON patch is 10000, got 20000"
    # Each copy doubles what the one before it made.
    doubling = [{"op": "add", "path": "/data/b", "value": {"x": "y" * 1000}}]
    doubling += [{"op": "copy", "from": "/data/b", "path": f"/data/b/{n}"} for n in range(60)]
    refused(agent, 422, "Invalid", "PATCH", path, json.dumps(doubling).encode(), PATCHES["json"])
    # Each copy puts the whole into its own innermost object: half a million levels in twenty operations.
    nesting, inner = [{"op": "add", "path": "/data/b", "value": {}}], "/data/b"
    for _ in range(18):
        nesting.append({"op": "copy", "from": "/data/b", "path": inner + "/b"})
        inner += inner.removeprefix("/data")
    message = refused(agent, 422, "Invalid", "PATCH", path, json.dumps(nesting).encode(), PATCHES["json"])
    assert "nested deeper than 64 levels" in message
    for media in PATCHES.values():
        refused(agent, 413, "RequestEntityTooLarge", "PATCH", path, b" " * 4 * MIB, media)
        refused(agent, 400, "BadRequest", "PATCH", path, b'{"data":' * 100_000, media)
    refused(agent, 422, "Invalid", "PATCH", path, json.dumps({"data": {"a": "x" * 2 * MIB}}).encode(), PATCHES["merge"])
    assert send(agent, "GET", path)[1] == before


@pytest.mark.parametrize("query, code", [
    ("labelSelector=" + "a," * 30_000, 400), ("labelSelector=a+in+(" + "b,%20" * 10_000, 400),
    ("fieldSelector=" + "metadata.name%3Da," * 3_000 + "spec.x%3D1", 400), ("limit=99999999999999999999", 400),
    ("continue=" + "A" * 50_000, 400), ("resourceVersion=" + "9" * 400, 400), ("timeoutSeconds=-1e9&watch=1", 400),
], ids=["labels", "set", "fields", "limit", "continue", "version", "timeout"])
def test_hostile_queries_are_bad_requests(agent, slow, query, code):
    status, answer, _ = send(agent, "GET", f"{CONFIG_MAPS}?{query}")
    assert status == code and answer["kind"] == "Status", answer


def test_a_thousand_watches_leave_room_for_others(agent, slow):
    """Nobody reads these any more: what they cost is bounded, and so is how many there are."""
    config = json.loads(agent.kubectl("config", "view", "--raw", "-o", "json").stdout)
    address = config["clusters"][0]["cluster"]["server"].removeprefix("https://")
    trust = ssl.create_default_context(
        cadata=base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]).decode())
    authorization = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
    before = private_memory(agent.process.pid)
    held, refusals = [], []
    try:
        for _ in range(1000):
            connection = HTTPSConnection(address, context=trust, timeout=60)
            connection.request("GET", CONFIG_MAPS + "?watch=1", headers=authorization)
            held.append(connection)
            answer = connection.getresponse()
            if answer.status != 200:
                refusals.append((answer.status, answer.headers["Retry-After"], json.loads(answer.read())["reason"]))
        grown = private_memory(agent.process.pid) - before
        assert len(held) - len(refusals) == WATCHES and set(refusals) == {(429, "5", "TooManyRequests")}
        print(f"{grown / WATCHES / 1024:.1f} KiB a watch, {grown / MIB:.1f} MiB in all")
        assert grown < 80 * MIB
        assert agent.kubectl("get", "configmaps").returncode == 0
        # Nobody takes what is sent to them: writes go on.
        for number in range(300):
            assert send(agent, "POST", CONFIG_MAPS, config_map(f"m{number}", text="x" * 1000))[0] == 201
        assert private_memory(agent.process.pid) - before < 120 * MIB
    finally:
        for connection in held:
            connection.close()
    wait_for(lambda: len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir())) < 100, "the connections are gone", 30)
    begun = time.monotonic()
    agent.kubectl("get", "configmaps", "--watch-only", "--request-timeout=1s")
    assert time.monotonic() - begun < 60, "there is a place again"


def test_a_request_that_does_not_get_on_is_ended(agent, slow):
    """One of the last here: it began with the first."""
    client, begun = slow
    client.settimeout(200)
    try:
        data = client.recv(1000)
    except ConnectionError:
        data = b""
    assert data == b"", data
    assert 50 < time.monotonic() - begun < 300
    assert send(agent, "GET", CONFIG_MAPS + "?limit=1")[0] == 200


def test_watchers_whose_link_is_cut_leave_their_places(cut):
    """Those that have something to say to them find out by it, the others by asking whether they are there."""
    agent, port, link, since = cut
    wait_for(lambda: link.connections(port) == 0, "no connection is left", 300, 1)
    print(f"the last one was given up after {time.monotonic() - since:.0f} s")
    assert wait_for(lambda: watch(agent) == 200, "there is a place again", 30)
    wait_for(lambda: len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir())) < 100, "nothing is left of them", 30)
