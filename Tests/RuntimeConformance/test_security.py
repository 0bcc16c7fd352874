"""Escapes that happened to runtimes, as seen from inside the container or from a hostile bundle.

The table is in docs/threat-model.md; a test's docstring names the report it stands for."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from attack import untouched
from runtime import COMMAND, bind, cases, lacks, mount, wait_for

SLEEP = ["/bin/sleep", "1000"]


def binary() -> Path:
    return Path(subprocess.run(["which", COMMAND[0]], capture_output=True, text=True, check=True).stdout.strip())


# the runtime's own binary

OVERWRITE = """#!/bin/sh
# Opens whatever is executed here and is not busybox, which is the runtime, and writes to it as soon as nobody runs it.
while :; do
    for exe in /proc/[0-9]*/exe; do
        case $(readlink $exe) in "" | /bin/busybox*) continue;; esac
        (exec 3<$exe && echo reached >> /seen || exit
        for n in $(seq 50); do (echo x >> /proc/self/fd/3) && break; sleep 0.01; done
        echo done >> /seen) &
    done
done 2>/dev/null
"""


@pytest.fixture
def own_binary():
    """The runtime's file, which must be the same afterwards. (What the attack appends is taken off again.)"""
    path = binary()
    before, size = path.read_bytes(), path.stat().st_size
    yield path
    same = path.read_bytes() == before
    if not same:
        os.truncate(path, size)
    assert same, "the runtime's binary was changed from inside"


def test_waiting_process_does_not_run_the_hosts_file(make):
    """CVE-2019-5736: what runs inside is a sealed copy, or the file through a mount that is read-only."""
    c = make(args=SLEEP)
    c.create()
    inside, outside = os.stat(f"/proc/{c.pid}/exe"), binary().stat()
    same = (inside.st_dev, inside.st_ino) == (outside.st_dev, outside.st_ino)
    assert not same or os.statvfs(f"/proc/{c.pid}/exe").f_flag & os.ST_RDONLY, "ETXTBSY ends with the process"


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_runtime_binary_cannot_be_written_from_inside(make, own_binary, verb):
    """CVE-2019-5736: the runtime executes itself inside, where somebody waits for its /proc/PID/exe to write to it."""
    c = make(args=["/bin/sh", "/overwrite"]).capabilities("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE")
    (c.rootfs / "overwrite").write_text(OVERWRITE)
    (c.rootfs / "bin/evil").write_text("#!/proc/self/exe\n")
    (c.rootfs / "bin/evil").chmod(0o755)
    c.up()
    seen = c.rootfs / "seen"
    for _ in range(50):
        if verb == "exec":
            c.exec("/bin/evil", check=False)
        else:
            make(args=["/proc/self/exe", "--version"]).namespace("pid", f"/proc/{c.pid}/ns/pid").run(check=False)
        if seen.exists():
            break
    assert seen.exists(), "nothing was tried"
    wait_for(lambda: seen.read_text().count("reached") == seen.read_text().count("done"), "the writing")


# descriptors

def test_no_descriptor_leaks(make):
    """CVE-2016-9962, CVE-2024-21626: 0, 1 and 2, and the directory that ls reads."""
    assert make(args=["/bin/ls", "/proc/self/fd"]).output().split() == ["0", "1", "2", "3"]


def test_no_descriptor_leaks_through_create_and_start(make):
    """The same for the two-step way."""
    c = make("exec sleep 1000").up()
    wait_for(lambda: Path(f"/proc/{c.pid}/cmdline").read_bytes().startswith(b"sleep"), "the program")
    assert sorted(os.listdir(f"/proc/{c.pid}/fd")) == ["0", "1", "2"]


def test_no_descriptor_leaks_in_exec(shared):
    """The same for exec."""
    assert shared.exec("ls", "/proc/self/fd").stdout.split() == ["0", "1", "2", "3"]


def test_no_host_directory_among_the_descriptors_of_the_waiting_process(make):
    """CVE-2024-21626: a process that shares the pid namespace must find no way out through the waiting process."""
    first = make(args=SLEEP).up()
    second = make(args=SLEEP).namespace("pid", f"/proc/{first.pid}/ns/pid")
    second.create()
    root = second.rootfs.stat()
    found = {entry: os.stat(entry) for entry in Path(f"/proc/{second.pid}/fd").iterdir()}
    assert [os.readlink(entry) for entry, info in found.items()
            if stat.S_ISDIR(info.st_mode) and (info.st_dev, info.st_ino) != (root.st_dev, root.st_ino)] == []


@pytest.mark.parametrize("number", range(3, 12))
def test_working_directory_through_a_leaked_descriptor(make, number):
    """CVE-2024-21626: cwd /proc/self/fd/N must not be a directory of the host."""
    c = make("ls ..; cat ../../../../../../etc/hostname; pwd")
    c.process["cwd"] = f"/proc/self/fd/{number}"
    result = c.run(check=False)
    host = Path("/etc/hostname").read_text() if Path("/etc/hostname").exists() else "no such file"
    outside = {*os.listdir("/"), *os.listdir(c.directory)} - {*os.listdir(c.rootfs)}
    assert result.returncode != 0 or (host not in result.stdout and not outside & {*result.stdout.split()}), result


@pytest.mark.parametrize("number", [3, 5, 7, 8, 9])
def test_exec_with_a_working_directory_through_a_leaked_descriptor(shared, number):
    """CVE-2024-21626, through exec --cwd."""
    result = shared.exec("--cwd", f"/proc/self/fd/{number}", "--", "/bin/ls", "..", check=False)
    assert result.returncode != 0 or "home" not in result.stdout.split(), result


def test_exec_of_a_program_through_a_leaked_descriptor(shared):
    """CVE-2024-21626, third form: the program's path leads out."""
    for number in range(3, 10):
        result = shared.exec(f"/proc/self/fd/{number}/../../../bin/bash", "-c", "echo out", check=False)
        assert "out" not in result.stdout


# mounts and symbolic links

@pytest.mark.parametrize("link", ["/mnt", "/a/b/mnt"])
def test_symbolic_link_as_mount_destination_stays_inside(make, precious, link):
    """CVE-2021-30465: a destination that is a symlink to a host path is resolved in the root."""
    c = make(f"grep -c ' {precious} ' /proc/self/mountinfo")
    target = c.rootfs / link.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(precious)
    (c.rootfs / precious.relative_to("/")).mkdir(parents=True)
    c.mounts.append(mount(link, "tmpfs"))
    assert c.output() == "1\n", "the mount is in the root, where the link leads there"
    assert untouched(precious)


def test_link_with_dots_as_mount_destination_stays_inside(make, precious):
    """A relative link that goes up is cut at the root."""
    c = make("true")
    (c.rootfs / "mnt").symlink_to("../" * 20 + str(precious).lstrip("/") + "/made")
    c.mounts.append(mount("/mnt", "tmpfs"))
    c.run(check=False)
    assert untouched(precious)


def test_destination_with_dots_stays_inside(make, precious):
    """A destination that goes up is cut at the root."""
    c = make("true")
    c.mounts.append(mount("/../" * 20 + str(precious).lstrip("/") + "/made", "tmpfs"))
    c.run(check=False)
    assert untouched(precious)


def test_missing_parts_of_a_destination_are_made_inside(make, precious):
    """CVE-2024-45310: no empty directory is made on the host through a link in the middle of the path."""
    c = make("true")
    (c.rootfs / "link").symlink_to(precious)
    c.mounts.append(mount("/link/new/deep", "tmpfs"))
    c.run(check=False)
    assert untouched(precious)


def test_missing_file_of_a_bind_is_made_inside(make, precious):
    """CVE-2024-45310: no empty file is made on the host."""
    c = make("true")
    (c.rootfs / "link").symlink_to(precious)
    c.mounts.append(bind("/bin/busybox", "/link/new-file"))
    c.run(check=False)
    assert untouched(precious)


def test_dangling_link_as_file_destination(make, precious):
    """CVE-2024-45310: creating the mount point does not follow a dangling link out."""
    c = make("true")
    (c.rootfs / "etc/config").symlink_to(precious / "made-by-link")
    c.mounts.append(bind("/bin/busybox", "/etc/config"))
    c.run(check=False)
    assert untouched(precious)


@lacks("runc", "1.1 makes the devices there")
def test_dev_as_a_symbolic_link_to_the_host(make, precious):
    """CVE-2026-41579, CVE-2026-47766: rootfs/dev is a symlink to a host directory: no device is made there."""
    c = make("true")
    (c.rootfs / "dev").rmdir()
    (c.rootfs / "dev").symlink_to(precious)
    c.run(check=False)
    assert untouched(precious)


@lacks("runc", "1.1 makes the devices there")
@lacks("crun", "1.8 makes the devices there")
def test_dev_as_a_symbolic_link_without_a_dev_mount(make, precious):
    """The same where nothing is mounted on /dev."""
    c = make("true")
    (c.rootfs / "dev").rmdir()
    (c.rootfs / "dev").symlink_to(precious)
    c.config["mounts"] = [m for m in c.mounts if not m["destination"].startswith("/dev")]
    c.run(check=False)
    assert untouched(precious)


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_proc_as_a_symbolic_link(make, name):
    """CVE-2019-16884, CVE-2019-19921: /proc and /sys of the root are directories, or the container is refused."""
    c = make(f"stat -f -c %T /{name}; echo up")
    (c.rootfs / name).rmdir()
    (c.rootfs / "elsewhere").mkdir()
    (c.rootfs / name).symlink_to("elsewhere")
    c.refused(verb="run")


@lacks("crun", "1.8 takes it")
def test_bind_over_proc_is_an_error(make, precious):
    """CVE-2019-16884: a volume on /proc would make writes to it (labels) go astray."""
    c = make()
    c.config["mounts"] = [m for m in c.mounts if m["destination"] != "/proc"] + [bind(precious, "/proc")]
    c.refused()


@lacks("crun", "1.8 takes it")
@pytest.mark.parametrize("name", ["sys", "self", "1/attr"])
def test_bind_below_proc_is_an_error(make, precious, name):
    """CVE-2019-19921: only known-safe files may be mounted below /proc."""
    c = make()
    c.mounts.append(bind(precious, f"/proc/{name}"))
    c.refused()


# masked and read-only paths, sysctl

def test_masked_path_with_a_replaced_null_device(make, precious):
    """CVE-2025-31133: /dev/null of the container is a symlink: the masked path must not become its target."""
    c = make("echo written > /proc/timer_list; cat /proc/timer_list; true")
    c.config["mounts"] = [m for m in c.mounts if not m["destination"].startswith("/dev")]
    c.mounts.append(bind(c.directory / "dev", "/dev"))
    (c.directory / "dev").mkdir()
    (c.directory / "dev/null").symlink_to(precious / "file")
    c.linux["maskedPaths"] = ["/proc/timer_list"]
    result = c.run(check=False)
    assert "untouched" not in result.stdout and "written" not in result.stdout


def test_masked_path_through_a_symbolic_link_stays_inside(make, precious):
    """A masked path that is a link does not mask, or open, something of the host."""
    c = make("cat /secret")
    (c.rootfs / "secret").symlink_to(precious / "file")
    own = c.rootfs / precious.relative_to("/")
    own.mkdir(parents=True)
    (own / "file").write_text("secret\n")
    c.linux["maskedPaths"] = ["/secret"]
    assert c.output() == "", "it masks where the link leads inside"
    assert untouched(precious)


@pytest.mark.parametrize("name", [
    "../../../proc/sys/kernel/core_pattern", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern",
    "kernel.core_pattern", "kernel.panic", "vm.overcommit_memory", "fs.file-max", "kernel/panic", "", "net."])
def test_sysctl_that_is_not_namespaced_is_an_error(make, name):
    """CVE-2025-52881: a sysctl of the whole host, by whatever name, is refused and not written."""
    watched = {p: Path(p).read_text() for p in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory",
                                                "/proc/sys/kernel/panic")}
    value = watched.get("/proc/sys/" + name.replace(".", "/"), watched["/proc/sys/kernel/core_pattern"]).strip()
    c = make()
    c.linux["sysctl"] = {name: value}
    c.refused()
    assert {p: Path(p).read_text() for p in watched} == watched


@pytest.mark.parametrize("name, type", [("net.ipv4.ip_forward", "network"), ("kernel.shm_rmid_forced", "ipc"),
                                        ("fs.mqueue.msg_max", "ipc")])
def test_sysctl_without_its_namespace_is_an_error(make, name, type):
    """It would be the host's."""
    path = Path("/proc/sys") / name.replace(".", "/")
    before = path.read_text()
    c = make().without(type)
    c.config["mounts"] = [m for m in c.mounts if m["type"] not in ("sysfs", "cgroup", "mqueue")]
    c.linux["sysctl"] = {name: before.strip()}
    c.refused()
    assert path.read_text() == before


def test_kernel_settings_are_read_only(make):
    """The container cannot write what the host reads: core_pattern, sysrq-trigger."""
    c = make("for f in sys/kernel/core_pattern sysrq-trigger; do (: >> /proc/$f) 2>/dev/null && echo $f; done; true")
    assert c.output() == ""


# ids

@pytest.mark.parametrize("name", cases("../escape", "a/b", "/abs", "..", ".", "", "a\nb", "a b", "é", "x" * 1100,
                                       crun=["/abs", "a b", "é"]))
def test_container_id_that_is_no_name_is_an_error(make, runtime, name):
    """The id is a name in the state directory: no way out of it, nothing that confuses a list."""
    c = make()
    c.write()
    result = runtime.call("create", "--bundle", c.directory, "--", name, check=False)
    c.id, c.may_exist = name, result.returncode == 0
    assert result.returncode != 0
    assert not (runtime.root.parent / "escape").exists() and not Path("/abs").exists()


@pytest.mark.parametrize("verb", cases("state", "delete", crun=["delete"], reason="deletes what is there"))
def test_operations_on_a_path_are_an_error(runtime, place, verb):
    """A path is no container, whatever lies there."""
    victim = place / "victim"
    victim.mkdir(exist_ok=True)
    (victim / "state.json").write_text("{}")
    assert runtime.call(verb, "../victim", check=False).returncode != 0
    assert (victim / "state.json").exists()


@pytest.mark.parametrize("name", ["a", "A-b_c.d+e", "0", "x" * 64])
def test_container_ids_of_engines(make, name):
    """[A-Za-z0-9_+-][A-Za-z0-9_+.-]*"""
    c = make("echo up")
    c.id = name
    assert c.output() == "up\n"


# users and capabilities

@pytest.mark.parametrize("text", cases(
    "-1", "4294967296", "4294967295", "0x0", "1:2:3", " 1", "1 ", "+1", "1:", ":1", "1:-1", "99999999999999999999",
    "1e3", "", "root", "1:4294967296", "１",
    runc=["4294967296", "+1", "", "1:4294967296"],
    crun=["-1", "4294967296", "4294967295", " 1", "+1", "1:", ":1", "1:-1", "", "1:4294967296"]))
def test_exec_with_a_user_that_is_no_number_is_an_error(shared, text):
    """CVE-2026-30892: -u is read strictly; no odd text gives root, or anybody."""
    result = shared.exec(f"--user={text}", "--", "id", "-u", check=False)
    assert result.returncode != 0, f"{text!r} became {result.stdout}"


@pytest.mark.parametrize("uid", cases(-1, 4294967295, 4294967296, 1.5, "0", crun=[4294967295, "0"]))
def test_user_that_is_no_id_is_an_error(make, uid):
    """The same for config.json."""
    c = make("id -u")
    c.process["user"] = {"uid": uid, "gid": 0}
    c.refused(verb="run")


def test_inheritable_capabilities_are_empty_by_default(make):
    """CVE-2022-24769: none is inheritable unless the config says so."""
    lines = make(args=["/bin/cat", "/proc/self/status"]).lines()
    assert "CapInh:\t0000000000000000" in lines and "CapAmb:\t0000000000000000" in lines


def test_exec_capability_is_not_inheritable(shared):
    """CVE-2022-29162: exec --cap adds nothing to the inheritable set."""
    lines = shared.exec("--cap", "CAP_NET_RAW", "--", "cat", "/proc/self/status").stdout.splitlines()
    assert "CapInh:\t0000000000000000" in lines


def test_cgroups_are_read_only_inside(make):
    """CVE-2022-0492, CVE-2023-25809: release_agent and the limits cannot be written from inside."""
    c = make("find /sys/fs/cgroup -type f -name 'cgroup.procs' | while read f; do echo 1 2>/dev/null > $f && echo $f; "
             "done; true").capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    assert c.output() == ""


def test_host_processes_are_not_seen(make):
    """A pid namespace with its own /proc."""
    assert make("ls -d /proc/[0-9]* | wc -l").output().strip() in ("1", "2", "3")


def test_state_is_not_writable_from_inside(make, runtime):
    """Hooks and state lie on no path that the container has."""
    c = make(args=SLEEP).up()
    own = runtime.root.stat().st_dev
    device = f"{os.major(own)}:{os.minor(own)}"
    roots = [line.split()[3] for line in Path(f"/proc/{c.pid}/mountinfo").read_text().splitlines()
             if line.split()[2] == device]
    assert roots == [f"/{c.id}/rootfs"], "of the filesystem that holds both"
