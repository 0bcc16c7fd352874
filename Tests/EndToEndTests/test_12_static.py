"""The shipped file: static, small, without ICU, and working in an empty root."""

import json
import os
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from harness import WHERRY, Agent, free_port, run, wait_for

LIMITS = json.loads((Path(__file__).resolve().parents[2] / "bench/limits.json").read_text())


def test_the_file_is_static_stripped_small_and_without_icu():
    description = run("file", WHERRY).stdout
    assert "statically linked" in description and "stripped" in description and "not stripped" not in description
    assert os.path.getsize(WHERRY) <= LIMITS["binary_bytes"]
    content = Path(WHERRY).read_bytes()
    for sign in (b"icudt", b"ucol_open", b"udat_open"):
        assert sign not in content, sign


def test_it_serves_resolves_and_opens_tls_in_an_empty_root(place):
    """Nothing but the binary, a data directory and a resolv.conf that names a server of ours."""
    root = place / "root"
    for name in ("data", "run", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy(WHERRY, root / "wherry")
    asked = []
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=registry.test", "-addext", "subjectAltName=DNS:registry.test",
        "-keyout", place / "key.pem", "-out", place / "cert.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "cert.pem", place / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = Names().start()
    try:
        # Names are looked up on 127.0.0.1:53 of a network namespace of our own, so that port 53 is free.
        (root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        (root / "etc/ssl/certs").mkdir(parents=True)
        shutil.copy(place / "cert.pem", root / "etc/ssl/certs/ca-certificates.crt")
        agent = Agent(place / "a", binary="/wherry", prefix=("chroot", str(root)))
        agent.data, agent.run_dir = Path("/data"), Path("/run")
        agent.process = subprocess.Popen([*agent.arguments(), "--node-name", "empty"], stdin=subprocess.DEVNULL,
                                         stdout=open(agent.log, "a"), stderr=subprocess.STDOUT)
        agent.run_dir = root / "run"
        agent.wait_ready()
        assert agent.json("/version")["major"] == "1"
        done = subprocess.run(["chroot", str(root), "/wherry", "pull", "--run-dir", "/run",
                               f"registry.test:{server.server_port}/thing:1"], capture_output=True, text=True, timeout=60)
        assert names.asked and any("registry" in n for n in names.asked), (names.asked, done.stderr, agent.tail())
        assert asked and asked[0].startswith("/v2/"), (asked, done.stderr, agent.tail())
        assert done.returncode == 1 and "thing:1" in done.stderr
        agent.stop()
    finally:
        names.stop()
        server.shutdown()


class Names:
    """A name server on 127.0.0.1:53 that answers every A question with 127.0.0.1."""

    def __init__(self):
        self.asked = []

    def start(self):
        import socket
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 53))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += query[at] + 1
            self.asked.append(".".join(labels))
            question = query[12:at + 5]
            is_a = query[at + 1:at + 3] == b"\0\1"
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_a else b""
            header = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
            self.socket.sendto(header + question + answer, peer)

    def stop(self):
        self.socket.close()
