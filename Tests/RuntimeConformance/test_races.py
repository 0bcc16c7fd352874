"""Escapes by a race: names that are exchanged meanwhile, and the moment before the runtime's process is the program.

The list of all is docs/threat-model.md."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attack import StopAtExec, exchanging, opened, untouched, with_directory_of_the_host
from runtime import COMMAND, NAME, bind, lacks, mount
from test_linux import device
from test_process import status_field
from test_rootless import USER, Rootless, owned
from test_security import binary

SLEEP = ["/bin/sleep", "1000"]
ROUNDS = 40


# races

def assert_run(containers: int):
    """A race that made no container shows nothing. On a loaded machine the peers, which are slower, lose each of them."""
    if not containers and NAME != "wherry":
        pytest.skip(f"{NAME} made no container: the race was not run")
    assert containers, "no container was made: the race was not run"


@pytest.mark.skipif(NAME == "runc", reason="1.1 makes directories outside, most of the times (CVE-2024-45310)")
@pytest.mark.parametrize("target", ["outside", "/proc"])
def test_directory_that_is_exchanged_with_a_link(make, precious, target):
    """CVE-2021-30465, CVE-2023-27561, CVE-2024-45310: mounts, devices and directories are made below one name, which is
    a directory now and a link to elsewhere then. What runs has them in its own root; nothing is made outside."""
    c = make("cat /proc/self/mountinfo; stat -f -c %T /proc")
    (c.rootfs / "x").mkdir()
    (c.rootfs / "link").symlink_to(precious if target == "outside" else target)
    c.mounts.extend([mount("/x/a/b", "tmpfs", source="raced"), bind("/bin/busybox", "/x/c/file")])
    c.linux["devices"] = [device("/x/d/own")]
    c.linux["maskedPaths"].append("/x/c")
    c.process["cwd"] = "/x/e/f"
    ran = 0
    with exchanging(c.rootfs / "x", c.rootfs / "link"):
        for _ in range(ROUNDS):
            result = c.run(check=False)
            assert untouched(precious), f"made outside: {os.listdir(precious)}"
            if result.returncode == 0:
                ran += 1
                *lines, proc = result.stdout.splitlines()
                assert len([line for line in lines if " raced " in line]) == 1, "the mount went somewhere else"
                assert proc == "proc"
    assert_run(ran)


@pytest.mark.skipif(NAME == "crun", reason="1.8 mounts over /proc, as test_bind_over_proc_is_an_error shows")
@pytest.mark.skipif(NAME == "runc", reason="1.1 writes the setting there, most of the times")
def test_proc_cannot_be_covered_through_a_volume(make, precious):
    """CVE-2025-52881, CVE-2019-19921: inside a volume a mount's destination is exchanged with a link to /proc, so that
    settings and labels would be written to files of an attacker's."""
    c = make("stat -f -c %T /proc; cat /proc/sys/net/ipv4/ip_default_ttl")
    volume, fake = c.directory / "volume", c.directory / "fake"
    (volume / "x").mkdir(parents=True)
    (volume / "link").symlink_to("/proc")
    (fake / "sys/net/ipv4").mkdir(parents=True)
    (fake / "sys/net/ipv4/ip_default_ttl").write_text("fake\n")
    (fake / "self/attr").mkdir(parents=True)
    (fake / "self/attr/exec").write_text("fake\n")
    c.mounts.extend([bind(volume, "/volume"), bind(fake, "/volume/x")])
    c.linux["sysctl"] = {"net.ipv4.ip_default_ttl": "77"}
    ran = 0
    with exchanging(volume / "x", volume / "link"):
        for _ in range(ROUNDS):
            result = c.run(check=False)
            assert result.returncode != 0 or result.stdout == "proc\n77\n", result
            ran += result.returncode == 0
    assert {f.read_text() for f in fake.rglob("*") if f.is_file()} == {"fake\n"}
    assert_run(ran)


@lacks("crun", "1.8 does not look")
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_working_directory_that_is_exchanged_with_a_link_to_a_descriptor(make, verb):
    """CVE-2024-21626: what is entered is looked at once more (getcwd), for the path may have become another one."""
    c = make(args=["/bin/ls"] if verb == "run" else SLEEP)
    (c.rootfs / "x").mkdir()
    (c.rootfs / "x/mark").write_text("")
    (c.rootfs / "link").symlink_to("/proc/self/fd/3")
    if verb == "run":
        c.process["cwd"] = "/x"
    else:
        c.up()
    with exchanging(c.rootfs / "x", c.rootfs / "link"):
        for _ in range(ROUNDS):
            more = {"check": False, "preexec_fn": with_directory_of_the_host, "close_fds": False}
            result = (c.run("--preserve-fds", "1", **more) if verb == "run" else
                      c.exec("--cwd", "/x", "--preserve-fds", "1", "--", "/bin/ls", **more))
            assert result.returncode != 0 or result.stdout == "mark\n", result


# the runtime's process inside, just before it is the program

@pytest.fixture
def held(make):
    """A running container with a program /held/true to stop at."""
    c = make(args=SLEEP)
    (c.rootfs / "held").mkdir()
    shutil.copy("/bin/busybox", c.rootfs / "held/true")
    return c.up()


@pytest.fixture
def stopped_exec(held):
    """The process of an exec, which stands still inside execve of its program: its number."""
    with StopAtExec(held.rootfs / "held/true") as stop:
        process = subprocess.Popen([*COMMAND, "--root", str(held.runtime.root), "exec", held.id, "/held/true"],
                                   stdin=subprocess.DEVNULL)
        try:
            yield stop.wait()
        finally:
            stop.go_on()
            assert process.wait(10) == 0


def inside(pid: int) -> str:
    """The number of a process in its own pid namespace."""
    return status_field(Path(f"/proc/{pid}/status").read_text(), "NSpid").split()[-1]


def looked_into(container, pid: int) -> list[str]:
    """What a process of a container sees of another one: where its links lead."""
    links = f"cd /proc/{inside(pid)}; for n in exe cwd root fd/0 fd/1 fd/2 fd/3 fd/4; do readlink $n; done; true"
    return container.exec("/bin/sh", "-c", links).stdout.splitlines()


def test_exec_cannot_be_looked_into_before_it_is_the_program(held, stopped_exec):
    """CVE-2016-9962: not dumpable, though by now it has the user and the rights that the others inside have."""
    assert looked_into(held, stopped_exec) == []


def test_exec_holds_nothing_of_the_host_when_it_is_inside(stopped_exec):
    """CVE-2016-9962, CVE-2024-21626: no file of the host but what the caller gave as 0, 1 and 2."""
    names = {n: os.readlink(f"/proc/{stopped_exec}/fd/{n}") for n in os.listdir(f"/proc/{stopped_exec}/fd")}
    assert {n: name for n, name in names.items() if int(n) > 2 and name.startswith("/")} == {}


def test_exec_does_not_run_the_hosts_file(stopped_exec):
    """CVE-2019-5736: as for the waiting process of create."""
    found, host = os.stat(f"/proc/{stopped_exec}/exe"), binary().stat()
    same = (found.st_dev, found.st_ino) == (host.st_dev, host.st_ino)
    assert not same or os.statvfs(f"/proc/{stopped_exec}/exe").f_flag & os.ST_RDONLY


def test_a_plain_users_copy_is_sealed(make, place):
    """CVE-2019-5736: a plain user cannot clone a mount: what waits runs from a sealed copy, or another one than the
    file, which here belongs to that user."""
    rootless = Rootless(place)
    own = Path(shutil.copy(binary(), rootless.home / COMMAND[0].rpartition("/")[2]))
    os.chown(own, USER, USER)
    c = owned(make(args=SLEEP))
    command = [str(own), *COMMAND[1:], "--root", str(rootless.home / "state")]
    with open(c.directory / "err", "w") as err:
        subprocess.run([*command, "create", "--bundle", c.directory, c.id], user=USER, group=USER, extra_groups=[],
                       stdin=subprocess.DEVNULL, stdout=err, stderr=err, check=True, timeout=20,
                       env=rootless.environment)
    try:
        pid = json.loads(rootless.call("state", c.id).stdout)["pid"]
        found, host = os.stat(f"/proc/{pid}/exe"), own.stat()
        assert (found.st_dev, found.st_ino) != (host.st_dev, host.st_ino)
        with pytest.raises(OSError):
            os.open(f"/proc/{pid}/exe", os.O_WRONLY)
    finally:
        rootless.call("delete", "--force", c.id)


@pytest.fixture
def neighbours(make):
    """Two containers with one pid namespace, as in a pod; the second one waits for its start."""
    first = make(args=SLEEP).up()
    second = make(args=SLEEP).namespace("pid", f"/proc/{first.pid}/ns/pid")
    second.create()
    return first, second


def test_waiting_process_cannot_be_looked_into_by_a_neighbour(neighbours):
    """CVE-2016-9962: the same for create. Its descriptors open the start gate and lie in the state directory."""
    first, second = neighbours
    assert looked_into(first, second.pid) == []


@lacks("runc", "1.1 wants mappings for a namespace that has them")
def test_set_up_in_a_shared_user_namespace_cannot_be_looked_into(make):
    """CVE-2016-9962: whoever may trace every process of a user namespace sees no host through one that joins it."""
    first = make(args=SLEEP).mapped().capabilities("CAP_SYS_PTRACE").up()
    second = make().mapped()
    del second.linux["uidMappings"], second.linux["gidMappings"], second.config["hostname"]
    for type, link in (("user", "user"), ("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("uts", "uts")):
        second.namespace(type, f"/proc/{first.pid}/ns/{link}")
    look = "for p in /proc/[0-9]*; do ls -d $p/root/usr/bin; ls -d $p/fd/*/usr/bin; done 2>/dev/null; true"
    command = [*COMMAND, "--root", str(first.runtime.root), "exec", first.id, "/bin/sh", "-c", look]
    second.config["hooks"] = {"createRuntime": [{"path": sys.executable, "args": ["python3", "-c", (
        f"import subprocess; subprocess.run({command!r}, stdout=open('{second.directory}/seen', 'w'), check=True)")],
        "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]}]}
    second.create()
    assert (second.directory / "seen").read_text() == ""


def test_nothing_of_the_image_is_loaded(make):
    """CVE-2019-14271: no library, no name service and no converter of the image's is opened by the runtime."""
    c = make(args=["/bin/true"])
    names = ["etc/nsswitch.conf", "etc/ld.so.cache", "etc/ld.so.preload", "lib/libnss_files.so.2", "usr/lib/libc.so.6",
             "lib/x86_64-linux-gnu/libnss_files.so.2", "usr/lib/x86_64-linux-gnu/gconv/gconv-modules"]
    for name in names:
        (c.rootfs / name).parent.mkdir(parents=True, exist_ok=True)
        (c.rootfs / name).write_text("")
    c.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [7]}
    with opened(*{(c.rootfs / name).parent for name in names}) as seen:
        c.run()
        c.process["args"] = SLEEP
        c.up().exec("-u", "1000", "--", "/bin/true")
        assert seen() <= {"passwd", "group"}
