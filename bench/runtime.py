#!/usr/bin/env python3
"""runtime.py WHERRY PLACE: `/bin/true` in one bundle, Wherry and crun in turn; the last line printed is JSON."""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 60


def bundle(place: Path) -> Path:
    directory = place / "bundle"
    root = directory / "rootfs/bin"
    root.mkdir(parents=True)
    for name in ("proc", "dev", "sys", "etc"):
        (directory / "rootfs" / name).mkdir()
    subprocess.run(["cp", "/bin/busybox", str(root / "busybox")], check=True)
    (root / "true").symlink_to("busybox")
    subprocess.run(["runc", "spec"], cwd=directory, check=True)
    config = json.loads((directory / "config.json").read_text())
    config["process"]["args"] = ["/bin/true"]
    config["process"]["terminal"] = False
    config["process"].pop("rlimits", None)  # CAP_SYS_RESOURCE may be missing
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def once(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    elapsed = (time.monotonic() - began) * 1000
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.returncode} {done.stderr.decode()}")
    return elapsed


def main():
    wherry, place = sys.argv[1], Path(sys.argv[2])
    directory = str(bundle(place))
    ours = [wherry, "runtime", "--root", str(place / "ours"), "run", "--bundle", directory]
    crun = ["crun", "--root", str(place / "crun"), "run", "--bundle", directory]
    times: dict[str, list[float]] = {"ours": [], "crun": []}
    for n in range(ROUNDS + 5):
        for name, command in (("ours", ours), ("crun", crun)):
            elapsed = once([*command, f"bench-{os.getpid()}-{n}"])
            if n >= 5:
                times[name].append(elapsed)
    ratio = statistics.median(a / b for a, b in zip(times["ours"], times["crun"]))
    print(json.dumps({**{name: statistics.median(values) for name, values in times.items()}, "ratio": ratio,
                      "minimum": {name: min(values) for name, values in times.items()}}))


if __name__ == "__main__":
    main()
