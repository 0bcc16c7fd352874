import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import Agent, Hub, Registry, import_busybox  # noqa: E402


def pytest_configure(config):
    if os.geteuid() != 0:
        raise pytest.UsageError("the end-to-end tests make namespaces and cgroups: run them as root")


@pytest.fixture(scope="session")
def images():
    directory = Path(tempfile.mkdtemp(prefix="wherry-images-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def place():
    """A short path (a socket's name has 108 bytes), gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def agent(place, images):
    agent = Agent(place / "a", "--node-name", "dev1").start()
    import_busybox(agent, images)
    yield agent
    agent.remove_everything()


@pytest.fixture(scope="module")
def device(images):
    """An agent that the cases of a file share."""
    place = Path(tempfile.mkdtemp(prefix="w-", dir="/tmp"))
    agent = Agent(place / "a", "--node-name", "dev1").start()
    try:
        import_busybox(agent, images)
        yield agent
    finally:
        agent.remove_everything()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def registry(place):
    registry = Registry(place / "registry").start()
    yield registry
    registry.stop()


@pytest.fixture
def fleet(place, images):
    """A hub with its mosquitto and one enrolled device."""
    hub = Hub(place / "h").start()
    agent = Agent(place / "a")
    hub.enrol(agent, "dev1")
    agent.start()
    import_busybox(agent, images)
    yield hub, agent
    agent.remove_everything()
    hub.stop()
