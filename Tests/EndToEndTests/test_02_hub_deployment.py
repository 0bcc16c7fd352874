"""A Deployment applied at the hub runs on the device, and both tell the story."""

import json

from harness import deployment, oci_layout, run, wait_for


def test_deployment_at_the_hub_is_pulled_and_run_and_told(fleet, registry, images):
    hub, agent = fleet
    layout = oci_layout(images, ["sh", "-c", "echo started as $(hostname); sleep 1000000"], tag="story")
    registry.push("story:1", layout)

    nodes = hub.kubectl("get", "nodes").stdout
    assert "dev1" in nodes and " Ready " in nodes, nodes

    manifest = deployment("story", 3, ["sh", "-c", "echo started as $(hostname); exec sleep 1000000"],
                          image=f"{registry.host}/story:1")
    assert "deployment.apps/story created" in hub.apply(manifest)
    out = hub.kubectl("rollout", "status", "deployment/story", "--timeout=60s").stdout
    assert "successfully rolled out" in out, out

    on_device = agent.pods("app=story")
    assert len(on_device) == 3 and all(p["status"]["phase"] == "Running" for p in on_device)
    at_hub = wait_for(lambda: (lambda items: len(items) == 3 and all(
        p["status"].get("phase") == "Running" for p in items) and items)(hub.pods("app=story")),
        "the hub mirrors the three pods")
    assert {p["metadata"]["name"] for p in at_hub} == {p["metadata"]["name"] for p in on_device}
    assert {p["spec"]["nodeName"] for p in at_hub} == {"dev1"}
    assert "3/3" in hub.kubectl("get", "deploy,pods").stdout

    name = on_device[0]["metadata"]["name"]
    for daemon in (agent, hub):
        assert "started as" in daemon.kubectl("logs", name).stdout, daemon.role
        described = wait_for(lambda d=daemon: (lambda t: "Pulled" in t and "Started" in t and t)(
            d.kubectl("describe", "pod", name).stdout), f"describe with events at the {daemon.role}")
        assert f"{registry.host}/story:1" in described
        events = daemon.kubectl("get", "events").stdout
        assert "Scheduled" in events and "Created" in events, events
        assert "ScalingReplicaSet" in daemon.kubectl("describe", "deployment", "story").stdout

    hub.kubectl("scale", "deployment/story", "--replicas=1")
    wait_for(lambda: len(agent.pods("app=story")) == 1, "scaled down on the device")
    hub.kubectl("delete", "deployment", "story")
    wait_for(lambda: not agent.pods("app=story"), "gone from the device")
    wait_for(lambda: not hub.pods("app=story"), "gone from the hub")


def test_a_node_selector_chooses_the_devices(fleet):
    hub, agent = fleet
    hub.kubectl("label", "node", "dev1", "site=harbour")
    hub.apply([deployment("here", 1, ["sleep", "1000000"], node_selector={"site": "harbour"}),
               deployment("elsewhere", 1, ["sleep", "1000000"], node_selector={"site": "inland"})])
    wait_for(lambda: agent.pods("app=here") and agent.pods("app=here")[0]["status"].get("phase") == "Running",
             "the matching deployment runs")
    names = [d["metadata"]["name"] for d in agent.json("/apis/apps/v1/namespaces/default/deployments")["items"]]
    assert names == ["here"]


def test_configuration_and_secrets_travel_with_the_workload(fleet):
    hub, agent = fleet
    hub.apply([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"COLOUR": "green"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"password": "s3cret"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "unused"}, "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "busybox:test",
                            "command": ["sh", "-c", "echo $COLOUR; cat /keys/password; mount | grep ' /keys '; exec sleep 9999"],
                            "envFrom": [{"configMapRef": {"name": "settings"}}],
                            "volumeMounts": [{"name": "keys", "mountPath": "/keys", "readOnly": True}]}],
            "volumes": [{"name": "keys", "secret": {"secretName": "keys"}}]}}])
    wait_for(lambda: agent.running("reader"), "the pod runs on the device")
    log = wait_for(lambda: agent.kubectl("logs", "reader").stdout, "its log")
    assert "green" in log and "s3cret" in log and "tmpfs" in log, log
    kept = {c["metadata"]["name"] for c in agent.json("/api/v1/namespaces/default/configmaps")["items"]}
    assert "settings" in kept and "unused" not in kept
    assert "s3cret" not in json.dumps(hub.json("/api/v1/namespaces/default/pods"))
