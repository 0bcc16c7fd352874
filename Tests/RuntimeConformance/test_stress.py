"""Containers by the hundred, fifty at a time: nothing is left of them, whenever the runtime's process is killed.

The short form makes 100 containers in each test, WHERRY_SOAK=1 makes 1,000. STRESS_SEED=n draws other moments.
"""

import contextlib
import ctypes
import json
import os
import random
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runtime import CGROUPS, COMMAND, NAME, alive, default_config, make_root, wait_for

COUNT = 1000 if os.environ.get("WHERRY_SOAK") == "1" else 100
AT_ONCE = 50
SEED = int(os.environ.get("STRESS_SEED", "7"))
LIMIT = 120  # seconds for one command among fifty
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
KINDS = ("mounts", "mounts of the host", "cgroups", "files", "descriptors", "processes")


def set_subreaper(value: int):
    """Containers whose launcher has ended become children of ours: none can hide, and we reap them."""
    ctypes.CDLL(None).prctl(SUBREAPER, value, 0, 0, 0)


def read(pid: int, name: str) -> str:
    """A file of a process below /proc; nothing once it has gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    threads = []
    with contextlib.suppress(OSError):
        threads = os.listdir(f"/proc/{pid}/task")
    children = [int(word) for thread in threads for word in read(pid, f"task/{thread}/children").split()]
    return children + [further for child in children for further in descendants(child)]


def reap(pid: int) -> bool:
    """Has it ended, as far as it is ours to know?"""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return not alive(pid)


def processes_of(id: str) -> list[int]:
    """Those in a cgroup of this name, and the runtime's own that have it among their arguments."""
    return [pid for pid in descendants(os.getpid()) if id in read(pid, "cgroup") + read(pid, "cmdline") and alive(pid)]


def cgroups_of(id: str) -> list[Path]:
    return [place / id for place in CGROUPS.places() if (place / id).exists()]


def all_cgroups_of(prefix: str) -> list[Path]:
    """In every hierarchy that is mounted here or for the host's first process."""
    tops = []
    for pid, root in ((os.getpid(), ""), (1, "/proc/1/root")):
        lines = [line.split() for line in read(pid, "mountinfo").splitlines()]
        tops += [root + words[4] for words in lines if words[words.index("-") + 1] in ("cgroup", "cgroup2")]
    return [Path(directory, name) for top in tops for directory, names, _ in os.walk(top) for name in names
            if name.startswith(prefix)]


class Stress:
    """A bundle for each program, the lives of containers made from them, and what there was before."""

    def __init__(self, runtime, place: Path):
        self.runtime, self.place = runtime, Path(tempfile.mkdtemp(prefix="stress-", dir=place))
        make_root(self.place / "root")
        for name, arguments in (("true", ["/bin/true"]), ("sleep", ["/bin/sleep", "1000000"])):
            config = default_config()
            config["process"]["args"] = arguments
            config["root"]["path"] = str(self.place / "root")
            (self.place / name).mkdir()
            (self.place / name / "config.json").write_text(json.dumps(config))
        self.seconds: dict[str, list[float]] = {}
        self.short_life(self.id(0))  # what the first container leaves for the next ones is no leak
        self.before = self.inventory()

    def id(self, number: int) -> str:
        return f"{self.place.name}-{number:04}"

    def call(self, verb: str, *arguments: str):
        began = time.monotonic()
        self.runtime.call(verb, *arguments, timeout=LIMIT)
        self.seconds.setdefault(verb, []).append(time.monotonic() - began)

    def bundle(self, name: str) -> tuple[str, str]:
        return "--bundle", str(self.place / name)

    def create(self, id: str, bundle: str) -> int:
        """Returns the container's process."""
        pid_file = self.place / f"{id}.pid"
        self.call("create", *self.bundle(bundle), "--pid-file", str(pid_file), id)
        pid = int(pid_file.read_text())
        pid_file.unlink()
        return pid

    def short_life(self, id: str):
        pid = self.create(id, "true")
        self.call("start", id)
        os.waitpid(pid, 0)
        self.call("delete", id)

    def ended_life(self, id: str):
        pid = self.create(id, "sleep")
        self.call("start", id)
        self.call("delete", "--force", id)
        os.waitpid(pid, 0)

    def foreground_life(self, id: str):
        self.call("run", *self.bundle("true"), id)

    def live(self, count: int):
        lives = (self.short_life, self.ended_life, self.foreground_life)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda n: lives[n % 3](self.id(n)), range(count)))
        print("median ms:", {verb: round(statistics.median(times) * 1000) for verb, times in self.seconds.items()})

    def living(self) -> set[str]:
        """Our processes; reaps the dead."""
        return {f"{pid} {read(pid, 'cmdline')}" for pid in descendants(os.getpid()) if not reap(pid)}

    def inventory(self) -> dict[str, set[str]]:
        mounts = set(read(os.getpid(), "mountinfo").splitlines())
        of_host = {line for line in read(1, "mountinfo").splitlines() if str(self.place.parent) in line}
        cgroups = set(map(str, all_cgroups_of(self.place.name)))
        files = {str(path) for top in (self.runtime.root, self.place) for path in top.rglob("*")}
        descriptors = {str(n) for n in range(len(os.listdir("/proc/self/fd")))}
        return dict(zip(KINDS, (mounts, of_host, cgroups, files, descriptors, self.living())))

    def leaked(self) -> dict[str, list[str]]:
        now = self.inventory()
        return {kind: sorted(more) for kind in KINDS if (more := now[kind] - self.before[kind])}

    def assert_nothing_leaked(self):
        try:
            wait_for(lambda: not self.leaked(), "nothing is left", 10, 0.2)
        except AssertionError:
            raise AssertionError(f"leaked: {json.dumps(self.leaked(), indent=1)}") from None

    def remove(self):
        """Teardown: what a failed test left would trouble the next ones."""
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not self.living(), "all are dead")
        for path in reversed(all_cgroups_of(self.place.name)):
            with contextlib.suppress(FileNotFoundError):
                path.rmdir()


@dataclass
class Kill:
    """SIGKILL for the runtime's process in a stage of a container's life, after a part of its usual time."""
    stress: Stress
    id: str
    stage: str
    part: float
    delay = 0.0
    hit = False

    STAGES = ("create", "start", "run", "delete", "delete --force")
    PROGRAM = "sleep"

    def strike(self):
        stress, id = self.stress, self.id
        if self.stage in ("create", "run"):
            return self.kill(self.stage, *stress.bundle(self.PROGRAM), id)
        pid = stress.create(id, "true" if self.stage == "delete" else "sleep")
        if self.stage == "start":
            return self.kill("start", id)
        stress.call("start", id)
        if self.stage == "delete":
            os.waitpid(pid, 0)
        self.kill(*self.stage.split(), id)

    def kill(self, *arguments: str):
        self.delay = self.part * statistics.median(self.stress.seconds[arguments[0]][-AT_ONCE:])
        with self.process(*arguments) as process:
            threading.Event().wait(self.delay)
            process.kill()
            self.hit = process.wait() == -signal.SIGKILL

    def process(self, *arguments: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
        command = [*prefix, *COMMAND, "--root", str(self.stress.runtime.root), *arguments]
        with tempfile.TemporaryFile() as output:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def moment(self) -> str:
        return f"after {self.delay * 1000:.1f} ms"

    def aftermath(self):
        """The container can be deleted, is gone then, and its id can be used again."""
        forced = self.stress.runtime.call("delete", "--force", self.id, check=False, timeout=LIMIT)
        assert forced.returncode == 0 or "does not exist" in forced.stderr, str(forced)
        wait_for(lambda: not processes_of(self.id), "no process is left", 5)
        wait_for(lambda: not cgroups_of(self.id), "no cgroup is left", 5)
        self.stress.short_life(self.id)

    def outcome(self) -> str | None:
        """What went wrong, and what there is of the container then."""
        try:
            self.strike()
            self.aftermath()
        except AssertionError as error:
            left = [f"process {pid}:\n{read(pid, 'stack')}{read(pid, 'cgroup')}" for pid in processes_of(self.id)]
            return "\n".join([f"{self.id}: {self.stage}, killed {self.moment()}: {error}", *left,
                              *map(str, cgroups_of(self.id))])


@dataclass
class Traced(Kill):
    """No kill at all: notes the system calls of the command, each with how many there were of it by then."""
    PROGRAM = "true"  # a run must come to its end
    calls: list[tuple[str, int]] = field(default_factory=list)

    def kill(self, *arguments: str):
        seen: dict[str, int] = {}
        with tempfile.NamedTemporaryFile("r") as trace:
            with self.process(*arguments, prefix=("strace", "-qq", "-o", trace.name)) as process:
                assert process.wait(LIMIT) == 0, str(arguments)
            for name in re.findall(r"(?m)^(\w+)\(", trace.read()):
                seen[name] = seen.get(name, 0) + 1
                self.calls.append((name, seen[name]))


@dataclass
class KillAtCall(Kill):
    """SIGKILL at the n-th time that the runtime's process makes a system call."""
    PROGRAM = "true"
    call: str = ""
    n: int = 1

    def kill(self, *arguments: str):
        inject = f"inject={self.call}:signal=KILL:when={self.n}"
        strace = ("strace", "-qq", "-o", "/dev/null", "-e", f"trace={self.call}", "-e", inject)
        with self.process(*arguments, prefix=strace) as process:
            self.hit = process.wait(LIMIT) == -signal.SIGKILL

    def moment(self) -> str:
        return f"at its {self.call} number {self.n}"


@pytest.fixture
def stress(runtime, place):
    set_subreaper(1)
    stress = Stress(runtime, place)
    yield stress
    stress.remove()
    set_subreaper(0)


def test_containers_leave_nothing(stress):
    """Deleting a container MUST delete the resources that were created during the create step."""
    stress.live(COUNT)
    stress.assert_nothing_leaked()


@pytest.mark.skipif(NAME != "wherry", reason=f"{NAME} leaves some half-made containers' cgroups behind")
def test_a_killed_runtime_leaves_nothing_that_delete_does_not_remove(stress):
    """However far a command came: `delete --force` removes the container, and its id can be used again."""
    stress.live(AT_ONCE)
    draw = random.Random(SEED)
    kills = [Kill(stress, stress.id(n), draw.choice(Kill.STAGES), draw.random()) for n in range(COUNT)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [outcome for outcome in pool.map(Kill.outcome, kills) if outcome]
    hits = sum(kill.hit for kill in kills)
    print(f"STRESS_SEED={SEED}: {hits} of {COUNT} commands were killed before their end")
    assert not wrong, f"STRESS_SEED={SEED}, {len(wrong)} of {COUNT}:\n" + "\n\n".join(wrong)
    assert hits > COUNT / 10, "most commands were faster than their kill"
    stress.assert_nothing_leaked()


@pytest.mark.skipif(NAME != "wherry", reason=f"{NAME} leaves some half-made containers' cgroups behind")
@pytest.mark.parametrize("stage", Kill.STAGES)
def test_a_runtime_killed_at_any_system_call_leaves_nothing_that_delete_does_not_remove(stress, stage):
    """Every system call of the command once; the short form takes some of each stage, others with each seed."""
    stress.live(3)
    traced = Traced(stress, stress.id(0), stage, 0)
    assert not traced.outcome()
    calls = traced.calls
    moments = calls if COUNT == 1000 else random.Random(SEED).sample(calls, min(len(calls), 24))
    kills = [KillAtCall(stress, stress.id(number), stage, 0, call, n) for number, (call, n) in enumerate(moments, 1)]
    with ThreadPoolExecutor(8) as pool:
        wrong = [outcome for outcome in pool.map(Kill.outcome, kills) if outcome]
    hits = sum(kill.hit for kill in kills)
    print(f"STRESS_SEED={SEED}: {hits} of {len(kills)} of {len(calls)} system calls were the last")
    assert not wrong, f"STRESS_SEED={SEED}, {len(wrong)} of {len(kills)}:\n" + "\n\n".join(wrong)
    assert hits > len(kills) * 3 / 4, "most commands did not come to the call"
    stress.assert_nothing_leaked()
