#!/usr/bin/env python3
"""pull.py WHERRY [MEGABYTES]: pulls of an image of ten layers by Wherry, by skopeo with umoci, and by dockerd. The last line is JSON.

All pull from one docker-registry on loopback in turn, each time into an empty store; medians of the rounds count. The image's
content is half random and half repeating, so that it packs to a bit more than its half.
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
from bad_link import SampleImage  # noqa: E402
from harness import Agent, Registry, run, wait_for  # noqa: E402

MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 500
LAYERS, ROUNDS = 10, 3


class MemoryWatch:
    """The largest anonymous memory of a process, looked at every few milliseconds."""

    def __init__(self, pid: int):
        self.status, self.peak, self.done = Path(f"/proc/{pid}/status"), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def anonymous(self) -> int:
        return int(re.search(r"^RssAnon:\s+(\d+)", self.status.read_text(), re.M)[1])

    def watch(self):
        while not self.done.wait(0.005):
            self.peak = max(self.peak, self.anonymous())

    def __enter__(self):
        self.idle = self.anonymous()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def written(pid: int) -> int:
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M)[1])


def ours(place: Path, name: str, size: int) -> dict[str, float]:
    agent = Agent(place / "a", "--node-name", "bench").start()
    try:
        before = written(agent.process.pid)
        with MemoryWatch(agent.process.pid) as memory:
            began = time.monotonic()
            agent.cli("pull", name, timeout=600)
            seconds = time.monotonic() - began
        return {"seconds": seconds, "peak_kib": memory.peak - memory.idle,
                "written": (written(agent.process.pid) - before) / size}
    finally:
        agent.stop()
        shutil.rmtree(place / "a", ignore_errors=True)


def skopeo_and_umoci(place: Path, name: str) -> float:
    """As Wherry does it: fetched, verified, unpacked, and on the disk for good."""
    layout, bundle = place / "skopeo", place / "bundle"
    began = time.monotonic()
    run("skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", f"oci:{layout}:x", timeout=600)
    run("umoci", "unpack", "--image", f"{layout}:x", bundle, timeout=600)
    os.sync()
    seconds = time.monotonic() - began
    shutil.rmtree(layout)
    shutil.rmtree(bundle)
    return seconds


class Docker:
    """Debian's dockerd, where its packages can be had."""

    def __init__(self, place: Path):
        self.engine, self.why = None, ""
        try:
            from test_20_engines import Engine
            (place / "d").mkdir()
            self.engine = Engine(place / "d")
        except Exception as error:  # whatever it is, the others are measured
            self.why = str(error).splitlines()[0][:100]

    def pull(self, name: str) -> float:
        began = time.monotonic()
        self.engine.docker("pull", "-q", name, timeout=600)
        os.sync()
        seconds = time.monotonic() - began
        self.engine.docker("rmi", name)
        return seconds

    def stop(self):
        if self.engine:
            self.engine.stop()


def main():
    place = Path(tempfile.mkdtemp(prefix="wp-", dir="/tmp"))
    registry, docker = Registry(place / "registry"), None
    try:
        size = MEGABYTES * 1_000_000
        image = SampleImage(place, LAYERS, size // LAYERS, random_share=0.5)
        registry.start()
        registry.push("bench:1", image.path)
        shutil.rmtree(image.layout)
        name = f"{registry.host}/bench:1"
        docker = Docker(place)
        rounds: list[dict] = []
        for _ in range(ROUNDS):
            one = ours(place, name, size)
            one["skopeo"] = skopeo_and_umoci(place, name)
            if docker.engine:
                one["dockerd"] = docker.pull(name)
            rounds.append(one)
        report(rounds, size, image.blob_bytes, docker.why)
    finally:
        if docker:
            docker.stop()
        registry.stop()
        shutil.rmtree(place, ignore_errors=True)


def report(rounds: list[dict], size: int, packed: int, no_docker: str):
    def median(key):
        return statistics.median(r[key] for r in rounds)

    def ratio(other):
        return statistics.median(r["seconds"] / r[other] for r in rounds)
    print(f"pull of {size / 1e6:.0f} MB in {LAYERS} layers ({packed / 1e6:.0f} MB packed), {ROUNDS} rounds in turn")
    print(f"  Wherry          {median('seconds'):6.2f} s   {size / 1e6 / median('seconds'):5.0f} MB/s unpacked")
    print(f"  skopeo + umoci  {median('skopeo'):6.2f} s   Wherry/it {ratio('skopeo'):.2f} (budget 0.8, stretch 0.5)")
    if "dockerd" in rounds[0]:
        print(f"  dockerd         {median('dockerd'):6.2f} s   Wherry/it {ratio('dockerd'):.2f} (budget 0.8, stretch 0.5)")
    else:
        print(f"  dockerd         not measured: {no_docker}")
    print(json.dumps({
        "ratio_skopeo": ratio("skopeo"), "peak_kib": max(r["peak_kib"] for r in rounds), "written": median("written"),
        "megabytes_per_second": size / 1e6 / median("seconds"),
        **({"ratio_dockerd": ratio("dockerd")} if "dockerd" in rounds[0] else {})}))


if __name__ == "__main__":
    main()
