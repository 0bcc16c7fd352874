"""Server-side apply and the owners of fields, with four kubectls, helm and PyPI's client: what they print, and what is in managedFields."""

import json
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from harness import SLEEP, deployment, wait_for
from packages import helm, kubectl, kubernetes_client, newest_kubectl

MINORS = ["1.28", "1.31", "1.33", "newest"]
HINT = "Please review the fields above--they currently have other managers."


class Client:
    """One kubectl, with a namespace of its own."""

    def __init__(self, agent, minor: str, home: Path):
        self.program = str(newest_kubectl()) if minor == "newest" else kubectl(minor)
        self.config, self.namespace = agent.kubeconfig(), f"m{minor.replace('.', '-')}"
        self.environment = os.environ | {"HOME": str(home), "KUBE_EDITOR": "sed -i s/first/second/"}
        # What the program calls itself where it names no manager.
        self.name = Path(self.program).name

    def run(self, *arguments, input=None):
        command = [self.program, "--kubeconfig", str(self.config), "-n", self.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, input=input, timeout=60, env=self.environment)

    def __call__(self, *arguments, input=None, code=0) -> str:
        done = self.run(*arguments, input=input)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 or done.stdout else done.stderr

    def apply(self, value, *options, code=0) -> str:
        return self("apply", "--server-side", *options, "-f", "-", input=json.dumps(value), code=code)

    def object(self, name: str) -> dict:
        return json.loads(self("get", name, "-o", "json", "--show-managed-fields"))

    def owners(self, name: str) -> dict:
        return owners(self.object(name))


def owners(value: dict) -> dict:
    """'kubectl Update/scale' to its fields."""
    found = {}
    for entry in value["metadata"].get("managedFields", []):
        part = "/" + entry["subresource"] if "subresource" in entry else ""
        found[f"{entry['manager']} {entry['operation']}{part}"] = entry["fieldsV1"]
    return found


@pytest.fixture(params=MINORS)
def k(request, agent, tmp_path):
    client = Client(agent, request.param, tmp_path)
    client("create", "namespace", client.namespace)
    yield client
    client("delete", "namespace", client.namespace, "--wait=false")


def manifest(replicas: int | None = 0, image="busybox:test", text="first") -> dict:
    value = deployment("web", 0, SLEEP, image=image)
    value["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TEXT", "value": text}]
    del value["spec"]["replicas"]
    if replicas is not None:
        value["spec"]["replicas"] = replicas
    return value


def test_each_verb_has_an_owner_and_the_next_apply_says_whom_it_meets(k):
    assert k.apply(manifest()) == "deployment.apps/web serverside-applied\n"
    container = manifest()["spec"]["template"]["spec"]["containers"][0]["name"]
    first = k.object("deploy/web")
    fields = owners(first)["kubectl Apply"]["f:spec"]
    element = fields["f:template"]["f:spec"]["f:containers"][f'k:{{"name":"{container}"}}']
    assert element["."] == {} and element["f:env"] == {'k:{"name":"TEXT"}': {".": {}, "f:name": {}, "f:value": {}}}
    assert fields["f:selector"] == {} and fields["f:replicas"] == {} and "f:strategy" not in fields
    assert k.apply(manifest()) == "deployment.apps/web serverside-applied\n"
    assert k.object("deploy/web")["metadata"]["managedFields"] == first["metadata"]["managedFields"]

    k("scale", "deploy/web", "--replicas=0", "--current-replicas=0")
    k("scale", "deploy/web", "--replicas=1")
    k("set", "image", "deploy/web", f"{container}=busybox:other")
    k("edit", "deploy/web")
    k("label", "deploy/web", "site=harbour")
    place = f'.spec.template.spec.containers[name="{container}"]'
    assert {f"{k.name} Update/scale", "kubectl-set Update", "kubectl-edit Update", "kubectl-label Update"} <= set(
        k.owners("deploy/web"))
    assert k.owners("deploy/web")[f"{k.name} Update/scale"] == {"f:spec": {"f:replicas": {}}}
    refused = k.apply(manifest(), code=1)
    assert refused.startswith("error: Apply failed with 3 conflicts: conflicts with ") and HINT in refused, refused
    for line in (f'conflicts with "{k.name}" with subresource "scale" using apps/v1:\n- .spec.replicas\n',
                 f'conflicts with "kubectl-edit" using apps/v1:\n- {place}.env[name="TEXT"].value\n',
                 f'conflicts with "kubectl-set" using apps/v1:\n- {place}.image\n'):
        assert line in refused, (line, refused)
    one = k.apply(manifest(image="busybox:other", text="second"), code=1)
    assert one.startswith(f'error: Apply failed with 1 conflict: conflict with "{k.name}" with subresource "scale" using '
                          "apps/v1: .spec.replicas\n"), one
    # Whoever does not state a field leaves it to its owner.
    assert "serverside-applied" in k.apply(manifest(None, image="busybox:other", text="second"))
    assert k.object("deploy/web")["spec"]["replicas"] == 1
    assert "serverside-applied" in k.apply(manifest(), "--force-conflicts")
    assert set(k.owners("deploy/web")) == {"kubectl Apply", "kubectl-label Update"}
    assert k.object("deploy/web")["spec"]["replicas"] == 0
    assert "managedFields" not in k("get", "deploy/web", "-o", "yaml")


def test_plain_apply_changes_over_to_the_server(k):
    """kubectl takes what its own plain apply wrote (the patches of csaupgrade), and keeps its annotation."""
    value = manifest()
    assert k("apply", "-f", "-", input=json.dumps(value)) == "deployment.apps/web created\n"
    assert set(k.owners("deploy/web")) == {"kubectl-client-side-apply Update"}
    assert "serverside-applied" in k.apply(value)
    after = k.owners("deploy/web")
    # 1.28 and later leave the annotation to a manager of its own.
    assert set(after) == {"kubectl Apply", "kubectl-last-applied Apply"}
    assert after["kubectl-last-applied Apply"] == {
        "f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}}
    # It owns them: what it no longer states goes.
    del value["spec"]["template"]["spec"]["containers"][0]["env"]
    assert "serverside-applied" in k.apply(value)
    assert "env" not in k.object("deploy/web")["spec"]["template"]["spec"]["containers"][0]
    shown = json.loads(k("apply", "view-last-applied", "deploy/web", "-o", "json"))
    assert shown["spec"] == value["spec"]
    # And back.
    assert "deployment.apps/web" in k("apply", "-f", "-", input=json.dumps(manifest(text="third")))
    assert k.object("deploy/web")["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "third"


def test_diff_dry_run_and_refusals(k):
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    assert k.apply(data, "--dry-run=server") == "configmap/c serverside-applied (server dry run)\n"
    k("get", "cm", "c", code=1)
    k.apply(data)
    assert k("diff", "--server-side", "-f", "-", input=json.dumps(data)) == ""
    changed = json.dumps(data | {"data": {"a": "2"}})
    assert '+  a: "2"' in k("diff", "--server-side", "-f", "-", input=changed, code=1)
    k("edit", "cm/c", "--field-manager=hand", code=0)
    k("patch", "cm/c", "--type=merge", "--field-manager=hand", "-p", '{"data":{"a":"9"}}')
    conflict = k.run("diff", "--server-side", "-f", "-", input=changed)
    assert conflict.returncode > 1 and (
        'Apply failed with 1 conflict: conflict with "hand" using v1: .data.a' in conflict.stderr), conflict
    assert 'a: "2"' in k("diff", "--server-side", "--force-conflicts", "-f", "-", input=changed, code=1)
    assert k.object("cm/c")["data"] == {"a": "9"}

    twice = manifest()
    twice["spec"]["template"]["spec"]["containers"] *= 2
    name = twice["spec"]["template"]["spec"]["containers"][0]["name"]
    refused = k.apply(twice, code=1)
    assert refused == (
        f"Error from server: failed to create typed patch object ({k.namespace}/web; apps/v1, Kind=Deployment): "
        f'.spec.template.spec.containers: duplicate entries for key [name="{name}"]\n'), refused
    unknown = manifest()
    unknown["spec"]["replica"] = 1
    assert ".spec.replica: field not declared in schema" in k.apply(unknown, code=1)
    no_name = k.run("apply", "--server-side", "--field-manager=", "-f", "-", input=json.dumps(data))
    assert no_name.returncode == 1


def test_reset_and_what_was_there_before(agent, k):
    """A client empties managedFields; the next apply meets what nobody is known to own."""
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    k.apply(data)
    k("patch", "cm/c", "--type=json", "-p", '[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]')
    assert k.owners("cm/c") == {}
    k("patch", "cm/c", "-p", '{"data":{"b":"2"}}')
    assert k.owners("cm/c") == {}
    refused = k.apply(data | {"data": {"a": "2"}}, code=1)
    assert refused.startswith(
        'error: Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a\n'), refused
    k.apply(data)
    assert set(k.owners("cm/c")) == {"kubectl Apply", "before-first-apply Update"}


def test_helm_and_kubectl_know_of_each_other(agent, tmp_path):
    binary = helm()
    environment = os.environ | {"KUBECONFIG": str(agent.kubeconfig()), "HOME": str(tmp_path)}

    def h(*arguments: str):
        done = subprocess.run([binary, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
    h("create", "web")
    h("install", "web", "./web", "--set", "replicaCount=0")
    service = agent.json("/api/v1/namespaces/default/services/web")
    assert set(owners(service)) == {"helm Update"}
    ports = owners(service)["helm Update"]["f:spec"]["f:ports"]
    assert ports['k:{"port":80,"protocol":"TCP"}'] == {
        ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}}
    stated = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}}
    refused = agent.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(stated), check=False)
    assert 'conflict with "helm" using apps/v1: .spec.replicas' in refused.stderr, refused.stderr
    agent.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(stated | {"spec": {"replicas": 0}}))
    h("upgrade", "web", "./web", "--set", "replicaCount=0", "--set", "service.port=81")
    h("rollback", "web", "1")
    assert "helm Update" in owners(agent.json("/api/v1/namespaces/default/services/web"))
    h("uninstall", "web")


def test_who_may_only_patch_makes_nothing(agent, tmp_path):
    agent.kubectl("create", "role", "patcher", "--verb=get,patch", "--resource=configmaps")
    agent.kubectl("create", "rolebinding", "patcher", "--role=patcher", "--user=alice")
    config = tmp_path / "alice.yaml"
    config.write_text(agent.cli("kubeconfig", "--user", "alice").stdout)
    stated = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}

    def apply():
        return subprocess.run(["kubectl", "--kubeconfig", config, "apply", "--server-side", "-f", "-"], text=True,
                              input=json.dumps(stated), capture_output=True, timeout=60)
    refused = apply()
    assert refused.returncode == 1 and (
        'User "alice" cannot create resource "configmaps" in API group "" in the namespace "default"') in refused.stderr, refused
    agent.kubectl("create", "configmap", "c")
    assert apply().stdout == "configmap/c serverside-applied\n"


PYTHON_CLIENT = """
import json
from kubernetes import config, dynamic
from kubernetes.client import api_client, exceptions
client = dynamic.DynamicClient(api_client.ApiClient(configuration=config.load_kube_config()))
maps = client.resources.get(api_version="v1", kind="ConfigMap")
body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "py", "namespace": "default"}, "data": {"a": "1"}}
made = client.server_side_apply(maps, body=body, field_manager="one")
assert made.metadata.managedFields[0].manager == "one", made
body["data"] = {"a": "2"}
try:
    client.server_side_apply(maps, body=body, field_manager="two")
    raise SystemExit("no conflict")
except exceptions.ApiException as error:
    status = json.loads(error.body)
    assert error.status == 409 and status["reason"] == "Conflict", status
    assert status["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}], status
forced = client.server_side_apply(maps, body=body, field_manager="two", force_conflicts=True)
assert [entry.manager for entry in forced.metadata.managedFields] == ["two"], forced
try:
    client.server_side_apply(maps, body=body)
    raise SystemExit("no manager is fine")
except exceptions.ApiException as error:
    assert error.status == 422 and "fieldManager: Required value: is required for apply patch" in error.body.decode()
by_agent = client.patch(maps, body={"metadata": {"name": "py"}, "data": {"b": "3"}}, name="py", namespace="default",
                        content_type="application/merge-patch+json")
assert any(entry.manager == "OpenAPI-Generator" for entry in by_agent.metadata.managedFields), by_agent
"""


def test_the_python_client_applies(agent):
    environment = os.environ | {"KUBECONFIG": str(agent.kubeconfig()), "PYTHONPATH": str(kubernetes_client())}
    done = subprocess.run(["/usr/bin/python3", "-c", PYTHON_CLIENT], env=environment, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def revision_of(hub, device: str) -> int:
    """From a copy: the hub has its database to itself."""
    copy = hub.directory / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in hub.data.glob("state.db*"):
        shutil.copy(file, copy)
    with sqlite3.connect(copy / "state.db") as database:
        return database.execute("SELECT revision FROM fleet_devices WHERE device = ?", (device,)).fetchone()[0]


def test_owners_do_not_travel(fleet):
    """A change of owners at the hub makes no revision; a device's own owners stay, and the hub's writes are an owner there."""
    hub, agent = fleet
    path = "/apis/apps/v1/namespaces/default/deployments/web"
    value = manifest(1)
    hub.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(value))
    wait_for(lambda: agent.get(path)[0] == 200 and agent.json(path)["status"].get("readyReplicas") == 1, "it runs")
    assert owners(agent.json(path)) == {}
    uid, revision = agent.pods("app=web")[0]["metadata"]["uid"], revision_of(hub, "dev1")
    hub.kubectl("apply", "--server-side", "--field-manager=second", "-f", "-", input=json.dumps(value))
    assert set(owners(hub.json(path))) == {"kubectl Apply", "second Apply"}
    # What comes after it makes the next revision: there was none for the owners.
    hub.kubectl("scale", "deployment/web", "--replicas=2")
    wait_for(lambda: agent.json(path)["spec"]["replicas"] == 2, "the hub's change arrives")
    assert revision_of(hub, "dev1") == revision + 1
    assert uid in {p["metadata"]["uid"] for p in agent.pods("app=web")}

    note = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"site": "harbour"}}}
    agent.kubectl("apply", "--server-side", "--field-manager=local", "-f", "-", input=json.dumps(note))
    assert "local Apply" in owners(agent.json(path))
    changed = manifest(1, text="second")
    hub.kubectl("apply", "--server-side", "--field-manager=second", "--force-conflicts", "-f", "-", input=json.dumps(changed))

    def arrived():
        container = agent.json(path)["spec"]["template"]["spec"]["containers"][0]
        return container["env"][0]["value"] == "second"
    wait_for(arrived, "the hub's change arrives")
    assert "wherry-hub Update" in owners(agent.json(path)), owners(agent.json(path))
    refused = agent.kubectl("apply", "--server-side", "--field-manager=local", "-f", "-", input=json.dumps(value), check=False)
    assert 'conflict with "wherry-hub" using apps/v1' in refused.stderr, refused.stderr
