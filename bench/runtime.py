#!/usr/bin/env python3
"""runtime.py WHERRY PLACE [PEER...]: Wherry, crun and runc in turn on one bundle, and what each needs. The last line is JSON.

To be run where all can: root, PLACE on a tmpfs, and no hybrid cgroup layout, which crun refuses. With PEERs those only, and
only `run`.
"""

import ctypes
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = {"ours": "Wherry", "crun": "crun", "runc": "runc"}
PEERS = ["crun", "runc"]
WARM_UP, ROUNDS, FEWEST = 3, 60, 7
SECONDS = 10  # for each of the five comparisons: a slow machine gets fewer rounds
REST = 0.03  # seconds
RESTED = f"run, {REST * 1000:.0f} ms later"
MEMORY_RUNS = 3
MEMORY_LIMITS = [128, 256, 384, 512, 768, 1024, 2048, 3072, 4096, 6144, 8192, 16384]  # KiB
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


class Runtime:
    """One of the three, with a state directory of its own. Its containers have no input and no output."""

    def __init__(self, name: str, place: Path, *command: str):
        self.name, self.bundles, self.errors = name, place, place / f"{name}.log"
        self.command = [shutil.which(command[0]), *command[1:], "--root", str(place / f"{name}-state")]
        self.files = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 0, 1),
                      (os.POSIX_SPAWN_OPEN, 2, str(self.errors), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]

    def succeeds(self, *arguments: str) -> bool:
        command = [*self.command, *arguments]
        _, status = os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=self.files), 0)
        return status == 0

    def call(self, *arguments: str) -> float:
        """The milliseconds of a command, which must succeed."""
        began = time.perf_counter()
        if not self.succeeds(*arguments):
            sys.exit(f"{self.name} {' '.join(arguments)}: {self.errors.read_text()}")
        return (time.perf_counter() - began) * 1000

    def bundle(self, verb: str, bundle: str, id: str) -> list[str]:
        return [verb, "--bundle", str(self.bundles / bundle), id]

    def wait_until_stopped(self, id: str):
        while json.loads(subprocess.check_output([*self.command, "state", id]))["status"] != "stopped":
            pass

    def peak_kib(self, bundle: str, id: str) -> int:
        """The largest of `run`'s processes.

        What a process was before its exec counts as well. So a small shell launches, and leaves the process to us."""
        shell = ["sh", "-c", '"$@" >/dev/null 2>&1 & echo $!', "sh", *self.command, *self.bundle("run", bundle, id)]
        _, status, usage = os.wait4(int(subprocess.check_output(shell)), 0)
        assert status == 0, (self.name, status)
        return usage.ru_maxrss


def make_bundles(place: Path):
    """`plain` and the same with other words in its configuration: one root file system serves all."""
    root = place / "root"
    for name in ("bin", "proc", "dev", "sys", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in ("true", "sleep"):
        (root / "bin" / name).symlink_to("busybox")
    (place / "plain").mkdir()
    subprocess.run(["runc", "spec"], cwd=place / "plain", check=True)
    config = json.loads((place / "plain/config.json").read_text())
    config["root"]["path"] = str(root)
    config["process"] |= {"args": ["/bin/true"], "terminal": False}
    config["process"].pop("rlimits", None)  # CAP_SYS_RESOURCE may be missing
    write(place, "plain", config)
    write(place, "sleeper", config | {"process": config["process"] | {"args": ["/bin/sleep", "1000"]}})
    write(place, "seccomp", with_linux(config, seccomp=json.loads((HERE / "seccomp.json").read_text())))
    for limit in MEMORY_LIMITS:
        resources = config["linux"]["resources"] | {"memory": {"limit": limit << 10}}
        write(place, f"memory-{limit}", with_linux(config, resources=resources))


def with_linux(config: dict, **parts) -> dict:
    return config | {"linux": config["linux"] | parts}


def write(place: Path, bundle: str, config: dict):
    (place / bundle).mkdir(exist_ok=True)
    (place / bundle / "config.json").write_text(json.dumps(config))


# What is compared: each returns its milliseconds by name.

def run(runtime: Runtime, id: str) -> dict[str, float]:
    return {"run": runtime.call(*runtime.bundle("run", "plain", id))}


def run_after_a_rest(runtime: Runtime, id: str) -> dict[str, float]:
    """The kernel makes who moves a process into a cgroup wait, some 10 ms, but not whoever follows at once."""
    threading.Event().wait(REST)
    return {RESTED: runtime.call(*runtime.bundle("run", "plain", id))}


def run_with_seccomp(runtime: Runtime, id: str) -> dict[str, float]:
    return {"run, seccomp profile": runtime.call(*runtime.bundle("run", "seccomp", id))}


def lifecycle(runtime: Runtime, id: str) -> dict[str, float]:
    create = runtime.call(*runtime.bundle("create", "plain", id))
    start = runtime.call("start", id)
    runtime.wait_until_stopped(id)
    delete = runtime.call("delete", id)
    parts = {"  create": create, "  start": start, "  delete": delete}
    return {"create + start + delete": sum(parts.values()), **parts}


def execute(runtime: Runtime, _: str) -> dict[str, float]:
    return {"exec": runtime.call("exec", "sleeper", "/bin/true")}


def compare(runtimes: list[Runtime], operation) -> dict[str, dict[str, list[float]]]:
    """What was measured by name and runtime, round by round. Nobody always follows the same one."""
    times: dict[str, dict[str, list[float]]] = {}
    deadline, order = time.monotonic() + SECONDS, random.Random(7)
    for n in range(WARM_UP + ROUNDS):
        if n >= WARM_UP + FEWEST and time.monotonic() > deadline:
            break
        for runtime in order.sample(runtimes, len(runtimes)):
            for name, elapsed in operation(runtime, f"bench-{os.getpid()}-{n}").items():
                if n >= WARM_UP:
                    times.setdefault(name, {}).setdefault(runtime.name, []).append(elapsed)
    return times


def runs(runtimes: list[Runtime]) -> dict[str, dict[str, list[float]]]:
    return compare(runtimes, run) | compare(runtimes, run_after_a_rest)


def other_times(runtimes: list[Runtime]) -> dict[str, dict[str, list[float]]]:
    times = compare(runtimes, run_with_seccomp) | compare(runtimes, lifecycle)
    for runtime in runtimes:
        runtime.call(*runtime.bundle("run", "sleeper", "sleeper")[:-1], "--detach", "sleeper")
    try:
        return times | compare(runtimes, execute)
    finally:
        for runtime in runtimes:
            runtime.call("delete", "--force", "sleeper")


def smallest_limit(runtime: Runtime) -> float:
    """The smallest memory limit in KiB with which `/bin/true` runs, each time."""
    for limit in MEMORY_LIMITS:
        if all(runtime.succeeds(*runtime.bundle("run", f"memory-{limit}", f"limit-{limit}-{n}"))
               for n in range(MEMORY_RUNS)):
            return limit
    return float("inf")


def ratio(times: dict[str, list[float]], other: str) -> float:
    """Round by round, so that what else the machine does meanwhile weighs on both sides."""
    return statistics.median(a / b for a, b in zip(times["ours"], times[other]))


def table(times: dict[str, dict[str, list[float]]], memory: dict[str, dict[str, float]]) -> list[list[str]]:
    names = [name for name in NAMES if name in times["run"]]
    peers = [name for name in names if name != "ours"]
    rows = [["median (minimum) ms", *(NAMES[name] for name in names), *(f"to {peer}" for peer in peers), "rounds"]]
    for name, values in times.items():
        cells = [f"{statistics.median(values[r]):.1f} ({min(values[r]):.1f})" for r in names]
        rows.append([name, *cells, *(f"{ratio(values, peer):.2f}" for peer in peers), str(len(values["ours"]))])
    for name, kib in memory.items():
        rows.append([name, *(f"{kib[r]:.0f} KiB" for r in names),
                     *(f"{kib['ours'] / kib[peer]:.2f}" for peer in peers), str(MEMORY_RUNS)])
    return rows


def main():
    wherry, place, peers = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    make_bundles(place)
    runtimes = [Runtime("ours", place, wherry, "runtime"), *(Runtime(peer, place, peer) for peer in peers or PEERS)]
    times, memory = runs(runtimes), {}
    if not peers:
        times |= other_times(runtimes)
        memory["smallest memory limit"] = {r.name: smallest_limit(r) for r in runtimes}
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
        memory["peak memory of run"] = {
            r.name: statistics.median(r.peak_kib("plain", f"peak-{n}") for n in range(MEMORY_RUNS)) for r in runtimes}

    rows = table(times, memory)
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(json.dumps({name: {r: statistics.median(values) for r, values in by.items()}
                      | {f"ratio_{r}": ratio(by, r) for r in by if r != "ours"} for name, by in times.items()}))


if __name__ == "__main__":
    main()
