"""What a pod's manifest asks for is what its containers get: configuration, probes, hooks, restarts, logs."""

import json
import os
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness import SLEEP, deployment, pod, wait_for

WEB = ["httpd", "-f", "-p", "80", "-h", "/www"]


def status(agent, name: str) -> dict:
    return agent.pod(name)["status"]["containerStatuses"][0]


def inside(agent, name: str, path: str) -> Path:
    """A path in the container's root, as its first process sees it."""
    uid = agent.pod(name)["metadata"]["uid"]
    pid, = [pid for container, pid in agent.container_pids().items() if container.startswith(uid)]
    return Path(f"/proc/{pid}/root") / path.lstrip("/")


def log(agent, name: str, *options: str) -> str:
    return agent.kubectl("logs", name, *options).stdout


def configuration(kind: str, name: str, **data: str) -> dict:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name},
            ("stringData" if kind == "Secret" else "data"): data}


def conditions(value: dict) -> dict[str, str]:
    return {c["type"]: c["status"] for c in value["status"]["conditions"]}


# Configuration


def test_configuration_is_mounted_updated_and_secrets_stay_in_memory(agent):
    mounts = [{"name": "settings", "mountPath": "/settings"}, {"name": "keys", "mountPath": "/keys", "readOnly": True},
              {"name": "settings", "mountPath": "/one", "subPath": "colour"}]
    volumes = [{"name": "settings", "configMap": {"name": "settings"}},
               {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400,
                                           "items": [{"key": "password", "path": "sub/word"}]}}]
    agent.apply([configuration("ConfigMap", "settings", colour="green"),
                 configuration("Secret", "keys", password="s3cret-in-memory", other="unused"),
                 pod("reader", SLEEP, container={"volumeMounts": mounts, "env": [
                     {"name": "COLOUR", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "colour"}}}]},
                     volumes=volumes)])
    wait_for(lambda: agent.running("reader"), "running")
    root = inside(agent, "reader", "/")
    assert (root / "settings/colour").read_text() == "green" and (root / "one").read_text() == "green"
    word = root / "keys/sub/word"
    assert word.read_text() == "s3cret-in-memory" and word.stat().st_mode & 0o777 == 0o400
    assert not (root / "keys/other").exists() and not (root / "keys/password").exists()
    pid = int(str(root).split("/")[2])
    kind, = [line.split(" - ")[1].split()[0] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
             if line.split()[4] == "/keys"]
    assert kind == "tmpfs", kind
    pods = list((agent.run_dir / "pods").rglob("word"))
    assert pods and all(subprocess.run(["stat", "-f", "-c", "%T", p], capture_output=True, text=True).stdout.strip()
                        == "tmpfs" for p in pods), pods
    assert not list((agent.data / "pods").rglob("word")), "a secret on the disk"

    agent.apply([configuration("ConfigMap", "settings", colour="blue", size="big"),
                 configuration("Secret", "keys", password="changed")])
    wait_for(lambda: (root / "settings/colour").read_text() == "blue", "the mounted file follows", 20)
    wait_for(lambda: word.read_text() == "changed", "the mounted secret follows", 20)
    assert (root / "settings/size").read_text() == "big"
    assert (root / "one").read_text() == "green", "a subPath is as it was, as in Kubernetes"
    assert status(agent, "reader")["restartCount"] == 0
    agent.kubectl("delete", "pod", "reader", "--now")
    assert str(agent.run_dir / "pods") not in Path("/proc/self/mountinfo").read_text(), "its tmpfs is gone"


def test_the_environment_comes_from_everywhere(agent):
    env = [{"name": "COLOUR", "value": "own"}, {"name": "SENTENCE", "value": "$(COLOUR) is $(word) not $(NONE) $$(COLOUR)"},
           {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
           {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
           {"name": "TIER", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['tier']"}}},
           {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
           {"name": "MAYBE", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "x", "optional": True}}}]
    agent.apply([configuration("ConfigMap", "settings", COLOUR="green", SIZE="big"),
                 configuration("Secret", "keys", word="secret"),
                 pod("env", ["sh", "-c", "env; pwd; id -u; echo $0 $1; exec sleep 9999"], metadata={"labels": {"tier": "front"}},
                     container={"env": env[:1] + [
                         {"name": "word", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "word"}}}] + env[1:],
                         "envFrom": [{"configMapRef": {"name": "settings"}},
                                     {"prefix": "K_", "secretRef": {"name": "keys"}},
                                     {"configMapRef": {"name": "absent", "optional": True}}],
                         "args": ["first", "second"], "workingDir": "/www",
                         "resources": {"limits": {"memory": "64Mi"}}},
                     securityContext={"runAsUser": 1000})])
    wait_for(lambda: agent.running("env"), "running")
    lines = wait_for(lambda: (lambda t: "first second" in t and t)(log(agent, "env")), "its log").splitlines()
    for line in ("COLOUR=own", "SIZE=big", "K_word=secret", "SENTENCE=own is secret not $(NONE) $(COLOUR)", "POD=env",
                 "NODE=dev1", "TIER=front", "MEMORY=64", "/www", "1000", "first second"):
        assert line in lines, (line, lines)
    assert not any(line.startswith("MAYBE=") for line in lines)


def test_configuration_that_is_missing_is_named_and_waited_for(agent):
    agent.apply([pod("env", SLEEP, container={"envFrom": [{"configMapRef": {"name": "later"}}]}),
                 pod("volume", SLEEP, container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                     volumes=[{"name": "v", "secret": {"secretName": "later"}}])])
    waiting = wait_for(lambda: (lambda w: w["reason"] == "CreateContainerConfigError" and w)(
        status(agent, "env")["state"]["waiting"]), "CreateContainerConfigError")
    assert 'configmap "later" not found' in waiting["message"], waiting
    events = wait_for(lambda: [e["message"] for e in agent.events("volume") if e["reason"] == "FailedMount"], "FailedMount")
    assert 'secret "later" not found' in events[0] and 'volume "v"' in events[0], events
    assert "ContainerCreating" in agent.kubectl("get", "pod", "volume").stdout
    agent.apply([configuration("ConfigMap", "later", a="b"), configuration("Secret", "later", a="b")])
    wait_for(lambda: agent.running("env") and agent.running("volume"), "both run now", 20)


def test_volumes_of_every_kind(agent, place):
    (place / "host").mkdir()
    (place / "host/file").write_text("from the host")
    volumes = {"disk": {"emptyDir": {}}, "memory": {"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
               "host": {"hostPath": {"path": str(place / "host"), "type": "Directory"}},
               "made": {"hostPath": {"path": str(place / "made"), "type": "DirectoryOrCreate"}},
               "about": {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
               "all": {"projected": {"sources": [{"configMap": {"name": "settings"}}, {"secret": {"name": "keys"}}]}}}
    agent.apply([configuration("ConfigMap", "settings", colour="green"), configuration("Secret", "keys", word="secret"),
                 pod("volumes", ["sh", "-c", "cat /host/file; echo; cat /about/labels; echo; cat /all/colour /all/word; echo; "
                                             "echo x > /made/out; echo x > /disk/x; touch /root-file 2>&1; "
                                             "dd if=/dev/zero of=/memory/big bs=1k count=2000 2>&1 | grep -i space; sleep 9999"],
                     metadata={"labels": {"tier": "front"}}, volumes=[{"name": n, **v} for n, v in volumes.items()],
                     container={"volumeMounts": [{"name": n, "mountPath": f"/{n}"} for n in volumes],
                                "securityContext": {"readOnlyRootFilesystem": True}}),
                 pod("wrong", SLEEP, volumes=[{"name": "v", "hostPath": {"path": str(place / "absent"), "type": "Directory"}}],
                     container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]})])
    wait_for(lambda: agent.running("volumes"), "running")
    text = wait_for(lambda: (lambda t: "No space" in t and t)(log(agent, "volumes")), "its log")
    for word in ("from the host", 'tier="front"', "greensecret", "Read-only file system"):
        assert word in text, text
    assert (place / "made/out").read_text() == "x\n"
    told = wait_for(lambda: [e["message"] for e in agent.events("wrong") if e["reason"] == "FailedMount"], "FailedMount")
    assert str(place / "absent") in told[0], told
    assert not (place / "absent").exists()


# Order and restarts


def test_an_init_container_that_fails_holds_the_others_back(agent, place):
    (place / "share").mkdir()
    volumes = {"volumes": [{"name": "share", "hostPath": {"path": str(place / "share")}}]}
    mounts = {"volumeMounts": [{"name": "share", "mountPath": "/share"}]}

    def step(name: str, script: str) -> dict:
        return {"name": name, "image": "busybox:test", "command": ["sh", "-c", script], **mounts}
    agent.apply([pod("retried", SLEEP, container=mounts, **volumes, initContainers=[
        step("one", "echo one >> /share/log; test $(wc -l < /share/log) -ge 2"), step("two", "echo two >> /share/log")]),
        pod("given-up", SLEEP, restartPolicy="Never", initContainers=[
            {"name": "one", "image": "busybox:test", "command": ["sh", "-c", "exit 7"]},
            {"name": "two", "image": "busybox:test", "command": ["true"]}])])
    failed = wait_for(lambda: (lambda p: p["status"]["phase"] == "Failed" and p)(agent.pod("given-up")), "Failed")
    first, second = failed["status"]["initContainerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 7 and "waiting" in second["state"], failed["status"]
    assert "Init:Error" in agent.kubectl("get", "pod", "given-up").stdout
    assert "started" not in str(failed["status"]["containerStatuses"][0]["state"])
    retried = wait_for(lambda: agent.running("retried"), "running after the second try", 30)
    assert (place / "share/log").read_text().split() == ["one", "one", "two"]
    assert [s["restartCount"] for s in retried["status"]["initContainerStatuses"]] == [1, 0]
    assert conditions(retried)["Initialized"] == "True"


def test_always_restarts_what_ended_well_and_never_does_not(agent):
    agent.apply([pod("always", ["sh", "-c", "sleep 0.2"]), pod("never", ["sh", "-c", "exit 9"], restartPolicy="Never"),
                 pod("two", ["true"], restartPolicy="OnFailure")])
    wait_for(lambda: status(agent, "always")["restartCount"] >= 1, "Always restarts after exit 0")
    ended = wait_for(lambda: (lambda p: p["status"]["phase"] == "Failed" and p)(agent.pod("never")), "Failed")
    final = ended["status"]["containerStatuses"][0]
    assert final["restartCount"] == 0 and final["state"]["terminated"]["exitCode"] == 9
    assert final["state"]["terminated"]["reason"] == "Error"
    wait_for(lambda: agent.pod("two")["status"]["phase"] == "Succeeded", "Succeeded")
    assert status(agent, "two")["restartCount"] == 0
    assert "Error" in agent.kubectl("get", "pod", "never").stdout


def test_a_pod_past_its_deadline_has_failed_and_stays_so(agent, place):
    stubborn = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"]
    began = time.monotonic()
    agent.apply([pod("short", stubborn, activeDeadlineSeconds=3), pod("longer", SLEEP, activeDeadlineSeconds=9),
                 pod("absent", SLEEP, image="nothing/here", activeDeadlineSeconds=3, container={"imagePullPolicy": "Never"}),
                 deployment("many", 1, SLEEP)])
    wait_for(lambda: agent.running("short") and agent.running("longer"), "they run")
    for name in ("short", "absent"):
        failed = wait_for(lambda name=name: (lambda p: p["status"]["phase"] == "Failed" and p)(agent.pod(name)), "Failed")
        assert 3 <= time.monotonic() - began < 8, "neither before its deadline nor long after it"
        assert failed["status"]["reason"] == "DeadlineExceeded", failed["status"]
        assert failed["status"]["message"] == "Pod was active on the node longer than the specified deadline"
        assert [e["type"] for e in agent.events(name) if e["reason"] == "DeadlineExceeded"] == ["Normal"]
    described = agent.kubectl("describe", "pod", "short").stdout
    assert re.search(r"^Status: +Failed\nReason: +DeadlineExceeded\nMessage: +Pod was active", described, re.M), described
    assert status(agent, "short")["state"]["terminated"]["exitCode"] == 0, "it ended well, within its grace"
    assert re.search(r"^absent +0/1 +ContainerStatusUnknown ", agent.kubectl("get", "pods").stdout, re.M)

    # A new agent counts on where the last one was, and a pod that has failed stays so.
    agent.kill()
    agent.start()
    wait_for(lambda: agent.pod("longer")["status"]["phase"] == "Failed", "the other one's deadline holds", 20)
    assert 9 <= time.monotonic() - began < 14
    assert agent.pod("short")["status"]["phase"] == "Failed" and agent.pod("short")["status"]["reason"] == "DeadlineExceeded"
    assert not agent.container_pids().keys() & {agent.pod(n)["metadata"]["uid"] for n in ("short", "longer")}

    # A deadline that comes later counts from the start; the ReplicaSet makes another pod.
    first, = agent.pods("app=many")
    agent.kubectl("patch", "pod", first["metadata"]["name"], "-p", '{"spec":{"activeDeadlineSeconds":2}}')
    wait_for(lambda: sorted(p["status"]["phase"] for p in agent.pods("app=many")) == ["Failed", "Running"], "replaced")
    raised = agent.kubectl("patch", "pod", first["metadata"]["name"], "-p", '{"spec":{"activeDeadlineSeconds":9}}', check=False)
    assert "must be less than or equal to previous value" in raised.stderr


def affine(*expressions: dict) -> dict:
    terms = [{"matchExpressions": list(expressions)}]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def test_a_pod_waits_for_the_node_that_its_affinity_requires(agent):
    anywhere = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64", "arm"]}
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["dev1"]}
    agent.apply([pod("everywhere", SLEEP, affinity=affine(anywhere, here)),
                 pod("picky", SLEEP, affinity=affine(anywhere, {"key": "rack", "operator": "Gt", "values": ["3"]}))])
    wait_for(lambda: agent.running("everywhere"), "running")
    words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    wait_for(lambda: [e for e in agent.events("picky") if e["reason"] == "FailedScheduling" and e["message"] == words], "told why")
    assert re.search(r"^picky +0/1 +Pending ", agent.kubectl("get", "pods").stdout, re.M)
    agent.kubectl("label", "node", "dev1", "rack=3")
    assert agent.pod("picky")["status"]["phase"] == "Pending"
    agent.kubectl("label", "node", "dev1", "rack=4", "--overwrite")
    wait_for(lambda: agent.running("picky"), "the node has it now")
    agent.kubectl("label", "node", "dev1", "rack-")
    assert agent.running("picky"), "what runs stays, as the field's name says"
    wrong = json.dumps(pod("p", SLEEP, affinity=affine({"key": "a", "operator": "Is"})))
    refused = agent.kubectl("apply", "-f", "-", input=wrong, check=False)
    assert "matchExpressions[0].operator: Invalid value: \"Is\": not a valid selector operator" in refused.stderr


def test_a_taint_evicts_what_does_not_tolerate_it(agent):
    forever = {"key": "care", "operator": "Exists", "effect": "NoExecute"}
    agent.apply([deployment("plain", 1, SLEEP), pod("tolerant", SLEEP, tolerations=[forever]),
                 pod("patient", SLEEP, tolerations=[forever | {"tolerationSeconds": 3}]),
                 pod("saved", SLEEP, tolerations=[forever | {"tolerationSeconds": 600}]),
                 pod("over", ["true"], restartPolicy="Never")])
    for name in ("tolerant", "patient", "saved"):
        wait_for(lambda name=name: agent.running(name), "running")
    first, = wait_for(lambda: [p for p in agent.pods("app=plain") if p["status"]["phase"] == "Running"], "running")
    wait_for(lambda: agent.pod("over")["status"]["phase"] == "Succeeded", "ended")
    began = time.monotonic()
    assert agent.kubectl("taint", "nodes", "dev1", "care=now:NoExecute").stderr == "", "nothing to warn of"
    name = first["metadata"]["name"]
    wait_for(lambda: name not in [p["metadata"]["name"] for p in agent.pods()], "evicted", 20)
    told = [e["message"] for e in agent.events(name) if e["reason"] == "TaintManagerEviction"]
    assert told == [f"Marking for deletion Pod default/{name}"], told
    second, = wait_for(lambda: agent.pods("app=plain"), "its ReplicaSet makes another")
    words = "0/1 nodes are available: 1 node(s) had untolerated taint {care: now}."
    wait_for(lambda: [e for e in agent.events(second["metadata"]["name"]) if e["message"] == words], "kept away")
    wait_for(lambda: "patient" not in [p["metadata"]["name"] for p in agent.pods()], "tolerated for a while", 20)
    assert time.monotonic() - began >= 3
    assert agent.running("tolerant") and agent.running("saved") and agent.pod("over")
    agent.kubectl("taint", "nodes", "dev1", "care-")
    wait_for(lambda: agent.running(second["metadata"]["name"]), "the node takes pods again")
    wait_for(lambda: [e for e in agent.events("saved") if e["message"] == "Cancelling deletion of Pod default/saved"], "told")
    assert agent.running("saved")


def test_kernel_settings_of_a_pod_are_its_own(agent):
    setting = {"sysctls": [{"name": "kernel.shmmax", "value": "123456"}]}
    command = ["sh", "-c", "cat /proc/sys/kernel/shmmax; exec sleep 9999"]
    before = Path("/proc/sys/kernel/shmmax").read_text()
    alone = pod("alone", command, hostNetwork=True, securityContext=setting)
    assert agent.kubectl("apply", "-f", "-", input=json.dumps(alone)).stderr == "", "nothing to warn of"
    agent.apply([pod("inside", command, securityContext=setting), pod("without", command, hostNetwork=True)])
    for name, expected in (("alone", "123456\n"), ("inside", "123456\n"), ("without", before)):
        wait_for(lambda name=name: agent.running(name), "running")
        wait_for(lambda name=name, expected=expected: log(agent, name) == expected, f"{name} sees {expected}")
    assert Path("/proc/sys/kernel/shmmax").read_text() == before

    def refusal(name: str, **spec) -> str:
        wrong = pod("wrong", SLEEP, securityContext={"sysctls": [{"name": name, "value": "1"}]}, **spec)
        return agent.kubectl("apply", "-f", "-", input=json.dumps(wrong), check=False).stderr
    assert "may not be specified when 'hostNetwork' is true" in refusal("net.core.somaxconn", hostNetwork=True)
    assert "may not be specified when 'hostIPC' is true" in refusal("kernel.shmmax", hostIPC=True)


# Probes


def probe(kind: str, healthy: bool = True) -> dict:
    """A handler of each kind, for a container that serves /www on port 80 or does not."""
    handlers = {"exec": {"exec": {"command": ["true" if healthy else "false"]}},
                "httpGet": {"httpGet": {"path": "/index.html" if healthy else "/absent", "port": "web"}},
                "tcpSocket": {"tcpSocket": {"port": 80 if healthy else 81}}}
    return handlers[kind]


PORTS = {"ports": [{"name": "web", "containerPort": 80}]}


@pytest.mark.parametrize("kind", ["exec", "httpGet", "tcpSocket"])
def test_probes_of_each_kind(agent, kind):
    quick = {"periodSeconds": 1, "failureThreshold": 2}
    slow = {"periodSeconds": 1, "failureThreshold": 60}
    agent.apply([
        pod("fine", WEB, container={**PORTS, "livenessProbe": {**probe(kind), **quick},
                                    "readinessProbe": {**probe(kind), "periodSeconds": 1},
                                    "startupProbe": {**probe(kind), **slow}}),
        pod("unready", WEB, container={**PORTS, "readinessProbe": {**probe(kind, False), "periodSeconds": 1}}),
        pod("sick", WEB, container={**PORTS, "livenessProbe": {**probe(kind, False), **quick}}),
        pod("stuck", WEB, container={**PORTS, "startupProbe": {**probe(kind, False), **quick},
                                     "readinessProbe": {**probe(kind), "periodSeconds": 1}}),
    ])
    wait_for(lambda: status(agent, "fine")["ready"] and status(agent, "fine")["started"], "ready")
    for name in ("sick", "stuck"):
        wait_for(lambda n=name: status(agent, n)["restartCount"] >= 1, f"{name} is restarted", 20)
        messages = " ".join(e["message"] for e in agent.events(name) if e["reason"] in ("Unhealthy", "Killing"))
        which = "Liveness" if name == "sick" else "Startup"
        assert f"{which} probe failed" in messages and f"failed {which.lower()} probe, will be restarted" in messages, messages
    assert not status(agent, "stuck")["ready"], "readiness waits for the startup probe"
    unready = agent.pod("unready")
    assert not unready["status"]["containerStatuses"][0]["ready"] and conditions(unready)["Ready"] == "False"
    assert unready["status"]["containerStatuses"][0]["restartCount"] == 0
    assert any("Readiness probe failed" in e["message"] for e in agent.events("unready"))
    assert "0/1" in agent.kubectl("get", "pod", "unready").stdout
    assert status(agent, "fine")["restartCount"] == 0 and conditions(agent.pod("fine"))["Ready"] == "True"


def test_thresholds_count_and_a_deployment_waits_for_readiness(agent, place):
    """Ready after three successes, unready after two failures; times from a counting file, not from the clock."""
    (place / "share").mkdir()
    (place / "share/ok").touch()
    check = "echo x >> /share/count; test -e /share/ok"
    manifest = deployment("web", 1, SLEEP, volumeMounts=[{"name": "share", "mountPath": "/share"}], readinessProbe={
        "exec": {"command": ["sh", "-c", check]}, "periodSeconds": 1, "successThreshold": 3, "failureThreshold": 2})
    manifest["spec"]["template"]["spec"]["volumes"] = [{"name": "share", "hostPath": {"path": str(place / "share")}}]
    agent.apply(manifest)
    available = lambda: agent.json("/apis/apps/v1/namespaces/default/deployments/web")["status"].get("availableReplicas", 0)
    count = lambda: len((place / "share/count").read_text().split())
    wait_for(lambda: count() >= 1, "tried once")
    assert available() == 0
    wait_for(lambda: available() == 1, "available")
    assert count() >= 3, "ready before the third success"
    (place / "share/ok").unlink()
    before = count()
    wait_for(lambda: available() == 0, "not available")
    assert count() - before >= 2, "unready before the second failure"
    assert agent.kubectl("rollout", "status", "deployment/web", "--timeout=1s", check=False).returncode == 1
    assert agent.pods("app=web")[0]["status"]["containerStatuses"][0]["restartCount"] == 0
    (place / "share/ok").touch()
    assert "successfully rolled out" in agent.kubectl("rollout", "status", "deployment/web", "--timeout=20s").stdout


def test_a_probe_that_hangs_fails_by_its_timeout_and_initial_delays_are_kept(agent):
    agent.apply([pod("hangs", SLEEP, container={"livenessProbe": {
        "exec": {"command": ["sleep", "61234"]}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}}),
        pod("delayed", SLEEP, container={"readinessProbe": {
            "exec": {"command": ["true"]}, "initialDelaySeconds": 3, "periodSeconds": 1}})])
    wait_for(lambda: agent.running("delayed"), "running")
    ready = wait_for(lambda: (lambda p: p["status"]["containerStatuses"][0]["ready"] and p)(agent.pod("delayed")), "ready")
    started = ready["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    at, = [c["lastTransitionTime"] for c in ready["status"]["conditions"] if c["type"] == "Ready"]
    seconds = time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ"))
    assert 2 <= seconds <= 6, (started, at)
    wait_for(lambda: status(agent, "hangs")["restartCount"] >= 1, "restarted")
    messages = " ".join(e["message"] for e in agent.events("hangs") if e["reason"] == "Unhealthy")
    assert "Liveness probe" in messages and "timed out" in messages, messages
    wait_for(lambda: b"61234" not in b"".join(p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline")
                                                    if p.exists()) or None, "no probe is left behind")


# Hooks


def test_hooks_over_http_and_a_hook_that_fails(agent, place):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    get = lambda path: {"httpGet": {"host": "127.0.0.1", "port": server.server_port, "path": path}}
    try:
        agent.apply([pod("caller", SLEEP, hostNetwork=True, container={"lifecycle": {
            "postStart": get("/started"), "preStop": get("/stopping")}}),
            pod("broken", SLEEP, container={"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "echo why; exit 3"]}}}})])
        wait_for(lambda: agent.running("caller"), "running")
        wait_for(lambda: asked == ["/started"], "postStart")
        wait_for(lambda: status(agent, "broken")["restartCount"] >= 1, "a failed postStart ends the container")
        reasons = {e["reason"] for e in agent.events("broken")}
        assert {"FailedPostStartHook", "Killing"} <= reasons, reasons
        agent.kubectl("delete", "pod", "caller")
        assert asked == ["/started", "/stopping"]
    finally:
        server.shutdown()
        server.server_close()


# Logs


def test_logs_are_rotated_bounded_and_read_across_files(agent):
    line = "x" * 100
    agent.apply(pod("writer", ["sh", "-c", f"yes {line} | head -n 90000 | cat -n; echo last; exec sleep 9999"],
                    restartPolicy="Never"))
    wait_for(lambda: log(agent, "writer", "--tail=1") == "last\n", "all is written", 40)
    files = [p for p in (agent.data / "logs").rglob("*") if p.is_file()]
    assert len(files) == 3, files
    assert sum(p.stat().st_size for p in files) <= 3 * (2 << 20) + (64 << 10), [p.stat().st_size for p in files]
    lines = log(agent, "writer").splitlines()
    numbers = [int(text.split()[0]) for text in lines[:-1]]
    assert lines[-1] == "last" and numbers[-1] == 90000 and numbers == list(range(numbers[0], 90001)), "lines are missing"
    assert sum(len(text) for text in lines) > 2 << 20, "older files are read too"
    tail = log(agent, "writer", "--tail=30000").splitlines()
    assert len(tail) == 30000 and tail[-1] == "last", len(tail)
    agent.kubectl("delete", "pod", "writer", "--now")
    wait_for(lambda: not [p for p in (agent.data / "logs").rglob("*") if p.is_file()], "the logs went with the pod")


def test_the_options_of_kubectl_logs(agent):
    agent.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pair", "labels": {"app": "pair"}}, "spec": {
        "terminationGracePeriodSeconds": 1, "initContainers": [
            {"name": "first", "image": "busybox:test", "command": ["printf", "unfinished"]}],
        "containers": [{"name": name, "image": "busybox:test", "command": [
            "sh", "-c", f"for i in 1 2 3; do echo {name} $i; done; echo wrong >&2; exec sleep 9999"]}
            for name in ("one", "two")]}})
    wait_for(lambda: agent.running("pair"), "running")
    wait_for(lambda: sorted(log(agent, "pair", "-c", "one").splitlines()) == ["one 1", "one 2", "one 3", "wrong"], "all of it")
    assert log(agent, "pair", "-c", "first") == "unfinished"  # its only line has no end
    assert log(agent, "pair", "-c", "two", "--tail=5").startswith("two 1\n")
    both = log(agent, "pair", "--all-containers", "--prefix")
    assert "[pod/pair/one] one 1" in both and "[pod/pair/two] two 3" in both, both
    stamped = log(agent, "pair", "-c", "one", "--timestamps").splitlines()[0]
    assert stamped.split(" ", 1)[0].endswith("Z") and stamped.split(" ", 1)[1] == "one 1", stamped
    assert log(agent, "pair", "-c", "one", "--since=1h").count("one") == 3
    assert log(agent, "pair", "-c", "one", "--since-time=2099-01-01T00:00:00Z") == ""
    assert len(log(agent, "pair", "-c", "one", "--limit-bytes=8")) == 8
    selected = agent.kubectl("logs", "-l", "app=pair", "-c", "one").stdout
    assert "one 3" in selected
    for options, words in ((("-c", "none"), "container none is not valid for pod pair"),
                           (("-c", "one", "--previous"), 'previous terminated container "one" in pod "pair" not found')):
        done = agent.kubectl("logs", "pair", *options, check=False)
        assert done.returncode == 1 and words in done.stderr, done.stderr
    done = agent.kubectl("logs", "absent", check=False)
    assert done.returncode == 1 and 'pods "absent" not found' in done.stderr


# kubectl


def test_kubectl_watches_waits_selects_and_undoes_labels(agent):
    agent.kubeconfig()
    watch = subprocess.Popen(["kubectl", "--kubeconfig", str(agent.directory / "kubeconfig"), "get", "deploy", "-w"],
                             stdout=subprocess.PIPE, text=True)
    seen: list[str] = []
    reader = threading.Thread(target=lambda: seen.extend(watch.stdout), daemon=True)
    reader.start()
    try:
        agent.apply(deployment("web", 2, SLEEP))
        k = agent.kubectl
        assert "condition met" in k("wait", "--for=condition=Available", "deployment/web", "--timeout=20s").stdout
        assert k("wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=60s").stdout.count("condition met") == 2
        wait_for(lambda: any("2/2" in line for line in seen) and any("0/2" in line for line in seen), "the watch shows it")
        k("scale", "deployment/web", "--replicas=1")
        wait_for(lambda: any("1/1" in line for line in seen), "the watch shows the scale")
    finally:
        watch.terminate()
        watch.wait(10)
    reader.join(10)
    k("label", "deployment", "web", "tier=front")
    refused = k("label", "deployment", "web", "tier=back", check=False)
    assert refused.returncode == 1 and "--overwrite" in refused.stderr
    k("label", "deployment", "web", "tier=back", "--overwrite")
    assert "web" in k("get", "deploy", "-l", "tier in (back,side),!gone").stdout
    k("label", "deployment", "web", "tier-")
    k("annotate", "deployment", "web", "note=kept")
    k("annotate", "deployment", "web", "note-")
    metadata = agent.json("/apis/apps/v1/namespaces/default/deployments/web")["metadata"]
    assert "tier" not in metadata.get("labels", {}) and "note" not in metadata["annotations"]
    refused = k("scale", "deployment/web", "--replicas=3", "--current-replicas=5", check=False)
    assert refused.returncode == 1 and "Expected replicas to be 5, was 1" in refused.stderr, refused.stderr
    name = agent.pods("app=web")[0]["metadata"]["name"]
    assert name in k("get", "pods", "--field-selector=status.phase=Running").stdout
    assert "No resources found" in k("get", "pods", "--field-selector=status.phase=Failed").stderr
    assert "dev1" in k("get", "pods", "-o", "wide").stdout
    uid = agent.pod(name)["metadata"]["uid"]
    k("rollout", "restart", "deployment/web")
    k("rollout", "status", "deployment/web", "--timeout=30s")
    wait_for(lambda: [p["metadata"]["uid"] != uid for p in agent.pods("app=web")] == [True], "a new pod in its place")
    k("set", "image", "deployment/web", "main=absent:1")
    wait_for(lambda: "ErrImage" in k("get", "pods").stdout or "ImagePullBackOff" in k("get", "pods").stdout, "the update hangs")
    k("rollout", "undo", "deployment/web")
    assert "successfully rolled out" in k("rollout", "status", "deployment/web", "--timeout=30s").stdout


def test_the_node_tells_what_it_has(agent):
    node = agent.json("/api/v1/nodes/dev1")
    assert conditions(node)["Ready"] == "True"
    assert {"MemoryPressure", "DiskPressure", "PIDPressure"} <= set(conditions(node))
    capacity, allocatable = node["status"]["capacity"], node["status"]["allocatable"]
    for name in ("cpu", "memory", "pods", "ephemeral-storage"):
        assert name in capacity and name in allocatable, (capacity, allocatable)
    assert int(capacity["cpu"]) == os.cpu_count()
    total = int(Path("/proc/meminfo").read_text().split()[1])
    assert capacity["memory"] == f"{total}Ki", capacity
    described = agent.kubectl("describe", "node", "dev1").stdout
    for word in ("Conditions:", "Allocatable:", "KubeletReady", "Non-terminated Pods"):
        assert word in described, described
