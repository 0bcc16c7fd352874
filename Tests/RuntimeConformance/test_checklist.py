"""Defences that no single escape stands for: seccomp, settings, devices, mounts, hooks, cgroups, signals.

The list of all is docs/threat-model.md."""

import contextlib
import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attack import ELF_DATA, IS_X86, LIBC, elf, untouched, words
from runtime import CGROUPS, COMMAND, NAME, VIEW, alive, bind, cases, lacks, mount, wait_for
from test_linux import calls, opens, seccomp, spare  # noqa: F401
from test_root_and_mounts import mounts_of
from test_rootless import USER, Rootless, owned

SLEEP = ["/bin/sleep", "1000"]


# seccomp

@lacks("runc", "1.1 has Go's threads, and has the filter on all of them")
def test_set_up_has_one_thread(make):
    """TSYNC: a filter is one thread's; the process that loads it has no other."""
    c = make(args=SLEEP)
    c.create()
    assert len(os.listdir(f"/proc/{c.pid}/task")) == 1


@lacks("runc", "1.1 has no flags")
def test_seccomp_with_thread_synchronization(make):
    """SECCOMP_FILTER_FLAG_TSYNC is known, and the filter is in force."""
    c = seccomp(make("mkdir /tmp/x 2>/dev/null || echo no"), calls("mkdir", "mkdirat"),
                flags=["SECCOMP_FILTER_FLAG_TSYNC"])
    assert c.output() == "no\n"


def program_for_i386_calls(path: Path, number: int, text: bytes, argument: int):
    """A program that makes one system call through the door of i386 (int 0x80) and ends with its errno."""
    elf(path, b"\xb8" + words(number) + b"\xbb" + words(ELF_DATA) + b"\xb9" + words(argument) +  # mov eax, ebx, ecx
        b"\xcd\x80\xf7\xd8\x89\xc7\xb8" + words(60) + b"\x0f\x05", text + b"\0")  # int 0x80; exit(-eax)


@pytest.mark.skipif(not IS_X86, reason="the door of i386 is x86-64's")
@pytest.mark.parametrize("narrow, status", [(None, 0), ([], 159), (["SCMP_ARCH_X86"], 1)],
                         ids=["no-filter", "x86-64", "both"])
def test_calls_of_the_narrow_architecture_are_no_way_around(make, narrow, status):
    """int 0x80 under a profile that forbids mkdir: killed where the profile has x86-64 alone, else EPERM."""
    c = make(args=["/bin/narrow"])
    program_for_i386_calls(c.rootfs / "bin/narrow", 39, b"/tmp/made", 0o755)
    if narrow is not None:
        seccomp(c, calls("mkdir", "mkdirat"), architectures=["SCMP_ARCH_X86_64", *narrow])
    assert c.run(check=False).returncode == status
    assert (c.rootfs / "tmp/made").exists() == (narrow is None)


# sysctl

@pytest.mark.parametrize("name, type, link", [
    pytest.param("net.ipv4.ip_forward", "network", "net", marks=lacks("crun", "1.8 takes any path")),
    pytest.param("kernel.shm_rmid_forced", "ipc", "ipc", marks=[
        lacks("crun", "1.8 takes any path"), lacks("runc", "1.1 looks at the network only")]),
    pytest.param("kernel.domainname", "uts", "uts", marks=[
        lacks("crun", "1.8 takes any path"), lacks("runc", "1.1 looks at the network only")])])
def test_sysctl_of_a_namespace_that_is_the_hosts_is_an_error(make, name, type, link):
    """A path may name the host's own namespace: it would be the host's setting."""
    path = Path("/proc/sys") / name.replace(".", "/")
    before = path.read_text()
    c = make().namespace(type, f"/proc/self/ns/{link}")
    del c.config["hostname"]
    c.config["mounts"] = [m for m in c.mounts if m["type"] not in ("sysfs", "cgroup", "mqueue")]
    c.linux["sysctl"] = {name: before.strip()}
    c.refused()
    assert path.read_text() == before


# devices

@lacks("crun", "1.8 has no filter then")
@pytest.mark.parametrize("resources", [None, {}, {"devices": []}], ids=["none", "empty", "no-rules"])
def test_devices_are_denied_without_a_rule(make, resources):
    """Deny all, then the list: a container whose config names no device gets the default ones only."""
    c = make("mknod /tmp/own c 1 1; mknod /tmp/fuse c 10 229; mknod /tmp/loop b 7 0; "
             f"{'; '.join(opens('/tmp/' + n) for n in ('own', 'fuse', 'loop'))}").capabilities("CAP_MKNOD",
                                                                                              "CAP_SYS_RAWIO")
    del c.linux["resources"]
    if resources is not None:
        c.linux["resources"] = resources
    assert c.output() == ""


def test_devices_are_denied_all_the_while_they_are_changed(make, spare):
    """An update replaces the rules at once: a process that tries all the time never gets in between."""
    c = make("while [ ! -e /stop ]; do true < /dev/own && echo opened; done 2>/dev/null; echo end")
    c.linux["devices"] = [{"path": "/dev/own"} | spare]
    c.up()
    for number in range(20):
        rules = [{"allow": False, "access": "rwm"}, *({"allow": True, "type": "c", "major": 1, "minor": minor,
                                                       "access": "rwm"} for minor in range(3, 4 + number % 5))]
        c.runtime.call("update", "--resources", "-", c.id, input=json.dumps({"devices": rules}))
    (c.rootfs / "stop").write_text("")
    assert wait_for(c.stdout.read_text, "the end") == "end\n"


# mounts

@pytest.fixture
def limited(make):
    """A host directory on a filesystem that is mounted nosuid, nodev and noexec."""
    directory = make().directory / "limited"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nosuid,nodev,noexec", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


@pytest.mark.parametrize("mapped, options", [
    pytest.param(False, ["bind"], marks=lacks("crun", "1.8 clears them")), (True, ["bind"]),
    *(pytest.param(mapped, [kind, "ro"], marks=[lacks("crun", "1.8 clears them"), lacks("runc", "1.1 clears them")])
      for mapped in (False, True) for kind in ("bind", "rbind"))])
def test_flags_of_the_source_stay(make, limited, mapped, options):
    """Locked flags: to make a bind read-only takes none of the source's own limits away."""
    c = make()
    c.mounts.append(bind(limited, "/mnt", *options))
    if mapped:
        c.mapped()
    assert {"nosuid", "nodev", "noexec"} | ({"ro"} & set(options)) <= mounts_of(c)["/mnt"].options


@pytest.mark.skipif(NAME != "wherry", reason="binds first, and makes it read-only then")
def test_read_only_bind_is_never_seen_writable(make, precious):
    """`ro` is set before anybody can see the mount: every look at the mounts of the set-up shows it."""
    c = make()
    c.mounts.extend(bind(precious, f"/b/{n}", "bind", "ro") for n in range(60))
    c.write()
    looks, looked = 0, set()
    for attempt in range(200):  # a set-up is over in a few milliseconds, in which a busy machine may not let us look
        if looks and attempt >= 5:
            break
        process = subprocess.Popen([*COMMAND, "--root", str(c.runtime.root), "run", "--bundle", str(c.directory), c.id],
                                   stdin=subprocess.DEVNULL)
        while process.poll() is None:
            for child in _words(f"/proc/{process.pid}/task/{process.pid}/children"):
                found = [line.split()[5] for line in _lines(f"/proc/{child}/mountinfo") if "/precious /" in line]
                looked |= {options.split(",")[0] for options in found}
                looks += 0 < len(found) < 60
        assert process.returncode == 0
    assert looks, "the set-up was never seen"
    assert looked == {"ro"}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _words(path: str) -> list[str]:
    return " ".join(_lines(path)).split()


@lacks("runc", "1.1 makes the top one read-only")
@lacks("crun", "1.8 makes the top one read-only")
def test_readonly_paths_are_so_recursively(make):
    """A mount below a read-only path is read-only too."""
    c = make("touch /data/x 2>/dev/null && echo top; touch /data/sub/x 2>/dev/null && echo below; true")
    c.mounts.extend([mount("/data", "tmpfs"), mount("/data/sub", "tmpfs")])
    c.linux["readonlyPaths"] = ["/data"]
    assert c.output() == ""


def test_mounts_in_a_shared_tree_do_not_reach_the_host(make):
    """Private propagation before pivot_root: on a host whose mounts are shared, none of the container's comes out, and
    the old root's going takes none of the host's along."""
    c = make("mount -t tmpfs tmpfs /var && exec sleep 1000").capabilities("CAP_SYS_ADMIN")
    subprocess.run(["mount", "--bind", c.directory, c.directory], check=True)
    subprocess.run(["mount", "--make-shared", c.directory], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", c.rootfs / "tmp"], check=True)
    try:
        before = Path("/proc/self/mountinfo").read_text()
        c.up()
        wait_for(lambda: Path(f"/proc/{c.pid}/cmdline").read_bytes().startswith(b"sleep"), "the mount inside")
        assert Path("/proc/self/mountinfo").read_text() == before
        c.delete("--force")
        assert Path("/proc/self/mountinfo").read_text() == before
    finally:
        c.runtime.call("delete", "--force", c.id, check=False)
        subprocess.run(["umount", "-l", c.directory], check=True)


# hooks and state

def test_config_that_the_container_rewrites_is_not_used(make, precious):
    """Hooks lie on no path that the container can write: here it has its own bundle as a volume."""
    c = make("cp /bundle/evil.json /bundle/config.json; touch /bundle/done; exec sleep 1000")
    c.mounts.append(bind(c.directory, "/bundle"))
    evil = copy.deepcopy(c.config)
    touch = {"path": "/usr/bin/touch", "args": ["touch", f"{precious}/made"]}
    evil["hooks"] = {kind: [touch] for kind in ("prestart", "createRuntime", "poststart", "poststop")}
    (c.directory / "evil.json").write_text(json.dumps(evil))
    c.up()
    wait_for((c.directory / "done").exists, "the other config.json")
    c.exec("true")
    c.kill("KILL")
    c.stopped().delete()
    assert untouched(precious)


@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "poststart", "poststop"])
def test_state_for_hooks_lies_in_no_file(make, kind):
    """A hook's state comes through a pipe or from memory, not from a file that could be exchanged."""
    c = make(args=["/bin/sleep", "0.2"])
    look = {"path": "/bin/sh", "args": ["sh", "-c", f"readlink /proc/self/fd/0 > {c.directory}/log; cat >/dev/null"]}
    c.config["hooks"] = {kind: [look]}
    c.up().stopped().delete()
    assert (c.directory / "log").read_text().startswith(("pipe:", "socket:", "/memfd:"))


def test_directory_of_the_state_is_closed_to_others(make):
    """State, specification and start gate lie below a directory of mode 0700."""
    c = make(args=SLEEP)
    c.create()
    root, own = c.runtime.root, c.runtime.root / c.id
    assert not root.stat().st_mode & 0o077 or not own.stat().st_mode & 0o077
    assert [f for f in own.rglob("*") if f.is_file() and f.stat().st_mode & 0o022] == []


def test_no_abstract_socket(make):
    """CVE-2020-15257: an abstract socket of the runtime's could be reached from a container with the host's network."""
    c = make(args=SLEEP).without("network")
    c.config["mounts"] = [m for m in c.mounts if m["type"] not in ("sysfs", "cgroup")]
    c.write()
    c.may_exist = True
    process = subprocess.Popen([*COMMAND, "--root", str(c.runtime.root), "run", "--bundle", str(c.directory), c.id],
                               stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: c.status == "running", "the container")
        abstract = {line.split()[6] for line in _lines("/proc/self/net/unix") if "@" in line}
        for pid in (process.pid, c.pid):
            held = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}
            assert not {f"socket:[{number}]" for number in abstract} & held
    finally:
        c.kill("KILL")
        process.wait(10)


# cgroups and signals

def test_release_agent_is_not_seen(make):
    """CVE-2022-0492: inside there is the container's own group, without the file that a hierarchy's root has."""
    c = make("find /sys/fs/cgroup -name cgroup.procs | wc -l; find /sys/fs/cgroup -name release_agent")
    c.capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    groups, *agents = c.lines()
    assert int(groups) > 0 and agents == []


def test_group_of_a_plain_user_is_read_only_inside(make, place):
    """CVE-2023-25809: a group that the user owns on the host cannot be written through the container's /sys."""
    rootless = Rootless(place)
    c = owned(make())
    name = f"{c.id}-own"
    groups = [root / name for root in CGROUPS.places() if os.access(root, os.W_OK)]
    c.mounts.append(mount("/sys/fs/cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"))
    c.process["args"] = ["/bin/sh", "-c", f"for d in $(find /sys/fs/cgroup -name {name}); do "
                                          "mkdir $d/made 2>/dev/null && echo $d; done; true"]
    c.write()
    try:
        for group in groups:
            group.mkdir(exist_ok=True)
            os.chown(group, USER, USER)
        assert rootless.call("run", "--bundle", c.directory, c.id).stdout == ""
    finally:
        for group in groups:
            for directory in (group / "made", group):
                if directory.exists():
                    directory.rmdir()


@pytest.mark.parametrize("path", cases("/conformance/../{}", "/conformance/{}/..", crun=["/conformance/../{}"],
                                       runc=["/conformance/../{}", "/conformance/{}/.."]))
def test_cgroups_path_that_goes_up_is_an_error(make, path):
    """A path with `..` is refused, wherever it would lead."""
    c = make(args=SLEEP)
    c.linux["cgroupsPath"] = path.format(c.id)
    c.refused()


@lacks("runc", "1.1 only warns")
@lacks("crun", "takes it")
def test_cgroup_with_processes_is_an_error(make):
    """A group that is another container's would have both under one limit, and one's end would be the other's."""
    first, second = make(args=SLEEP), make(args=SLEEP)
    first.linux["cgroupsPath"] = second.linux["cgroupsPath"] = f"/conformance/{first.id}"
    first.up()
    second.refused()
    assert first.status == "running"


def end_all(groups: list[Path]):
    """Ends whatever a test left in these cgroups."""
    for group in (g for g in groups if g.exists()):
        if (group / "cgroup.kill").exists():
            (group / "cgroup.kill").write_text("1")
        elif (group / "freezer.state").exists():
            (group / "freezer.state").write_text("FROZEN")
            for pid in (group / "cgroup.procs").read_text().split():
                os.kill(int(pid), 9)
            (group / "freezer.state").write_text("THAWED")


@pytest.fixture
def frozen():
    """A cgroup that is frozen."""
    root = CGROUPS.unified if VIEW == "v2" else CGROUPS.mounts["freezer"]
    group = root / f"conformance-frozen-{os.getpid()}"
    file, on, off = ("cgroup.freeze", "1", "0") if VIEW == "v2" else ("freezer.state", "FROZEN", "THAWED")
    group.mkdir()
    (group / file).write_text(on)
    yield group
    (group / file).write_text(off)
    inner = [d for d in group.iterdir() if d.is_dir()]
    end_all(inner)
    wait_for(lambda: not any((d / "cgroup.procs").read_text() for d in inner), "the end of what hung in it")
    for place in CGROUPS.places():
        for directory in (*(place / group.name).glob("*/"), place / group.name):
            with contextlib.suppress(OSError):
                directory.rmdir()


@pytest.mark.skipif(NAME != "wherry", reason="waits for ever")
def test_frozen_cgroup_is_an_error(make, frozen):
    """A process that enters a frozen group never returns from it."""
    c = make()
    c.linux["cgroupsPath"] = f"/{frozen.name}/{c.id}"
    assert "frozen" in c.refused().stderr


def program_that_forks_and_ends(path: Path):
    """Its child goes on in its place, and so on, thousands of times a second."""
    elf(path, b"\xb8" + words(35) + b"\xbf" + words(ELF_DATA) + b"\x31\xf6\x0f\x05" +  # nanosleep(data, NULL)
        b"\xb8" + words(57) + b"\x0f\x05\x85\xc0\x74" + bytes([256 - 25]) +  # fork(); in the child from the start
        b"\xb8" + words(60) + b"\x31\xff\x0f\x05", bytes(8) + words(200_000) + bytes(4))  # exit(0)


@lacks("runc", "1.1 leaves some, and their group", view="v2")
@pytest.mark.skipif(not IS_X86, reason="the program is for x86-64")
def test_processes_that_fork_and_end_do_not_escape(make):
    """The group is frozen, or killed as a whole: no list of numbers would keep up with these."""
    c = make("for n in 1 2 3 4; do /bin/hop & done; exec sleep 1000").without("pid")
    program_that_forks_and_ends(c.rootfs / "bin/hop")
    if "pids" in CGROUPS.controllers:
        c.resources["pids"] = {"limit": 20_000}  # with those that have ended and nobody has waited for
    c.up()
    groups = [p for p in CGROUPS.all_of(c.pid) if p not in CGROUPS.all_of(os.getpid())]
    try:
        wait_for(lambda: any(len((g / "cgroup.procs").read_text().split()) > 2 for g in groups), "the hops")
        c.delete("--force")
        wait_for(lambda: not any(g.exists() for g in groups), "the groups gone", timeout=3)
    finally:
        end_all(groups)


REUSE = """
import ctypes, os, sys
number = ctypes.c_int(int(sys.argv[1]))
words = (ctypes.c_uint64 * 10)(0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(number), 1)
libc = ctypes.CDLL(None, use_errno=True)
if (pid := libc.syscall(435, words, 80)) == 0:
    os.execv("/bin/sleep", ["sleep", "1000"])
sys.exit(os.strerror(ctypes.get_errno()) if pid < 0 else None)
"""


@pytest.fixture
def reaper():
    """Orphans become this process's children, which takes their end."""
    subreaper = 36
    LIBC.prctl(subreaper, 1, 0, 0, 0)
    yield
    LIBC.prctl(subreaper, 0, 0, 0, 0)


def test_process_that_got_the_containers_number_is_let_alone(make, reaper):
    """Reuse of a number: a process is the container's if its start time is, too."""
    c = make(args=SLEEP).up()
    pid = c.pid
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    subprocess.run([sys.executable, "-c", REUSE, str(pid)], check=True)  # clone3(2) with set_tid
    try:
        assert c.status == "stopped"
        assert c.kill("KILL", check=False).returncode != 0
        assert c.exec("true", check=False).returncode != 0
        c.delete("--force")
        assert alive(pid), "another process was killed"
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
