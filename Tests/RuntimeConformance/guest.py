#!/usr/bin/env python3
"""guest.py WHERRY [pytest arguments]: the suite in a machine of its own, Debian's kernel with full cgroup v2 under qemu.

Software emulation is some ten times slower than the machine, so the suite's patience is longer there."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEndTests"))
import guest  # noqa: E402

TOOLS = ["ip", "mount", "newgidmap", "newuidmap", "nsenter", "umount", "unshare"]
MODULES = ["_pytest", "attr", "iniconfig", "packaging", "pluggy", "py", "pytest"]
SCRIPT = """
export PATH=/bin:/usr/bin RUNTIME='/bin/wherry runtime' CONFORMANCE_TIMEOUT=180 PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
chmod 4755 /bin/newuidmap /bin/newgidmap
echo root:x:0: > /etc/group
touch /etc/subuid /etc/subgid
chmod 1777 /tmp
cd /Tests/RuntimeConformance
python3 -m pytest -p no:cacheprovider -q -rsfE --color=no {arguments}
"""


def files(wherry: str, stage: Path) -> dict[str, str]:
    """What the guest's root holds: guest path to host path."""
    python = Path("/usr/bin/python3").resolve()
    library = Path("/usr/lib") / python.name
    found = {"/bin/wherry": wherry, "/usr/bin/python3": str(python), f"/usr/lib/{library.name}": str(library)}
    programs = [python, *library.glob("lib-dynload/*.so")]
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


def main():
    wherry, arguments = os.path.abspath(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="conformance-guest-", dir="/var/tmp") as stage:
        script = SCRIPT.format(arguments=" ".join(f"'{a}'" for a in arguments))
        console = guest.boot(files(wherry, Path(stage)), script, Path(stage), memory=3072, timeout=3600)
    print(console.replace("\r", ""))
    ended = re.search(r"guest-exit: (\d+)", console)
    sys.exit(int(ended[1]) if ended else "the guest did not come to its end")


if __name__ == "__main__":
    main()
