"""The real kubectl, docker and promtool as clients of a device."""

import json
import subprocess
import threading

from harness import SLEEP, deployment, pod, run, wait_for


def test_kubectl_manages_a_device(agent):
    k = agent.kubectl
    assert "v1.33" in k("version").stdout
    resources = k("api-resources").stdout
    for name in ("namespaces", "nodes", "pods", "replicasets", "deployments", "configmaps", "secrets", "events"):
        assert name in resources
    agent.apply(deployment("web", 2, SLEEP))
    assert "successfully rolled out" in k("rollout", "status", "deployment/web", "--timeout=60s").stdout
    assert "2/2" in k("get", "deploy", "web").stdout
    assert "deployment.apps/web unchanged" in agent.apply(deployment("web", 2, SLEEP))
    k("scale", "deployment/web", "--replicas=3")
    wait_for(lambda: "3/3" in k("get", "deploy", "web").stdout, "scaled")
    k("label", "deployment", "web", "tier=front")
    k("annotate", "deployment", "web", "note=kept")
    assert "tier=front" in k("get", "deploy", "web", "--show-labels").stdout
    assert k("get", "deploy", "web", "-o", "jsonpath={.metadata.annotations.note}").stdout == "kept"
    assert "kind: Deployment" in k("get", "deploy", "web", "-o", "yaml").stdout
    assert json.loads(k("get", "pods", "-l", "app=web", "-o", "json").stdout)["kind"] == "List"
    described = k("describe", "deployment", "web").stdout
    assert "ScalingReplicaSet" in described and "3 desired" in described, described
    assert "Capacity" in k("describe", "node", "dev1").stdout
    created = k("create", "-f", "-", input=json.dumps(pod("one", ["sh", "-c", "echo hi; exec sleep 999"]))).stdout
    assert "pod/one created" in created
    again = k("create", "-f", "-", input=json.dumps(pod("one", SLEEP)), check=False)
    assert 'pods "one" already exists' in again.stderr
    missing = k("get", "pod", "nobody", check=False)
    assert 'Error from server (NotFound): pods "nobody" not found' in missing.stderr
    wait_for(lambda: "hi" in k("logs", "one").stdout, "its log")
    assert "pod \"one\" deleted" in k("delete", "pod", "one").stdout
    k("delete", "deployment", "web")
    wait_for(lambda: not agent.pods("app=web"), "garbage collected")
    k("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}))
    k("apply", "-n", "team", "-f", "-", input=json.dumps(pod("inside", SLEEP)))
    wait_for(lambda: agent.running("inside", "team"), "running in its namespace")
    assert "inside" in k("get", "pods", "-A").stdout
    k("delete", "namespace", "team", timeout=60)
    assert agent.get("/api/v1/namespaces/team")[0] == 404


def test_a_rolling_update_keeps_enough_pods_available(agent):
    agent.apply(deployment("roll", 3, SLEEP))
    agent.kubectl("rollout", "status", "deployment/roll", "--timeout=60s")
    least = [3]
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            status = agent.json("/apis/apps/v1/namespaces/default/deployments/roll")["status"]
            least.append(status.get("availableReplicas", 0))
            stop.wait(0.02)
    watcher = threading.Thread(target=watch)
    watcher.start()
    agent.apply(deployment("roll", 3, ["sleep", "2000000"]))
    agent.kubectl("rollout", "status", "deployment/roll", "--timeout=60s")
    stop.set()
    watcher.join()
    assert min(least) >= 2, least
    wait_for(lambda: len(agent.pods("app=roll")) == 3, "the old ones are gone")


def test_watch_and_follow_stream(agent):
    agent.kubeconfig()
    agent.apply(pod("before", SLEEP))
    watch = subprocess.Popen(["kubectl", "--kubeconfig", str(agent.directory / "kubeconfig"), "get", "pods", "-w"],
                             stdout=subprocess.PIPE, text=True)
    # It watches once it has shown what was there.
    for line in watch.stdout:
        if line.startswith("before"):
            break
    agent.apply(pod("seen", ["sh", "-c", "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"]))
    wait_for(lambda: agent.running("seen"), "running")
    follow = subprocess.Popen(["kubectl", "--kubeconfig", str(agent.directory / "kubeconfig"), "logs", "-f", "seen"],
                              stdout=subprocess.PIPE, text=True)
    lines = []
    for line in follow.stdout:
        lines.append(line.strip())
        if len(lines) >= 10:
            break
    follow.terminate()
    assert lines[:3] == ["tick 1", "tick 2", "tick 3"]
    agent.kubectl("delete", "pod", "seen", "--now")
    seen = []
    for line in watch.stdout:
        seen.append(line)
        if line.startswith("seen") and "Terminating" in line:
            break
    watch.terminate()
    seen = [line for line in seen if line.startswith("seen")]
    assert any("ContainerCreating" in s or "Pending" in s for s in seen) and any("Running" in s for s in seen), seen


def test_promtool_accepts_the_metrics(agent):
    status, body = agent.get("/metrics")
    assert status == 200
    done = run("promtool", "check", "metrics", input=body.decode(), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"process_" in body
    for path in ("/livez", "/readyz"):
        assert agent.get(path)[0] == 200


def test_the_docker_client_sees_the_images(agent):
    done = run("docker", "-H", f"unix://{agent.run_dir}/wherry.sock", "images")
    assert "busybox" in done.stdout and "test" in done.stdout


def test_side_by_side_agents_do_not_meet(agent, place, images):
    from harness import Agent, import_busybox
    other = Agent(place / "b", "--node-name", "dev2").start()
    try:
        import_busybox(other, images)
        for daemon in (agent, other):
            daemon.apply(pod("same", SLEEP))
        wait_for(lambda: agent.running("same") and other.running("same"), "both run")
        assert not set(agent.container_pids().values()) & set(other.container_pids().values())
        other.kubectl("delete", "pod", "same", "--now")
        assert agent.running("same")
    finally:
        other.remove_everything()
