"""A look into running pods, and what pods themselves may do: `kubectl debug` of four ages, tokens in pods."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import SLEEP, Agent, import_busybox, pod, wait_for
from packages import kubectl, newest_kubectl
from terminal import Terminal

MINORS = ("1.28", "1.31", "1.33", "newest")


def client(minor: str) -> str:
    return str(newest_kubectl()) if minor == "newest" else kubectl(minor)


def environment(agent) -> dict:
    if not (agent.directory / "kubeconfig").exists():
        agent.kubeconfig()
    (agent.directory / "home").mkdir(exist_ok=True)
    return os.environ | {"HOME": str(agent.directory / "home"), "KUBECONFIG": str(agent.directory / "kubeconfig")}


def k(agent, minor: str, *arguments: str, timeout=60) -> subprocess.CompletedProcess:
    return subprocess.run([client(minor), *arguments], env=environment(agent), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout)


@pytest.fixture(scope="module")
def device(images):
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        yield agent
    finally:
        agent.remove_everything()
        shutil.rmtree(place, ignore_errors=True)


def ephemeral(agent, name, container) -> dict:
    statuses = agent.pod(name)["status"].get("ephemeralContainerStatuses", [])
    return {status["name"]: status for status in statuses}[container]


# kubectl debug


@pytest.mark.parametrize("minor", MINORS)
def test_debug_opens_a_shell_among_the_processes_of_the_target(device, minor):
    name = "looked-at-" + minor.replace(".", "-")
    device.apply(pod(name, ["sh", "-c", "exec sleep 4242"], container={"name": "app"}))
    wait_for(lambda: device.running(name), "the pod runs")
    terminal = Terminal([client(minor), "debug", "-it", name, "--image=busybox:test", "--target=app", "-c", "look", "--", "sh"],
                        environment(device))
    terminal.expect("# ")
    terminal.type("ps; echo en''d\n")
    terminal.expect("sleep 4242")
    terminal.expect("end")
    terminal.type("cat /proc/1/cmdline | tr '\\0' ' '; echo; hostname; stty size; echo en''d\n")
    terminal.expect("sleep 4242")
    terminal.expect(name)
    terminal.expect("33 101")
    terminal.expect("end")
    found = ephemeral(device, name, "look")
    assert "running" in found["state"] and found["restartCount"] == 0 and not found["ready"] and "started" not in found
    assert f"{name}\n" == k(device, minor, "exec", name, "-c", "look", "--", "hostname").stdout
    terminal.type("exit 3\n")
    terminal.end()
    ended = wait_for(lambda: ephemeral(device, name, "look")["state"].get("terminated"), "it ended")
    assert ended["exitCode"] == 3
    assert "sleep 4242" in k(device, minor, "logs", name, "-c", "look").stdout
    described = k(device, minor, "describe", "pod", name).stdout
    assert "Ephemeral Containers:\n  look:\n" in described and "Exit Code:    3" in described
    # The pod did not notice, and nothing is started again.
    running = device.running(name)
    assert running["status"]["containerStatuses"][0]["restartCount"] == 0
    device.kubectl("delete", "pod", name, "--now")


def test_an_ephemeral_container_without_target_has_the_pods_network_and_ipc(device):
    device.apply(pod("two", ["sh", "-c", "exec httpd -f -p 8080 -h /www"]))
    wait_for(lambda: device.running("two"), "the pod runs")
    assert k(device, "1.33", "debug", "two", "--image=busybox:test", "-c", "look", "--", *SLEEP).returncode == 0
    wait_for(lambda: ephemeral(device, "two", "look")["state"]["running"], "it runs")
    inside = lambda *words: device.kubectl("exec", "two", "-c", "look", "--", *words).stdout  # noqa: E731
    assert "hello from wherry" in inside("wget", "-qO-", "http://127.0.0.1:8080/")
    assert "httpd" not in inside("ps")
    command = "readlink /proc/self/ns/net; readlink /proc/self/ns/ipc"
    namespaces = [device.kubectl("exec", "two", "-c", c, "--", "sh", "-c", command).stdout for c in ("main", "look")]
    assert namespaces[0] == namespaces[1]
    device.kubectl("delete", "pod", "two", "--now")
    assert not [name for name in device.container_pids() if "look" in name]


def test_it_outlives_the_agent_and_goes_with_the_pod(place, images):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.apply(pod("p", SLEEP, container={"name": "app"}))
        wait_for(lambda: agent.running("p"), "the pod runs")
        for name, command in (("stays", SLEEP), ("done", ["false"])):
            k(agent, "1.33", "debug", "p", "--image=busybox:test", "--target=app", "-c", name, "--", *command)
        wait_for(lambda: ephemeral(agent, "p", "done")["state"]["terminated"], "the other ended")
        wait_for(lambda: ephemeral(agent, "p", "stays")["state"]["running"], "it runs")
        before = agent.container_pids()
        agent.kill()
        agent.start()
        wait_for(lambda: agent.running("p"), "the pod is there again")
        assert agent.kubectl("exec", "p", "-c", "stays", "--", "echo", "here").stdout == "here\n"
        assert agent.container_pids() == before
        assert ephemeral(agent, "p", "done")["state"]["terminated"]["exitCode"] == 1
        assert ephemeral(agent, "p", "done")["restartCount"] == 0
        agent.kubectl("delete", "pod", "p", "--now")
        wait_for(lambda: not agent.container_pids(), "nothing is left")
    finally:
        agent.remove_everything()


def test_only_additions_are_allowed_in_the_real_words(device):
    device.apply(pod("strict", SLEEP, container={"name": "app"}))
    wait_for(lambda: device.running("strict"), "the pod runs")
    path = "/api/v1/namespaces/default/pods/strict/ephemeralcontainers"

    def patch(*containers):
        body = {"spec": {"ephemeralContainers": list(containers)}}
        return device.kubectl("patch", "pod", "strict", "--subresource=ephemeralcontainers", "--type=strategic", "-p",
                              json.dumps(body), check=False)

    def refusal(**fields):
        done = patch({"name": "x", "image": "busybox:test", **fields})
        assert done.returncode == 1
        return done.stderr
    assert 'spec.ephemeralContainers[0].name: Duplicate value: "app"' in refusal(name="app")
    assert 'spec.ephemeralContainers[0].targetContainerName: Not found: "nope"' in refusal(targetContainerName="nope")
    for field, value in (("ports", [{"containerPort": 80}]), ("resources", {"limits": {"cpu": "1"}}),
                         ("livenessProbe", {"tcpSocket": {"port": 80}}), ("lifecycle", {"preStop": {"sleep": {"seconds": 1}}})):
        text = refusal(**{field: value})
        assert f"spec.ephemeralContainers[0].{field}: Forbidden: cannot be set for an Ephemeral Container" in text
    assert patch({"name": "first", "image": "busybox:test", "command": SLEEP}).returncode == 0
    assert 'existing ephemeral containers "first" may not be changed' in patch(
        {"name": "first", "image": "busybox:test", "command": ["true"]}).stderr
    assert patch({"name": "second", "image": "busybox:test", "command": SLEEP}).returncode == 0
    whole = device.json(path)
    assert sorted(c["name"] for c in whole["spec"]["ephemeralContainers"]) == ["first", "second"]
    whole["spec"]["ephemeralContainers"] = whole["spec"]["ephemeralContainers"][:1]
    gone = whole["spec"]["ephemeralContainers"][0]["name"]
    done = device.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(whole), check=False)
    assert done.returncode == 1 and "may not be removed" in done.stderr and f'"{gone}"' not in done.stderr
    fresh = pod("fresh", SLEEP, ephemeralContainers=[{"name": "e", "image": "busybox:test"}])
    done = device.kubectl("create", "-f", "-", input=json.dumps(fresh), check=False)
    assert "spec.ephemeralContainers: Forbidden: cannot be set on create" in done.stderr
    device.kubectl("delete", "pod", "strict", "--now")


def test_roles_and_pod_security_look_at_it(device):
    device.kubectl("create", "namespace", "locked")
    device.kubectl("label", "namespace", "locked", "pod-security.kubernetes.io/enforce=baseline")
    device.kubectl("apply", "-n", "locked", "-f", "-", input=json.dumps(pod("p", SLEEP, container={"name": "app"})))
    wait_for(lambda: device.running("p", "locked"), "the pod runs")
    body = json.dumps({"spec": {"ephemeralContainers": [
        {"name": "x", "image": "busybox:test", "securityContext": {"privileged": True}}]}})
    words = ("-n", "locked", "patch", "pod", "p", "--subresource=ephemeralcontainers", "-p", body)
    done = device.kubectl(*words, check=False)
    assert done.returncode == 1 and 'violates PodSecurity "baseline:latest": privileged' in done.stderr
    # Kubernetes' own `edit` does not have it either: it takes a role that says so.
    device.kubectl("create", "serviceaccount", "helper", "-n", "locked")
    device.kubectl("create", "rolebinding", "helper", "--clusterrole=edit", "--serviceaccount=locked:helper", "-n", "locked")
    helper = ("--as=system:serviceaccount:locked:helper", "-n", "locked")
    plain = json.dumps({"spec": {"ephemeralContainers": [{"name": "x", "image": "busybox:test", "command": SLEEP}]}})
    words = (*helper, "patch", "pod", "p", "--subresource=ephemeralcontainers", "-p", plain)
    done = device.kubectl(*words, check=False)
    assert done.returncode == 1 and 'cannot get resource "pods/ephemeralcontainers"' in done.stderr
    device.kubectl("create", "role", "debug", "--verb=get,patch", "--resource=pods/ephemeralcontainers", "-n", "locked")
    device.kubectl("create", "rolebinding", "debug", "--role=debug", "--serviceaccount=locked:helper", "-n", "locked")
    assert device.kubectl(*words).returncode == 0
    device.kubectl("delete", "namespace", "locked", "--wait=false")


@pytest.mark.parametrize("minor", MINORS)
def test_debug_copies_a_pod(device, minor):
    suffix = minor.replace(".", "-")
    device.apply(pod(f"origin-{suffix}", ["false"], restartPolicy="Never", container={"name": "app"}))
    done = k(device, minor, "debug", f"origin-{suffix}", f"--copy-to=copy-{suffix}", "--set-image=app=busybox:test", "--container=app",
             "--", *SLEEP)
    assert done.returncode == 0, done.stderr
    copy = wait_for(lambda: device.running(f"copy-{suffix}"), "the copy runs")
    assert copy["spec"]["containers"][0]["command"] == SLEEP
    device.kubectl("delete", "pod", f"origin-{suffix}", f"copy-{suffix}", "--now")


@pytest.mark.parametrize("minor", MINORS)
def test_debug_looks_at_the_node(device, minor):
    terminal = Terminal([client(minor), "debug", "-it", "node/dev1", "--image=busybox:test", "--", "sh"], environment(device))
    terminal.expect("# ")
    terminal.type("ls -d /host/proc/self && cat /host/etc/hostname; readlink /proc/1/exe; ps | grep -c wherry-monito''r; echo en''d\n")
    terminal.expect("/host/proc/self")
    terminal.expect("end")
    (debugger,) = [p for p in device.pods() if p["metadata"]["name"].startswith("node-debugger-dev1-")]
    spec = debugger["spec"]
    assert (spec["hostPID"], spec["hostNetwork"], spec["nodeName"]) == (True, True, "dev1")
    terminal.type("exit\n")
    terminal.end()
    device.kubectl("delete", "pod", debugger["metadata"]["name"], "--now")
