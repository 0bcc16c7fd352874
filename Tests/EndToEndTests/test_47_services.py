"""Cluster addresses and node ports of services, with the real kubectl and helm's way of writing."""

import json

import pytest

from harness import Agent


def service(name, type="ClusterIP", port=None, **spec) -> dict:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": type, "selector": {"app": name}, "ports": [{"port": 80, **(port or {})}], **spec}}


def get(agent, name) -> dict:
    return json.loads(agent.kubectl("get", "svc", name, "-o", "json").stdout)["spec"]


def refusal(agent, document) -> str:
    done = agent.kubectl("create", "-f", "-", input=json.dumps(document), check=False)
    assert done.returncode == 1
    return done.stderr


def test_services_get_addresses_that_stay_and_come_back(agent):
    first = agent.kubectl("get", "svc", "kubernetes", "--no-headers").stdout.split()
    assert first[:5] == ["kubernetes", "ClusterIP", "10.43.0.1", "<none>", "443/TCP"]
    agent.kubectl("create", "service", "clusterip", "typed", "--tcp=80:8080")
    agent.apply(service("web"))
    web = get(agent, "web")
    assert web["clusterIP"].startswith("10.43.") and web["clusterIPs"] == [web["clusterIP"]]
    assert (web["ipFamilies"], web["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert get(agent, "typed")["clusterIP"] != web["clusterIP"]
    agent.apply(service("web", sessionAffinity="ClientIP"))
    agent.kubectl("replace", "-f", "-", input=json.dumps(service("web")))
    assert get(agent, "web")["clusterIP"] == web["clusterIP"]
    moved = agent.kubectl("patch", "svc", "web", "-p", '{"spec":{"clusterIP":"10.43.0.99"}}', check=False)
    assert "spec.clusterIPs[0]: Invalid value: " in moved.stderr and "may not change once set" in moved.stderr
    assert refusal(agent, service("other", clusterIP=web["clusterIP"])) == (
        f'The Service "other" is invalid: spec.clusterIPs: Invalid value: ["{web["clusterIP"]}"]: failed to allocate IP '
        f'{web["clusterIP"]}: provided IP is already allocated\n')
    assert ("failed to allocate IP 10.99.0.1: the provided IP (10.99.0.1) is not in the valid range. The range of valid IPs is "
            "10.43.0.0/16") in refusal(agent, service("other", clusterIP="10.99.0.1"))
    agent.kubectl("delete", "svc", "web")
    agent.apply(service("other", clusterIP=web["clusterIP"]))
    # Said again to the server as a whole, and by server-side apply.
    agent.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(service("other")))
    assert get(agent, "other")["clusterIP"] == web["clusterIP"]
    assert refusal(agent, service("twin", ipFamilyPolicy="RequireDualStack")).count("this cluster is not configured for dual-stack services") == 1
    # The API's own comes back.
    agent.kubectl("delete", "svc", "kubernetes")
    agent.kubectl("wait", "--for=create", "svc/kubernetes", "--timeout=10s")
    assert get(agent, "kubernetes")["clusterIP"] == "10.43.0.1"


def test_headless_external_and_dry_runs_take_nothing(agent):
    agent.apply(service("headless", clusterIP="None"))
    assert get(agent, "headless")["clusterIPs"] == ["None"]
    agent.kubectl("create", "service", "externalname", "far", "--external-name=a.example")
    far = get(agent, "far")
    assert "clusterIP" not in far and "ipFamilies" not in far
    dry = agent.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", input=json.dumps(service("dry", clusterIP="10.43.0.77")))
    assert json.loads(dry.stdout)["spec"]["clusterIP"] == "10.43.0.77"
    agent.apply(service("wet", clusterIP="10.43.0.77"))
    # A change of type gives back what the new one has no use for, and takes what it needs.
    agent.kubectl("patch", "svc", "wet", "--type=merge", "-p", '{"spec":{"type":"ExternalName","externalName":"b.example"}}')
    assert "clusterIP" not in get(agent, "wet")
    agent.apply(service("next", clusterIP="10.43.0.77"))
    agent.kubectl("patch", "svc", "far", "--type=merge", "-p", '{"spec":{"type":"ClusterIP","ports":[{"port":80}],"externalName":null}}')
    assert get(agent, "far")["clusterIP"].startswith("10.43.")


@pytest.mark.parametrize("kind", ("NodePort", "LoadBalancer"))
def test_node_ports_are_given_and_refused_in_the_real_words(agent, kind):
    agent.apply(service("out", kind))
    port = get(agent, "out")["ports"][0]["nodePort"]
    assert 30000 <= port <= 32767
    assert f"80:{port}/TCP" in agent.kubectl("get", "svc", "out").stdout
    agent.kubectl("label", "svc", "out", "a=b")
    agent.kubectl("replace", "-f", "-", input=json.dumps(service("out", kind)))
    assert get(agent, "out")["ports"][0]["nodePort"] == port
    assert refusal(agent, service("two", kind, {"nodePort": port})) == (
        f'The Service "two" is invalid: spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated\n')
    assert ("spec.ports[0].nodePort: Invalid value: 8080: provided port is not in the valid range. The range of valid ports is "
            "30000-32767") in refusal(agent, service("two", kind, {"nodePort": 8080}))
    assert "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" in refusal(
        agent, service("two", "ClusterIP", {"nodePort": 30001}))
    both = [{"name": "t", "port": 53, "protocol": "TCP"}, {"name": "u", "port": 53, "protocol": "UDP"}]
    agent.apply(service("dns", kind, ports=both))
    assert len({p["nodePort"] for p in get(agent, "dns")["ports"]}) == 1
    agent.kubectl("patch", "svc", "out", "-p", '{"spec":{"type":"ClusterIP"}}')
    assert "nodePort" not in get(agent, "out")["ports"][0]
    agent.apply(service("two", kind, {"nodePort": port}))


def test_the_range_is_configured_and_addresses_survive_a_restart(place):
    agent = Agent(place / "a", "--node-name", "dev1", "--service-cidr", "10.200.0.0/24").start()
    try:
        agent.apply([service("a"), service("b", clusterIP="10.200.0.9")])
        before = get(agent, "a")["clusterIP"]
        assert before.startswith("10.200.0.") and get(agent, "kubernetes")["clusterIP"] == "10.200.0.1"
        agent.kill()
        agent.start()
        assert get(agent, "a")["clusterIP"] == before
        assert "already allocated" in refusal(agent, service("c", clusterIP=before))
        # Another range moves nothing that is there.
        agent.stop()
        agent.options = ("--node-name", "dev1", "--service-cidr", "10.201.0.0/24")
        agent.start()
        agent.kubectl("label", "svc", "a", "still=here")
        assert get(agent, "a")["clusterIP"] == before
        agent.apply(service("c"))
        assert get(agent, "c")["clusterIP"].startswith("10.201.0.")
    finally:
        agent.stop()
    wrong = Agent(place / "w", "--service-cidr", "10.43.0.1/16").start(ready=False)
    assert wrong.process.wait(20) == 2 and "--service-cidr" in wrong.tail()
