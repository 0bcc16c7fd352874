#!/usr/bin/env python3
"""guest.py WHERRY [pytest arguments]: the suite in machines of its own, Debian's kernel with full cgroup v2 under qemu.

Software emulation is some ten times slower than the machine, so the suite's patience is longer there, and each processor
of ours has a guest with its share of the cases."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEndTests"))
import guest  # noqa: E402

TOOLS = ["ip", "mount", "newgidmap", "newuidmap", "nsenter", "strace", "umount", "unshare"]
KERNEL_MODULES = ["overlay", "fuse", "loop", "veth"]
MODULES = ["_pytest", "attr", "iniconfig", "packaging", "pluggy", "py", "pytest"]
SCRIPT = """
export PATH=/bin:/usr/bin SHARD={shard} RUNTIME='/bin/wherry runtime' CONFORMANCE_TIMEOUT=180 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
chmod 4755 /bin/newuidmap /bin/newgidmap
echo root:x:0: > /etc/group
touch /etc/subuid /etc/subgid
chmod 1777 /tmp
cd /Tests/RuntimeConformance
python3 -m pytest -p no:cacheprovider -q -rsfE --color=no {arguments}
"""


SHARDS = os.cpu_count() or 1


def files(wherry: str, stage: Path) -> dict[str, str]:
    """What the guest's root holds: guest path to host path."""
    python = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / python.name
    found = {"/bin/wherry": wherry, "/usr/bin/python3": str(python), f"/usr/lib/{library.name}": str(library)}
    # A real sh: hooks are called by names of their own, which busybox would take for an applet's.
    shell = Path("/bin/dash")
    found["/bin/sh"] = str(shell)
    programs = [python, shell, *library.glob("lib-dynload/*.so")]
    for tool in TOOLS:
        path = Path(shutil.which(tool) or sys.exit(f"{tool} is missing: run `make setup`")).resolve()
        found[f"/bin/{tool}"] = str(path)
        programs.append(path)
    for name in MODULES:
        found[f"/usr/lib/python3/dist-packages/{name}"] = f"/usr/lib/python3/dist-packages/{name}"
    for program in programs:
        found |= guest.libraries(program)
    suite = stage / "conformance"
    suite.mkdir()
    for path in HERE.glob("*.py"):
        if path.name != "test_threat_model.py":  # of the tree, not of a runtime
            shutil.copy(path, suite)
    found["/Tests/RuntimeConformance"] = str(suite)
    return found


def run(shard: int, found: dict[str, str], stage: Path, arguments: list[str]) -> tuple[str, int]:
    """What the guest printed, and the exit status of its suite."""
    directory = stage / str(shard)
    directory.mkdir()
    script = SCRIPT.format(shard=f"{shard}/{SHARDS}", arguments=" ".join(f"'{a}'" for a in arguments))
    console = guest.boot(found, script, directory, memory=3072, timeout=3600, modules=KERNEL_MODULES).replace("\r", "")
    ended = re.search(r"guest-exit: (\d+)", console)
    return console, int(ended[1]) if ended else 1


def main():
    wherry, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="conformance-guest-", dir="/var/tmp") as place, \
            ThreadPoolExecutor(SHARDS) as pool:
        stage = Path(place)
        found = files(wherry, stage)
        guest.kernel()  # fetched once, before two want it
        results = list(pool.map(lambda shard: run(shard, found, stage, arguments), range(SHARDS)))
    counts: dict[str, int] = {}
    for console, _ in results:
        print(console)
        last = re.findall(r"\d+ (?:passed|failed|skipped|xfailed|error|deselected)", console.split("guest-exit")[0][-400:])
        for number, what in map(str.split, last):
            counts[what] = counts.get(what, 0) + int(number)
    print(", ".join(f"{number} {what}" for what, number in counts.items()) or "no guest came to its end")
    sys.exit(max(status for _, status in results))


if __name__ == "__main__":
    main()
