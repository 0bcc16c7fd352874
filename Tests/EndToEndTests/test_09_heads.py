"""A head the device must not believe is refused with its own code, and nothing changes.

The vectors (tampered, replayed, older, for another device, oversized, signed by another key) run as unit tests in
FleetProtocolTests and DeviceLinkTests; here a real broker delivers forged heads to a real device.
"""

import base64
import json
import os
import signal
import time

from harness import SLEEP, deployment, run, wait_for


def publish(hub, topic: str, payload: bytes, path):
    """Publishes as the hub itself would: whoever owns the broker still cannot make a device believe."""
    pki = hub.data / "pki"
    message = path / "payload"
    message.write_bytes(payload)
    certificate, key = pki / "hub.crt", pki / "hub.key"
    link = json.loads((path / "a/data/identity/link.json").read_text())
    host, port = link["brokers"][0].rsplit(":", 1)
    run("mosquitto_pub", "-h", host, "-p", port, "--cafile", pki / "ca.crt", "--cert", certificate, "--key", key,
        "-t", topic, "-q", "1", "-V", "5", "-f", message)


def test_forged_heads_are_refused_and_nothing_changes(fleet, place):
    hub, agent = fleet
    hub.apply(deployment("true", 1, SLEEP))
    wait_for(lambda: agent.pods("app=true")[0]["status"]["phase"] == "Running", "the real document")
    before = agent.json("/apis/apps/v1/deployments")["items"]

    def head(**change) -> bytes:
        payload = {"dev": "dev1", "gen": 1, "rev": 99, "iat": int(time.time() * 1000), "exp": None,
                   "dig": "sha256:" + "0" * 64, "len": 2, "root": 1, **change}
        return json.dumps({"payloadType": "application/vnd.wherry.head+json",
                           "payload": base64.b64encode(json.dumps(payload).encode()).decode(),
                           "signatures": [{"keyid": "nobody", "sig": base64.b64encode(bytes(64)).decode()}]}).encode()

    # The hub's own connection would come back and end ours, since one certificate is one client: hold it still.
    os.kill(hub.process.pid, signal.SIGSTOP)
    for payload in (head(), head(dev="dev2"), head(rev=0), b"not json", b"{" * 5000, b"x" * 100000):
        publish(hub, "wh/1/d/dev1/dn/head", payload, place)
    os.kill(hub.process.pid, signal.SIGCONT)
    wait_for(lambda: agent.log.read_text(errors="replace").count("refused the hub's desired state") >= 4, "the refusals are logged")
    log = agent.log.read_text(errors="replace")
    assert "unknownKey" in log and "oversized" in log, log[-3000:]
    after = agent.json("/apis/apps/v1/deployments")["items"]
    assert before == after
    hub.apply(deployment("next", 1, SLEEP))
    wait_for(lambda: agent.pods("app=next"), "the device still follows its own hub", 30)
