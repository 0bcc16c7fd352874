"""config-linux.md: namespaces, user namespace mappings, time offsets. config.md: hostname, domainname."""

import os
import subprocess
from pathlib import Path

import pytest

from runtime import VIEW, lacks, wait_for

LINKS = {"pid": "pid", "network": "net", "ipc": "ipc", "uts": "uts", "mount": "mnt", "cgroup": "cgroup"}
SLEEP = ["/bin/sleep", "1000"]


def inode(pid, link: str) -> str:
    return os.readlink(f"/proc/{pid}/ns/{link}")


@pytest.fixture
def holder():
    """A process in new namespaces of its own, to be joined by path."""
    started = []

    def start(*flags: str) -> int:
        process = subprocess.Popen(["unshare", *flags, "sleep", "1000"], stdin=subprocess.DEVNULL)
        started.append(process)
        wait_for(lambda: b"sleep\0" in open(f"/proc/{process.pid}/cmdline", "rb").read()[:6], "the holder")
        return process.pid
    yield start
    for process in started:
        process.kill()
        process.wait()


# new namespaces

@pytest.mark.parametrize("type", LINKS)
def test_new_namespace(make, type):
    """If path is not specified, the runtime MUST create a new container namespace of this type."""
    c = make(args=SLEEP).namespace(type).up()
    assert inode(c.pid, LINKS[type]) != inode("self", LINKS[type])


@pytest.mark.parametrize("type", [t for t in LINKS if t != "mount"])
def test_namespace_that_is_not_listed_is_inherited(make, type):
    """If a namespace type is not specified, the container MUST inherit the runtime namespace of that type."""
    c = make(args=SLEEP).without(type)
    if type == "uts":
        del c.config["hostname"]
    if type == "network":
        c.config["mounts"] = [m for m in c.mounts if m["type"] not in ("sysfs", "cgroup")]
    c.up()
    assert inode(c.pid, LINKS[type]) == inode("self", LINKS[type])


@lacks("crun", "1.8 takes it")
def test_duplicate_namespace_is_an_error(make):
    """If a namespaces field contains duplicated namespaces with same type, the runtime MUST generate an error."""
    c = make()
    c.linux["namespaces"] += [{"type": "ipc"}]
    c.refused()


def test_unknown_namespace_is_an_error(make):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = make()
    c.linux["namespaces"] += [{"type": "thoughts"}]
    c.refused()


# by path

@pytest.mark.parametrize("type, flag", [("network", "--net"), ("ipc", "--ipc"), ("uts", "--uts")])
def test_namespace_by_path(make, holder, type, flag):
    """The runtime MUST place the container process in the namespace associated with that path."""
    pid = holder(flag)
    c = make(args=SLEEP).namespace(type, f"/proc/{pid}/ns/{LINKS[type]}")
    c.config.pop("hostname")
    c.up()
    assert inode(c.pid, LINKS[type]) == inode(pid, LINKS[type])


def test_pid_namespace_of_another_container(make):
    """A pod: the second container sees the first one's processes."""
    first = make(args=["/bin/sleep", "4712"]).up()
    second = make("ps").namespace("pid", f"/proc/{first.pid}/ns/pid")
    assert "sleep 4712" in second.output()


@pytest.fixture
def user_holder(holder):
    """A process in a user namespace of several ranges, with further namespaces that belong to it."""
    def start(*flags: str) -> int:
        pid = holder("--user", *flags)
        for file in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{file}").write_text("0 100000 1000\n1000 300000 64536\n")
        return pid
    return start


def test_user_namespace_by_path(make, user_holder):
    """The container runs in the user namespace at the path; its other namespaces belong to that one."""
    pid = user_holder()
    c = make("id -u; cat /proc/self/uid_map; hostname; mount -t tmpfs none /mnt && echo mine; sleep 1000")
    c.mapped((0, 100000, 1000), (1000, 300000, 64536)).namespace("user", f"/proc/{pid}/ns/user")
    (c.rootfs / "mnt").mkdir()
    os.chown(c.rootfs / "mnt", 100000, 100000)
    c.capabilities("CAP_SYS_ADMIN").up()
    wait_for(lambda: "mine" in c.stdout.read_text(), "the mount")
    lines = c.stdout.read_text().splitlines()
    assert lines[0] == "0" and lines[1].split() == ["0", "100000", "1000"] and lines[3] == "conformance"
    assert inode(c.pid, "user") == inode(pid, "user")
    assert os.stat(f"/proc/{c.pid}").st_uid == 100000
    assert c.exec("id", "-u").stdout == "0\n"


def test_user_namespace_of_a_pod(make):
    """A pod with a user namespace: the second container joins the first one's user, network, ipc and pid namespaces."""
    first = make(args=["/bin/sleep", "4713"]).mapped().up()
    second = make("ps; cat /proc/self/uid_map; id -u").mapped()
    for type, link in (("user", "user"), ("network", "net"), ("ipc", "ipc"), ("pid", "pid")):
        second.namespace(type, f"/proc/{first.pid}/ns/{link}")
    output = second.output()
    assert "sleep 4713" in output and "100000" in output and output.endswith("\n0\n")


def test_exec_enters_every_namespace(make):
    """exec joins all the namespaces of the container."""
    c = make(args=SLEEP).namespace("cgroup").up()
    inside = c.exec("sh", "-c", "for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done").stdout
    assert inside.split() == [inode(c.pid, n) for n in ("pid", "net", "ipc", "uts", "mnt", "cgroup")]


def test_namespace_of_another_type_is_an_error(make):
    """The runtime MUST generate an error if path is not associated with a namespace of type type."""
    c = make().namespace("network", "/proc/self/ns/ipc")
    c.refused()


@pytest.mark.parametrize("path", ["/proc/self/ns/none", "/etc/passwd"])
def test_namespace_path_that_is_no_namespace_is_an_error(make, path):
    """The runtime MUST generate an error if path is not associated with a namespace of type type."""
    c = make().namespace("network", path)
    c.refused()


def test_relative_namespace_path_is_an_error(make):
    """path MUST be an absolute path in the runtime mount namespace."""
    c = make().namespace("network", "self/ns/net")
    c.refused(cwd="/proc")


# names

def test_hostname(make):
    """hostname specifies the container's hostname as seen by processes running inside the container."""
    c = make("hostname; uname -n")
    c.config["hostname"] = "another.name"
    assert c.lines() == ["another.name"] * 2


def test_hostname_does_not_change_the_hosts(make):
    """The name is the UTS namespace's."""
    before = os.uname().nodename
    make().output()
    assert os.uname().nodename == before


def test_hostname_without_a_uts_namespace_is_an_error(make):
    """Setting it would change the host's: the runtime must not."""
    before = os.uname().nodename
    c = make().without("uts")
    c.refused()
    assert os.uname().nodename == before


@lacks("runc", "1.1 has no domainname")
def test_domainname(make):
    """domainname specifies the container's domainname as seen by processes running inside the container."""
    c = make("cat /proc/sys/kernel/domainname")
    c.config["domainname"] = "example.org"
    assert c.output() == "example.org\n"


# network

def test_new_network_namespace_has_a_loopback_that_is_up(make):
    """A new network namespace has lo only. (runc and crun set it up; engines rely on it.)"""
    lines = make("ls /sys/class/net; cat /sys/class/net/lo/flags").lines()
    assert lines[0] == "lo" and len([x for x in lines if not x.startswith("0x")]) <= 7
    assert int(lines[-1], 16) & 1


# user namespace

def test_user_namespace(make):
    """A new user namespace."""
    c = make(args=SLEEP).mapped().up()
    assert inode(c.pid, "user") != inode("self", "user")


def test_user_mappings(make):
    """uidMappings and gidMappings: containerID, hostID, size."""
    c = make("cat /proc/self/uid_map /proc/self/gid_map").mapped((0, 100000, 1000), (1000, 200000, 500))
    assert [line.split() for line in c.lines()] == [["0", "100000", "1000"], ["1000", "200000", "500"]] * 2


def test_ids_inside_and_outside(make):
    """Root inside is the mapped user outside, for the process and its files."""
    c = make("id -u; id -g; echo x > /made; stat -c '%u %g' /made; exec sleep 1000").mapped().up()
    wait_for(lambda: len(c.stdout.read_text().split()) == 4, "output")
    assert c.stdout.read_text().split() == ["0", "0", "0", "0"]
    assert os.stat(f"/proc/{c.pid}").st_uid == 100000
    assert (c.rootfs / "made").stat().st_uid == 100000


def test_plain_user_in_a_user_namespace(make):
    """uid and gid specify IDs in the container namespace."""
    c = make("id -u; id -g; cat /proc/self/setgroups").mapped()
    c.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7]}
    assert c.lines()[:2] == ["1000", "1001"]


def test_id_that_is_not_mapped_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make().mapped((0, 100000, 10))
    c.process["user"] = {"uid": 1000, "gid": 1000}
    c.refused(verb="run")


def test_user_namespace_without_mappings_is_an_error(make):
    """Nobody would be root: no program can be run so."""
    make().namespace("user").refused()


def test_devices_in_a_user_namespace(make):
    """The default devices are there too where mknod is not allowed."""
    c = make("echo x > /dev/null && [ -c /dev/zero ] && head -c 1 /dev/urandom | wc -c").mapped()
    assert c.output() == "1\n"


def test_exec_in_a_user_namespace(make):
    """exec joins the user namespace as its root."""
    c = make(args=SLEEP).mapped().up()
    assert c.exec("sh", "-c", "id -u; readlink /proc/self/ns/user").stdout.split() == ["0", inode(c.pid, "user")]


def test_mappings_do_not_change_owners(make):
    """The runtime SHOULD NOT modify the ownership of referenced filesystems to realize the mapping."""
    c = make().mapped()
    file = c.rootfs / "etc/passwd"
    os.chown(file, 55, 55)
    c.output()
    assert file.stat().st_uid == 55


# cgroup namespace

def test_cgroup_namespace_hides_the_path(make):
    """cgroup namespace: the container's own cgroup is its root."""
    c = make(args=["/bin/cat", "/proc/self/cgroup"]).namespace("cgroup")
    c.linux["cgroupsPath"] = f"/conformance/{c.id}"
    assert c.id not in c.output()


def test_cgroup_mount_shows_the_containers_own_cgroup(make):
    """The cgroup filesystem inside shows no cgroup of others."""
    c = make("cat /proc/self/mountinfo | grep -c cgroup; find /sys/fs/cgroup -name 'conformance-*' | wc -l")
    c.namespace("cgroup")
    mounts, others = c.lines()
    assert int(mounts) >= 1 and int(others) == 0, VIEW


# time namespace

@lacks("runc", "1.1 has no time namespace")
@lacks("crun", "1.8 fails here: connection reset by peer")
def test_time_namespace(make):
    """timeOffsets sets the offset for Linux time namespaces: boottime and monotonic."""
    c = make("cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime").namespace("time")
    c.linux["timeOffsets"] = {"monotonic": {"secs": 4000, "nanosecs": 7}, "boottime": {"secs": 86400 * 100}}
    lines = c.lines()
    assert lines[0].split() == ["monotonic", "4000", "7"] and lines[1].split() == ["boottime", "8640000", "0"]
    assert int(lines[2]) > 8640000


@lacks("runc", "1.1 has no time namespace")
@lacks("crun", "1.8 fails here before it looks at the clock, at times without a word")
def test_unknown_clock_is_an_error(make):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = make().namespace("time")
    c.linux["timeOffsets"] = {"sundial": {"secs": 1}}
    assert "sundial" in c.refused().stderr
