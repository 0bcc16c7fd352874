"""Bad input: a clear message that names the object and the remedy, a non-zero exit status, nothing half-done."""

import json
import socket
import subprocess

from harness import SLEEP, Agent, Hub, WHERRY, free_port, pod, run, wait_for


def refused(done: subprocess.CompletedProcess, *words: str, status=1):
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    for word in words:
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"


def test_broken_manifests_are_refused_as_kubectl_users_know_it(agent, place):
    broken = place / "broken.yaml"
    broken.write_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n   labels: [\n")
    refused(agent.kubectl("apply", "-f", str(broken), check=False), "error parsing")
    refused(agent.cli("apply", "-f", str(broken), check=False), "broken.yaml", "line")
    unknown = json.dumps({**pod("x", SLEEP), "spec": {"containers": [{"name": "a", "image": "b", "imagee": "c"}]}})
    refused(agent.kubectl("apply", "-f", "-", input=unknown, check=False), "strict decoding error",
            'unknown field "spec.containers[0].imagee"')
    missing = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
                          "spec": {"containers": [{"name": "a"}]}})
    refused(agent.kubectl("apply", "-f", "-", input=missing, check=False), 'The Pod "x" is invalid',
            "spec.containers[0].image: Required value")
    wrong = json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {
        "replicas": "three", "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "b"}]}}}})
    refused(agent.kubectl("create", "-f", "-", input=wrong, check=False), "BadRequest", "replicas")
    assert agent.pods() == []


def test_unknown_images_and_dead_registries_say_so(agent, registry):
    agent.apply([pod("nosuch", SLEEP, image=f"{registry.host}/nothing:1"),
                 pod("dead", SLEEP, image="127.0.0.1:9/gone:1"),
                 pod("never", SLEEP, image="absent:1", container={"imagePullPolicy": "Never"})])
    reason = lambda name: agent.pod(name)["status"]["containerStatuses"][0]["state"]["waiting"]
    wait_for(lambda: reason("nosuch")["reason"] in ("ErrImagePull", "ImagePullBackOff"), "ErrImagePull")
    wait_for(lambda: reason("dead")["reason"] in ("ErrImagePull", "ImagePullBackOff"), "ErrImagePull")
    wait_for(lambda: reason("never")["reason"] == "ErrImageNeverPull", "ErrImageNeverPull")
    text = wait_for(lambda: [e["message"] for e in agent.events("nosuch") if e["reason"] == "Failed"], "event")
    assert "nothing:1" in " ".join(text)
    refused(agent.cli("pull", f"{registry.host}/nothing:1", check=False), "nothing:1")
    refused(agent.cli("pull", "127.0.0.1:9/gone:1", check=False), "127.0.0.1:9", "refused")
    refused(agent.cli("rmi", "absent:1", check=False), "absent:1")
    refused(agent.cli("load", "/nonexistent.tar", check=False), "/nonexistent.tar")


def test_a_command_that_is_not_there_says_so(agent):
    agent.apply(pod("typo", ["no-such-command"]))
    state = wait_for(lambda: (lambda c: c["lastState"].get("terminated") or c["state"].get("terminated"))(
        agent.pod("typo")["status"]["containerStatuses"][0]), "it fails")
    assert "no-such-command" in state.get("message", ""), state


def test_a_full_disk_is_said_and_nothing_is_half_done(place, images):
    from harness import busybox_root
    (place / "small").mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=6m", "small", place / "small")
    agent = Agent(place / "a", "--node-name", "dev1")
    agent.data = place / "small" / "data"
    try:
        agent.start()
        blob = place / "big.tar"
        import os
        import tarfile
        payload = place / "payload"
        payload.write_bytes(os.urandom(8 << 20))
        with tarfile.open(blob, "w") as tar:
            tar.add(payload, "payload")
        done = agent.cli("import", str(blob), "big:1", check=False)
        refused(done, "big:1", "space")
        assert "big" not in agent.cli("images").stdout
        assert agent.get("/readyz")[0] == 200
        agent.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fits"}, "data": {"a": "b"}})
    finally:
        agent.remove_everything()
        run("umount", "-l", place / "small", check=False)


def test_ports_in_use_and_foreign_directories_are_refused(place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for daemon in (Agent(place / "a", "--listen", f"127.0.0.1:{port}"), Hub(place / "h", "--listen", f"127.0.0.1:{port}"),
                       Hub(place / "m", "--mqtt-listen", f"127.0.0.1:{port}")):
            done = run(*daemon.arguments(), check=False, timeout=30)
            refused(done, str(port), "another program", "listen HOST:PORT")
    first = Agent(place / "one", "--node-name", "dev1").start()
    try:
        second = Agent(place / "two")
        second.data = first.data
        refused(run(*second.arguments(), check=False, timeout=30), "in use")
        third = Agent(place / "three")
        third.run_dir = first.run_dir
        refused(run(*third.arguments(), check=False, timeout=30), "run")
    finally:
        first.stop()
    refused(run(WHERRY, "hub", "--data-dir", first.data, "--run-dir", place / "x", check=False, timeout=30), "agent")
    layout = first.data / "layout.json"
    layout.write_text('{"role":"agent","version":99}')
    refused(run(*first.arguments(), check=False, timeout=30), "99", "newer")
    layout.write_text("{")
    refused(run(*first.arguments(), check=False, timeout=30), "layout.json", "damaged")


def test_wrong_usage_exits_with_2(place):
    assert run(WHERRY, "frobnicate", check=False).returncode == 2
    assert run(WHERRY, "agent", "--listen", "nonsense", check=False).returncode == 2
    assert run(WHERRY, "--help").returncode == 0
    done = run(WHERRY, "images", "--run-dir", place / "nobody", check=False)
    refused(done, "nobody/wherry.sock")


def test_bad_enrolment_lines_are_refused(place):
    hub = Hub(place / "h").start()
    try:
        refused(run(WHERRY, "join", "rubbish", "--data-dir", place / "d", check=False), "line")
        line = hub.token()
        run(WHERRY, "join", line, "--data-dir", place / "d1", "--node-name", "one")
        refused(run(WHERRY, "join", line, "--data-dir", place / "d2", "--node-name", "two", check=False), "used")
        refused(run(WHERRY, "join", hub.token(), "--data-dir", place / "d1", "--node-name", "one", check=False), "already")
        refused(run(WHERRY, "join", hub.token(), "--data-dir", place / "d3", "--node-name", "one", check=False), "one")
        refused(run(WHERRY, "join", hub.token(), "--data-dir", place / "d4", "--node-name", "Bad/Name", check=False), "Bad/Name")
        assert not (place / "d2" / "identity").exists()
    finally:
        hub.stop()
