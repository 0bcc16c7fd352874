"""The hub's registry: the distribution specification by plain HTTP, skopeo and docker, devices, restarts, garbage, copies.

Statements of the specification are named where they are tested; the table of all is printed at the end (`pytest -s`).
"""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import SLEEP, SOAK, Agent, Hub, Registry, deployment, oci_layout, private_memory, run, wait_for
from test_20_engines import Engine

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ABSENT = "sha256:" + "0" * 64

STATEMENTS: list[tuple[str, str]] = []


def says(section: str, statement: str):
    """Notes a statement of the specification that was just checked; sections are those of the conformance suite."""
    STATEMENTS.append((section, statement))


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    def fails(self, status: int, code: str) -> "Answer":
        assert self.status == status, (self.status, self.body)
        error = self.json["errors"][0]
        assert error["code"] == code and error["message"], error
        return self


class Client:
    """Speaks HTTP to the registry; one connection for each request."""

    def __init__(self, hub: Hub, authorization: str | None = None, pair: tuple[Path, Path] | None = None):
        host, port = (hub.data / "tls/address").read_text().rsplit(":", 1)
        self.host, self.port, self.authorization = host, int(port), authorization
        self.context = ssl.create_default_context(cafile=str(hub.data / "pki/ca.crt"))
        if pair:
            self.context.load_cert_chain(*pair)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=60)

    def __call__(self, method: str, path: str, body=None, **headers: str) -> Answer:
        connection = self.connect()
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization and "Authorization" not in fields:
            fields["Authorization"] = self.authorization
        try:
            connection.request(method, path, body=body, headers=fields)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        if path.startswith("/v2/"):
            assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
        return answer

    def upload(self, name: str, content: bytes) -> str:
        """POST, then PUT of the whole."""
        location = self("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        answer = self("PUT", f"{location}?digest={digest(content)}", content)
        assert answer.status == 201, answer
        return digest(content)

    def put(self, name: str, reference: str, document: dict | bytes, type=MANIFEST) -> Answer:
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self("PUT", f"/v2/{name}/manifests/{reference}", content, Content_Type=type)

    def push(self, name: str, tag: str, layers=(b"layer",), **more) -> dict:
        config = b"{}"
        for content in (config, *layers):
            self.upload(name, content)
        document = manifest(config, *layers, **more)
        assert self.put(name, tag, document).status == 201
        return document


def manifest(config: bytes, *layers: bytes, **more) -> dict:
    def descriptor(type: str, content: bytes) -> dict:
        return {"mediaType": type, "digest": digest(content), "size": len(content)}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor(CONFIG, config),
            "layers": [descriptor(LAYER, layer) for layer in layers], **more}


def encoded(document: dict) -> bytes:
    return json.dumps(document).encode()


def basic(name: str, password: str) -> str:
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def admin_token(hub: Hub) -> str:
    return (hub.data / "tls/token").read_text().strip()


def administrator(hub: Hub) -> Client:
    return Client(hub, "Bearer " + admin_token(hub))


def user(hub: Hub, name: str, *repositories: str, push=False) -> str:
    options = [word for repository in repositories for word in ("--repository", repository)]
    return hub.cli("registry", "user", "add", name, *options, *(["--push"] if push else [])).stdout.strip()


@contextlib.contextmanager
def running(directory: Path, *options: str, **more):
    hub = Hub(directory, *options, **more).start()
    try:
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="module")
def hub():
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    with running(place / "h") as hub:
        yield hub
    shutil.rmtree(place, ignore_errors=True)
    width = max((len(section) for section, _ in STATEMENTS), default=0)
    print(f"\n{len(STATEMENTS)} statements of the distribution specification")
    for section, statement in sorted(STATEMENTS, key=lambda entry: entry[0]):
        print(f"  {section:<{width}}  {statement}")


@pytest.fixture
def api(hub) -> Client:
    return administrator(hub)


# Pull


def test_pull(api):
    document = api.push("pull/app", "v1")
    content = encoded(document)
    for reference in ("v1", digest(content)):
        head = api("HEAD", f"/v2/pull/app/manifests/{reference}")
        assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(content)))
        got = api("GET", f"/v2/pull/app/manifests/{reference}")
        assert (got.status, got.body, got.headers["Content-Type"]) == (200, content, MANIFEST)
        assert head.headers["Docker-Content-Digest"] == got.headers["Docker-Content-Digest"] == digest(content)
    says("Pull", "GET and HEAD of a manifest by tag and by digest give its bytes, type, length and digest")
    blob = f"/v2/pull/app/blobs/{digest(b'layer')}"
    head, got = api("HEAD", blob), api("GET", blob)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "5")
    assert (got.status, got.body, got.headers["Docker-Content-Digest"]) == (200, b"layer", digest(b"layer"))
    says("Pull", "GET and HEAD of a blob give its bytes, length and digest")
    api("GET", f"/v2/pull/app/blobs/{ABSENT}").fails(404, "BLOB_UNKNOWN")
    assert api("HEAD", f"/v2/pull/app/blobs/{ABSENT}").status == 404
    says("Pull", "a blob that is not there: 404 BLOB_UNKNOWN")
    for reference in ("absent", ABSENT, ".no-tag"):
        api("GET", f"/v2/pull/app/manifests/{reference}").fails(404, "MANIFEST_UNKNOWN")
        assert api("HEAD", f"/v2/pull/app/manifests/{reference}").status == 404
    says("Pull", "a manifest that is not there: 404 MANIFEST_UNKNOWN")
    api("GET", "/v2/pull/app/blobs/sha256:short").fails(400, "DIGEST_INVALID")
    api("GET", f"/v2/pull/app/blobs/sha512:{'0' * 128}").fails(400, "DIGEST_INVALID")
    says("Pull", "a digest that is none, or of an algorithm that is not stored: 400 DIGEST_INVALID")
    for name in ("Pull/app", "pull//app_", "a..b"):
        api("GET", f"/v2/{name}/tags/list").fails(400, "NAME_INVALID")
    says("Pull", "a name outside the grammar: 400 NAME_INVALID")
    assert api("GET", "/v2/other/app/blobs/" + digest(b"layer")).fails(404, "BLOB_UNKNOWN")
    says("Pull", "a blob of another repository is not served")


def test_pull_with_accept(api):
    api.push("accept/app", "v1")
    path = "/v2/accept/app/manifests/v1"
    for accept in (MANIFEST, f"{INDEX}, {MANIFEST}", "*/*", f"text/plain;q=0.1, {MANIFEST}; q=0.5"):
        assert api("GET", path, Accept=accept).status == 200, accept
    api("GET", path, Accept=INDEX).fails(404, "MANIFEST_UNKNOWN")
    says("Pull", "a manifest of a type that Accept leaves out is not sent")
    etag = api("GET", path).headers["ETag"]
    assert api("GET", path, If_None_Match=etag).status == 304


def test_ranges(api):
    content = os.urandom(300_000)
    path = f"/v2/range/app/blobs/{api.upload('range/app', content)}"
    total = len(content)
    for header, first, last in ((f"bytes=0-{total - 1}", 0, total), ("bytes=10-19", 10, 20), ("bytes=299990-", 299_990, total),
                                ("bytes=-5", total - 5, total), ("bytes=200000-999999999", 200_000, total)):
        got = api("GET", path, Range=header)
        assert (got.status, got.body) == (206, content[first:last]), header
        assert got.headers["Content-Range"] == f"bytes {first}-{last - 1}/{total}"
        assert got.headers["Content-Length"] == str(last - first)
    for header in (f"bytes={total}-", "bytes=-0", "bytes=99999999999999999999-"):
        assert api("GET", path, Range=header).fails(416, "SIZE_INVALID").headers["Content-Range"] == f"bytes */{total}"
    for header in ("bytes=5-1", "bytes=a-b", "chars=0-1", "bytes=0-1,4-5"):
        got = api("GET", path, Range=header)
        assert (got.status, got.body) == (200, content), header
    says("Pull", "Range of a blob: 206 with Content-Range, 416 outside, all of it for several or senseless ones")
    tag = api("HEAD", path).headers["ETag"]
    assert api("GET", path, Range="bytes=0-4", If_Range=tag).status == 206
    assert api("GET", path, Range="bytes=0-4", If_Range='"other"').body == content
    assert api("GET", path, If_None_Match=tag).status == 304
    assert api("HEAD", path, Range="bytes=0-4").headers["Content-Length"] == str(total)
    assert api("HEAD", path).headers["Accept-Ranges"] == "bytes"
    empty = f"/v2/range/app/blobs/{api.upload('range/app', b'')}"
    assert api("GET", empty).body == b"" and api("GET", empty, Range="bytes=0-").status == 416


# Push


def test_push_at_once(api):
    content = os.urandom(70_000)
    start = api("POST", "/v2/push/app/blobs/uploads/")
    assert start.status == 202 and start.headers["Range"] == "0-0" and start.headers["Docker-Upload-UUID"]
    done = api("PUT", f"{start.headers['Location']}?digest={digest(content)}", content)
    assert done.status == 201 and done.headers["Location"] == f"/v2/push/app/blobs/{digest(content)}"
    assert api("GET", done.headers["Location"]).body == content
    says("Push", "POST then PUT: 202 with a Location, 201 with the blob's Location")
    api("GET", start.headers["Location"]).fails(404, "BLOB_UPLOAD_UNKNOWN")
    content = os.urandom(70_001)
    single = api("POST", f"/v2/push/app/blobs/uploads/?digest={digest(content)}", content)
    assert single.status == 201 and api("GET", single.headers["Location"]).body == content
    says("Push", "single POST with ?digest=: 201")
    api("POST", f"/v2/push/app/blobs/uploads/?digest={ABSENT}", b"x").fails(400, "DIGEST_INVALID")
    location = api("POST", "/v2/push/app/blobs/uploads/").headers["Location"]
    api("PUT", f"{location}?digest={ABSENT}", b"x").fails(400, "DIGEST_INVALID")
    api("GET", location).fails(404, "BLOB_UPLOAD_UNKNOWN")
    location = api("POST", "/v2/push/app/blobs/uploads/").headers["Location"]
    api("PUT", location, b"x").fails(400, "DIGEST_INVALID")
    api("PUT", location + "?digest=nonsense", b"x").fails(400, "DIGEST_INVALID")
    says("Push", "content of another digest, or no digest: 400 DIGEST_INVALID")
    assert api("DELETE", location).status == 204
    api("DELETE", location).fails(404, "BLOB_UPLOAD_UNKNOWN")
    api("PATCH", location, b"x").fails(404, "BLOB_UPLOAD_UNKNOWN")
    api("PUT", f"{location}?digest={digest(b'x')}", b"x").fails(404, "BLOB_UPLOAD_UNKNOWN")
    says("Push", "an upload can be cancelled with DELETE; then it is 404 BLOB_UPLOAD_UNKNOWN")


def test_push_in_chunks(api):
    content = os.urandom(250_000)
    location = api("POST", "/v2/chunks/app/blobs/uploads/").headers["Location"]

    def chunk(first: int, last: int, body=None) -> Answer:
        return api("PATCH", location, content[first:last] if body is None else body, Content_Range=f"{first}-{last - 1}")

    chunk(100, 200).fails(416, "BLOB_UPLOAD_INVALID")
    says("Push", "a first chunk that does not begin at 0: 416")
    done = chunk(0, 100_000)
    assert (done.status, done.headers["Range"], done.headers["Location"]) == (202, "0-99999", location)
    for first, last in ((0, 100_000), (50_000, 150_000), (200_000, 250_000), (100_001, 100_002)):
        refused = chunk(first, last).fails(416, "BLOB_UPLOAD_INVALID")
        assert (refused.headers["Range"], refused.headers["Location"]) == ("0-99999", location)
    says("Push", "a chunk out of order or sent again: 416 with the present Range and Location")
    status = api("GET", location)
    assert (status.status, status.headers["Range"], status.headers["Location"]) == (204, "0-99999", location)
    says("Push", "GET of an upload: 204 with Range and Location")
    chunk(100_000, 100_010, b"short").fails(400, "SIZE_INVALID")
    for header in ("bytes 100000-100001/*", "5", "9-5", "a-b"):
        api("PATCH", location, b"xx", Content_Range=header).fails(400, "BLOB_UPLOAD_INVALID")
    says("Push", "Content-Range against Content-Length: SIZE_INVALID; one that is none: BLOB_UPLOAD_INVALID")
    assert api("GET", location).headers["Range"] == "0-99999", "what was refused changed nothing"
    assert chunk(100_000, 200_000).headers["Range"] == "0-199999"
    refused = api("PUT", f"{location}?digest={digest(content)}", content[:10], Content_Range="0-9")
    refused.fails(416, "BLOB_UPLOAD_INVALID")
    done = api("PUT", f"{location}?digest={digest(content)}", content[200_000:], Content_Range="200000-249999")
    assert done.status == 201 and api("GET", done.headers["Location"]).body == content
    says("Push", "chunks in order, and a closing PUT with the last one: 201")
    # As docker does: one PATCH without a length, and a PUT without content.
    location = api("POST", "/v2/chunks/app/blobs/uploads/").headers["Location"]
    assert api("PATCH", location, iter([content[:100_000], content[100_000:]])).headers["Range"] == "0-249999"
    assert api("PUT", f"{location}?digest={digest(content)}").status == 201
    says("Push", "streamed PATCH without Content-Range, PUT without a body: 201")


def test_a_cut_connection_leaves_what_came(api):
    content = os.urandom(600_000)
    location = api("POST", "/v2/cut/app/blobs/uploads/").headers["Location"]
    connection = api.connect()
    connection.putrequest("PATCH", location)
    for name, value in (("Authorization", api.authorization), ("Content-Length", str(len(content)))):
        connection.putheader(name, value)
    connection.endheaders(content[:300_000])
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()

    def stands() -> int:
        return int(api("GET", location).headers["Range"].split("-")[1]) + 1
    wait_for(lambda: stands() > 1, "what came before the cut")
    seen = [0]

    def settled() -> int:
        seen.append(stands())
        return seen[-1] if seen[-1] == seen[-2] else 0
    offset = wait_for(settled, "the upload stands still", interval=0.2)
    assert 0 < offset <= 300_000
    done = api("PUT", f"{location}?digest={digest(content)}", content[offset:],
               Content_Range=f"{offset}-{len(content) - 1}")
    assert done.status == 201, done


def test_mount(api, hub):
    blob = api.upload("mount/source", b"to be mounted")
    done = api("POST", f"/v2/mount/target/blobs/uploads/?mount={blob}&from=mount/source")
    assert done.status == 201 and done.headers["Location"] == f"/v2/mount/target/blobs/{blob}"
    assert api("GET", done.headers["Location"]).body == b"to be mounted"
    says("Push", "mount from a repository that has the blob: 201 with its Location")
    for query in (f"mount={ABSENT}&from=mount/source", f"mount={blob}&from=mount/nowhere", f"mount={ABSENT}"):
        assert api("POST", f"/v2/mount/target/blobs/uploads/?{query}").status == 202
    says("Push", "mount of what is not there, or without from: 202 and an upload")
    api("POST", "/v2/mount/target/blobs/uploads/?mount=x&from=mount/source").fails(400, "DIGEST_INVALID")
    # A user without leave to read the source learns nothing of it.
    stranger = Client(hub, basic("mounter", user(hub, "mounter", "mine/*", push=True)))
    assert stranger("POST", f"/v2/mine/app/blobs/uploads/?mount={blob}&from=mount/source").status == 202


def test_push_of_manifests(api):
    name = "manifests/app"
    document = manifest(b"{}", b"layer")
    api.put(name, "v1", document).fails(404, "MANIFEST_BLOB_UNKNOWN")
    says("Push", "a manifest whose blobs are not there: 404 MANIFEST_BLOB_UNKNOWN")
    api.upload(name, b"{}")
    api.upload(name, b"layer")
    done = api.put(name, "v1", document)
    assert done.status == 201 and done.headers["Docker-Content-Digest"] == digest(encoded(document))
    assert done.headers["Location"] == f"/v2/{name}/manifests/{digest(encoded(document))}"
    assert api.put(name, digest(encoded(document)), document).status == 201
    says("Push", "PUT of a manifest by tag and by digest: 201 with Location and digest")
    api.put(name, ABSENT, document).fails(400, "DIGEST_INVALID")
    says("Push", "PUT by another digest than the content's: 400 DIGEST_INVALID")
    wrong = [
        (b"", MANIFEST), (b"[]", MANIFEST), (b"{", MANIFEST), (encoded({"schemaVersion": 1}), MANIFEST),
        (encoded({**document, "manifests": []}), MANIFEST), (encoded(document), INDEX),
        (encoded(document), "application/vnd.docker.distribution.manifest.v2+json"), (encoded(document), "image/png"),
        (encoded({**document, "subject": {"digest": "x"}}), MANIFEST),
        (encoded(manifest(b"{}") | {"layers": [{"mediaType": LAYER, "digest": digest(b"layer"), "size": 4}]}), MANIFEST),
    ]
    for content, type in wrong:
        api.put(name, "v2", content, type).fails(400, "MANIFEST_INVALID")
    says("Push", "a manifest that is none, is two things at once, or is not of its type: 400 MANIFEST_INVALID")
    api.put(name, "bad:tag", document).fails(400, "DIGEST_INVALID")
    api.put(name, "-bad", document).fails(400, "MANIFEST_INVALID")
    padded = {**document, "annotations": {"padding": "x" * (4 << 20)}}
    api.put(name, "v2", padded).fails(413, "SIZE_INVALID")
    fits = {**document, "annotations": {"padding": "x" * (4 << 20)}}
    fits["annotations"]["padding"] = "x" * ((4 << 20) - len(encoded({**document, "annotations": {"padding": ""}})))
    assert len(encoded(fits)) == 4 << 20 and api.put(name, "big", fits).status == 201
    says("Push", "a manifest of more than 4 MiB: 413; of 4 MiB: 201")
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": MANIFEST, "digest": digest(encoded(document)), "size": len(encoded(document))}]}
    assert api.put(name, "all", index, INDEX).status == 201
    api.put("manifests/empty", "all", index, INDEX).fails(404, "MANIFEST_BLOB_UNKNOWN")
    says("Push", "an index of manifests that are there: 201, else 404 MANIFEST_BLOB_UNKNOWN")
    assert api("GET", f"/v2/{name}/manifests/v2").status == 404, "what was refused has no tag"


def test_methods_and_paths_that_are_not_there(api):
    for method, path in (("PUT", "/v2/x/tags/list"), ("POST", "/v2/_catalog"), ("DELETE", "/v2/x/blobs/uploads/"),
                         ("POST", f"/v2/x/blobs/{ABSENT}"), ("PATCH", "/v2/x/manifests/v1"),
                         ("POST", f"/v2/x/referrers/{ABSENT}"), ("DELETE", "/v2/token")):
        assert api(method, path).fails(405, "UNSUPPORTED").headers["Allow"], path
    api("GET", "/v2/x/unknown").fails(404, "UNSUPPORTED")
    says("Errors", "a method that a path has not: 405 UNSUPPORTED")


# Content discovery


def test_tags(api):
    document = api.push("tags/app", "v1")
    for tag in ("10", "9", "B", "a", "_z"):
        api.put("tags/app", tag, document)
    every = ["10", "9", "B", "_z", "a", "v1"]
    assert api("GET", "/v2/tags/app/tags/list").json == {"name": "tags/app", "tags": every}
    says("Content discovery", "tags in the order of their bytes")
    path, pages = "/v2/tags/app/tags/list?n=4", []
    while path:
        answer = api("GET", path)
        pages.append(answer.json["tags"])
        link = answer.headers["Link"]
        assert link is None or link.endswith('>; rel="next"')
        path = link and link[1:link.index(">")]
    assert pages == [every[:4], every[4:]]
    says("Content discovery", "n and Link lead through the tags, and the last page has no Link")
    assert api("GET", "/v2/tags/app/tags/list?last=B").json["tags"] == every[3:]
    assert api("GET", "/v2/tags/app/tags/list?n=2&last=A").json["tags"] == ["B", "_z"]
    assert api("GET", "/v2/tags/app/tags/list?n=0").json["tags"] == []
    assert api("GET", "/v2/tags/app/tags/list?n=6").headers["Link"] is None
    says("Content discovery", "last begins behind a tag, there or not; n=0 gives none")
    assert api("GET", "/v2/tags/app/tags/list?n=x").status == 400
    api("GET", "/v2/tags/nowhere/tags/list").fails(404, "NAME_UNKNOWN")
    says("Content discovery", "tags of a repository that is not there: 404 NAME_UNKNOWN")


def test_catalog(api, hub):
    for name in ("catalog/a", "catalog/b", "catalog/c"):
        api.push(name, "v1")
    first = api("GET", "/v2/_catalog?n=2&last=catalog")
    assert first.json["repositories"] == ["catalog/a", "catalog/b"]
    second = api("GET", first.headers["Link"].split(">")[0][1:])
    assert second.json["repositories"][0] == "catalog/c"
    reader = Client(hub, basic("lister", user(hub, "lister", "catalog/b")))
    assert reader("GET", "/v2/_catalog").json["repositories"] == ["catalog/b"], "others' repositories are not shown"
    says("Content discovery", "_catalog in pages, with what the caller may pull")


def test_referrers(api):
    name = "refer/app"
    subject = api.push(name, "v1")
    about = {"mediaType": MANIFEST, "digest": digest(encoded(subject)), "size": len(encoded(subject))}
    empty = api("GET", f"/v2/{name}/referrers/{about['digest']}")
    assert (empty.status, empty.headers["Content-Type"]) == (200, INDEX)
    assert empty.json == {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    says("Content discovery", "no referrers: 200 with an empty index")
    documents = {
        "sig": manifest(b"{}", b"layer", subject=about, artifactType="application/sig", annotations={"a": "b"}),
        "sbom": manifest(b"{}", b"layer", subject=about),
        "ahead": manifest(b"{}", subject={**about, "digest": ABSENT}),
    }
    for document in documents.values():
        done = api.put(name, digest(encoded(document)), document)
        assert done.status == 201 and done.headers["OCI-Subject"] == document["subject"]["digest"]
    says("Content discovery", "PUT with a subject, there or not yet: 201 with OCI-Subject")
    listed = {entry["digest"]: entry for entry in api("GET", f"/v2/{name}/referrers/{about['digest']}").json["manifests"]}
    assert listed == {
        digest(encoded(documents["sig"])): {
            "mediaType": MANIFEST, "digest": digest(encoded(documents["sig"])), "size": len(encoded(documents["sig"])),
            "artifactType": "application/sig", "annotations": {"a": "b"}},
        digest(encoded(documents["sbom"])): {
            "mediaType": MANIFEST, "digest": digest(encoded(documents["sbom"])),
            "size": len(encoded(documents["sbom"])), "artifactType": CONFIG}}
    says("Content discovery", "referrers with type, size, artifact type (or the config's type) and annotations")
    only = api("GET", f"/v2/{name}/referrers/{about['digest']}?artifactType=application/sig")
    assert only.headers["OCI-Filters-Applied"] == "artifactType" and len(only.json["manifests"]) == 1
    assert len(api("GET", f"/v2/{name}/referrers/{ABSENT}").json["manifests"]) == 1
    says("Content discovery", "filter by artifactType, with OCI-Filters-Applied")
    api("GET", f"/v2/{name}/referrers/nonsense").fails(400, "DIGEST_INVALID")
    says("Content discovery", "referrers of what is no digest: 400 DIGEST_INVALID")
    api("DELETE", f"/v2/{name}/manifests/{digest(encoded(documents['sig']))}")
    assert len(api("GET", f"/v2/{name}/referrers/{about['digest']}").json["manifests"]) == 1


# Content management


def test_delete(api):
    name = "delete/app"
    document = api.push(name, "v1")
    api.put(name, "v2", document)
    assert api("DELETE", f"/v2/{name}/manifests/v1").status == 202
    assert api("GET", f"/v2/{name}/tags/list").json["tags"] == ["v2"]
    api("DELETE", f"/v2/{name}/manifests/v1").fails(404, "MANIFEST_UNKNOWN")
    says("Content management", "DELETE of a tag: 202, and the manifest and its other tags stay")
    blob = f"/v2/{name}/blobs/{digest(b'layer')}"
    api("DELETE", blob).fails(405, "UNSUPPORTED")
    assert api("DELETE", f"/v2/{name}/manifests/{digest(encoded(document))}").status == 202
    assert api("GET", f"/v2/{name}/tags/list").json["tags"] == []
    api("GET", f"/v2/{name}/manifests/v2").fails(404, "MANIFEST_UNKNOWN")
    api("DELETE", f"/v2/{name}/manifests/{ABSENT}").fails(404, "MANIFEST_UNKNOWN")
    says("Content management", "DELETE of a manifest by digest: 202, and its tags go; one that is not there: 404")
    assert api("DELETE", blob).status == 202 and api("GET", blob).status == 404
    api("DELETE", blob).fails(404, "BLOB_UNKNOWN")
    says("Content management", "DELETE of a blob: 202, 404 afterwards, 405 while a manifest needs it")


# Who may


def test_a_login_is_needed_and_where(hub):
    stranger = Client(hub)
    for method, path, scope in (
            ("GET", "/v2/", ""), ("GET", "/v2/a/tags/list", "repository:a:pull"),
            ("POST", "/v2/a/blobs/uploads/", "repository:a:pull,push"), ("GET", "/v2/_catalog", "registry:catalog:*"),
            ("DELETE", "/v2/a/manifests/x", "repository:a:delete")):
        challenge = stranger(method, path).fails(401, "UNAUTHORIZED").headers["WWW-Authenticate"]
        assert challenge.startswith(f'Bearer realm="https://{stranger.address}/v2/token",service="'), challenge
        assert f'scope="{scope}"' in challenge if scope else "scope" not in challenge
    says("Errors", "without a login: 401 UNAUTHORIZED with the challenge of the token protocol")
    for authorization in ("Basic !!!", "Bearer x.y", "Digest x", basic("admin", "wrong")):
        Client(hub, authorization)("GET", "/v2/").fails(401, "UNAUTHORIZED")
    assert stranger("GET", "/api/v1/namespaces").status == 401, "the hub's own API is as closed as before"
    assert stranger("GET", "/v2/../api/v1/namespaces").status in (400, 401, 404)
    assert stranger("GET", "/v2/token?service=x&scope=repository:a:pull").status == 401


def test_tokens_and_scopes(hub, api):
    api.push("team/app", "v1")
    api.push("other/app", "v1")
    pull, push = user(hub, "puller", "team/*"), user(hub, "pusher", "team/*", push=True)
    anonymous = Client(hub)

    def token(name: str, password: str, *scopes: str) -> Client:
        query = "&".join(["service=x", *(f"scope={scope}" for scope in scopes)])
        answer = anonymous("GET", f"/v2/token?{query}", Authorization=basic(name, password))
        assert answer.status == 200 and 60 <= answer.json["expires_in"] <= 900, answer
        assert answer.json["token"] == answer.json["access_token"]
        return Client(hub, "Bearer " + answer.json["token"])

    for client in (Client(hub, basic("puller", pull)), token("puller", pull, "repository:team/app:pull,push")):
        assert client("GET", "/v2/").status == 200
        assert client("GET", "/v2/team/app/manifests/v1").status == 200
        client("POST", "/v2/team/app/blobs/uploads/").fails(403, "DENIED")
    says("Errors", "a login without the right: 403 DENIED")
    Client(hub, basic("puller", pull))("GET", "/v2/other/app/manifests/v1").fails(403, "DENIED")
    narrow = token("pusher", push, "repository:team/app:pull")
    missing = narrow("POST", "/v2/team/app/blobs/uploads/").fails(401, "UNAUTHORIZED").headers["WWW-Authenticate"]
    assert 'scope="repository:team/app:pull,push",error="insufficient_scope"' in missing
    wide = token("pusher", push, "repository:team/app:pull,push,delete", "repository:team/new:*")
    wide.push("team/new", "v1")
    assert wide("DELETE", "/v2/team/new/manifests/v1").status == 202
    wide("GET", "/v2/team/third/tags/list").fails(401, "UNAUTHORIZED")  # a token for it may be had
    form = f"grant_type=password&service=x&client_id=test&username=pusher&password={push}&scope=repository%3Ateam%2Fapp%3Apull"
    answer = anonymous("POST", "/v2/token", form, Content_Type="application/x-www-form-urlencoded")
    assert Client(hub, "Bearer " + answer.json["access_token"])("GET", "/v2/team/app/tags/list").status == 200
    assert anonymous("POST", "/v2/token", "grant_type=refresh_token&refresh_token=x").status == 400
    # The administrator: with the kubeconfig's token as a password, and on the local socket.
    assert token("admin", admin_token(hub), "repository:other/app:pull")("GET", "/v2/other/app/tags/list").status == 200
    assert hub.get("/v2/other/app/tags/list")[0] == 200


def test_users(hub):
    password = user(hub, "gone", "a", "b/*", push=True)
    assert len(password) == 32 and password not in (hub.data / "registry.db").read_bytes().decode("latin1")
    listed = hub.cli("registry", "user", "list").stdout
    assert "gone" in listed and "a,b/*" in listed and password not in listed
    again = user(hub, "gone", "a")
    assert Client(hub, basic("gone", password))("GET", "/v2/").status == 401
    assert Client(hub, basic("gone", again))("GET", "/v2/").status == 200
    hub.cli("registry", "user", "remove", "gone")
    assert Client(hub, basic("gone", again))("GET", "/v2/").status == 401
    assert "no user" in hub.cli("registry", "user", "remove", "gone", check=False).stderr
    for name in ("admin", "Bad Name"):
        assert "is not a name" in hub.cli("registry", "user", "add", name, "--repository", "*", check=False).stderr
    assert password not in hub.log.read_text() and again not in hub.log.read_text()


def test_a_device_pulls_with_its_certificate(hub, api, place):
    api.push("device/app", "v1")
    device = Agent(place / "a")
    hub.enrol(device, "dev-registry")
    identity = device.data / "identity"
    client = Client(hub, pair=(identity / "certificate.pem", identity / "key.pem"))
    assert client("GET", "/v2/").status == 200
    assert client("GET", "/v2/device/app/manifests/v1").status == 200
    client("POST", "/v2/device/app/blobs/uploads/").fails(403, "DENIED")
    client("GET", "/v2/_catalog").fails(403, "DENIED")
    assert client("GET", "/api/v1/namespaces").status == 401, "a certificate opens the registry only"
    hub.kubectl("delete", "node", "dev-registry")
    wait_for(lambda: client("GET", "/v2/device/app/manifests/v1").status == 401, "a revoked device is a stranger")


def test_a_deployment_of_the_hub_runs_an_image_of_its_registry(hub, api, images, place):
    """`docker push` to the hub, `kubectl apply` at the hub: the device has no login and no configuration."""
    certs = certificates(hub, place)
    run("skopeo", "copy", "-q", "--dest-cert-dir", certs, "--dest-creds", f"admin:{admin_token(hub)}",
        f"oci:{oci_layout(images, SLEEP, tag='registry')}", f"docker://{api.address}/fleet/app:1")
    device = Agent(place / "a")
    hub.enrol(device, "dev-runner")
    device.start()
    try:
        hub.apply(deployment("from-registry", 1, SLEEP, image=f"{api.address}/fleet/app:1"))
        hub.kubectl("rollout", "status", "deployment/from-registry", "--timeout=40s")
        name = device.pods("app=from-registry")[0]["metadata"]["name"]
        assert [e for e in device.events(name) if e["reason"] == "Pulled"], device.events(name)
        assert f"{api.address}/fleet/app:1" in device.cli("images").stdout
    finally:
        hub.kubectl("delete", "deployment", "from-registry", check=False)
        device.remove_everything()


def test_anonymous_pull(place):
    with running(place / "h", "--registry-anonymous-pull") as hub:
        administrator(hub).push("open/app", "v1")
        stranger = Client(hub)
        assert stranger("GET", "/v2/open/app/manifests/v1").status == 200
        stranger("POST", "/v2/open/app/blobs/uploads/").fails(401, "UNAUTHORIZED")
        stranger("GET", "/v2/").fails(401, "UNAUTHORIZED")  # so that clients learn how to log in
        run("skopeo", "inspect", "--raw", "--cert-dir", certificates(hub, place), f"docker://{stranger.address}/open/app:v1")


# Real clients


def certificates(hub: Hub, place: Path) -> Path:
    directory = place / "certs"
    directory.mkdir(exist_ok=True)
    (directory / "ca.crt").write_bytes((hub.data / "pki/ca.crt").read_bytes())
    return directory


def test_skopeo(hub, images, place):
    layout = oci_layout(images, SLEEP, tag="registry")
    certs, address = certificates(hub, place), Client(hub).address
    push, pull = user(hub, "skopeo-push", "skopeo/*", push=True), user(hub, "skopeo-pull", "skopeo/*")
    run("skopeo", "copy", "-q", "--dest-cert-dir", certs, "--dest-creds", f"skopeo-push:{push}", f"oci:{layout}",
        f"docker://{address}/skopeo/app:1")
    source = ["--src-cert-dir", certs, "--src-creds", f"skopeo-pull:{pull}", f"docker://{address}/skopeo/app:1"]
    for kind in (f"oci-archive:{place}/app.tar:app:1", f"dir:{place}/dir", f"docker-archive:{place}/docker.tar:app:1"):
        run("skopeo", "copy", "-q", *source, kind)
    original = json.loads(run("skopeo", "inspect", f"oci:{layout}").stdout)["Digest"]
    inspect = ["skopeo", "inspect", "--cert-dir", certs, "--creds", f"skopeo-pull:{pull}"]
    assert json.loads(run(*inspect, f"docker://{address}/skopeo/app:1").stdout)["Digest"] == original
    # An archive in, another repository of the same registry (mounts), and both formats.
    run("skopeo", "copy", "-q", "--dest-cert-dir", certs, "--dest-creds", f"skopeo-push:{push}",
        f"oci-archive:{place}/app.tar:app:1", f"docker://{address}/skopeo/second:1")
    run("skopeo", "copy", "-q", "--format", "v2s2", "--src-cert-dir", certs, "--src-creds", f"skopeo-pull:{pull}",
        "--dest-cert-dir", certs, "--dest-creds", f"skopeo-push:{push}", f"docker://{address}/skopeo/second:1",
        f"docker://{address}/skopeo/docker:1")
    tags = json.loads(run("skopeo", "list-tags", "--cert-dir", certs, "--creds", f"skopeo-pull:{pull}",
                          f"docker://{address}/skopeo/docker").stdout)
    assert tags["Tags"] == ["1"]
    refused = run("skopeo", "copy", "-q", "--dest-cert-dir", certs, "--dest-creds", f"skopeo-pull:{pull}", f"oci:{layout}",
                  f"docker://{address}/skopeo/app:2", check=False)
    assert refused.returncode != 0 and "denied" in refused.stderr.lower(), refused.stderr
    run("skopeo", "delete", "--cert-dir", certs, "--creds", f"skopeo-push:{push}", f"docker://{address}/skopeo/docker:1")


def test_docker(hub, images, place):
    """The real docker command and engine; the engine takes 127.0.0.0/8 without looking at the authority."""
    address = Client(hub).address
    push, pull = user(hub, "docker-push", "docker/*", push=True), user(hub, "docker-pull", "docker/*")
    home = place / "docker"
    engine = Engine(place)

    def docker(*arguments: str, **more):
        return engine.docker(*arguments, env={"DOCKER_CONFIG": str(home)}, **more)
    try:
        archive = place / "image.tar"
        run("skopeo", "copy", "-q", f"oci:{oci_layout(images, SLEEP, tag='registry')}",
            f"docker-archive:{archive}:{address}/docker/app:1")
        engine.docker("load", "-i", str(archive))
        image = f"{address}/docker/app:1"
        assert docker("push", image, check=False).returncode != 0, "without a login"
        assert docker("login", "-u", "docker-push", "-p", "wrong", address, check=False).returncode != 0
        assert "Login Succeeded" in docker("login", "-u", "docker-push", "-p", push, address).stdout
        pushed = docker("push", image).stdout
        assert "1: digest: sha256:" in pushed, pushed
        assert "Layer already exists" in docker("push", image).stdout
        docker("login", "-u", "docker-pull", "-p", pull, address)
        denied = docker("push", image, check=False)
        assert denied.returncode != 0 and "denied" in denied.stderr, (denied.stdout, denied.stderr)
        engine.docker("image", "rm", image)
        assert "Downloaded newer image" in docker("pull", image).stdout
        assert "docker/app" in engine.docker("images").stdout
    finally:
        engine.stop()


# Restarts, garbage, full disks, memory


def test_a_restart_in_the_middle_of_an_upload(place):
    content = os.urandom(400_000)
    with running(place / "h") as hub:
        api = administrator(hub)
        name, password = "restarter", user(hub, "restarter", "*", push=True)
        login = api("GET", "/v2/token?scope=repository:a:pull,push", Authorization=basic(name, password)).json["token"]
        client = Client(hub, "Bearer " + login)
        location = client("POST", "/v2/a/blobs/uploads/").headers["Location"]
        client("PATCH", location, content[:150_000], Content_Range="0-149999")
        hub.kill()
        hub.start()
        assert client("GET", location).headers["Range"] == "0-149999", "acknowledged, so it is there; the token as well"
        client("PATCH", location, content[150_000:300_000], Content_Range="150000-299999")
        hub.stop()
        hub.start()
        done = client("PUT", f"{location}?digest={digest(content)}", content[300_000:])
        assert done.status == 201 and client("GET", done.headers["Location"]).body == content


def test_garbage_is_collected_while_pushes_run(place):
    """Collections every second and a grace of three: pushes of the same layers, deletions and pulls never miss a blob."""
    shared = [bytes([number]) * 50_000 for number in range(4)]
    with running(place / "h", "--registry-grace", "3", "--registry-gc-interval", "1") as hub:
        api = administrator(hub)
        stop = threading.Event()

        def collect():
            rounds = 0
            while not stop.is_set():
                hub.cli("registry", "gc")
                rounds += 1
            return rounds

        def push(worker: int) -> int:
            for round in range(60 if SOAK else 12):
                layers = [shared[(worker + round) % 4], shared[(worker + round + 1) % 4]]
                config = b'{"round": %d}' % round
                for content in (config, *layers):
                    if api("HEAD", f"/v2/race/app/blobs/{digest(content)}").status == 404:
                        api.upload("race/app", content)
                document = manifest(config, *layers, annotations={"worker": str(worker)})
                assert api.put("race/app", f"w{worker}", document).status == 201
                for layer in layers:
                    assert api("GET", f"/v2/race/app/blobs/{digest(layer)}").body == layer
                assert api("DELETE", f"/v2/race/app/manifests/{digest(encoded(document))}").status == 202
            return worker

        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            collector = pool.submit(collect)
            done = [pool.submit(push, worker) for worker in range(4)]
            try:
                assert sorted(f.result() for f in done) == [0, 1, 2, 3]
            finally:
                stop.set()
            assert collector.result() > 3
        files = hub.data / "blobs/sha256"
        wait_for(lambda: not list(files.iterdir()), "all is garbage in the end", 20)


def test_a_full_disk_is_said_and_survived(place):
    directory = place / "h"
    (directory / "data").mkdir(parents=True)
    script = f'mount -t tmpfs -o size=24m full {directory}/data && exec "$@"'
    prefix = ("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh")
    with running(directory, prefix=prefix) as hub:
        hub.data = Path(f"/proc/{hub.process.pid}/root{directory}/data")
        api = administrator(hub)
        small = api.push("full/app", "v1")
        location = api("POST", "/v2/full/app/blobs/uploads/").headers["Location"]
        huge = os.urandom(40 << 20)
        refused = api("PUT", f"{location}?digest={digest(huge)}", huge).fails(507, "UNKNOWN")
        assert "no space left" in refused.json["errors"][0]["message"] and "wherry registry gc" in refused.body.decode()
        assert list((hub.data / "uploads").iterdir()) == [], "what came is gone, and the space free"
        assert api("GET", "/v2/full/app/manifests/v1").body == encoded(small)
        api.upload("full/app", os.urandom(4 << 20))
        assert hub.get("/readyz")[0] == 200
        hub.data = directory / "data"


def test_a_large_blob_takes_no_memory(place):
    """300 MB in one PUT, and read again by four clients at once."""
    size = 300 << 20
    block = os.urandom(1 << 20)
    whole = hashlib.sha256()
    for _ in range(size >> 20):
        whole.update(block)
    with running(place / "h") as hub:
        api = administrator(hub)
        api.push("large/app", "v1")
        api("GET", "/v2/large/app/manifests/v1")
        pid, stop, peak = hub.process.pid, threading.Event(), []

        def watch():
            while not stop.is_set():
                peak.append(private_memory(pid))
                stop.wait(0.02)
        before = private_memory(pid)
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            location = api("POST", "/v2/large/app/blobs/uploads/").headers["Location"]
            name = f"sha256:{whole.hexdigest()}"
            done = api("PUT", f"{location}?digest={name}", (block for _ in range(size >> 20)),
                       Content_Length=str(size))
            assert done.status == 201, done
            pushed = max(peak)

            def read(_) -> str:
                connection, sum = api.connect(), hashlib.sha256()
                connection.request("GET", f"/v2/large/app/blobs/{name}", headers={"Authorization": api.authorization})
                response = connection.getresponse()
                while part := response.read(1 << 18):
                    sum.update(part)
                connection.close()
                return sum.hexdigest()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                assert set(pool.map(read, range(4))) == {whole.hexdigest()}
        finally:
            stop.set()
            watcher.join()
        print(f"\nhub's private memory: {before >> 10} KiB before, at most {pushed >> 10} KiB in a push of 300 MiB, "
              f"{max(peak) >> 10} KiB with four pulls of it")
        assert max(peak) - before < 32 << 20


# Copies of an upstream


class CountedRegistry(Registry):
    """An upstream whose log says what it was asked."""

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        config = {"version": 0.1, "log": {"level": "warn", "accesslog": {"disabled": False}},
                  "storage": {"filesystem": {"rootdirectory": str(self.directory / "store")}}, "http": {"addr": self.host}}
        (self.directory / "config.yml").write_text(json.dumps(config))
        self.log = self.directory / "log"
        self.process = subprocess.Popen(["docker-registry", "serve", str(self.directory / "config.yml")],
                                        stdin=subprocess.DEVNULL, stdout=open(self.log, "a"), stderr=subprocess.STDOUT)
        wait_for(lambda: urllib.request.urlopen(f"http://{self.host}/v2/", timeout=2).status == 200, "upstream up")
        return self

    def asked(self, what: str) -> int:
        return sum(what in line for line in self.log.read_text().splitlines())


def test_copies_of_an_upstream(place, images):
    upstream = CountedRegistry(place / "upstream").start()
    try:
        layout = oci_layout(images, SLEEP, tag="copied")
        upstream.push("library/app:1", layout)
        with running(place / "h", "--registry-mirror", f"up.test=http://{upstream.host}") as hub:
            api = administrator(hub)
            path = "/v2/up.test/library/app"
            found = api("GET", f"{path}/manifests/1")
            assert found.status == 200, found
            layer = found.json["layers"][0]
            # Twelve at once: one fetch.
            with concurrent.futures.ThreadPoolExecutor(12) as pool:
                bodies = list(pool.map(lambda _: api("GET", f"{path}/blobs/{layer['digest']}").body, range(12)))
            assert {digest(body) for body in bodies} == {layer["digest"]}
            assert upstream.asked(f"GET /v2/library/app/blobs/{layer['digest']}") == 1
            config = found.json["config"]["digest"]
            assert api("HEAD", f"{path}/blobs/{config}").headers["Content-Length"] == str(found.json["config"]["size"])
            part = api("GET", f"{path}/blobs/{config}", Range="bytes=2-5")
            assert part.status == 206 and len(part.body) == 4
            wait_for(lambda: api("GET", f"{path}/blobs/{config}").status == 200, "the config's copy")
            asked = upstream.asked("GET /v2/library/app/manifests/1")
            assert api("GET", f"{path}/manifests/1").body == found.body
            assert upstream.asked("GET /v2/library/app/manifests/1") == asked, "looked up a moment ago"
            # A tag that is not fresh any more (nothing is after a restart) is looked up by HEAD, and fetched when it moved.
            hub.stop()
            hub.start()
            assert api("GET", f"{path}/manifests/1").body == found.body
            assert upstream.asked("HEAD /v2/library/app/manifests/1") == 1
            assert upstream.asked("GET /v2/library/app/manifests/1") == asked
            upstream.push("library/app:1", oci_layout(images, ["sleep", "7"], tag="moved"))
            hub.stop()
            hub.start()
            moved = api("GET", f"{path}/manifests/1")
            assert moved.body != found.body and api("GET", f"{path}/manifests/{digest(found.body)}").body == found.body
            found, config = moved, moved.json["config"]["digest"]
            assert digest(api("GET", f"{path}/blobs/{config}").body) == config
            # Nobody makes the hub fetch what no manifest here names, and nobody pushes to a copy.
            api("GET", f"{path}/blobs/{ABSENT}").fails(404, "BLOB_UNKNOWN")
            api("GET", f"{path}/manifests/absent").fails(404, "MANIFEST_UNKNOWN")
            api("POST", f"{path}/blobs/uploads/").fails(405, "UNSUPPORTED")
            api.put("up.test/library/app", "2", found.body).fails(405, "UNSUPPORTED")
            upstream.stop()
            assert api("GET", f"{path}/manifests/1").body == found.body
            assert digest(api("GET", f"{path}/blobs/{layer['digest']}").body) == layer["digest"]
            api("GET", f"{path}/manifests/2").fails(504, "UNKNOWN")
            # After a restart nothing is known to be fresh, and the upstream is still down.
            hub.stop()
            hub.start()
            assert api("GET", f"{path}/manifests/1").body == found.body
            assert len(hub.cli("registry", "gc").stdout) and api("GET", f"{path}/blobs/{config}").status == 200
            certs = certificates(hub, place)
            run("skopeo", "copy", "-q", "--src-cert-dir", certs, "--src-creds", f"admin:{admin_token(hub)}",
                f"docker://{api.address}/up.test/library/app:1", f"dir:{place}/copy")
    finally:
        upstream.stop()


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_refused_is_not_carried(hub, chunked):
    """A client without a login sends a body without end: it is answered, and then cut off."""
    stranger = Client(hub)
    with contextlib.closing(stranger.connect()) as connection:
        connection.putrequest("PUT", "/v2/some/app/blobs/uploads/1?digest=" + ABSENT)
        connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(1 << 40))))
        connection.endheaders()
        piece, sent = os.urandom(64 << 10), 0
        frame = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
        with contextlib.suppress(OSError):
            while sent < 256 << 20:
                connection.sock.sendall(frame)
                sent += len(piece)
        # Some megabytes lie in the buffers of two kernels.
        assert sent < 64 << 20, f"it took {sent >> 20} MiB of what it refuses"
    with contextlib.closing(stranger.connect()) as connection:
        connection.putrequest("PUT", "/v2/some/app/blobs/uploads/1?digest=" + ABSENT)
        connection.putheader("Content-Length", str(1 << 30))
        connection.endheaders()
        connection.sock.sendall(os.urandom(64 << 10))
        answer = connection.getresponse()
        assert answer.status == 401 and answer.headers["Connection"] == "close"
        assert json.loads(answer.read())["errors"][0]["code"] == "UNAUTHORIZED"


def test_wrong_logins_have_a_pace(hub):
    """Last in this file: every login with a password from this address waits afterwards."""
    guess = Client(hub, basic("nobody", "guess"))
    codes = [guess("GET", "/v2/").json["errors"][0]["code"] for _ in range(40)]
    assert codes[-1] == "TOOMANYREQUESTS" and "UNAUTHORIZED" in codes
    slow = guess("GET", "/v2/").fails(429, "TOOMANYREQUESTS")
    assert int(slow.headers["Retry-After"]) >= 1
    assert administrator(hub)("GET", "/v2/").status == 200, "tokens and certificates have no part in it"
    says("Errors", "too many wrong logins: 429 TOOMANYREQUESTS with Retry-After")
