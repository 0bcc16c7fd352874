"""Hub and broker are optional at every moment; what changed meanwhile arrives afterwards, both ways."""

import json
import os
import signal

from harness import SLEEP, deployment, pod, wait_for


def broker_pid(hub) -> int:
    return json.loads((hub.run_dir / "broker/process.json").read_text())["pid"]


def ready_state(hub) -> str:
    node = hub.json("/api/v1/nodes/dev1")
    return next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready")


def test_a_killed_broker_is_started_again_and_the_device_reconnects(fleet):
    hub, agent = fleet
    wait_for(lambda: ready_state(hub) == "True", "device ready at the hub")
    os.kill(broker_pid(hub), signal.SIGKILL)
    hub.apply(deployment("after", 1, SLEEP))
    wait_for(lambda: agent.pods("app=after") and agent.pods("app=after")[0]["status"].get("phase") == "Running",
             "a change arrives through the new broker", 60)


def test_workloads_go_on_without_the_hub_and_changes_arrive_afterwards(fleet):
    hub, agent = fleet
    hub.apply(deployment("work", 1, SLEEP))
    wait_for(lambda: agent.pods("app=work")[0]["status"]["phase"] == "Running", "running on the device", 30)
    hub.stop()

    pid = next(iter(agent.container_pids().values()))
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: agent.pods("app=work")[0]["status"]["containerStatuses"][0]["restartCount"] == 1,
             "restarted with no hub")
    # A local change: a workload of the device's own, and the hub's own scaled by hand.
    agent.apply([deployment("local", 1, SLEEP)])
    agent.kubectl("rollout", "status", "deployment/local", "--timeout=30s")
    agent.kubectl("scale", "deployment/work", "--replicas=2")
    wait_for(lambda: len(agent.pods("app=work")) == 2, "scaled locally")

    hub.start()
    hub.apply(deployment("late", 1, SLEEP))
    wait_for(lambda: agent.pods("app=late")[0]["status"]["phase"] == "Running", "the hub's change arrives", 60)
    assert len(agent.pods("app=work")) == 2, "the local change survives"
    wait_for(lambda: [p["spec"]["nodeName"] for p in hub.pods("app=local")] == ["dev1"],
             "the device's own workload is visible at the hub", 30)
    assert "local" in hub.kubectl("get", "deploy").stdout
    wait_for(lambda: len(hub.pods("app=work")) == 2, "the hub sees the local scale", 30)


def test_the_hub_says_when_a_device_is_away(fleet):
    hub, agent = fleet
    wait_for(lambda: ready_state(hub) == "True", "ready")
    agent.stop()
    wait_for(lambda: ready_state(hub) == "Unknown", "Unknown after it left", 120)
    assert "NotReady" in hub.kubectl("get", "nodes").stdout or "Unknown" in hub.kubectl("get", "nodes").stdout
    agent.start()
    wait_for(lambda: ready_state(hub) == "True", "back", 60)


def test_a_name_that_both_define_is_a_conflict_and_nothing_is_overwritten(fleet):
    hub, agent = fleet
    hub.apply(pod("mine", ["sh", "-c", "echo hub; exec sleep 9999"], nodeSelector={"site": "harbour"}))
    agent.apply(pod("mine", ["sh", "-c", "echo local; exec sleep 9999"]))
    wait_for(lambda: agent.running("mine"), "running")
    hub.kubectl("label", "node", "dev1", "site=harbour")  # now the hub's pod is meant for this device too
    hub.apply(deployment("fine", 1, SLEEP))
    wait_for(lambda: agent.pods("app=fine"), "the rest of the document is applied", 30)
    assert "echo local" in agent.pod("mine")["spec"]["containers"][0]["command"][2]
    wait_for(lambda: "onflict" in hub.kubectl("get", "events", "-A").stdout, "the hub reports the conflict", 30)


def test_a_mirrored_object_is_read_only_at_the_hub(fleet):
    hub, agent = fleet
    agent.apply(pod("own", SLEEP))
    wait_for(lambda: [p["spec"]["nodeName"] for p in hub.pods() if p["metadata"]["name"] == "own"] == ["dev1"],
             "mirrored at the hub", 30)
    done = hub.kubectl("delete", "pod", "own", "--wait=false", check=False)
    assert done.returncode == 1 and "read-only at the hub" in done.stderr, done.stderr
