"""What containers say about their ends is in the pod's status; what is mounted later, and how, is as their volumes ask."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from harness import pod, unmount_below, wait_for


def state(agent, name: str) -> dict:
    return agent.pod(name)["status"]["containerStatuses"][0]


def terminated(agent, name: str) -> dict:
    return wait_for(lambda: state(agent, name)["state"]["terminated"], f"{name} ended")


def script(name: str, text: str, **spec) -> dict:
    return pod(name, ["sh", "-c", text], **{"restartPolicy": "Never", **spec})


# Last words


def test_a_container_leaves_a_message(agent, place):
    agent.apply([
        script("plain", "echo -n the disk is gone > /dev/termination-log; exit 3"),
        script("well", "echo -n all done > /dev/termination-log"),
        script("silent", "echo on the log; exit 1"),
        script("elsewhere", "echo -n from a user > /run/last/words; exit 1", securityContext={"runAsUser": 1000}, container={
            "terminationMessagePath": "/run/last/words", "securityContext": {"readOnlyRootFilesystem": True}}),
        script("long", "head -c 5000 /dev/zero | tr '\\0' x > /dev/termination-log; echo end >> /dev/termination-log"),
        script("binary", "printf 'a\\377b' > /dev/termination-log")])
    assert terminated(agent, "plain")["message"] == "the disk is gone"
    assert terminated(agent, "well")["message"] == "all done"
    assert "message" not in terminated(agent, "silent")
    assert terminated(agent, "elsewhere")["message"] == "from a user"
    long = terminated(agent, "long")["message"]
    assert len(long) == 4096 and long.endswith("xend\n")
    assert terminated(agent, "binary")["message"] == "a\ufffdb"
    described = agent.kubectl("describe", "pod", "plain").stdout
    assert "Message:" in described and "the disk is gone" in described, described


def test_the_log_stands_in_when_the_policy_says_so(agent):
    policy = {"container": {"terminationMessagePolicy": "FallbackToLogsOnError"}}
    agent.apply([script("trace", "seq 1 200; exit 1", **policy), script("fine", "echo log; exit 0", **policy),
                 script("own", "echo log; echo -n own > /dev/termination-log; exit 1", **policy),
                 pod("absent", ["/no/such/program"], restartPolicy="Never", **policy)])
    assert terminated(agent, "trace")["message"].split() == [str(n) for n in range(121, 201)]
    assert "message" not in terminated(agent, "fine")
    assert terminated(agent, "own")["message"] == "own"
    assert "/no/such/program" in terminated(agent, "absent")["message"]


def test_each_start_has_a_message_of_its_own(agent, place):
    (place / "share").mkdir()
    agent.apply(script(
        "again", "if test -e /share/seen; then sleep 1000000; fi; touch /share/seen; echo -n first > /dev/termination-log; exit 1",
        restartPolicy="Always", volumes=[{"name": "share", "hostPath": {"path": str(place / "share")}}],
        container={"volumeMounts": [{"name": "share", "mountPath": "/share"}]}))
    wait_for(lambda: state(agent, "again")["lastState"]["terminated"]["message"] == "first", "it was started again")
    wait_for(lambda: agent.running("again"), "running")
    files = wait_for(lambda: (lambda f: len(f) == 1 and f)(list(agent.data.glob("containers/*/termination-log"))), "one file")
    assert files[0].parent.name.endswith("-1") and files[0].read_bytes() == b""
    pid, = agent.container_pids().values()
    agent.kill()
    # Ends while nobody watches.
    Path(f"/proc/{pid}/root/dev/termination-log").write_text("second")
    os.kill(pid, signal.SIGKILL)
    agent.start()
    wait_for(lambda: state(agent, "again")["lastState"]["terminated"]["message"] == "second", "known after the fact", 60)
    agent.kubectl("delete", "pod", "again", "--now")
    wait_for(lambda: not list(agent.data.glob("containers/*/termination-log")), "they go with their containers")


def test_a_message_leads_nowhere(agent, place):
    """A container that sees the agent's data may make anything of its file."""
    (place / "secret").write_text("secret")
    data = agent.data / "containers"
    steps = {"link": f"ln -s {place}/secret $f", "pipe": "mkfifo $f", "directory": "mkdir $f"}
    agent.apply([script(name, f"for f in /data/*-{name}-0/termination-log; do rm $f && {make}; done; exit 1",
                        volumes=[{"name": "data", "hostPath": {"path": str(data)}}],
                        container={"name": name, "volumeMounts": [{"name": "data", "mountPath": "/data"}]})
                 for name, make in steps.items()])
    for name in steps:
        message = terminated(agent, name).get("message", "")
        assert message.startswith("Error on reading termination log") and "secret" not in message.replace(str(place), ""), message
    agent.kubectl("delete", "pod", *steps, "--now")
    wait_for(lambda: not list(data.iterdir()), "all is cleared away")
    assert (place / "secret").read_text() == "secret"


def test_containers_of_a_pod_share_12_kibibytes(agent):
    containers = [{"name": f"c{n}", "image": "busybox:test",
                   "command": ["sh", "-c", "head -c 4096 /dev/zero | tr '\\0' x > /dev/termination-log"]} for n in range(6)]
    agent.apply(script("many", "", containers=containers))
    wait_for(lambda: agent.pod("many")["status"]["phase"] == "Succeeded", "all ended")
    assert [len(c["state"]["terminated"]["message"]) for c in agent.pod("many")["status"]["containerStatuses"]] == [2048] * 6


# Mounts


@pytest.fixture
def shared(place):
    """A directory of the device whose mounts are passed on, as systemd makes all of them."""
    directory = place / "shared"
    directory.mkdir()
    (place / "private").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    subprocess.run(["mount", "--make-shared", directory], check=True)
    yield directory
    unmount_below(directory)


def mounted(name: str, path: Path, command: str, **mount) -> dict:
    privileged = mount.get("mountPropagation") == "Bidirectional"
    return script(name, command, volumes=[{"name": "v", "hostPath": {"path": str(path)}}],
                  container={"volumeMounts": [{"name": "v", "mountPath": "/v", **mount}],
                             "securityContext": {"privileged": privileged}})


def test_later_mounts_pass_as_asked(agent, shared):
    for name in ("host", "pod"):
        (shared / name).mkdir()
    seen = "until test -e /v/host/x && test -e /v/pod/x; do sleep 0.05; done; echo both; exec sleep 1000000"
    agent.apply([mounted("none", shared, seen), mounted("follower", shared, seen, mountPropagation="HostToContainer"),
                 mounted("giver", shared, "mount -t tmpfs tmpfs /v/pod && touch /v/pod/x; mount -t tmpfs tmpfs /tmp; " + seen,
                         mountPropagation="Bidirectional")])
    wait_for(lambda: (shared / "pod/x").exists(), "a pod's mount on the device")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", shared / "host"], check=True)
    (shared / "host/x").touch()
    for name in ("follower", "giver"):
        wait_for(lambda name=name: agent.kubectl("logs", name).stdout == "both\n", f"{name} sees both")
    assert agent.kubectl("logs", "none").stdout == ""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    assert [p for p in points if p.startswith(f"{shared}/")] == [f"{shared}/pod", f"{shared}/host"]
    agent.kubectl("delete", "pod", "none", "follower", "giver", "--now")
    assert (shared / "pod/x").exists() and (shared / "host/x").exists(), "no end of a pod takes mounts of the device away"


def test_mounts_that_cannot_pass_are_told(agent, place, shared):
    agent.apply(mounted("alone", place / "private", "sleep 1000000", mountPropagation="HostToContainer"))
    waiting = wait_for(lambda: state(agent, "alone")["state"]["waiting"]["message"], "why it waits")
    assert "it is not a shared or slave mount" in waiting and "mount --make-rshared" in waiting, waiting
    wrong = mounted("wrong", shared, "true", mountPropagation="Bidirectional")
    wrong["spec"]["containers"][0]["securityContext"] = {}
    refused = agent.kubectl("apply", "-f", "-", input=json.dumps(wrong), check=False).stderr
    assert "Bidirectional mount propagation is available only to privileged containers" in refused, refused


def test_what_is_mounted_below_a_read_only_volume(agent, place, shared):
    (shared / "sub").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", shared / "sub"], check=True)
    write = "touch /v/x 2>/dev/null && echo -n above > /dev/termination-log; touch /v/sub/$0 && echo -n below >> /dev/termination-log"
    modes = ["Disabled", "Enabled", "IfPossible"]
    for mode in modes:
        value = mounted(mode.lower(), shared, write, readOnly=True, recursiveReadOnly=mode)
        value["spec"]["containers"][0]["command"].append(mode)
        agent.apply(value)
    assert [terminated(agent, mode.lower()).get("message") for mode in modes] == ["below", None, None]
    assert [path.name for path in (shared / "sub").iterdir()] == ["Disabled"]
    assert "has no effect" not in agent.kubectl(
        "apply", "-f", "-", input=json.dumps(mounted("quiet", shared, "true", readOnly=True, recursiveReadOnly="Enabled"))).stderr
    assert "Enabled" in agent.kubectl("explain", "pod.spec.containers.volumeMounts.recursiveReadOnly").stdout
