"""Limits hold: memory, processes, cpu, on every cgroup layout."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import guest
from harness import WHERRY, SLEEP, Agent, busybox_root, import_busybox, pod, run, wait_for

HERE = Path(__file__).parent
VIEWS = {
    "hybrid": "true",
    "v1": "umount /sys/fs/cgroup/unified",
}


def controllers() -> set[str]:
    return {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()[1:]}


def check(result: dict):
    assert result["hog"] == {"exitCode": 137, "reason": "OOMKilled"}, result
    assert result["quota"] == "50000 100000", result
    assert result["memory"] == str(64 << 20), result
    assert result["bombMost"] <= int(result["bombLimit"]), result
    assert result["bombMost"] > 10, result
    assert result["left"] == 0, result


@pytest.mark.parametrize("view", VIEWS)
def test_limits_hold(view, place, images):
    if view == "v1" and not Path("/sys/fs/cgroup/unified").is_mount():
        pytest.skip("this machine has no hybrid cgroup layout to take apart")
    busybox_root(images)
    done = run("unshare", "-m", "--propagation", "private", "sh", "-c",
               f"{VIEWS[view]} && exec {sys.executable} {HERE}/limits_probe.py {place} {images}", timeout=240)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    check(json.loads(line.removeprefix("RESULT ")))


def test_containers_run_on_a_v2_view_without_memory_and_cpu(place, images):
    """cgroup2 alone, on a machine whose v1 hierarchies hold the controllers: what needs none of them works."""
    busybox_root(images)
    script = (f"umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec {sys.executable} -c '"
              f"import sys; sys.path.insert(0, \"{HERE}\")\n"
              "from pathlib import Path\nfrom harness import *\n"
              f"agent = Agent(Path(\"{place}\") / \"a\", \"--node-name\", \"dev1\").start()\n"
              "try:\n"
              f"    import_busybox(agent, Path(\"{images}\"))\n"
              "    agent.apply(pod(\"plain\", SLEEP))\n"
              "    wait_for(lambda: agent.running(\"plain\"), \"running\")\n"
              "    print(\"RESULT ok\")\n"
              "finally:\n    agent.remove_everything()\n'")
    done = run("unshare", "-m", "--propagation", "private", "sh", "-c", script, timeout=120)
    assert "RESULT ok" in done.stdout


GUEST = """
/bin/wherry agent --data-dir /var/data --run-dir /run/wherry --node-name guest > /tmp/log 2>&1 &
i=0; while [ $i -lt 100 ] && ! /bin/wherry get nodes --run-dir /run/wherry >/dev/null 2>&1; do i=$((i+1)); sleep 0.2; done
/bin/wherry import --run-dir /run/wherry --env PATH=/bin /root/root.tar busybox:test
/bin/wherry apply --run-dir /run/wherry -f /root/pods.json
i=0
while [ $i -lt 200 ]; do
  /bin/wherry get pods --run-dir /run/wherry > /tmp/pods 2>/dev/null
  grep -q '^hog .*OOMKilled' /tmp/pods && grep -q '^steady .*Running' /tmp/pods && grep -q '^bomb .*Running' /tmp/pods && break
  i=$((i+1)); sleep 0.3
done
cat /tmp/pods
/bin/wherry get pod hog -o json --run-dir /run/wherry | grep -E '"(exitCode|reason)"'
sleep 3
# The bomb ends for want of memory now and then, and is started again.
i=0
while [ $i -lt 60 ]; do
  for group in $(find /sys/fs/cgroup -name cpu.max -path '*wherry*'); do
    d=$(dirname $group)
    [ -n "$(cat $d/cgroup.procs)" ] && echo "group $d cpu=$(cat $d/cpu.max) memory=$(cat $d/memory.max) pids=$(cat $d/pids.current)/$(cat $d/pids.max)"
  done > /tmp/groups 2>/dev/null
  grep -q memory=100663296 /tmp/groups && grep -q memory=67108864 /tmp/groups && break
  i=$((i+1)); sleep 0.5
done
cat /tmp/groups
tail -5 /tmp/log
"""


def test_limits_hold_under_a_real_v2_kernel(place, images):
    pods = place / "pods.json"
    pods.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        pod("steady", SLEEP, container={"resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}}),
        pod("hog", ["sh", "-c", "tail /dev/zero"], restartPolicy="Never",
            container={"resources": {"limits": {"memory": "24Mi"}}}),
        pod("bomb", ["sh", "-c", "b() { b | b & }; while :; do b; sleep 1; done"],
            container={"resources": {"limits": {"memory": "96Mi"}}})]}))
    console = guest.boot({"/bin/wherry": WHERRY, "/root/pods.json": str(pods),
                          "/root/root.tar": str(busybox_root(images))}, GUEST, place, memory=1024, timeout=300)
    assert "OOMKilled" in console and '"exitCode": 137' in console, console[-5000:]
    assert "cpu=50000 100000 memory=67108864" in console, console[-5000:]
    bombs = [line for line in console.splitlines() if line.startswith("group") and "memory=100663296" in line]
    assert bombs, console[-5000:]
    current, limit = bombs[0].split("pids=")[1].split("/")
    assert int(current) <= int(limit), bombs
