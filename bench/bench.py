#!/usr/bin/env python3
"""Measures what BUDGETS promise, prints each figure beside its limit and what others publish, fails past a limit.

Timings come from alternating runs with medians; on a shared machine only ratios and medians mean something.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ["WHERRY_BINARY"] = str(Path(sys.argv[1]).resolve())
sys.path.insert(0, str(HERE.parent / "Tests/EndToEndTests"))
from harness import (  # noqa: E402
    SLEEP, WHERRY, Agent, UnixConnection, deployment, import_busybox, pod, run, unmount_below, wait_for)
from runtime import RESTED  # noqa: E402

LIMITS = json.loads((HERE / "limits.json").read_text())
IDLE_SECONDS = 600 if os.environ.get("WHERRY_SOAK") == "1" else 60
rows, failed = [], []


def report(key: str, what: str, value: float, unit: str, others: str, scale: float = 1):
    limit = LIMITS[key]
    ok = value <= limit
    rows.append((what, f"{value / scale:.1f} {unit}", f"{limit / scale:g} {unit}", "ok" if ok else "PAST", others))
    if not ok:
        failed.append(what)


def pause(seconds: float):
    threading.Event().wait(seconds)


def smaps(pid: int) -> dict[str, int]:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB", text, re.M)}


def written(pid: int) -> int:
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M)[1])


def agent_figures(place: Path):
    agent = Agent(place / "a", "--node-name", "bench")
    starts = []
    for _ in range(9):
        began = time.monotonic()
        agent.start()
        starts.append((time.monotonic() - began) * 1000)
        agent.stop()
    report("agent_start_ms", "agent start -> API answers", statistics.median(starts[1:]), "ms", "Ankaios 68, k3s 480 ms")
    agent.start()
    try:
        import_busybox(agent, place)
        pause(12)  # threads without work end after ten seconds
        memory = smaps(agent.process.pid)
        threads = len(list(Path(f"/proc/{agent.process.pid}/task").iterdir()))
        report("agent_pss_kib", "agent idle, PSS", memory["Pss"], "MiB", "Ankaios 11.2, k3s agent 268-275", 1024)
        report("agent_anonymous_kib", "agent idle, anonymous", memory["Anonymous"], "MiB", "-", 1024)
        report("agent_threads", "agent threads, idle", threads, "", "-")

        applied = []
        for n in range(7):
            text = json.dumps(pod(f"fast{n}", SLEEP))
            before = set(agent.container_pids())
            began = time.monotonic()
            connection_post(agent, text)
            wait_for(lambda: set(agent.container_pids()) - before and
                     agent.pod(f"fast{n}")["status"].get("phase") == "Running", "running", 10, 0.002)
            applied.append((time.monotonic() - began) * 1000)
        report("apply_to_running_ms", "apply -> running, image present", statistics.median(applied), "ms",
               "Ankaios 515, k3s 2306 ms")
        dirty = [smaps(p)["Private_Dirty"] for p in agent.monitor_pids()]
        report("monitor_private_kib", "each further container, private memory", statistics.median(dirty), "KiB",
               "conmon ~1 MB, containerd-shim ~10 MB")

        again = []
        for n in range(7):
            uid = agent.pod(f"fast{n}")["metadata"]["uid"]
            (pid,) = [p for name, p in agent.container_pids().items() if name.startswith(uid)]
            os.kill(pid, 9)
            began = time.monotonic()
            wait_for(lambda: [p for name, p in agent.container_pids().items() if name.startswith(uid) and p != pid],
                     "running again", 10, 0.001)
            again.append((time.monotonic() - began) * 1000)
        report("kill_to_running_ms", "container killed -> running again (first)", statistics.median(again), "ms", "-")
        pause(5)
        pids = [agent.process.pid, *agent.monitor_pids()]
        cpu = lambda: sum(sum(map(int, Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) for p in pids)
        bytes_before, cpu_before = sum(map(written, pids)), cpu()
        pause(IDLE_SECONDS)
        scaled = (sum(map(written, pids)) - bytes_before) * 600 / IDLE_SECONDS
        report("idle_written_bytes_per_10min", f"written while idle, 10 min (measured {IDLE_SECONDS} s)", scaled, "B",
               "k3s 6-11 kB/s")
        rows.append(("idle CPU", f"{(cpu() - cpu_before) / os.sysconf('SC_CLK_TCK') / IDLE_SECONDS * 100:.3f} %", "0.2 %", "",
                     "Ankaios 0.2 %, k3s 44.9 %"))
    finally:
        agent.remove_everything()


def fleet_of_twenty(place: Path):
    """Twenty pods through a crash of the agent and through a power cut, and a rolling update beside them."""
    agent = Agent(place / "t", "--node-name", "bench").start()

    def seconds_until(condition, what: str) -> float:
        began = time.monotonic()
        wait_for(condition, what, 60, 0.002)
        return (time.monotonic() - began) * 1000

    def end(pids: list[int]):
        for pid in pids:
            os.kill(pid, 9)
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "they are gone")

    try:
        import_busybox(agent, place)
        agent.apply([pod(f"p{n}", SLEEP) for n in range(20)])
        wait_for(lambda: len(agent.container_pids()) == 20 and all(agent.running(f"p{n}") for n in range(20)), "20 run")

        adopted = []
        for _ in range(5):
            agent.kill()
            name, lost = next(iter(agent.container_pids().items()))
            end([lost])
            others = {n: p for n, p in agent.container_pids().items() if n != name}
            began = time.monotonic()
            agent.start()
            wait_for(lambda: len(agent.container_pids()) == 20, "the one that ended runs again", 10, 0.002)
            adopted.append((time.monotonic() - began) * 1000)
            assert others.items() <= agent.container_pids().items(), "19 run on"
        report("adopted_20_ms", "agent start -> 20 known workloads supervised", statistics.median(adopted), "ms", "-")

        updates = []
        probe = {"readinessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 1}}
        for n in range(7):
            agent.apply(deployment("web", 1, SLEEP, env=[{"name": "TURN", "value": str(n)}], **probe))
            def complete() -> bool:
                status = agent.json("/apis/apps/v1/namespaces/default/deployments/web")
                generation, status = status["metadata"]["generation"], status.get("status", {})
                return (status.get("observedGeneration") == generation and status.get("replicas") == 1
                        and status.get("updatedReplicas") == status.get("availableReplicas") == 1)
            updates.append(seconds_until(complete, "the update is through"))
        report("rolling_update_ms", "rolling update of one replica with readiness", statistics.median(updates[1:]), "ms",
               "Ankaios 1455, k3s 2101 ms")
        agent.kubectl("delete", "deployment", "web")
        wait_for(lambda: len(agent.container_pids()) == 20, "20 run")

        boots = []
        for _ in range(3):
            agent.kill()
            end([*agent.container_pids().values(), *agent.monitor_pids()])
            unmount_below(agent.directory)
            shutil.rmtree(agent.run_dir)  # a tmpfs
            agent.start(ready=False)
            boots.append(seconds_until(lambda: len(agent.container_pids()) == 20, "20 run"))
        report("boot_20_ms", "boot with 20 workloads -> all running, no network", statistics.median(boots), "ms",
               "k3s: never (its issue 1686)")
    finally:
        agent.remove_everything()


def connection_post(agent: Agent, text: str):
    connection = UnixConnection(agent.run_dir / "wherry.sock")
    connection.request("POST", "/api/v1/namespaces/default/pods", text, {"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read()
    assert response.status == 201, body
    connection.close()


V1 = "u=/sys/fs/cgroup/unified; umount $u 2>/dev/null && mount -t tmpfs none $u"
V2 = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup"


def runtimes_in(view: str, place: Path, *peers: str) -> tuple[list[str], dict]:
    """Ours and peers in turn, in a mount namespace with a view of cgroups. Returns the table and the figures.

    The states of all are on a tmpfs, as under /run on a device: ours are synced to it.
    """
    place.mkdir()
    done = run("unshare", "-m", "--propagation", "private", "sh", "-c",
               f"{view}; mount -t tmpfs rt {place}; exec \"$0\" \"$@\"",
               sys.executable, HERE / "runtime.py", WHERRY, place, *peers, timeout=600)
    *table, last = done.stdout.splitlines()
    return table, json.loads(last)


def runtime_against_others(place: Path) -> list[str]:
    """On v1, where crun makes groups in the place of `unified`, which it refuses, and on v2, which it refuses here."""
    table, figures = runtimes_in(V1, place / "v1")
    ours = figures["run"]
    report("run_true_ratio_to_crun", f"/bin/true container, ours/crun ({ours['ours']:.1f}/{ours['crun']:.1f} ms)",
           ours["ratio_crun"], "x", "crun 1.0, runc 2.5-4")
    table_v2, figures = runtimes_in(V2, place / "v2", "runc")
    rested = figures[RESTED]
    report("run_rested_v2_ratio_to_runc",
           f"/bin/true 30 ms after another, cgroup v2, ours/runc ({rested['ours']:.1f}/{rested['runc']:.1f} ms)",
           rested["ratio_runc"], "x", "runc 1.0")
    return [*table, "", "cgroup v2:", *table_v2]


def pulls() -> list[str]:
    """Ours, skopeo with umoci and dockerd in turn. Returns the table of it."""
    done = run(sys.executable, HERE / "pull.py", WHERRY, timeout=1800)
    *table, last = done.stdout.splitlines()
    result = json.loads(last)
    report("pull_ratio_to_skopeo", "pull of 500 MB in 10 layers, ours/skopeo+umoci", result["ratio_skopeo"], "x",
           f"stretch 0.5; dockerd {result.get('ratio_dockerd', float('nan')):.2f}")
    report("pull_peak_kib", "memory of the agent during it, above idle", result["peak_kib"], "MiB", "-", 1024)
    report("pull_written_ratio", "bytes written for a byte of the image", result["written"], "", "-")
    return table


def main():
    place = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    try:
        size = os.path.getsize(WHERRY)
        report("binary_bytes", "static binary, stripped", size, "MiB", "Edgelet 31-35, k3s 64.5 MiB", 1 << 20)
        agent_figures(place)
        fleet_of_twenty(place)
        table = [*runtime_against_others(place), "", *pulls()]
    finally:
        shutil.rmtree(place, ignore_errors=True)
    widths = [max(len(str(row[i])) for row in [("what", "measured", "limit", "", "others"), *rows]) for i in range(5)]
    for row in [("what", "measured", "limit", "", "others (published)"), *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
    print("", *table, sep="\n")
    if failed:
        sys.exit("past the limit in bench/limits.json: " + ", ".join(failed))


if __name__ == "__main__":
    main()
