"""A machine boots with its workloads known, without route, DNS or hub, and with a clock that is wrong."""

import shutil

import pytest

import guest
from harness import SLEEP, Agent, WHERRY, busybox_root, deployment, import_busybox, pod, wait_for

SCRIPT = """
date
/bin/wherry agent --data-dir /var/data --run-dir /run/wherry > /tmp/log 2>&1 &
began=$(cut -d' ' -f1 /proc/uptime)
i=0
while [ $i -lt 300 ]; do
  n=$(/bin/wherry get pods --run-dir /run/wherry 2>/dev/null | grep -c ' Running ')
  [ "$n" = PODS ] && break
  i=$((i+1)); sleep 0.2
done
echo "booted: $began running: $(cut -d' ' -f1 /proc/uptime)"
/bin/wherry get pods --run-dir /run/wherry
[ "$n" = PODS ] && echo "verdict: all run" || { echo "verdict: missing"; tail -20 /tmp/log; }
"""


@pytest.mark.parametrize("clock", ["1970-01-01 00:01:00", "2099-06-01 12:00:00"])
def test_everything_starts_with_no_network_and_a_wrong_clock(place, images, clock):
    # The device as it was before the power cut: enrolment aside, its data directory is all there is.
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        agent.apply([pod("alone", SLEEP, activeDeadlineSeconds=86400), deployment("trio", 3, SLEEP)])
        wait_for(lambda: sum(p["status"].get("phase") == "Running" for p in agent.pods()) == 4, "running before")
        agent.kill()  # as a power cut: no farewell
    finally:
        for pid in agent.container_pids().values():
            import os
            os.kill(pid, 9)
        agent.process = None
    data = place / "data"
    shutil.copytree(agent.data, data, symlinks=True)
    agent.remove_everything()
    console = guest.boot({"/bin/wherry": WHERRY, "/root/data": str(data)},
                         "mkdir -p /var; mv /root/data /var/data\n" + SCRIPT.replace("PODS", "4"), place,
                         clock=clock, timeout=300)
    assert "verdict: all run" in console, console[-4000:]
    assert clock[:4] in console, console[-4000:]
