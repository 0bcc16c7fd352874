"""The agent may die at any time: its containers do not notice, and a new agent takes them over."""

import os
import shutil
import signal

import pytest

from harness import SLEEP, pod, unmount_below, wait_for


def test_a_killed_agent_leaves_its_containers_and_a_new_one_adopts_them(agent):
    agent.apply([pod("stays", SLEEP), pod("exits", SLEEP, restartPolicy="Never")])
    wait_for(lambda: agent.running("stays") and agent.running("exits"), "both run")
    before = agent.container_pids()
    uid = agent.pod("exits")["metadata"]["uid"]
    leaving = next(pid for name, pid in before.items() if name.startswith(uid))
    agent.kill()
    assert all(os.path.exists(f"/proc/{pid}") for pid in before.values())
    os.kill(leaving, signal.SIGKILL)  # an exit while nobody watches
    wait_for(lambda: not os.path.exists(f"/proc/{leaving}"), "the container ended")

    agent.start()
    wait_for(lambda: agent.running("stays"), "adopted")
    ended = wait_for(lambda: (lambda p: p["status"]["phase"] == "Failed" and p)(agent.pod("exits")), "the exit is known")
    assert ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    after = agent.container_pids()
    assert after == {name: pid for name, pid in before.items() if pid != leaving}, "nothing was restarted"
    assert agent.pod("stays")["status"]["containerStatuses"][0]["restartCount"] == 0


def test_logs_go_on_while_the_agent_is_away(agent):
    agent.apply(pod("talker", ["sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.1; done"]))
    wait_for(lambda: agent.running("talker"), "running")
    agent.kill()
    agent.start()
    wait_for(lambda: agent.running("talker"), "adopted")
    numbers = [int(line.split()[1]) for line in wait_for(
        lambda: agent.kubectl("logs", "talker").stdout, "its log").splitlines()]
    assert numbers == list(range(len(numbers))), "lines are missing"


def test_a_graceful_stop_keeps_the_containers_too(agent):
    agent.apply(pod("kept", SLEEP))
    wait_for(lambda: agent.running("kept"), "running")
    before = agent.container_pids()
    assert agent.stop() == 0, agent.tail()
    assert all(os.path.exists(f"/proc/{pid}") for pid in before.values())
    agent.start()
    wait_for(lambda: agent.running("kept"), "adopted")
    assert agent.container_pids() == before


@pytest.mark.parametrize("ran_on", [True, False])
def test_what_was_lost_with_the_run_directory_is_made_anew(agent, ran_on):
    """Somebody removed it while the containers ran, or when their processes had ended: their cgroups are still there."""
    agent.apply(pod("lost", SLEEP))
    wait_for(lambda: agent.running("lost"), "running")
    ((name, pid),) = agent.container_pids().items()
    agent.kill()
    if not ran_on:
        for process in (*agent.monitor_pids(), pid):
            os.kill(process, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the container ended")
    unmount_below(agent.run_dir)
    shutil.rmtree(agent.run_dir)
    agent.start()
    ((again, new),) = wait_for(agent.container_pids, "a new one").items()
    wait_for(lambda: agent.running("lost"), "running again")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the former has ended")
    assert new != pid and os.path.exists(f"/proc/{new}")
