"""config-linux.md: devices, cgroups and resources, masked and read-only paths, sysctl, seccomp, and the rest."""

import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from runtime import CGROUPS, VIEW, bind, cases, lacks, needs, wait_for

SLEEP = ["/bin/sleep", "1000"]


def device(path="/dev/own", type="c", major=1, minor=3, **more) -> dict:
    return {"path": path, "type": type, "major": major, "minor": minor} | more


def rule(allow: bool, access="rwm", **more) -> dict:
    return {"allow": allow, "access": access} | more


# devices

@pytest.mark.parametrize("path", ["/dev/own", "/dev/deep/er/own", "/srv/own"])
def test_device(make, path):
    """devices lists devices that MUST be available in the container; path is the full path inside."""
    c = make(f"stat -c '%F %t %T %a %u %g' {path}")
    c.linux["devices"] = [device(path, fileMode=0o640, uid=7, gid=8)]
    c.resources["devices"].append(rule(True, type="c", major=1, minor=3))
    assert c.output() == "character special file 1 3 640 7 8\n"


def test_block_device_and_fifo(make):
    """type: c, b, u or p."""
    c = make("stat -c '%F' /dev/block /dev/fifo /dev/unbuffered")
    c.linux["devices"] = [device("/dev/block", "b", 7, 0), device("/dev/fifo", "p"), device("/dev/unbuffered", "u")]
    assert c.lines() == ["block special file", "fifo", "character special file"]


def test_default_mode_of_a_device(make):
    """fileMode, uid, gid are optional: the device is root's."""
    c = make("stat -c '%u %g' /dev/own")
    c.linux["devices"] = [device()]
    assert c.output() == "0 0\n"


def test_umask_does_not_change_a_devices_mode(make):
    """fileMode is the mode, whatever umask the runtime was called with."""
    c = make("stat -c %a /dev/own")
    c.linux["devices"] = [device(fileMode=0o666)]
    assert c.run(umask=0o077).stdout == "666\n"


@lacks("runc", "1.1 leaves the file there")
@lacks("crun", "1.8 leaves the file there")
def test_file_in_the_place_of_a_device_is_an_error(make):
    """If a file already exists at path that does not match the requested device, the runtime MUST generate an error."""
    c = make()
    (c.rootfs / "srv").mkdir()
    (c.rootfs / "srv/own").write_text("a file")
    c.linux["devices"] = [device("/srv/own")]
    c.refused()


@pytest.mark.parametrize("more", cases({"type": "x"}, {"path": "relative"}, {"major": -1},
                                       crun=[{"type": "x"}, {"path": "relative"}], runc=[{"path": "relative"}]))
def test_invalid_device_is_an_error(make, more):
    """The runtime MUST generate an error when invalid values are encountered."""
    c = make()
    c.linux["devices"] = [device() | more]
    c.refused()


def opens(path="/dev/own") -> str:
    return f"(: < {path}) 2>/dev/null && echo read; (: > {path}) 2>/dev/null && echo write; true"


@pytest.fixture
def spare() -> dict:
    """A device that everybody can open, and that no runtime allows by default. (kmsg wants CAP_SYSLOG of a reader.)"""
    for name in ("fuse", "loop-control"):
        with contextlib.suppress(OSError):
            os.close(os.open(f"/dev/{name}", os.O_RDWR))
            number = os.stat(f"/dev/{name}").st_rdev
            return {"type": "c", "major": os.major(number), "minor": os.minor(number)}
    pytest.skip("this machine has no device to try")


def with_device(make, spare: dict, *rules: dict):
    c = make(opens())
    c.linux["devices"] = [{"path": "/dev/own"} | spare]
    c.resources["devices"] = [rule(False), *rules]
    return c


@pytest.mark.parametrize("access, expected", [
    ("rwm", ["read", "write"]), ("r", ["read"]), ("w", ["write"]), ("m", [])])
def test_device_access(make, spare, access, expected):
    """access: r (read), w (write) and m (mknod)."""
    assert with_device(make, spare, rule(True, access, **spare)).lines() == expected


def test_device_that_is_not_allowed(make, spare):
    """allow: whether the entry is allowed or denied."""
    assert with_device(make, spare).lines() == []


def test_device_rules_in_listed_order(make, spare):
    """The runtime MUST apply entries in the listed order."""
    assert with_device(make, spare, rule(True, **spare), rule(False, "w", **spare)).lines() == ["read"]


def test_device_rule_with_a_wildcard(make, spare):
    """major and minor default to all."""
    assert with_device(make, spare, rule(True, type="c", major=spare["major"])).lines() == ["read", "write"]


def test_device_rule_for_everything(make, spare):
    """type a is all devices."""
    assert with_device(make, spare, rule(True)).lines() == ["read", "write"]


def test_own_device_node_gives_nothing(make, spare):
    """Even with CAP_MKNOD the devices that are not allowed cannot be opened."""
    c = make(f"mknod /tmp/own c {spare['major']} {spare['minor']}; {opens('/tmp/own')}").capabilities("CAP_MKNOD")
    assert c.lines() == []


# cgroupsPath

def paths_with(container, word: str) -> list[Path]:
    return [p for p in CGROUPS.all_of(container.pid) if word in p.parts]


def test_absolute_cgroups_path(make):
    """In the case of an absolute path, the runtime MUST take the path to be relative to the cgroups mount point."""
    c = make(args=SLEEP)
    c.linux["cgroupsPath"] = f"/conformance/{c.id}/inner"
    c.up()
    roots = [*CGROUPS.mounts.values(), *([CGROUPS.unified] if CGROUPS.unified else [])]
    found = paths_with(c, c.id)
    assert found
    assert all(any(p == root / "conformance" / c.id / "inner" for root in roots) for p in found), found
    if VIEW != "v2":
        hierarchies = {p.relative_to("/sys/fs/cgroup").parts[0] for p in found}
        assert {"memory", "cpu", "pids", "devices", "freezer"} <= hierarchies


def test_relative_cgroups_path(make):
    """In the case of a relative path, the runtime MAY interpret it relative to a place of its own."""
    c = make(args=SLEEP)
    c.linux["cgroupsPath"] = f"conformance/{c.id}"
    c.up()
    assert paths_with(c, c.id)


def test_no_cgroups_path(make):
    """If the value is not specified, the runtime MAY define the default: the container has a cgroup of its own."""
    c = make(args=SLEEP).up()
    own = CGROUPS.all_of(os.getpid())
    assert any(p not in own for p in CGROUPS.all_of(c.pid))


def test_same_cgroups_path_is_the_same_place(make):
    """The runtime MUST consistently attach to the same place given the same value of cgroupsPath."""
    places = []
    for _ in range(2):
        c = make(args=SLEEP)
        c.linux["cgroupsPath"] = "/conformance/same"
        c.up()
        places.append(CGROUPS.all_of(c.pid))
        c.delete("--force")
    assert places[0] == places[1]


@pytest.mark.parametrize("prefix", cases("/../", "../../", "/a/../../", crun=["/../", "/a/../../"],
                                         reason="makes a directory above the hierarchies"))
def test_cgroups_path_stays_in_the_hierarchy(make, prefix):
    """A path that goes up does not leave the mount point."""
    c = make(args=SLEEP)
    c.linux["cgroupsPath"] = prefix + c.id
    c.create(check=False)
    outside = [p for p in (Path("/sys/fs") / c.id, Path("/sys/fs/cgroup") / c.id) if p.exists() and VIEW != "v2"]
    c.runtime.call("delete", "--force", c.id, check=False)
    for path in outside:
        shutil.rmtree(path, ignore_errors=True)
    assert outside == []


def test_children_are_in_the_cgroup(make):
    """Every process of the container is in its cgroup."""
    c = make("sleep 1000 & echo $! ; wait").without("pid").up()
    child = int(wait_for(c.stdout.read_text, "the child"))
    assert CGROUPS.all_of(child) == CGROUPS.all_of(c.pid)


# resources, v1

MEGABYTE = 1 << 20

V1 = [
    ("memory", {"memory": {"limit": 64 * MEGABYTE}}, "memory.limit_in_bytes", str(64 * MEGABYTE)),
    ("memory", {"memory": {"limit": 64 * MEGABYTE, "reservation": 32 * MEGABYTE}}, "memory.soft_limit_in_bytes",
     str(32 * MEGABYTE)),
    ("memory", {"memory": {"limit": 64 * MEGABYTE, "swap": 96 * MEGABYTE}}, "memory.memsw.limit_in_bytes",
     str(96 * MEGABYTE)),
    ("memory", {"memory": {"limit": -1}}, "memory.limit_in_bytes", "9223372036854771712"),
    ("memory", {"memory": {"swappiness": 30}}, "memory.swappiness", "30"),
    ("memory", {"memory": {"disableOOMKiller": True}}, "memory.oom_control", "oom_kill_disable 1"),
    ("cpu", {"cpu": {"shares": 512}}, "cpu.shares", "512"),
    ("cpu", {"cpu": {"quota": 20000, "period": 40000}}, "cpu.cfs_quota_us", "20000"),
    ("cpu", {"cpu": {"quota": 20000, "period": 40000}}, "cpu.cfs_period_us", "40000"),
    ("cpu", {"cpu": {"period": 40000}}, "cpu.cfs_period_us", "40000"),
    ("cpu", {"cpu": {"quota": -1}}, "cpu.cfs_quota_us", "-1"),
    ("cpu", {"cpu": {"idle": 1}}, "cpu.idle", "1"),
    ("cpu", {"cpu": {"quota": 20000, "period": 40000, "burst": 10000}}, "cpu.cfs_burst_us", "10000"),
    ("cpuset", {"cpu": {"cpus": "0"}}, "cpuset.cpus", "0"),
    ("cpuset", {"cpu": {"mems": "0"}}, "cpuset.mems", "0"),
    ("pids", {"pids": {"limit": 21}}, "pids.max", "21"),
    ("pids", {"pids": {"limit": -1}}, "pids.max", "max"),
]
WRONG_IN_PEERS = {("cpu.idle", "1"): ["runc"], ("cpu.cfs_burst_us", "10000"): ["runc", "crun"],
                  ("cpu.cfs_quota_us", "-1"): ["crun"], ("pids.max", "max"): ["crun"]}


@needs("v1")
@pytest.mark.parametrize("controller, resources, file, value", [
    pytest.param(*row, id=f"{row[2]}-{row[3]}", marks=[
        needs(row[0]), *(lacks(n, f"cannot set {row[2]} so") for n in WRONG_IN_PEERS.get(row[2:], []))])
    for row in V1])
def test_v1_resource(make, controller, resources, file, value):
    """Resources are written to the files of the container's cgroup."""
    c = make(args=SLEEP)
    c.resources.update(resources)
    c.up()
    assert value in (CGROUPS.of(c.pid, controller) / file).read_text().splitlines()


@needs("v1", "blkio")
@pytest.mark.parametrize("name, file", [
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device")])
def test_v1_block_io_throttle(make, name, file):
    """throttle…Device: an array of per-device limits."""
    disk = next(Path("/sys/block").glob("[vs]d*"), None) or next(Path("/sys/block").iterdir())
    major, minor = map(int, (disk / "dev").read_text().split(":"))
    c = make(args=SLEEP)
    c.resources["blockIO"] = {name: [{"major": major, "minor": minor, "rate": 7000}]}
    c.up()
    assert (CGROUPS.of(c.pid, "blkio") / file).read_text() == f"{major}:{minor} 7000\n"


@needs("pids")
def test_pids_limit_holds(make):
    """limit specifies the maximum number of tasks in the cgroup."""
    c = make("sleep 5 & sleep 5 & sleep 5 & sleep 5 & echo all four; wait")
    c.resources["pids"] = {"limit": 3}
    result = c.run(check=False)
    assert "all four" not in result.stdout and "fork" in result.stderr


@needs("memory")
def test_memory_limit_holds(make):
    """limit sets the limit of memory usage: the process that passes it is killed."""
    c = make("head -c 64m /dev/zero | tail -c 64m | wc -c; true")
    c.resources["memory"] = {"limit": 16 * MEGABYTE, "swap": 16 * MEGABYTE}
    assert str(64 * MEGABYTE) not in c.run(check=False).stdout


@needs("v1")
def test_limit_is_set_before_the_program_starts(make):
    """All properties are applied by create: the limits are there before start."""
    c = make(args=SLEEP)
    c.resources["pids"] = {"limit": 21}
    c.create()
    assert (CGROUPS.of(c.pid, "pids") / "pids.max").read_text() == "21\n"


@needs("v1")
@pytest.mark.parametrize("resources", [
    {"cpu": {"cpus": "4000"}}, {"cpu": {"mems": "4000"}}, {"cpu": {"period": 1}},
    {"memory": {"swappiness": 4711}}], ids=json.dumps)
def test_v1_value_that_the_kernel_refuses_is_an_error(make, resources):
    """If the runtime cannot apply a property as specified, it MUST generate an error."""
    c = make()
    c.resources.update(resources)
    c.refused()


@needs("v1")
def test_unified_on_v1_is_an_error(make):
    """The runtime MUST generate an error when the configuration refers to a cgroup controller that is not present."""
    c = make()
    c.resources["unified"] = {"memory.high": "1000000"}
    c.refused()


@needs("v1")
def test_missing_controller_is_an_error(make):
    """If the runtime cannot apply a property as specified, it MUST generate an error: hugetlb is not mounted here."""
    if "hugetlb" in CGROUPS.mounts:
        pytest.skip("hugetlb is mounted here")
    c = make()
    c.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 0}]
    if VIEW == "hybrid":
        pytest.skip("the hybrid layout may give hugetlb through v2")
    c.refused()


# resources, v2

@needs("unified", "hugetlb")
def test_v2_unified(make):
    """unified: files of the cgroup and their values, written as they are."""
    c = make(args=SLEEP)
    c.resources["unified"] = {"hugetlb.2MB.max": str(4 * MEGABYTE)}
    c.up()
    assert (CGROUPS.of(c.pid, "unified") / "hugetlb.2MB.max").read_text() == f"{4 * MEGABYTE}\n"


@needs("unified", "hugetlb")
def test_v2_hugepage_limits(make):
    """hugepageLimits: pageSize and limit."""
    c = make(args=SLEEP)
    c.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 6 * MEGABYTE}]
    c.up()
    assert (CGROUPS.of(c.pid, "unified") / "hugetlb.2MB.max").read_text() == f"{6 * MEGABYTE}\n"


@needs("unified")
def test_v2_core_files(make):
    """unified: files of the core interface are no controller's."""
    c = make(args=SLEEP)
    c.resources["unified"] = {"cgroup.max.descendants": "17"}
    c.up()
    assert (CGROUPS.of(c.pid, "unified") / "cgroup.max.descendants").read_text() == "17\n"


@needs("unified")
@pytest.mark.parametrize("name", ["nosuch.max", "memory.nosuch"])
def test_v2_unknown_file_is_an_error(make, name):
    """The runtime MUST generate an error when the configuration refers to a controller that is not present."""
    c = make()
    c.resources["unified"] = {name: "1"}
    c.refused()


@needs("unified")
@pytest.mark.parametrize("name", ["../hugetlb.2MB.max", "a/b", "", "/etc/passwd"])
def test_v2_file_that_is_a_path_is_an_error(make, name):
    """A key is the name of a file in the container's cgroup: no way out of it."""
    c = make()
    c.resources["unified"] = {name: "1"}
    c.refused()


@needs("unified")
def test_v2_missing_controller_is_an_error(make):
    """The runtime MUST generate an error when the configuration refers to a controller that is not present."""
    if "memory" in CGROUPS.controllers:
        pytest.skip("this v2 view has the memory controller")
    c = make()
    c.resources["memory"] = {"limit": 64 * MEGABYTE}
    c.refused()


V2 = [
    ("memory", {"memory": {"limit": 64 * MEGABYTE}}, "memory.max", str(64 * MEGABYTE)),
    ("memory", {"memory": {"reservation": 32 * MEGABYTE}}, "memory.low", str(32 * MEGABYTE)),
    ("memory", {"memory": {"limit": 64 * MEGABYTE, "swap": 96 * MEGABYTE}}, "memory.swap.max", str(32 * MEGABYTE)),
    ("cpu", {"cpu": {"quota": 20000, "period": 40000}}, "cpu.max", "20000 40000"),
    # The older conversion, linear in the range, gives 39; that of newer crun and runc 100: default is default.
    ("cpu", {"cpu": {"shares": 1024}}, "cpu.weight", ("39", "100")),
    ("cpuset", {"cpu": {"cpus": "0"}}, "cpuset.cpus", "0"),
    ("pids", {"pids": {"limit": 21}}, "pids.max", "21"),
    ("io", {"blockIO": {"weight": 300}}, "io.bfq.weight", "default 300"),
    ("io", {"blockIO": {"weight": 300}}, "io.weight", "default 2930"),
]


@needs("unified")
@pytest.mark.parametrize("controller, resources, file, value", [
    pytest.param(*row, marks=needs(row[0]), id=row[2]) for row in V2])
def test_v2_resource(make, controller, resources, file, value):
    """v1 resources are converted: cgroups.md of crun, the same in runc."""
    c = make(args=SLEEP)
    c.resources.update(resources)
    c.up()
    group = CGROUPS.of(c.pid, "unified")
    if file.startswith("io.") and not (group / file).exists():
        pytest.skip(f"this kernel has no {file}")
    if file == "io.weight" and (group / "io.bfq.weight").exists():
        pytest.skip("the weight goes to BFQ here")
    expected = {value} if isinstance(value, str) else set(value)
    assert expected & set((group / file).read_text().splitlines())


# masked and read-only paths, sysctl, propagation

@pytest.fixture
def source(make):
    """A host directory that is a shared mount."""
    directory = make().directory / "source"
    (directory / "sub").mkdir(parents=True)
    subprocess.run(["mount", "--bind", directory, directory], check=True)
    subprocess.run(["mount", "--make-shared", directory], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def test_masked_file(make):
    """maskedPaths will mask over the provided paths inside the container so that they cannot be read."""
    c = make("cat /secret; wc -c < /secret")
    (c.rootfs / "secret").write_text("secret\n")
    c.linux["maskedPaths"] = ["/secret"]
    assert c.output() == "0\n"


def test_masked_directory(make):
    """A masked directory is empty, and nothing can be made in it."""
    c = make("ls -A /secrets; touch /secrets/x 2>/dev/null || echo no")
    (c.rootfs / "secrets").mkdir()
    (c.rootfs / "secrets/one").write_text("secret\n")
    c.linux["maskedPaths"] = ["/secrets"]
    assert c.output() == "no\n"


def test_masked_path_that_is_missing_is_skipped(make):
    """Engines list paths that only some kernels have."""
    c = make("[ -e /missing ] || echo up")
    c.linux["maskedPaths"] = ["/missing", "/missing/deep"]
    assert c.output() == "up\n"


def test_no_masked_paths(make):
    """An empty list masks nothing."""
    c = make("cat /proc/timer_list | wc -c")
    c.linux["maskedPaths"] = []
    assert int(c.output()) > 0


@lacks("runc", "takes it as it is")
@lacks("crun", "takes it as it is")
@pytest.mark.parametrize("name", ["maskedPaths", "readonlyPaths"])
def test_relative_path_is_an_error(make, name):
    """The values MUST be absolute paths in the container namespace."""
    c = make()
    c.linux[name] = ["etc"]
    c.refused()


def test_readonly_paths(make):
    """readonlyPaths will set the provided paths as readonly inside the container."""
    c = make("touch /data/x 2>&1; cat /data/file; touch /etc/x && echo etc")
    (c.rootfs / "data").mkdir()
    (c.rootfs / "data/file").write_text("still read\n")
    c.linux["readonlyPaths"] = ["/data"]
    lines = c.lines()
    assert "Read-only" in lines[0] and lines[1:] == ["still read", "etc"]


def test_readonly_file(make):
    """A file can be read-only too."""
    c = make("(echo x > /file) 2>/dev/null || echo no")
    (c.rootfs / "file").write_text("")
    c.linux["readonlyPaths"] = ["/file"]
    assert c.output() == "no\n"


def test_readonly_path_that_is_missing_is_skipped(make):
    """Engines list paths that only some kernels have."""
    c = make("echo up")
    c.linux["readonlyPaths"] = ["/missing"]
    assert c.output() == "up\n"


@pytest.mark.parametrize("name, value", [("net.ipv4.ip_forward", "1"), ("net/ipv4/ip_default_ttl", "77"),
                                         ("kernel.shm_rmid_forced", "1"), ("kernel.msgmax", "8191"),
                                         ("fs.mqueue.msg_max", "11")])
def test_sysctl(make, name, value):
    """sysctl allows kernel parameters to be modified at runtime for the container."""
    path = "/proc/sys/" + name.replace(".", "/")
    before = Path(path).read_text()
    c = make(f"cat {path}")
    c.linux["sysctl"] = {name: value}
    assert c.output() == f"{value}\n"
    assert Path(path).read_text() == before, "the host's stays"


def test_unknown_sysctl_is_an_error(make):
    """If the runtime cannot apply a property as specified, it MUST generate an error."""
    c = make()
    c.linux["sysctl"] = {"net.ipv4.no_such_key": "1"}
    c.refused()


@pytest.mark.parametrize("value, expected", [
    ("private", ""), ("rprivate", ""), *(
        pytest.param(*row, marks=lacks("runc", "1.1 does not"))
        for row in (("shared", "shared:"), ("rshared", "shared:"), ("unbindable", "unbindable")))])
def test_rootfs_propagation(make, value, expected):
    """rootfsPropagation sets the rootfs's mount propagation."""
    c = make("awk '$5 == \"/\"' /proc/self/mountinfo")
    c.linux["rootfsPropagation"] = value
    root = c.lines()[-1].split(" - ")[0].split()
    assert root[4] == "/"
    optional = " ".join(root[6:])
    assert optional.startswith(expected) and bool(optional) == bool(expected), optional


@pytest.mark.parametrize("value", ["slave", "rslave"])
def test_slave_rootfs_gets_mounts_of_the_host(make, source, value):
    """slave: what is mounted on the host later is seen inside."""
    c = make("while ! [ -e /data/sub/late ]; do sleep 0.01; done; echo seen")
    c.linux["rootfsPropagation"] = value
    c.mounts.append(bind(source, "/data", "rbind"))
    c.up()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "sub"], check=True)
    (source / "sub/late").write_text("")
    try:
        wait_for(lambda: c.stdout.read_text() == "seen\n", "the mount")
    finally:
        subprocess.run(["umount", "-l", source / "sub"], check=True)


@lacks("crun", "1.8 ignores it")
def test_unknown_rootfs_propagation_is_an_error(make):
    """Its value is either slave, private, shared or unbindable."""
    c = make()
    c.linux["rootfsPropagation"] = "wide"
    c.refused()


# personality

@lacks("runc", "1.1 has no personality")
def test_personality(make):
    """domain is LINUX or LINUX32: uname -m says so."""
    c = make("uname -m")
    c.linux["personality"] = {"domain": "LINUX32"}
    assert c.output() in ("i686\n", "armv8l\n")


def test_personality_linux(make):
    """LINUX is the default one."""
    c = make("uname -m")
    c.linux["personality"] = {"domain": "LINUX"}
    assert c.output() == os.uname().machine + "\n"


@lacks("runc", "1.1 has no personality")
def test_unknown_personality_is_an_error(make):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = make()
    c.linux["personality"] = {"domain": "MINIX"}
    c.refused(verb="run")


# seccomp

def seccomp(container, *rules: dict, default="SCMP_ACT_ALLOW", **more):
    container.linux["seccomp"] = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"],
                                  "syscalls": list(rules)} | more
    return container


def calls(*names: str, action="SCMP_ACT_ERRNO", **more) -> dict:
    return {"names": list(names), "action": action} | more


EVERYDAY = """_llseek access arch_prctl brk capget capset chdir chmod chown chown32 clock_gettime clock_nanosleep
    clone clone3 close close_range dup dup2 dup3 epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 execve
    execveat exit exit_group faccessat faccessat2 fadvise64 fchdir fchmod fchmodat fchown fchownat fcntl fdatasync
    flock fork fstat fstatfs fsync ftruncate futex getcwd getdents getdents64 getegid geteuid getgid getgroups
    getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
    getsockname getsockopt gettid gettimeofday getuid ioctl kill lchown link linkat listxattr lseek lstat madvise
    memfd_create mkdir mkdirat mknod mmap mount mprotect mremap munmap nanosleep newfstatat open openat openat2
    pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl pread64 prlimit64 pselect6 pwrite64 read
    readlink readlinkat readv recvfrom recvmsg rename renameat renameat2 rmdir rseq rt_sigaction rt_sigpending
    rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_setaffinity sched_yield
    seccomp select sendmsg sendto set_robust_list set_tid_address setfsgid setfsuid setgid setgroups sethostname
    setns setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid sigaltstack
    socket socketpair stat statfs statx symlink symlinkat tgkill time umask umount2 uname unlink unlinkat unshare
    utimensat vfork wait4 waitid write writev""".split()


def test_seccomp_errno(make):
    """SCMP_ACT_ERRNO: EPERM by default."""
    c = seccomp(make("mkdir /tmp/x 2>&1; echo up"), calls("mkdir", "mkdirat"))
    first, second = c.lines()
    assert "Operation not permitted" in first and second == "up"


@pytest.mark.parametrize("number, text", [(38, "Function not implemented"), (2, "No such file"), (28, "No space left")])
def test_seccomp_errno_ret(make, number, text):
    """errnoRet: the errno return code to use."""
    c = seccomp(make("mkdir /tmp/x 2>&1; true"), calls("mkdir", "mkdirat", errnoRet=number))
    assert text in c.output()


def test_seccomp_default_errno_ret(make):
    """defaultErrnoRet: for the default action. An allow list: what is not named is refused with it."""
    c = make("mkdir /tmp/x 2>&1; echo up")
    seccomp(c, calls(*(n for n in EVERYDAY if n not in ("mkdir", "mkdirat")), action="SCMP_ACT_ALLOW"),
            default="SCMP_ACT_ERRNO", defaultErrnoRet=38)
    first, second = c.lines()
    assert "Function not implemented" in first and second == "up"


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_seccomp_kill(make, action):
    """The kill actions and TRAP end the process with SIGSYS."""
    c = seccomp(make("mkdir /tmp/x; echo $?"), calls("mkdir", "mkdirat", action=action))
    assert c.run(check=False).stdout.splitlines()[-1] == "159"


def test_seccomp_log(make):
    """SCMP_ACT_LOG: the call is made (and logged)."""
    c = seccomp(make("mkdir /tmp/x && echo made"), calls("mkdir", "mkdirat", action="SCMP_ACT_LOG"))
    assert c.output() == "made\n"


def test_seccomp_trace_without_a_tracer(make):
    """SCMP_ACT_TRACE: without a tracer the call fails with ENOSYS."""
    c = seccomp(make("mkdir /tmp/x 2>&1; true"), calls("mkdir", "mkdirat", action="SCMP_ACT_TRACE", errnoRet=1))
    assert "Function not implemented" in c.output()


def test_seccomp_allow_exceptions(make):
    """A rule's action goes before the default one."""
    c = seccomp(make("mkdir /tmp/x && echo made"), calls("mkdir", "mkdirat", action="SCMP_ACT_ALLOW"),
                default="SCMP_ACT_LOG")
    assert c.output() == "made\n"


def chmod_rules(op: str, value: int, two: int | None = None, **more) -> list[dict]:
    """Rules on the mode of chmod, which is argument 1 of chmod and 2 of fchmodat."""
    return [calls(name, args=[{"index": index, "value": value, "op": op} | ({} if two is None else {"valueTwo": two})],
                  **more) for name, index in (("chmod", 1), ("fchmodat", 2), ("fchmodat2", 2))]


@pytest.mark.parametrize("op, value, two, refused", [
    ("SCMP_CMP_EQ", 0o700, None, ["700"]), ("SCMP_CMP_NE", 0o700, None, ["600", "755"]),
    ("SCMP_CMP_LT", 0o700, None, ["600"]), ("SCMP_CMP_LE", 0o700, None, ["600", "700"]),
    ("SCMP_CMP_GT", 0o700, None, ["755"]), ("SCMP_CMP_GE", 0o700, None, ["700", "755"]),
    ("SCMP_CMP_MASKED_EQ", 0o055, 0o055, ["755"])])
def test_seccomp_argument_operators(make, op, value, two, refused):
    """op: SCMP_CMP_NE, LT, LE, EQ, GE, GT, MASKED_EQ."""
    c = make("for m in 600 700 755; do chmod $m /etc/group 2>/dev/null || echo $m; done")
    seccomp(c, *chmod_rules(op, value, two))
    assert c.lines() == refused


def test_seccomp_arguments_of_64_bits(make):
    """value is a uint64: both halves are compared."""
    big = 0x1_0000_0010
    c = make(f"for n in 16 {big} {big + 1}; do truncate -s $n /dev/shm/f 2>/dev/null || echo $n; done")
    seccomp(c, calls("ftruncate", "truncate", args=[{"index": 1, "value": big, "op": "SCMP_CMP_EQ"}]))
    c.mounts[3]["options"] = [o for o in c.mounts[3]["options"] if not o.startswith("size")]
    assert c.lines() == [str(big)]


def test_seccomp_arguments_of_one_rule_are_anded(make):
    """args of one entry: all must match."""
    c = make("chmod 700 /etc/group 2>/dev/null || echo no; true")
    seccomp(c, *({**r, "args": r["args"] + [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}
                 for r in chmod_rules("SCMP_CMP_EQ", 0o700)))
    assert c.lines() == []


def test_seccomp_rules_of_one_call_are_ored(make):
    """Several entries for a call: one must match."""
    c = make("for m in 600 700 755; do chmod $m /etc/group 2>/dev/null || echo $m; done")
    seccomp(c, *chmod_rules("SCMP_CMP_EQ", 0o600), *chmod_rules("SCMP_CMP_EQ", 0o755))
    assert c.lines() == ["600", "755"]


def test_seccomp_unknown_call_is_skipped(make):
    """Profiles name calls of other architectures and later kernels: the rest holds."""
    c = seccomp(make("mkdir /tmp/x 2>/dev/null || echo no"), calls("no_such_call_yet", "mkdir", "mkdirat"))
    assert c.output() == "no\n"


def test_seccomp_is_on(make):
    """/proc/self/status says filter mode."""
    c = seccomp(make(args=["/bin/grep", "^Seccomp:", "/proc/self/status"]), calls("mkdir"))
    assert c.output().split() == ["Seccomp:", "2"]


def test_no_seccomp(make):
    """seccomp is OPTIONAL: no filter."""
    c = make(args=["/bin/grep", "^Seccomp:", "/proc/self/status"])
    assert c.output().split()[1] == Path("/proc/self/status").read_text().split("Seccomp:")[1].split()[0]


def test_seccomp_is_the_last_step_with_no_new_privileges(make):
    """With noNewPrivileges the filter is loaded last: a profile may forbid what the runtime itself needs before."""
    c = seccomp(make("echo up"), calls("setuid", "setgid", "setgroups", "setresuid", "setresgid", "capset", "chdir",
                                       "mount", "unshare", "sethostname", "setsid", "close_range", "openat2"))
    assert c.output() == "up\n"


def test_seccomp_without_no_new_privileges(make):
    """Without it the filter is loaded while the privilege for that is still held; a plain user is under it too."""
    c = seccomp(make("mkdir /tmp/x 2>/dev/null || echo no"), calls("mkdir", "mkdirat"))
    c.process.update({"noNewPrivileges": False, "user": {"uid": 1000, "gid": 1000}})
    assert c.output() == "no\n"


def test_seccomp_holds_for_exec(make):
    """A process of exec is under the same filter."""
    c = seccomp(make(args=SLEEP), calls("mkdir", "mkdirat")).up()
    assert "Operation not permitted" in c.exec("mkdir", "/tmp/x", check=False).stderr


@lacks("runc", "1.1 has no flags")
def test_seccomp_flags(make):
    """flags: a list of flags for seccomp(2)."""
    c = seccomp(make("mkdir /tmp/x 2>/dev/null || echo no"), calls("mkdir", "mkdirat"),
                flags=["SECCOMP_FILTER_FLAG_LOG"])
    assert c.output() == "no\n"


NAMELESS = {"names": [], "action": "SCMP_ACT_ERRNO"}
KILL_WITH_ERRNO = calls("mkdir", action="SCMP_ACT_KILL", errnoRet=5)


@pytest.mark.parametrize("more", cases(
    {"defaultAction": "SCMP_ACT_MAYBE"}, {"architectures": ["SCMP_ARCH_PDP11"]},
    {"syscalls": [calls("mkdir", action="SCMP_ACT_MAYBE")]}, {"syscalls": [NAMELESS]},
    {"flags": ["SECCOMP_FILTER_FLAG_MAYBE"]},
    {"syscalls": [calls("mkdir", args=[{"index": 0, "value": 0, "op": "SCMP_CMP_MAYBE"}])]},
    {"syscalls": [calls("mkdir", args=[{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}])]},
    {"syscalls": [KILL_WITH_ERRNO]},
    crun=[{"syscalls": [NAMELESS]}], runc=[{"syscalls": [NAMELESS]}, {"syscalls": [KILL_WITH_ERRNO]}]))
def test_invalid_seccomp_is_an_error(make, more):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = seccomp(make())
    c.linux["seccomp"].update(more)
    c.refused(verb="run")


def test_seccomp_notify(make, place):
    """listenerPath: the runtime sends the container process state as JSON, with the seccomp descriptor (SCM_RIGHTS)."""
    c = make(args=SLEEP)
    path = place / f"{c.id}.sock"
    seccomp(c, calls("mkdir", "mkdirat", action="SCMP_ACT_NOTIFY"), listenerPath=str(path), listenerMetadata="meta")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(10)
        received = []

        def accept():
            connection, _ = listener.accept()
            with connection:
                data, descriptors, _, _ = socket.recv_fds(connection, 65536, 4)
                received.append((data, descriptors))
        thread = threading.Thread(target=accept)
        thread.start()
        c.up()
        thread.join(10)
    data, descriptors = received[0]
    message = json.loads(data)
    assert message["fds"][0] == "seccompFd" and len(descriptors) == 1
    assert message["metadata"] == "meta" and message["state"]["id"] == c.id
    assert message["pid"] == c.pid and message["ociVersion"]
    assert "seccomp" in os.readlink(f"/proc/self/fd/{descriptors[0]}")
    os.close(descriptors[0])


@lacks("crun", "1.8 says 0 for the number")
def test_seccomp_notify_of_exec(make, place):
    """A process of exec is under the filter, too: its listener is sent as well, with its own number."""
    c = make(args=SLEEP)
    path = place / f"{c.id}.sock"
    seccomp(c, calls("mkdir", "mkdirat", action="SCMP_ACT_NOTIFY"), listenerPath=str(path))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(4)
        listener.settimeout(10)
        received = []

        def accept():
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    received.append(socket.recv_fds(connection, 65536, 4))
        thread = threading.Thread(target=accept)
        thread.start()
        c.up()
        pid_file = c.directory / "exec.pid"
        c.exec("--detach", "--pid-file", str(pid_file), "--", "sleep", "1000")
        thread.join(10)
    messages = [json.loads(data) for data, _, _, _ in received]
    assert [len(descriptors) for _, descriptors, _, _ in received] == [1, 1]
    assert messages[1]["pid"] == int(pid_file.read_text()) and messages[1]["state"]["pid"] == c.pid
    assert messages[1]["state"]["status"] == "running"
    for _, descriptors, _, _ in received:
        os.close(descriptors[0])


def test_seccomp_notify_without_a_listener_is_an_error(make, place):
    """If sending to this socket fails, the runtime MUST generate an error."""
    c = seccomp(make(), calls("mkdir", action="SCMP_ACT_NOTIFY"), listenerPath=str(place / "nobody.sock"))
    c.refused(verb="run")


# what this kernel lacks

@pytest.mark.parametrize("name", ["mountLabel"])
def test_mount_label(make, name):
    """SELinux is not active: the label is ignored, or it is an error with a word."""
    c = make("echo up")
    c.linux[name] = "system_u:object_r:svirt_sandbox_file_t:s0:c1,c2"
    result = c.run(check=False)
    assert result.stdout == "up\n" or result.stderr.strip()


@pytest.mark.parametrize("name", ["apparmorProfile", "selinuxLabel"])
def test_label_of_a_missing_security_module(make, name):
    """Without the module the runtime must not fail without a word: ignored, or an error."""
    c = make("echo up")
    c.process[name] = "no-such-profile"
    result = c.run(check=False)
    assert result.stdout == "up\n" or result.stderr.strip()


@lacks("crun", "1.8 takes an empty name for one")
@pytest.mark.parametrize("name", ["apparmorProfile", "selinuxLabel"])
def test_empty_label(make, name):
    """An empty name is no profile."""
    c = make("echo up")
    c.process[name] = ""
    assert c.output() == "up\n"


@lacks("crun", "1.8 ignores it")
def test_intel_rdt_without_resctrl_is_an_error(make):
    """If no mounted resctrl pseudo-filesystem is available, the runtime MUST generate an error."""
    if "resctrl" in Path("/proc/mounts").read_text():
        pytest.skip("resctrl is mounted here")
    c = make()
    c.linux["intelRdt"] = {"closID": "conformance", "l3CacheSchema": "L3:0=1"}
    c.refused()


@lacks("runc", "1.1 has no netDevices")
@lacks("crun", "1.8 has no netDevices")
def test_net_device_that_is_missing_is_an_error(make):
    """netDevices: the runtime MUST check that the interface can be moved."""
    c = make()
    c.linux["netDevices"] = {"no-such-if0": {}}
    c.refused()


@pytest.fixture
def network():
    """A network namespace with the pair of interfaces v0 and v1: gives a function that runs a command there."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "1000"], stdin=subprocess.DEVNULL)
    wait_for(lambda: b"sleep\0" in Path(f"/proc/{holder.pid}/cmdline").read_bytes()[:6], "the holder")

    def enter():
        with open(f"/proc/{holder.pid}/ns/net") as namespace:
            assert ctypes.CDLL(None).setns(namespace.fileno(), 0x40000000) == 0
    for command in ("ip link add v0 type veth peer name v1", "ip link set v0 mtu 1400 address 02:00:00:00:00:07",
                    "ip addr add 10.7.0.2/24 brd 10.7.0.255 dev v0", "ip addr add fd07::2/64 dev v0 nodad",
                    "ip link set v0 up", "ip link set v1 up"):
        subprocess.run(command.split(), preexec_fn=enter, check=True)
    yield enter
    holder.kill()
    holder.wait()


@lacks("runc", "1.1 has no netDevices")
@lacks("crun", "1.8 has no netDevices")
def test_net_device_moves_with_its_name_and_addresses(make, network):
    """The runtime MUST move the interface, keep its addresses, MTU and hardware address, rename it and set it up."""
    c = make("ip -o addr show dev eth7; ip -o link show dev eth7")
    c.linux["netDevices"] = {"v0": {"name": "eth7"}}
    output = c.run(preexec_fn=network).stdout
    assert "inet 10.7.0.2/24 brd 10.7.0.255" in output and "inet6 fd07::2/64" in output
    assert "mtu 1400" in output and "02:00:00:00:00:07" in output and ",UP" in output, output


@lacks("runc", "1.1 has no netDevices")
@lacks("crun", "1.8 has no netDevices")
def test_net_device_name_that_is_taken_is_an_error(make, network):
    """The runtime MUST check that there is no other interface with the same name, and leave the host's as it was."""
    c = make("true")
    c.linux["netDevices"] = {"v0": {"name": "lo"}}
    c.refused(preexec_fn=network)
    addresses = subprocess.run(["ip", "-o", "addr", "show", "dev", "v0"], preexec_fn=network, capture_output=True)
    assert b"10.7.0.2/24" in addresses.stdout


@pytest.mark.parametrize("name", ["", "a/b", "a b", "sixteen-bytes-xx", "..", "eth%d"])
@lacks("runc", "1.1 has no netDevices")
@lacks("crun", "1.8 has no netDevices")
def test_invalid_net_device_name_is_an_error(make, name):
    """The name MUST be a valid interface name."""
    c = make()
    c.linux["netDevices"] = {"v0": {"name": name}}
    c.refused()


@lacks("runc", "1.1 has no memoryPolicy")
@lacks("crun", "1.8 has no memoryPolicy")
def test_unknown_memory_policy_is_an_error(make):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = make()
    c.linux["memoryPolicy"] = {"mode": "MPOL_WHATEVER", "nodes": "0"}
    c.refused(verb="run")
