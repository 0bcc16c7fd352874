"""Kinds that CustomResourceDefinitions add, with the real kubectl of three minors, helm, and PyPI's kubernetes client.

The definition is that of a certificate's request, as an operator for certificates has it.
"""

import copy
import json
import os
import subprocess
import textwrap
import time

import pytest

from harness import wait_for
from packages import helm, kubectl, kubernetes_client, newest_kubectl

MINORS = ["1.28", "1.33", "newest"]
GROUP = "pki.example.com"
API = f"/apis/{GROUP}"

SPEC = {
    "type": "object", "required": ["secretName", "issuer"],
    "properties": {
        "secretName": {"type": "string", "minLength": 1, "description": "Where the key and the certificate are kept."},
        "issuer": {
            "type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}, "kind": {"type": "string", "enum": ["Issuer", "ClusterIssuer"],
                                                                "default": "Issuer"}}},
        "dnsNames": {"type": "array", "maxItems": 3, "x-kubernetes-list-type": "set",
                     "items": {"type": "string", "pattern": r"^(\*\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]{2,}$"}},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
        "port": {"x-kubernetes-int-or-string": True},
        "notAfter": {"type": "string", "format": "date-time"},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                  "items": {"type": "object", "required": ["name"],
                            "properties": {"name": {"type": "string"}, "number": {"type": "integer"}}}},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    }}
STATUS = {"type": "object", "properties": {
    "replicas": {"type": "integer"}, "selector": {"type": "string"},
    "conditions": {"type": "array", "items": {"type": "object", "properties": {
        "type": {"type": "string"}, "status": {"type": "string"}}}}}}


def version(name: str, storage: bool, **more) -> dict:
    return {
        "name": name, "served": True, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "description": "A certificate that is wanted.",
                                       "properties": {"spec": copy.deepcopy(SPEC), "status": STATUS}}},
        "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                                                 "labelSelectorPath": ".status.selector"}},
        "selectableFields": [{"jsonPath": ".spec.secretName"}],
        "additionalPrinterColumns": [
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
    } | more


def definition() -> dict:
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"certificates.{GROUP}"},
        "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": {"plural": "certificates", "singular": "certificate", "kind": "Certificate", "shortNames": ["cert"],
                      "categories": ["all", "pki"]},
            "versions": [version("v1", True), version("v1alpha1", False, deprecated=True,
                                                      deprecationWarning="use pki.example.com/v1")]}}


def certificate(name: str, api="v1", **spec) -> dict:
    return {"apiVersion": f"{GROUP}/{api}", "kind": "Certificate", "metadata": {"name": name},
            "spec": {"secretName": "s", "issuer": {"name": "ca"}} | spec}


class Client:
    def __init__(self, agent, minor: str, home):
        self.program = str(newest_kubectl()) if minor == "newest" else kubectl(minor)
        self.config, self.environment = agent.kubeconfig(), os.environ | {"HOME": str(home)}

    def run(self, *arguments, input=None):
        document = input if input is None or isinstance(input, str) else json.dumps(input)
        return subprocess.run([self.program, "--kubeconfig", str(self.config), *arguments], capture_output=True, text=True,
                              input=document, timeout=90, env=self.environment)

    def __call__(self, *arguments, input=None) -> str:
        done = self.run(*arguments, input=input)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def refused(self, *arguments, input=None) -> str:
        done = self.run(*arguments, input=input)
        assert done.returncode != 0, (arguments, done.stdout)
        return done.stderr


@pytest.fixture(params=MINORS)
def k(request, agent, tmp_path):
    client = Client(agent, request.param, tmp_path)
    assert client("apply", "-f", "-", input=definition()) == (
        f"customresourcedefinition.apiextensions.k8s.io/certificates.{GROUP} created\n")
    return client


def test_kubectl_works_with_a_kind_of_its_own(k, agent):
    assert "condition met" in k("wait", "--for=condition=Established", f"crd/certificates.{GROUP}", "--timeout=10s")
    row = k("get", "crd", "--no-headers").split()
    assert row[0] == f"certificates.{GROUP}" and row[1].endswith("Z")
    line = next(x for x in k("api-resources", f"--api-group={GROUP}").splitlines() if "certificates" in x)
    assert line.split() == ["certificates", "cert", f"{GROUP}/v1", "true", "Certificate"]
    assert f"{GROUP}/v1alpha1" in k("api-versions")
    # Client-side apply twice, then with a change: a merge patch.
    assert k("apply", "-f", "-", input=certificate("a")) == f"certificate.{GROUP}/a created\n"
    assert k("apply", "-f", "-", input=certificate("a")) == f"certificate.{GROUP}/a unchanged\n"
    assert k("apply", "-f", "-", input=certificate("a", port="80%")) == f"certificate.{GROUP}/a configured\n"
    stored = json.loads(k("get", "cert", "a", "-o", "json"))
    assert stored["spec"]["issuer"] == {"name": "ca", "kind": "Issuer"} and stored["spec"]["replicas"] == 1
    assert stored["metadata"]["generation"] == 2 and stored["spec"]["port"] == "80%"
    assert k("get", "certificates").splitlines()[0].split() == ["NAME", "READY", "SECRET", "AGE"]
    assert k("get", "cert", "-o", "wide").splitlines()[0].split() == ["NAME", "READY", "SECRET", "REPLICAS", "AGE"]
    assert k("get", "cert", "a", "--no-headers").split()[:2] == ["a", "s"]
    assert "certificate.pki.example.com/a" in k("get", "all,pki", "-o", "name")
    # Labels count no generation; patches do.
    k("label", "cert", "a", "tier=web")
    k("patch", "cert", "a", "--type=merge", "-p", '{"spec":{"dnsNames":["a.example.com"]}}')
    k("patch", "cert", "a", "--type=json", "-p", '[{"op":"add","path":"/spec/dnsNames/-","value":"b.example.com"}]')
    assert k("get", "cert", "-l", "tier=web", "-o", "jsonpath={.items[0].metadata.generation}") == "4"
    strategic = k.run("patch", "cert", "a", "--type=strategic", "-p", "{}")
    assert strategic.returncode != 0
    # Status and scale are written apart from the rest.
    ready = {"status": {"replicas": 1, "selector": "app=a", "conditions": [{"type": "Ready", "status": "True"}]},
             "spec": {"secretName": "other"}}
    k("patch", "cert", "a", "--subresource=status", "--type=merge", "-p", json.dumps(ready))
    assert k("get", "cert", "a", "--no-headers").split()[:3] == ["a", "True", "s"]
    assert "condition met" in k("wait", "--for=condition=Ready", "cert/a", "--timeout=5s")
    assert k("scale", "cert/a", "--replicas=3") == f"certificate.{GROUP}/a scaled\n"
    scale = agent.json(f"{API}/v1/namespaces/default/certificates/a/scale")
    assert scale["spec"] == {"replicas": 3} and scale["status"] == {"replicas": 1, "selector": "app=a"}
    # Server-side apply, fields and explanations.
    applied = certificate("b", ports=[{"name": "x", "number": 1}])
    assert k("apply", "--server-side", "-f", "-", input=applied) == f"certificate.{GROUP}/b serverside-applied\n"
    assert k("get", "cert", "-o", "name", "--field-selector=spec.secretName=none") == ""
    assert "field label not supported: spec.port" in k.refused("get", "cert", "--field-selector=spec.port=1")
    explained = k("explain", "cert.spec.secretName")
    assert "Where the key and the certificate are kept." in explained and "string" in explained
    assert "dnsNames" in k("explain", "certificate.spec")
    # Another version of the same objects, with its warning.
    old = k.run("get", f"certificates.v1alpha1.{GROUP}", "a", "-o", "json")
    assert json.loads(old.stdout)["apiVersion"] == f"{GROUP}/v1alpha1" and "Warning: use pki.example.com/v1" in old.stderr
    assert "created" in k("create", "-f", "-", input=certificate("c", api="v1alpha1"))
    assert json.loads(k("get", "cert", "c", "-o", "json"))["apiVersion"] == f"{GROUP}/v1"
    assert "b" in k("describe", "cert", "b")
    assert k("delete", "cert", "--all").count("deleted") == 3
    k("apply", "-f", "-", input=certificate("last"))
    assert "deleted" in k("delete", "crd", f"certificates.{GROUP}")
    assert agent.get(f"{API}/v1/namespaces/default/certificates/last")[0] == 404
    k.refused("get", "cert")


def test_bad_objects_are_refused_in_kubernetes_words(agent, tmp_path):
    k = Client(agent, "1.33", tmp_path)
    k("apply", "-f", "-", input=definition())
    table = [
        ({"replicas": "two"}, 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'),
        ({"replicas": 11}, "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10"),
        ({"secretName": ""}, 'spec.secretName: Invalid value: "": spec.secretName in body should be at least 1 chars long'),
        ({"issuer": {}}, "spec.issuer.name: Required value"),
        ({"issuer": {"name": "x", "kind": "Y"}},
         'spec.issuer.kind: Unsupported value: "Y": supported values: "Issuer", "ClusterIssuer"'),
        ({"dnsNames": ["a.b.cc", "a.b.cc"]}, 'spec.dnsNames[1]: Duplicate value: "a.b.cc"'),
        ({"dnsNames": ["-"]}, "spec.dnsNames[0] in body should match '^(\\*\\.)?"),
        ({"dnsNames": ["a.cc", "b.cc", "c.cc", "d.cc"]}, "spec.dnsNames: Too many: 4: must have at most 3 items"),
        ({"notAfter": "soon"}, 'spec.notAfter in body must be of type date-time: "soon"'),
        ({"ports": [{"name": "a"}, {"name": "a"}]}, 'spec.ports[1]: Duplicate value: {"name":"a"}'),
        ({"port": True}, 'spec.port in body must be of type integer,string: "boolean"'),
    ]
    for spec, message in table:
        assert message in k.refused("create", "-f", "-", input=certificate("x", **spec)), spec
    typo = certificate("x", secretname="y", extra={"any": {"thing": 1}})
    assert 'strict decoding error: unknown field "spec.secretname"' in k.refused("create", "-f", "-", input=typo)
    warned = k.run("create", "--validate=warn", "-f", "-", input=typo)
    assert warned.returncode == 0 and 'Warning: unknown field "spec.secretname"' in warned.stderr
    stored = json.loads(k("get", "cert", "x", "-o", "json"))["spec"]
    assert "secretname" not in stored and stored["extra"] == {"any": {"thing": 1}}
    wrong = k.refused("patch", "cert", "x", "--type=strategic", "-p", '{"spec":{"replicas":2}}')
    assert "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml" in wrong


def test_definitions_are_checked_settled_and_cleaned_up(agent, tmp_path):
    k = Client(agent, "1.33", tmp_path)
    bad = definition()
    bad["metadata"]["name"] = "certs.pki.example.com"
    assert 'must be spec.names.plural+"."+spec.group' in k.refused("create", "-f", "-", input=bad)
    webhook = definition()
    webhook["spec"]["conversion"] = {"strategy": "Webhook"}
    assert "this server calls no conversion webhooks" in k.refused("create", "-f", "-", input=webhook)
    ruled = definition()
    ruled["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["x-kubernetes-validations"] = [
        {"rule": "self.replicas < 9"}]
    warned = k.run("create", "-f", "-", input=ruled)
    assert warned.returncode == 0 and "x-kubernetes-validations are stored and not enforced" in warned.stderr
    rival = definition()
    rival["metadata"]["name"] = f"papers.{GROUP}"
    rival["spec"]["names"] = {"plural": "papers", "kind": "Certificate"}
    k("create", "-f", "-", input=rival)
    conditions = {c["type"]: c for c in json.loads(k("get", "crd", f"papers.{GROUP}", "-o", "json"))["status"]["conditions"]}
    assert conditions["NamesAccepted"]["reason"] == "ListKindConflict" and conditions["Established"]["status"] == "False"
    # An object with a finalizer holds its definition, and nothing new is made meanwhile.
    held = certificate("held")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    k("create", "-f", "-", input=held)
    k("create", "-f", "-", input=certificate("free"))
    k("delete", "crd", f"certificates.{GROUP}", "--wait=false")
    wait_for(lambda: agent.get(f"{API}/v1/namespaces/default/certificates/free")[0] == 404, "the free object to go")
    status = json.loads(k("get", "crd", f"certificates.{GROUP}", "-o", "json"))["status"]["conditions"]
    assert next(c for c in status if c["type"] == "Terminating")["reason"] == "InstanceDeletionInProgress"
    assert "create not allowed while custom resource definition is terminating" in k.refused(
        "create", "-f", "-", input=certificate("late"))
    k("patch", "cert", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_for(lambda: agent.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/certificates.{GROUP}")[0] == 404,
             "the definition to go")
    # The name is free for the rival, whose kind is served now.
    assert k("get", "papers.pki.example.com", "-o", "name") == ""


def test_custom_objects_live_as_others_do(agent, tmp_path):
    """Owners, namespaces, quotas, roles, and a restart of the daemon."""
    k = Client(agent, "1.33", tmp_path)
    k("apply", "-f", "-", input=definition())
    k("apply", "-f", "-", input=certificate("owner"))
    uid = k("get", "cert", "owner", "-o", "jsonpath={.metadata.uid}")
    owned = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "ownerReferences": [
        {"apiVersion": f"{GROUP}/v1", "kind": "Certificate", "name": "owner", "uid": uid, "controller": True,
         "blockOwnerDeletion": True}]}}
    k("apply", "-f", "-", input=owned)
    agent.kill()
    agent.start()
    assert k("get", "cert", "owner", "-o", "name") == f"certificate.{GROUP}/owner\n"
    assert agent.cli("get", "cert").stdout.splitlines()[1].split()[0] == "owner"
    k("delete", "cert", "owner", "--cascade=foreground")
    assert agent.get("/api/v1/namespaces/default/configmaps/owned")[0] == 404
    k("create", "namespace", "team")
    k("create", "quota", "q", "-n", "team", f"--hard=count/certificates.{GROUP}=1")
    k("apply", "-n", "team", "-f", "-", input=certificate("one"))
    assert "exceeded quota: q" in k.refused("apply", "-n", "team", "-f", "-", input=certificate("two"))
    k("create", "role", "reader", "-n", "team", "--verb=get,list", f"--resource=certificates.{GROUP}")
    k("create", "rolebinding", "reader", "-n", "team", "--role=reader", "--user=eve")
    assert k("get", "cert", "-n", "team", "--as=eve", "-o", "name") == f"certificate.{GROUP}/one\n"
    assert "forbidden" in k.refused("delete", "cert", "one", "-n", "team", "--as=eve")
    k("delete", "namespace", "team")
    assert agent.get(f"{API}/v1/namespaces/team/certificates/one")[0] == 404


def test_helm_installs_a_chart_with_its_kinds(agent, tmp_path):
    chart = tmp_path / "pki"
    (chart / "crds").mkdir(parents=True)
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: pki\nversion: 0.1.0\n")
    (chart / "crds/certificates.yaml").write_text(json.dumps(definition()))
    (chart / "templates/certificate.yaml").write_text(textwrap.dedent(f"""\
        apiVersion: {GROUP}/v1
        kind: Certificate
        metadata: {{name: {{{{ .Release.Name }}}}}}
        spec: {{secretName: {{{{ .Values.secret | default "s" }}}}, issuer: {{name: ca}}}}
        """))
    environment = os.environ | {"KUBECONFIG": str(agent.kubeconfig()), "HOME": str(tmp_path)}

    def h(*arguments: str) -> str:
        done = subprocess.run([helm(), *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout
    assert "STATUS: deployed" in h("install", "web", "./pki", "--wait")
    assert "REVISION: 2" in h("upgrade", "web", "./pki", "--set", "secret=t")
    assert agent.json(f"{API}/v1/namespaces/default/certificates/web")["spec"]["secretName"] == "t"
    h("rollback", "web", "1")
    assert agent.json(f"{API}/v1/namespaces/default/certificates/web")["spec"]["secretName"] == "s"
    h("uninstall", "web")
    assert agent.get(f"{API}/v1/namespaces/default/certificates/web")[0] == 404


def test_the_python_client_watches_and_writes(agent, tmp_path):
    Client(agent, "1.33", tmp_path)("apply", "-f", "-", input=definition())
    script = textwrap.dedent(f"""\
        from kubernetes import client, config, watch
        config.load_kube_config("{agent.kubeconfig()}")
        api = client.CustomObjectsApi()
        at = ("{GROUP}", "v1", "default", "certificates")
        body = {json.dumps(certificate("p"))}
        made = api.create_namespaced_custom_object(*at, body)
        made["spec"]["replicas"] = 2
        api.replace_namespaced_custom_object(*at, "p", made)
        api.patch_namespaced_custom_object_status(*at, "p", {{"status": {{"replicas": 2}}}})
        api.patch_namespaced_custom_object_scale(*at, "p", {{"spec": {{"replicas": 3}}}})
        seen = []
        for event in watch.Watch().stream(api.list_namespaced_custom_object, *at, resource_version="0", timeout_seconds=20):
            seen.append((event["type"], event["object"]["spec"]["replicas"]))
            if event["type"] == "DELETED":
                break
            api.delete_namespaced_custom_object(*at, "p")
        print(seen)
        names = [d.metadata.name for d in client.ApiextensionsV1Api().list_custom_resource_definition().items]
        print(names)
        try:
            api.create_namespaced_custom_object(*at, {{**body, "spec": {{}}}})
        except client.ApiException as error:
            print(error.status, error.reason)
        """)
    done = subprocess.run(["/usr/bin/python3", "-c", script], env=os.environ | {"PYTHONPATH": str(kubernetes_client())},
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[('ADDED', 3), ('DELETED', 3)]", f"['certificates.{GROUP}']", "422 Unprocessable Entity"]


def test_a_hostile_pattern_does_not_hang(agent, tmp_path):
    k = Client(agent, "1.33", tmp_path)
    hostile = definition()
    hostile["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["secretName"]["pattern"] = (
        "^(a+)+$")
    k("apply", "-f", "-", input=hostile)
    started = time.monotonic()
    assert "should match '^(a+)+$'" in k.refused("create", "-f", "-", input=certificate("x", secretName="a" * 5000 + "!"))
    assert time.monotonic() - started < 20


def test_the_hub_serves_kinds_too(fleet, tmp_path):
    hub, _ = fleet
    k = Client(hub, "1.33", tmp_path)
    k("apply", "-f", "-", input=definition())
    k("apply", "-f", "-", input=certificate("a"))
    assert k("get", "cert", "a", "--no-headers").split()[:2] == ["a", "s"]
    k("delete", "crd", f"certificates.{GROUP}")
    assert hub.get(f"{API}/v1/namespaces/default/certificates/a")[0] == 404
