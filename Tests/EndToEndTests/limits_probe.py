"""Run inside a cgroup view (or by hand): a memory hog, a fork bomb and a cpu quota on one agent; prints JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Agent, import_busybox, pod, wait_for  # noqa: E402


def limited(name, command, **limits):
    return pod(name, command, restartPolicy="Never", container={"resources": {"limits": limits}})


def cgroup_files(pid: int) -> dict[str, str]:
    """Each controller's directory of a process, as this mount namespace shows it."""
    mounts = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        if right.split()[0] == "cgroup2":
            mounts[""] = left.split()[4]
        elif right.split()[0] == "cgroup":
            for name in right.split()[2].split(","):
                mounts[name] = left.split()[4]
    found = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            if name in mounts:
                found[name] = mounts[name] + path
    return found


def read(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def main(directory: str, images: str):
    result = {}
    agent = Agent(Path(directory) / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, Path(images))
        agent.apply(pod("steady", ["sleep", "1000"], container={
            "resources": {"limits": {"cpu": "500m", "memory": "64Mi"}}}))
        wait_for(lambda: agent.running("steady"), "running")
        (pid,) = agent.container_pids().values()
        groups = cgroup_files(pid)
        result["groups"] = groups
        if "cpu" in groups:
            result["quota"] = f"{read(groups['cpu'] + '/cpu.cfs_quota_us')} {read(groups['cpu'] + '/cpu.cfs_period_us')}"
            result["memory"] = read(groups["memory"] + "/memory.limit_in_bytes")
            result["pids"] = read(groups["pids"] + "/pids.max")
        else:
            result["quota"], result["memory"] = read(groups[""] + "/cpu.max"), read(groups[""] + "/memory.max")
            result["pids"] = read(groups[""] + "/pids.max")
        agent.apply(limited("hog", ["sh", "-c", "tail /dev/zero"], memory="24Mi"))
        ended = wait_for(lambda: agent.pod("hog")["status"]["containerStatuses"][0]["state"].get("terminated"),
                         "the hog ends", 60)
        result["hog"] = {"exitCode": ended["exitCode"], "reason": ended["reason"]}
        agent.apply(pod("bomb", ["sh", "-c", "b() { b | b & }; while :; do b; sleep 1; done"],
                        container={"resources": {"limits": {"memory": "128Mi"}}}))
        wait_for(lambda: agent.pod("bomb")["status"].get("phase") == "Running", "the bomb starts")
        most, uid = 0, agent.pod("bomb")["metadata"]["uid"]
        for _ in range(50):
            for name, pid in agent.container_pids().items():
                try:
                    group = cgroup_files(pid)
                except OSError:  # it ended meanwhile
                    continue
                path = group.get("pids", group.get(""))
                if path and uid in path:
                    most = max(most, int(read(path + "/pids.current") or 0))
                    result["bombLimit"] = read(path + "/pids.max")
            subprocess.run(["sleep", "0.1"], check=True)
        result["bombMost"] = most
        agent.kubectl("delete", "pod", "bomb", "steady", "hog", "--now")
        result["left"] = len(agent.container_pids())
    finally:
        agent.remove_everything()
    print("RESULT " + json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
