"""Kinds in several versions, what pods use, and the OpenAPI documents, with the real kubectl of several minors and PyPI's client."""

import gzip
import json
import os
import re
import subprocess
import textwrap

import pytest

from harness import SLEEP, pod, run, wait_for
from packages import helm, kubectl, kubernetes_client, newest_kubectl

MINORS = ["1.28", "1.31", "1.33", "newest"]
SPIN = ["sh", "-c", "while :; do :; done"]
# `tail` keeps 40 MB and cannot get rid of them.
HOLD = ["sh", "-c", "head -c 40000000 /dev/zero | tail -c 40000000 | sleep 100000"]
OLD = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
NEW = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


def program(minor: str) -> str:
    return str(newest_kubectl()) if minor == "newest" else kubectl(minor)


def client(agent, minor: str, home):
    config = agent.kubeconfig()
    home.mkdir(exist_ok=True)

    def k(*arguments, input=None, code=0):
        done = subprocess.run([program(minor), "--kubeconfig", str(config), *arguments], capture_output=True, text=True,
                              input=input, timeout=60, env=os.environ | {"HOME": str(home)})
        assert done.returncode == code, (minor, arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout or done.stderr
    return k


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


# Versions -------------------------------------------------------------------------------------------------------------

def test_kubectl_autoscale_of_every_minor(agent, tmp_path):
    """Before 1.33 kubectl posts autoscaling/v1, as JSON and from 1.32 as protobuf; all read what the others wrote."""
    for minor in ["1.27", "1.28", "1.31", "1.32", "1.33", "newest"]:
        k = client(agent, minor, tmp_path / minor)
        name = f"d{minor.replace('.', '-')}"
        k("create", "deployment", name, "--image=nothing/here", "--replicas=0")
        option = "--cpu=60%" if minor == "newest" else "--cpu-percent=60"
        assert k("autoscale", "deployment", name, "--min=2", "--max=7", option) == (
            f"horizontalpodautoscaler.autoscaling/{name} autoscaled\n")
        old, new = agent.json(f"{OLD}/{name}"), agent.json(f"{NEW}/{name}")
        assert old["spec"]["targetCPUUtilizationPercentage"] == 60
        assert new["spec"]["metrics"] == [{"type": "Resource", "resource": {
            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]
        assert old["metadata"]["uid"] == new["metadata"]["uid"]
        assert rows(k("get", "hpa", name, "--no-headers"))[0][:4] == [name, f"Deployment/{name}", "cpu:", "<unknown>/60%"]
        assert "60%" in k("describe", "hpa", name)


def test_a_kind_in_two_versions(agent, tmp_path):
    """Applied in one version, read, patched and watched in the other; discovery prefers v2."""
    k = client(agent, "1.33", tmp_path / "home")
    manifest = {
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "maxReplicas": 3,
                 "targetCPUUtilizationPercentage": 40}}
    text = json.dumps(manifest)
    assert k("apply", "-f", "-", input=text) == "horizontalpodautoscaler.autoscaling/h created\n"
    assert k("apply", "-f", "-", input=text) == "horizontalpodautoscaler.autoscaling/h unchanged\n"
    text = text.replace("40", "45")
    assert k("diff", "-f", "-", input=text, code=1).count("targetCPUUtilizationPercentage: 4") == 2
    assert k("apply", "--server-side", "--force-conflicts", "-f", "-", input=text) == (
        "horizontalpodautoscaler.autoscaling/h serverside-applied\n")
    memory = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}}}
    spec = agent.json(f"{NEW}/h")["spec"]
    k("patch", "horizontalpodautoscalers.v2.autoscaling", "h", "--type=merge", "-p", json.dumps({"spec": {"metrics": spec["metrics"] + [memory]}}))
    old = json.loads(k("get", "horizontalpodautoscalers.v1.autoscaling", "h", "-o", "json"))
    assert old["spec"]["targetCPUUtilizationPercentage"] == 45
    assert json.loads(old["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"]) == [
        {"type": "Resource", "resource": {"name": "memory", "targetAverageUtilization": 70}}]
    # What v1 cannot say survives a change in v1.
    k("patch", "horizontalpodautoscalers.v1.autoscaling", "h", "-p", '{"spec": {"maxReplicas": 9}}')
    assert memory in agent.json(f"{NEW}/h")["spec"]["metrics"]
    assert "autoscaling.alpha" not in json.dumps(agent.json(f"{NEW}/h"))
    assert k("wait", "horizontalpodautoscalers.v1.autoscaling/h", "--for=jsonpath={.spec.maxReplicas}=9") == (
        "horizontalpodautoscaler.autoscaling/h condition met\n")
    assert k("explain", "hpa.spec", "--api-version=autoscaling/v1").count("targetCPUUtilizationPercentage") == 1
    versions = k("api-versions").splitlines()
    assert {"autoscaling/v1", "autoscaling/v2", "events.k8s.io/v1", "metrics.k8s.io/v1beta1"} <= set(versions)
    assert agent.json("/apis/autoscaling")["preferredVersion"]["version"] == "v2"
    refused = k("create", "-f", "-", input=text.replace("maxReplicas\": 3", "maxReplicas\": 0"), code=1)
    assert refused.startswith('The HorizontalPodAutoscaler "h" is invalid: \n* spec.maxReplicas: Invalid value: 0: must be')
    assert k("delete", "horizontalpodautoscalers.v1.autoscaling", "h").startswith(
        'horizontalpodautoscaler.autoscaling "h" deleted')
    assert agent.get(f"{NEW}/h")[0] == 404


def test_events_of_newer_recorders(agent, tmp_path):
    """`events.k8s.io/v1` and core/v1 are two views of the same events."""
    k = client(agent, "1.33", tmp_path / "home")
    event = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e1", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "example.com/c", "reportingInstance": "c-1",
        "action": "Mixing", "reason": "Mixed", "type": "Normal", "note": "all is well",
        "regarding": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "p"}}
    assert k("create", "-f", "-", input=json.dumps(event)) == "event.events.k8s.io/e1 created\n"
    core = agent.json("/api/v1/namespaces/default/events/e1")
    assert (core["message"], core["involvedObject"]["name"], core["reportingComponent"]) == (
        "all is well", "p", "example.com/c")
    assert "all is well" in k("events", "--for=pod/p") and "all is well" in k("get", "events.events.k8s.io")
    k("patch", "events.events.k8s.io", "e1", "--type=strategic", "-p",
      '{"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:05.000000Z"}}')
    assert agent.json("/api/v1/namespaces/default/events/e1")["series"]["count"] == 2
    selected = agent.json("/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp")["items"]
    assert [e["metadata"]["name"] for e in selected] == ["e1"] and selected[0]["note"] == "all is well"
    del event["action"]
    event["metadata"]["name"] = "e2"
    assert 'Event "e2" is invalid: action: Required value' in k("create", "-f", "-", input=json.dumps(event), code=1)


# Metrics --------------------------------------------------------------------------------------------------------------

def cores(text: str) -> int:
    """Thousandths."""
    return int(re.fullmatch(r"(\d+)m", text)[1])


def mebibytes(text: str) -> int:
    return int(re.fullmatch(r"(\d+)Mi", text)[1])


def told_apart(table: list[list[str]]) -> list[list[str]]:
    assert table[0] == ["NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"]
    figures = {row[1]: (cores(row[2]), mebibytes(row[3])) for row in table[1:]}
    assert 30 <= figures["hold"][1] < 90 and figures["spin"][1] < 20, table
    assert figures["spin"][0] > 20 and figures["spin"][0] > figures["hold"][0], table
    return table


def test_top_of_every_minor(agent, tmp_path):
    """A pod that spins, one that holds memory, one that does nothing: `kubectl top` tells them apart."""
    two = pod("two", SLEEP, metadata={"labels": {"app": "two"}})
    two["spec"]["containers"].append({"name": "side", "image": "busybox:test", "command": SPIN})
    agent.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}},
                 pod("spin", SPIN, metadata={"labels": {"app": "spin"}}), two,
                 pod("hold", HOLD, metadata={"namespace": "other"})])
    for name, namespace in (("spin", "default"), ("two", "default"), ("hold", "other")):
        wait_for(lambda name=name, namespace=namespace: agent.running(name, namespace), f"{name} runs")
    for minor in MINORS:
        k = client(agent, minor, tmp_path / minor)
        # The memory grows, and the CPU of a busy machine is shared with others.
        all_pods = wait_for(lambda k=k: told_apart(rows(k("top", "pod", "-A", "--sort-by=memory"))), "pods are told apart")
        assert all_pods[1][1] == "hold", all_pods
        containers = {row[1]: row for row in rows(k("top", "pod", "two", "--containers"))[1:]}
        assert set(containers) == {"main", "side"}
        assert cores(containers["side"][2]) > 20 > cores(containers["main"][2]), containers
        assert [row[0] for row in rows(k("top", "pod", "-l", "app=spin", "--no-headers"))] == ["spin"]
        assert rows(k("top", "pod", "--sort-by=cpu", "--no-headers"))[0][0] in ("spin", "two")
        (node,) = rows(k("top", "node", "--no-headers"))
        assert node[0] == "dev1" and cores(node[1]) > 50 and 0 < int(node[4].rstrip("%")) <= 100, node
        table = rows(k("get", "pods.metrics.k8s.io"))
        assert table[0] == ["NAME", "CPU", "MEMORY", "WINDOW"] and re.fullmatch(r"[\d.ms]+", table[1][3])
        assert [row[0] for row in rows(k("get", "nodes.metrics.k8s.io", "--no-headers"))] == ["dev1"]
    measured = agent.json("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/spin")
    assert measured["kind"] == "PodMetrics" and measured["metadata"]["labels"] == {"app": "spin"}
    assert measured["containers"][0]["usage"]["cpu"].endswith("n")
    resources = agent.json("/apis/metrics.k8s.io/v1beta1")["resources"]
    assert {r["name"]: r["verbs"] for r in resources} == {"nodes": ["get", "list"], "pods": ["get", "list"]}


def test_pods_that_cannot_be_measured_are_left_out(agent, tmp_path):
    k = client(agent, "1.33", tmp_path / "home")
    assert k("top", "pod") == "No resources found in default namespace.\n"
    agent.apply(pod("waits", SLEEP, image="nothing/here"))
    assert k("top", "pod", code=1) == "error: metrics not available yet\n"
    assert k("top", "pod", "waits", code=1) == (
        'Error from server (NotFound): podmetrics.metrics.k8s.io "default/waits" not found\n')
    assert k("top", "pod", "nobody", code=1) == 'Error from server (NotFound): pods "nobody" not found\n'
    agent.apply(pod("runs", SLEEP))
    wait_for(lambda: agent.running("runs"), "a pod runs")
    assert [row[0] for row in rows(k("top", "pod", "--no-headers"))] == ["runs"]
    assert "does not allow this method" in k("get", "pods.metrics.k8s.io", "--watch-only", code=1)


def test_roles_that_may_see_pods_may_see_what_they_use(agent):
    config = agent.directory / "viewer"
    config.write_text(json.dumps(agent.json("/wherry/v1/kubeconfig?user=val")))
    question = ["auth", "can-i", "list", "pods.metrics.k8s.io", "-n", "default"]
    assert run("kubectl", "--kubeconfig", config, *question, check=False).stdout == "no\n"
    agent.kubectl("create", "rolebinding", "v", "--clusterrole=view", "--user=val")
    wait_for(lambda: run("kubectl", "--kubeconfig", config, *question, check=False).stdout == "yes\n", "val may see")
    role = agent.json("/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader")
    assert {f"rbac.authorization.k8s.io/aggregate-to-{r}" for r in ("view", "edit", "admin")} <= set(role["metadata"]["labels"])


def test_a_hub_has_no_metrics_and_says_so(fleet, tmp_path):
    hub, _ = fleet
    assert hub.get("/apis/metrics.k8s.io/v1beta1/pods")[0] == 404
    assert "metrics.k8s.io" not in json.dumps(hub.json("/apis"))
    k = client(hub, "1.33", tmp_path / "home")
    assert k("top", "node", code=1) == "error: Metrics API not available\n"


# OpenAPI --------------------------------------------------------------------------------------------------------------

def script(agent, text: str) -> str:
    """Runs Python with PyPI's client; `api` speaks to the agent."""
    begin = """
        import json, sys
        from kubernetes import client, config, dynamic
        api = config.new_client_from_config(sys.argv[1])
        """
    return run("/usr/bin/python3", "-c", textwrap.dedent(begin) + textwrap.dedent(text),
               agent.kubeconfig(), env={"PYTHONPATH": str(kubernetes_client())}, timeout=120).stdout


def test_python_clients_dynamic_api_in_each_version(agent):
    """The dynamic client finds versions by discovery, and works in the one that it is asked for."""
    text = script(agent, """
        cluster = dynamic.DynamicClient(api)
        old = cluster.resources.get(api_version="autoscaling/v1", kind="HorizontalPodAutoscaler")
        new = cluster.resources.get(api_version="autoscaling/v2", kind="HorizontalPodAutoscaler")
        body = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "p"},
                "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 4,
                         "targetCPUUtilizationPercentage": 30}}
        print(old.create(body=body, namespace="default").spec.targetCPUUtilizationPercentage)
        print(new.get(name="p", namespace="default").spec.metrics[0].resource.target.averageUtilization)
        body["spec"]["targetCPUUtilizationPercentage"] = 35
        print(old.server_side_apply(body=body, namespace="default", field_manager="py",
                                    force_conflicts=True).spec.targetCPUUtilizationPercentage)
        for event in old.watch(namespace="default", timeout=2):
            print(event["type"], event["object"].apiVersion)
            break
        typed = client.AutoscalingV1Api(api).list_namespaced_horizontal_pod_autoscaler("default")
        print(typed.items[0].spec.target_cpu_utilization_percentage, typed.api_version)
        event = client.EventsV1Event(
            metadata=client.V1ObjectMeta(name="py"), event_time="2026-01-01T00:00:00.000000Z", action="Do", reason="Done",
            reporting_controller="py", reporting_instance="py-1", type="Warning", note="from python",
            regarding=client.V1ObjectReference(kind="Pod", namespace="default", name="p"))
        client.EventsV1Api(api).create_namespaced_event("default", event)
        print([e.message for e in client.CoreV1Api(api).list_namespaced_event("default").items if e.metadata.name == "py"])
        print(client.CustomObjectsApi(api).list_cluster_custom_object("metrics.k8s.io", "v1beta1", "nodes")["items"][0]["kind"])
        """)
    assert text.splitlines() == [
        "30", "30", "35", "ADDED autoscaling/v1", "35 autoscaling/v1", "['from python']", "NodeMetrics"]


def test_the_openapi_v2_document(agent, tmp_path):
    """Every reference leads somewhere, and each path's parts are declared; packed for who takes gzip."""
    k = client(agent, "1.33", tmp_path / "home")
    document = json.loads(k("get", "--raw", "/openapi/v2"))
    text = json.dumps(document)
    for name in set(re.findall(r'"#/definitions/([^"]+)"', text)):
        assert name in document["definitions"], name
    known = {json.dumps(kind, sort_keys=True) for definition in document["definitions"].values()
             for kind in definition.get("x-kubernetes-group-version-kind", [])}
    assert json.dumps({"group": "apps", "kind": "Deployment", "version": "v1"}, sort_keys=True) in known
    for path, item in document["paths"].items():
        named = {p["name"] for p in item.get("parameters", []) if p["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path)), path
    # What unpacks gzip by itself is curl's part; the bytes are those of the plain document.
    plain = agent.get("/openapi/v2")[1]
    socket = agent.run_dir / "wherry.sock"
    packed = subprocess.run(["curl", "-s", "--unix-socket", socket, "-H", "Accept-Encoding: gzip", "http://x/openapi/v2"],
                            capture_output=True, check=True, timeout=60).stdout
    assert packed[:2] == b"\x1f\x8b" and gzip.decompress(packed) == plain and len(packed) * 5 < len(plain)


def test_old_clients_explain_apply_and_validate(agent, tmp_path):
    """kubectl 1.27 and 1.28 and helm ask for v2 as protobuf beside v3; they explain, apply, refuse and merge as before."""
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {
            "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "nothing/here"}]}}}}
    for minor in ("1.27", "1.28"):
        k = client(agent, minor, tmp_path / minor)
        assert "<empty>" not in k("explain", "cronjob.spec.jobTemplate.spec")
        name = f"w{minor.replace('.', '-')}"
        deployment["metadata"]["name"] = name
        assert k("apply", "-f", "-", input=json.dumps(deployment)) == f"deployment.apps/{name} created\n"
        changed = json.loads(json.dumps(deployment))
        changed["spec"]["template"]["spec"]["containers"].append({"name": "d", "image": "nothing/else"})
        assert k("apply", "-f", "-", input=json.dumps(changed)) == f"deployment.apps/{name} configured\n"
        changed["spec"]["replicaz"] = 1
        assert 'unknown field "spec.replicaz"' in k("apply", "-f", "-", input=json.dumps(changed), code=1)
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 0.1.0\n")
    (chart / "templates" / "h.yaml").write_text(textwrap.dedent("""
        apiVersion: autoscaling/v1
        kind: HorizontalPodAutoscaler
        metadata: {name: from-helm}
        spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: w}, maxReplicas: {{ .Values.most }}}
        """))
    home = {"HOME": str(tmp_path)}
    command = [helm(), "--kubeconfig", agent.kubeconfig()]
    run(*command, "install", "r", chart, "--set", "most=3", env=home)
    run(*command, "upgrade", "r", chart, "--set", "most=5", env=home)
    assert agent.json(f"{OLD}/from-helm")["spec"]["maxReplicas"] == 5
    run(*command, "uninstall", "r", env=home)
    assert agent.get(f"{NEW}/from-helm")[0] == 404


@pytest.mark.parametrize("minor", ["1.27", *MINORS])
def test_explain_describes_every_kind(agent, tmp_path, minor):
    k = client(agent, minor, tmp_path / "home")
    for kind in ("svc", "cronjob", "job", "ds", "sts", "hpa", "ing", "netpol", "pv", "pvc", "pdb", "quota", "limits", "lease"):
        for field in (kind, f"{kind}.spec"):
            text = k("explain", field)
            assert "<empty>" not in text and "<no description>" not in text, (field, text)
    assert "Which pods, by which ports and addresses." in k("explain", "svc")
    assert "`ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`." in k("explain", "svc.spec.type")
