"""Debian's packages of other engines, unpacked and not installed: installing them mounts cgroups and starts daemons."""

from collections.abc import Sequence
from pathlib import Path

from harness import run

BUILD = Path(__file__).resolve().parents[2] / "build"


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """The root that the packages make together, kept in build/NAME."""
    cache = BUILD / name
    complete = cache / "complete"
    if not complete.exists():
        cache.mkdir(parents=True, exist_ok=True)
        if run("apt-get", "-qq", "download", *packages, cwd=cache, check=False).returncode != 0:
            run("apt-get", "-qq", "update", timeout=300)
            run("apt-get", "-qq", "download", *packages, cwd=cache, timeout=300)
        for package in sorted(cache.glob("*.deb")):
            run("dpkg", "-x", package, cache / "root")
            package.unlink()
        complete.touch()
    return cache / "root"
