"""More of the escapes that happened to runtimes: sizes, descriptors, terminals, users, rights.

The list of all is docs/threat-model.md."""

import ctypes
import json
import os
import stat
from pathlib import Path

import pytest

from attack import IS_X86, LIBC, asked, bound, checked, untouched, with_directory_of_the_host
from runtime import bind, cases, lacks, mount, wait_for
from test_linux import device
from test_process import stat_field, status_field

SLEEP = ["/bin/sleep", "1000"]
PTRACE_IS_X86 = pytest.mark.skipif(not IS_X86, reason="the numbers of registers and calls are those of x86-64")


# sizes

def test_long_members_arrive_whole(make):
    """CVE-2021-43784: no length is cut to 16 bits on its way to the process inside."""
    c = make(args=["/bin/sh", "-c", "echo ${#LONG} ${#0}", "y" * 90_000])
    c.process["env"] = ["PATH=/bin", "LONG=" + "x" * 80_000]
    c.config["annotations"] = {f"com.example.{n}": "z" * 1000 for n in range(100)}
    assert c.output() == "80000 90000\n"


def test_path_of_a_namespace_that_is_too_long_is_an_error(make):
    """CVE-2021-43784: 65536 bytes more name the same namespace to whoever counts in 16 bits."""
    make().namespace("network", "/" * 65536 + "proc/self/ns/net").refused()


@lacks("runc", "takes any size")
@lacks("crun", "takes any size")
def test_config_without_a_bound_is_an_error(make):
    """Every size is bounded: a config.json of 8 MiB is read by nobody."""
    c = make()
    c.write(json.dumps(c.config) + " " * (8 << 20))
    result = c.runtime.call("create", "--bundle", c.directory, c.id, check=False)
    c.may_exist = result.returncode == 0
    assert result.returncode != 0 and "config.json" in result.stderr


# descriptors

def close_standard():
    for number in range(3):
        os.close(number)


@lacks("runc", "1.1 gives a cgroup's directory or a pipe of its own")
@pytest.mark.parametrize("verb", ["create", "run", "exec"])
def test_closed_standard_descriptors_do_not_become_the_runtimes(make, verb):
    """CVE-2024-21626: 0, 1 and 2 of the caller are looked at: where they are closed the runtime's own files would take
    their numbers, and be the program's. It is an error, or they are /dev/null."""
    look = "for n in 0 1 2; do (exec >>/seen; stat -L -c '%F %t:%T' /proc/$$/fd/$n); done"
    c = make(look if verb == "run" else "exec sleep 1000")
    more = {"check": False, "preexec_fn": close_standard}
    if verb == "create":
        if c.create(**more).returncode == 0:
            found = [os.stat(f"/proc/{c.pid}/fd/{n}").st_rdev for n in range(3)]
            assert found == [os.makedev(1, 3)] * 3, [os.readlink(f"/proc/{c.pid}/fd/{n}") for n in range(3)]
        return
    result = c.run(**more) if verb == "run" else c.up().exec("sh", "-c", look, **more)
    assert result.returncode != 0 or (c.rootfs / "seen").read_text() == "character special file 1:3\n" * 3


@pytest.mark.parametrize("verb", cases("create", "exec", runc=["exec"], crun=["exec"], reason="keeps it"))
def test_hosts_null_device_is_not_among_the_descriptors(make, verb):
    """Engines give /dev/null as standard input: root inside could change the mode of the host's for everybody. The
    program has the container's."""
    c = make(args=SLEEP)
    file = c.directory / "pid"
    if verb == "create":
        c.up("--pid-file", file)
    else:
        c.up().exec("-d", "--pid-file", file, "--", *SLEEP)
    pid = int(file.read_text())
    wait_for(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes(), "the program")
    found, host = os.stat(f"/proc/{pid}/fd/0"), os.stat("/dev/null")
    assert found.st_rdev == host.st_rdev and (found.st_dev, found.st_ino) != (host.st_dev, host.st_ino)


@lacks("crun", "1.8 enters it")
@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("verb", ["run", "exec"])
def test_working_directory_through_a_descriptor_that_is_given(make, verb, number):
    """CVE-2024-21626: a directory of the host among the program's own descriptors is no working directory."""
    def arrange():
        with_directory_of_the_host()
        os.dup2(3, 0)
    c = make("ls; ls ..")
    more = {"check": False, "preexec_fn": arrange, "close_fds": False}
    if verb == "run":
        c.process["cwd"] = f"/proc/self/fd/{number}"
        result = c.run("--preserve-fds", "1", **more)
    else:
        c.process["args"] = SLEEP
        result = c.up().exec("--preserve-fds", "1", "--cwd", f"/proc/self/fd/{number}", "--", "/bin/ls", **more)
    assert result.returncode != 0 and "usr" not in result.stdout.split(), result


# masked paths, proc, devices, terminals

@pytest.fixture
def null(make):
    """A null device of the test's own, for the machine's is everybody's."""
    node = make().directory / "null"
    os.mknod(node, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    node.chmod(0o666)
    return node


def test_mode_of_the_hosts_null_device_cannot_be_changed_through_a_masked_path(make, null):
    """CVE-2025-31133: what covers a masked path is the host's file, or the container's own: root inside owns it."""
    c = make("chmod 600 /proc/timer_list; cat /proc/timer_list")
    assert c.run(preexec_fn=bound(null, "/dev/null"), check=False).stdout == ""
    assert null.stat().st_mode & 0o777 == 0o666


@lacks("runc", "1.1 binds them as they are")
def test_mode_of_a_device_that_is_bound_from_the_host_cannot_be_changed(make, null):
    """Where the runtime may not make devices, as inside a container, it binds those that it has."""
    def arrange():
        bound(null, "/dev/null")()
        drop_bounding, mknod = 24, 27
        checked(LIBC.prctl(drop_bounding, mknod, 0, 0, 0), "prctl")
    make("chmod 600 /dev/null; true").run(preexec_fn=arrange, check=False)
    assert null.stat().st_mode & 0o777 == 0o666


@lacks("crun", "1.8 takes what is there")
def test_masking_with_something_else_than_null(make, precious):
    """CVE-2025-31133: what lies at /dev/null is looked at before it covers a path."""
    c = make("cat /secret; echo written > /secret; true")
    (c.rootfs / "secret").write_text("secret\n")
    c.linux["maskedPaths"] = ["/secret"]
    result = c.run(check=False, preexec_fn=bound(precious / "file", "/dev/null"))
    assert "untouched" not in result.stdout and "secret\n" not in result.stdout
    assert untouched(precious) and (c.rootfs / "secret").read_text() == "secret\n"


def test_masked_path_that_cannot_be_looked_at_is_an_error(make):
    """CVE-2025-31133: only a path that does not exist is skipped."""
    c = make()
    (c.rootfs / "loop").symlink_to("loop")
    c.linux["maskedPaths"] = ["/loop"]
    c.refused()


@pytest.mark.parametrize("target", ["{}", "../../../../../../..{}"])
def test_copy_up_through_a_link_copies_nothing_of_the_host(make, precious, target):
    """CVE-2022-23648: what a new filesystem is filled with is looked for in the root."""
    c = make("cat /data/file; true")
    (c.rootfs / "data").symlink_to(target.format(precious))
    c.mounts.append(mount("/data", "tmpfs", "tmpcopyup"))
    assert "untouched" not in c.run(check=False).stdout
    assert untouched(precious)


@lacks("crun", "1.8 takes it")
def test_link_that_leads_a_volume_into_proc_is_an_error(make, precious):
    """CVE-2019-19921: it is the place that counts, not its name."""
    c = make()
    (c.rootfs / "innocent").symlink_to("/proc/sys")
    c.mounts.append(bind(precious, "/innocent"))
    c.refused()


@lacks("crun", "1.8 takes it")
def test_another_filesystem_over_proc_is_an_error(make):
    """CVE-2019-16884: only procfs is mounted at /proc."""
    c = make()
    c.mounts.append(mount("/proc", "tmpfs"))
    c.refused()


@lacks("runc", "1.1 writes there")
def test_setting_is_not_written_to_the_images_files(make):
    """CVE-2025-52881: a setting goes through a procfs that nobody else has; the image's own /proc gets nothing."""
    c = make()
    c.config["mounts"] = []
    c.linux.update(maskedPaths=[], readonlyPaths=[], sysctl={"net.ipv4.ip_default_ttl": "77"})
    fake = c.rootfs / "proc/sys/net/ipv4/ip_default_ttl"
    fake.parent.mkdir(parents=True)
    fake.write_text("fake\n")
    c.run(check=False)
    assert fake.read_text() == "fake\n"


@pytest.mark.parametrize("path", ["/link/own", "/link/deep/own", "/../../../../../../../..{}/own"])
def test_device_through_a_link_stays_inside(make, precious, path):
    """CVE-2026-41579: the same for the devices that config.json lists."""
    c = make()
    (c.rootfs / "link").symlink_to(precious)
    c.linux["devices"] = [device(path.format(precious))]
    c.run(check=False)
    assert untouched(precious)


def own_dev(container) -> Path:
    """The image's own /dev, not a mount; without the host's devices as masks."""
    container.config["mounts"] = [m for m in container.mounts if not m["destination"].startswith("/dev")]
    container.process["terminal"] = True
    (container.rootfs / "dev/pts").mkdir()
    return container.rootfs / "dev"


@pytest.mark.parametrize("kind", ["file", "link", "null", "nothing"])
def test_image_with_a_multiplexer_of_its_own_is_an_error(make, precious, console, kind):
    """CVE-2025-52565: a terminal comes from the container's devpts, or there is none."""
    c = make()
    multiplexer = own_dev(c) / "pts/ptmx"
    if kind == "file":
        multiplexer.write_text("")
    elif kind == "link":
        multiplexer.symlink_to("/dev/ptmx")
    elif kind == "null":
        os.mknod(multiplexer, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    c.create("--console-socket", console.path, check=False)
    assert c.state(check=False) == {}


@pytest.mark.parametrize("target", cases("../target", "{}/made", "/proc/sysrq-trigger", runc=["../target"],
                                         crun=["../target", "{}/made"], reason="follows it"))
def test_image_with_a_link_as_console(make, precious, console, target):
    """CVE-2025-52565: the terminal is put at /dev/console itself, not at what a link there names."""
    c = make("grep -v ' /dev/pts' /proc/self/mountinfo | grep devpts; true")
    (own_dev(c) / "console").symlink_to(target.format(precious))
    (c.rootfs / "target").write_text("")
    c.mounts.append(mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"))
    if c.create("--console-socket", console.path, check=False).returncode == 0:
        console.accept()
        c.start()
        points = [line.split()[4] for line in console.read().splitlines()]
        assert set(points) <= {"/dev/console"}, points
    assert untouched(precious)


@pytest.mark.parametrize("kind", ["mknod ptmx c 1 3", "mkfifo ptmx", "echo > ptmx", "ln -s /dev/zero ptmx"])
def test_terminal_of_exec_where_the_container_has_another_multiplexer(make, console, kind):
    """CVE-2025-52565: the same for exec, where the container has had its time to put something else there."""
    c = make(f"mount -t tmpfs tmpfs /dev/pts && cd /dev/pts && {kind}; exec sleep 1000")
    c.capabilities("CAP_SYS_ADMIN", "CAP_MKNOD").up()
    wait_for(lambda: Path(f"/proc/{c.pid}/cmdline").read_bytes().startswith(b"sleep"), "the mount")
    result = c.exec("-t", "-d", "--console-socket", console.path, "--", "/bin/sleep", "1", check=False)
    assert result.returncode != 0


# users, rights, sessions

@pytest.mark.parametrize("text", cases("-1", "4294967295", "4294967296", "+1", "1x", " 1", "", "0x1", "app",
                                       runc=["4294967296", "+1"]))
def test_exec_with_a_group_that_is_no_number_is_an_error(shared, text):
    """CVE-2026-30892: --additional-gids is read as strictly as --user."""
    result = shared.exec(f"--additional-gids={text}", "--", "id", check=False)
    assert result.returncode != 0, f"{text!r} became {result.stdout}"


def test_groups_are_exactly_those_of_the_config(make):
    """additionalGids exact: none of the caller's, none of the image's group file. setgroups comes before the change of
    user: after it, it would fail."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    (c.rootfs / "etc/group").write_text("root:x:0:app\nwheel:x:10:app,root\napp:x:1000:app\n")
    c.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 70000]}
    assert status_field(c.run(extra_groups=[4, 27]).stdout, "Groups").split() == ["5", "70000"]


def with_inheritable_capabilities():
    """For `preexec_fn`: the caller's inheritable and ambient sets are not empty."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    checked(LIBC.capget(header, data), "capget")
    data[2], data[5] = data[1], data[4]
    checked(LIBC.capset(header, data), "capset")
    raise_ambient, net_raw = 2, 13
    checked(LIBC.prctl(47, raise_ambient, net_raw, 0, 0), "prctl")


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_callers_inheritable_capabilities_do_not_come_along(make, verb):
    """CVE-2022-24769: inheritable and ambient are exactly what config.json says, whatever the caller has."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    if verb == "run":
        text = c.run(preexec_fn=with_inheritable_capabilities).stdout
    else:
        c.process["args"] = SLEEP
        text = c.up().exec("cat", "/proc/self/status", preexec_fn=with_inheritable_capabilities).stdout
    assert (int(status_field(text, "CapInh"), 16), int(status_field(text, "CapAmb"), 16)) == (0, 0)


@lacks("crun", "leaves it to the kernel, which clears it with the program")
@PTRACE_IS_X86
def test_capabilities_are_not_kept_over_a_change_of_user(make):
    """`keepcaps`, which the change of user needs, is cleared after it: no secure bit is set."""
    c = make(args=SLEEP)
    c.process["user"] = {"uid": 1000, "gid": 1000}
    c.create()
    prctl, read_secure_bits = 157, 27
    assert asked(c.pid, prctl, read_secure_bits) == 0


@lacks("crun", "1.8 keeps the caller's")
def test_exec_has_a_session_of_its_own(shared):
    """A program must not share the caller's session: its terminal could be typed into (TIOCSTI)."""
    text = shared.exec("cat", "/proc/self/stat").stdout
    assert stat_field(text, 6) == text.split()[0] and stat_field(text, 7) == "0"


def with_key_of_the_session():
    """For `preexec_fn`: a session keyring with a key that only its holder sees."""
    join_session, set_permissions, session, holder = 1, 5, -3, 0x3f000000
    checked(LIBC.syscall(250, join_session, b"caller"), "keyctl")
    key = checked(LIBC.syscall(248, b"user", b"key-of-the-caller", b"x", 1, session), "add_key")
    checked(LIBC.syscall(250, set_permissions, key, ctypes.c_uint(holder)), "keyctl")


@PTRACE_IS_X86
@pytest.mark.parametrize("verb", ["run", *cases("exec", crun=["exec"], reason="1.8 gives the caller's keys")])
def test_keys_of_the_callers_session_do_not_come_along(make, verb):
    """A new session has a keyring of its own: the caller's keys could be read through /proc/keys and keyctl(2)."""
    c = make(args=["/bin/cat", "/proc/keys"])
    c.linux["maskedPaths"] = []
    if verb == "run":
        text = c.run(preexec_fn=with_key_of_the_session).stdout
    else:
        c.process["args"] = SLEEP
        text = c.up().exec("cat", "/proc/keys", preexec_fn=with_key_of_the_session).stdout
    assert "key-of-the-caller" not in text and "keyring" in text


@lacks("runc", "1.1 keeps the caller's")
@lacks("crun", "1.8 keeps the caller's")
def test_exec_has_the_containers_umask(make):
    """The umask of config.json is that of exec too, whatever the caller's is."""
    c = make(args=SLEEP)
    c.process["user"]["umask"] = 0o027
    assert c.up().exec("sh", "-c", "umask", umask=0o000).stdout == "0027\n"
