import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runtime import NAME, VIEW, Console, Container, Runtime, alive, missing, private_mounts  # noqa: E402


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the conformance tests make containers: run them as root")
    private_mounts()
    config.addinivalue_line("markers", "lacks(name, reason, view): a peer that breaks the rule; must fail there")
    config.addinivalue_line("markers", "needs(*controllers): skipped, with the reason, where the view lacks one")


def pytest_collection_modifyitems(items):
    if shard := os.environ.get("SHARD"):  # k/n: every n-th case, from the k-th on
        first, step = map(int, shard.split("/"))
        items[:] = items[first::step]
    for item in items:
        for mark in item.iter_markers("lacks"):
            if mark.kwargs["name"] == NAME and mark.kwargs["view"] in (None, VIEW):
                item.add_marker(pytest.mark.xfail(reason=f"{NAME}: {mark.kwargs['reason']}", strict=True))
        for mark in item.iter_markers("needs"):
            if reason := missing(mark.args):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def place():
    """A short private directory (a socket's name has 108 bytes) in memory, gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="oci-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "conformance", directory], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)
    directory.rmdir()


@pytest.fixture(scope="session")
def runtime(place):
    return Runtime(place)


@pytest.fixture
def make(runtime, place):
    """Makes containers: `make(script)`, `make(args=[...])`. All are gone after the test."""
    made = []

    def factory(script=None, args=None) -> Container:
        made.append(Container(runtime, place, script, args))
        return made[-1]
    yield factory
    for container in reversed(made):
        container.remove()


@pytest.fixture
def sleeper(make):
    """A running container that sleeps."""
    return make(args=["/bin/sleep", "1000"]).up()


@pytest.fixture(scope="session")
def shared_ones(runtime):
    """The containers behind `shared`: a new one where a test has ended it. (Gone before the runtime's directory is.)"""
    made = []
    yield made
    for container in made:
        container.remove()


@pytest.fixture
def shared(runtime, place, shared_ones):
    """A running container for tests that only look, or exec, in it."""
    if not (shared_ones and alive(shared_ones[-1].first)):
        shared_ones.append(Container(runtime, place, args=["/bin/sleep", "1000000"]).up())
        shared_ones[-1].first = shared_ones[-1].pid
    return shared_ones[-1]


@pytest.fixture
def precious(make):
    """A host directory outside every rootfs, whose content must stay as it is: see `untouched`."""
    directory = make().directory / "precious"
    directory.mkdir(mode=0o755)
    (directory / "file").write_text("untouched\n")
    return directory


@pytest.fixture
def console(place):
    console = Console(place)
    yield console
    console.close()
