"""The daemons and verbs as scripts use them: `wherry up`, logs for machines, metrics, exit statuses."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from harness import SLEEP, WHERRY, Agent, Daemon, Hub, deployment, import_busybox, pod, run, wait_for
from test_01_run import processes_mentioning
from test_11_bad_input import refused

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def records(daemon: Daemon) -> list[dict]:
    """Every line of the log as the JSON object that it must be."""
    return [json.loads(line) for line in daemon.log.read_text().splitlines()]


def test_logs_are_json_when_asked_and_keep_to_their_level(place, images):
    hub = Hub(place / "h", "--log-format", "json").start()
    agent = Agent(place / "a", "--log-format", "json", "--log-level", "debug")
    quiet = Agent(place / "q", "--node-name", "quiet", "--log-format", "json", "--log-level", "error")
    try:
        hub.enrol(agent, "dev1")
        agent.start()
        quiet.start()
        import_busybox(agent, images)
        for daemon in (agent, quiet):
            daemon.apply(pod("odd", SLEEP, image="127.0.0.1:9/gone:1"))
        wait_for(lambda: any(r["message"] == "device connected" for r in records(hub)), "the hub logs the device")
    finally:
        agent.remove_everything()
        quiet.remove_everything()
        hub.stop()
    for daemon in (hub, agent):
        for record in records(daemon):
            assert {"time", "level", "logger", "message"} <= set(record) and TIME.fullmatch(record["time"]), record
            assert set(record) <= {"time", "level", "logger", "message", "fields"}, record
    listening, = [r for r in records(hub) if r["message"] == "listening"]
    assert listening["level"] == "info" and listening["fields"]["socket"] == str(hub.run_dir / "wherry.sock"), listening
    assert {r["level"] for r in records(hub)} & {"debug", "trace"} == set()
    assert not [r for r in records(quiet) if r["level"] not in ("error", "critical")], quiet.tail()
    for options, word in ((("--log-format", "xml"), "text or json"), (("--log-level", "loud"), "loud")):
        refused(run(*Agent(place / "x", *options).arguments(), check=False, timeout=20), word, status=2)
    assert not (place / "x/data").exists()


def test_promtool_accepts_the_metrics_of_both_daemons_and_they_count(fleet):
    hub, agent = fleet
    hub.apply(deployment("web", 2, SLEEP))
    hub.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    for daemon in (hub, agent):
        text = daemon.get("/metrics")[1].decode()
        done = run("promtool", "check", "metrics", input=text, check=False)
        assert done.returncode == 0 and not done.stderr, (daemon.role, done.stdout, done.stderr)
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        assert values['wherry_objects{kind="Deployment"}'] == "1", values
        assert values['wherry_objects{kind="Pod"}'] == "2", values
        assert float(values["process_resident_memory_bytes"]) > 1 << 20
        assert any(name.startswith("wherry_http_requests_total") and float(count) > 0 for name, count in values.items())
        assert daemon.get("/livez") == (200, b"ok") and daemon.get("/readyz") == (200, b"ok")
        # The same through the TLS listener, with the kubeconfig's credentials.
        assert "wherry_objects" in daemon.kubectl("get", "--raw", "/metrics").stdout
        assert daemon.kubectl("get", "--raw", "/readyz").stdout == "ok"


def test_wherry_up_is_a_whole_fleet_and_comes_back(place, images):
    home = place / "up"
    home.mkdir()
    log = home / "log"
    hub, agent = Hub(home / "hub-view"), Agent(home / "agent-view")
    agent.data, agent.run_dir, hub.run_dir = home / "data", home / "run", home / "run/hub"

    def start() -> subprocess.Popen:
        log.write_text("")
        process = subprocess.Popen([WHERRY, "up", "--data-dir", str(home / "data"), "--run-dir", str(home / "run"),
                                    "--node-name", "laptop"], stdin=subprocess.DEVNULL, stdout=open(log, "a"),
                                   stderr=subprocess.STDOUT, start_new_session=True)
        wait_for(lambda: "wherry up: ready" in log.read_text() or process.poll() is not None, "up is ready")
        assert process.poll() is None, log.read_text()
        return process

    process = start()
    try:
        for daemon in (hub, agent):
            assert daemon.get("/readyz")[0] == 200
        wait_for(lambda: re.search(r"laptop +Ready", hub.kubectl("get", "nodes").stdout), "the device is ready at the hub")
        import_busybox(agent, images)
        hub.apply(deployment("web", 1, SLEEP))
        hub.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
        # A second one in the same place says so and harms nothing.
        second = run(WHERRY, "up", "--data-dir", home / "data", "--run-dir", home / "run", check=False, timeout=30)
        assert second.returncode == 1 and "in use" in second.stderr + second.stdout, (second.stdout, second.stderr)
        assert hub.get("/readyz")[0] == 200 and agent.pods("app=web")[0]["status"]["phase"] == "Running"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
        wait_for(lambda: not processes_mentioning(str(home)), "nothing is left", 30)
        process = start()
        wait_for(lambda: agent.pods("app=web")[0]["status"]["phase"] == "Running"
                 and agent.container_pids(), "the workload runs again", 30)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
        wait_for(lambda: not processes_mentioning(str(home)), "nothing is left", 30)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)
        agent.remove_everything()


def test_wherry_up_ends_when_a_part_ends(place):
    home = place / "up"
    home.mkdir()
    process = subprocess.Popen([WHERRY, "up", "--data-dir", str(home / "data"), "--run-dir", str(home / "run")],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               start_new_session=True)
    try:
        hub = Hub(home / "view")
        hub.run_dir = home / "run/hub"
        agent = Agent(home / "view")
        agent.run_dir = home / "run"
        wait_for(lambda: hub.get("/readyz")[0] == 200 and agent.get("/readyz")[0] == 200, "both are ready")
        victim, = [int(line.split(":")[0]) for line in processes_mentioning(str(home)) if " agent " in line]
        subprocess.run(["kill", "-KILL", str(victim)], check=True)
        output = process.communicate(timeout=30)[0]
        assert process.returncode == 1 and "the agent ended by itself" in output, (process.returncode, output)
        wait_for(lambda: not processes_mentioning(str(home)), "nothing is left", 30)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(40)


def test_the_verbs_without_kubectl_and_their_exit_statuses(agent, place):
    manifest = place / "web.yaml"
    text = ("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {tier: front, extra: gone}\n"
            "spec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
            "    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n      - name: main\n"
            "        image: busybox:test\n        command: [sh, -c, 'echo hello; exec sleep 9999']\n"
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: green, old: value}\n")
    manifest.write_text(text)
    assert agent.cli("apply", "-f", str(manifest)).stdout == "deployment.apps/web created\nconfigmap/settings created\n"
    pods = wait_for(lambda: (lambda p: p and "hello" in agent.cli("logs", p[0]["metadata"]["name"]).stdout and p)(
        agent.pods("app=web")), "its log")
    name = pods[0]["metadata"]["name"]
    assert re.search(r"web +1/1", agent.cli("get", "deploy").stdout)
    assert name in agent.cli("get", "pods", "-A").stdout and "kube-system" not in agent.cli("get", "po").stdout
    assert json.loads(agent.cli("get", "cm", "settings", "-o", "json").stdout)["data"]["colour"] == "green"
    assert "colour: green" in agent.cli("get", "configmap", "settings", "-o", "yaml").stdout
    assert "configured" in agent.cli("apply", "-f", "-", input=text.replace("green", "blue")).stdout
    assert json.loads(agent.cli("get", "cm", "settings", "-o", "json").stdout)["data"] == {"colour": "blue", "old": "value"}

    for arguments, status, word in (
            (("get", "pods", "absent"), 1, 'pods "absent" not found'), (("get", "frobs"), 1, "frobs"),
            (("logs", "absent"), 1, 'pods "absent" not found'), (("delete", "pod", "absent"), 1, 'pods "absent" not found'),
            (("apply", "-f", "/absent.yaml"), 1, "/absent.yaml"), (("get",), 2, "kind"), (("apply",), 2, "filename"),
            (("logs",), 2, "pod"), (("get", "pods", "--frob"), 2, "--frob"), (("get", "pods", "-o", "xml"), 2, "yaml or json"),
            (("pull",), 2, "image"), (("rmi",), 2, "images"), (("logs", name, "-c", "none"), 1, "none")):
        refused(agent.cli(*arguments, check=False), word, status=status)
    assert agent.cli("delete", "deploy", "web").stdout == "deployment/web deleted\n"
    wait_for(lambda: not agent.pods("app=web"), "its pods went with it")


def test_wherry_apply_takes_away_what_left_the_manifest(agent):
    """As `kubectl apply` does: otherwise a device without kubectl cannot undo a line."""
    value = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "labels": {"a": "1", "b": "2"}},
             "data": {"colour": "green", "old": "value"}}
    agent.cli("apply", "-f", "-", input=json.dumps(value))
    agent.kubectl("annotate", "configmap", "settings", "by=hand")
    value["data"].pop("old")
    value["metadata"]["labels"].pop("b")
    agent.cli("apply", "-f", "-", input=json.dumps(value))
    now = json.loads(agent.cli("get", "cm", "settings", "-o", "json").stdout)
    assert now["data"] == {"colour": "green"} and now["metadata"]["labels"] == {"a": "1"}, now
    assert now["metadata"]["annotations"]["by"] == "hand", "what others set stays"


def test_wherry_delete_takes_a_manifest_and_goes_on_after_what_is_gone(agent, place):
    manifest = place / "two.yaml"
    manifest.write_text("".join(f"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n" for name in "ab")
                        + "---\n" + json.dumps(deployment("web", 1, SLEEP)))
    agent.cli("apply", "-f", str(manifest))
    agent.cli("delete", "configmap", "a")
    done = agent.cli("delete", "-f", str(manifest), check=False)
    refused(done, 'configmaps "a" not found')
    assert done.stdout == "configmap/b deleted\ndeployment.apps/web deleted\n"
    wait_for(lambda: not agent.pods("app=web"), "its pods went with it")
    manifest.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n---\nkind: Frob\n")
    for verb in ("apply", "delete"):
        refused(agent.cli(verb, "-f", str(manifest), check=False), "two.yaml", "apiVersion")
    assert "not found" in agent.cli("get", "cm", "c", check=False).stderr, "nothing half-done"
    for arguments in ((), ("pods",), ("pods", "x", "-f", str(manifest))):
        refused(agent.cli("delete", *arguments, check=False), "--filename", status=2)


def test_a_daemon_ends_well_and_its_directories_are_its_own(place):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    assert (agent.run_dir / "wherry.sock").stat().st_mode & 0o077 == 0, "the socket is for its owner alone"
    for path in agent.data.rglob("*"):
        if path.is_file() and ("key" in path.name or path.name == "token"):
            assert path.stat().st_mode & 0o077 == 0, path
    assert agent.data.stat().st_mode & 0o077 == 0, oct(agent.data.stat().st_mode)
    token = re.search(r'token"?: "?([0-9a-f]{64})', agent.kubeconfig().read_text()).group(1)
    server = re.search(r"https://[^\"\s]+", agent.kubeconfig().read_text()).group(0)
    for options, status in ((("--token", "0" * 64), 1), (("--token", token), 0)):
        done = run("kubectl", "--server", server, "--insecure-skip-tls-verify", *options, "get", "nodes", check=False,
                   env={"HOME": str(place)})
        assert done.returncode == status, (options, done.stdout, done.stderr)
    assert token not in agent.log.read_text()
    assert agent.stop() == 0
    assert not (agent.run_dir / "wherry.sock").exists()
    assert agent.start().stop() == 0
    again = Agent(place / "a", "--node-name", "dev1").start()
    assert again.process and re.search(r"https://[^\"\s]+", again.kubeconfig().read_text()).group(0) == server
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(30) == 0


@pytest.mark.parametrize("role", ["hub", "agent"])
def test_a_daemon_that_cannot_listen_leaves_nothing_and_starts_when_it_can(role, place):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        daemon = Daemon(place / "d", role, "--listen", f"127.0.0.1:{port}")
        done = run(*daemon.arguments(), check=False, timeout=30)
    refused(done, str(port), "another program")
    left = processes_mentioning(str(place))
    try:
        assert not left, "a process outlived its hub"
        daemon.start()
        assert daemon.kubectl("get", "nodes").returncode == 0
    finally:
        daemon.stop()
        for line in left:
            os.kill(int(line.split(":")[0]), signal.SIGTERM)
