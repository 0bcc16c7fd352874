"""config.md: root and mounts. config-linux.md: default filesystems and devices."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from runtime import bind, lacks, mount, wait_for


class Mount:
    """A line of mountinfo, as seen inside."""

    def __init__(self, line: str):
        before, after = (part.split() for part in line.split(" - "))
        self.point, self.options, self.optional = before[4], set(before[5].split(",")), before[6:]
        self.type, self.source, self.super = after[0], after[1], set(after[2].split(","))

    @property
    def shared(self) -> bool:
        return any(o.startswith("shared:") for o in self.optional)

    @property
    def slave(self) -> bool:
        return any(o.startswith("master:") for o in self.optional)


def mounts_of(container) -> dict[str, Mount]:
    """The mounts inside, by mount point; the topmost where several are on one."""
    container.process["args"] = ["/bin/cat", "/proc/self/mountinfo"]
    return {m.point: m for m in map(Mount, container.lines())}


@pytest.fixture
def source(make):
    """A host directory with a file and a directory, to be bound."""
    directory = make().directory / "source"
    (directory / "sub").mkdir(parents=True)
    (directory / "file").write_text("host\n")
    return directory


@pytest.fixture
def mappable(source):
    """`source` on a file system that has id-mapped mounts: a tmpfs has them since Linux 6.3, ext4 since 5.12."""
    if tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 3):
        yield source
        return
    image = source.with_name("image")
    with image.open("wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mke2fs", "-F", image], check=True, capture_output=True)
    subprocess.run(["mount", "-t", "ext4", "-o", "loop", image, source], check=True)
    (source / "file").write_text("host\n")
    yield source
    subprocess.run(["umount", "-l", source], check=True)


@pytest.fixture
def tree(source):
    """A host directory with another mount below it (`sub`), gone afterwards."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "sub"], check=True)
    (source / "sub/below").write_text("below\n")
    yield source
    subprocess.run(["umount", "-l", source / "sub"], check=True)


# root

def test_root_path_is_the_root(make):
    """path specifies the path to the root filesystem for the container."""
    c = make("cat /mark; ls /..")
    (c.rootfs / "mark").write_text("here\n")
    lines = c.lines()
    assert lines[0] == "here" and "mark" in lines[1:]


def test_absolute_root_path(make):
    """path is either an absolute path or a relative path to the bundle."""
    c = make("cat /mark")
    c.rootfs.rename(c.directory / "elsewhere")
    (c.directory / "elsewhere/mark").write_text("here\n")
    c.config["root"]["path"] = str(c.directory / "elsewhere")
    assert c.output() == "here\n"


def test_root_path_with_another_name(make):
    """path is relative to the bundle."""
    c = make("cat /mark")
    (c.directory / "deep").mkdir()
    c.rootfs.rename(c.directory / "deep/tree")
    (c.directory / "deep/tree/mark").write_text("here\n")
    c.config["root"]["path"] = "deep/tree"
    assert c.output() == "here\n"


def test_root_path_that_is_a_file_is_an_error(make):
    """A directory MUST exist at the path declared by the field."""
    c = make()
    (c.directory / "file").write_text("")
    c.config["root"]["path"] = "file"
    c.refused()


def test_readonly_root(make):
    """If readonly is true then the root filesystem MUST be read-only inside the container."""
    c = make("touch /x 2>&1; touch /dev/shm/x && echo shm")
    c.config["root"]["readonly"] = True
    text = c.output()
    assert "Read-only file system" in text and "shm" in text
    assert not (c.rootfs / "x").exists()


def test_writable_root(make):
    """readonly defaults to false."""
    c = make("echo inside > /x")
    del c.config["root"]["readonly"]
    c.output()
    assert (c.rootfs / "x").read_text() == "inside\n"


def test_old_root_is_gone(make, source):
    """Nothing of the host's tree is left behind in the container's mounts."""
    c = make()
    points = mounts_of(c)
    assert len([p for p in points if p == "/"]) == 1
    assert not any(str(source.parent) in p or "oldroot" in p or "pivot" in p for p in points)


def test_root_is_mounted_from_the_rootfs_alone(make):
    """Going up from the root stays in it."""
    c = make("cd /; cd ../../../..; pwd; ls")
    assert "proc" in c.output() and "home" not in c.output().split()


# mounts

def test_mounts_in_listed_order(make):
    """The runtime MUST mount entries in the listed order."""
    c = make("cat /a/file; ls /a/b")
    for name, text in (("one", "one\n"), ("two", "two\n")):
        (c.directory / name / "b").mkdir(parents=True)
        (c.directory / name / "file").write_text(text)
    c.mounts.extend([bind(c.directory / "one", "/a"), mount("/a/b", "tmpfs"), bind(c.directory / "two", "/a")])
    assert c.lines() == ["two"]


def test_nested_mounts(make, source):
    """A mount's destination may be below an earlier one's."""
    c = make("cat /mnt/file; stat -f -c %T /mnt/sub")
    c.mounts.extend([bind(source, "/mnt"), mount("/mnt/sub", "tmpfs")])
    assert c.lines() == ["host", "tmpfs"]


def test_bind_of_a_directory(make, source):
    """bind: bind mount, seen in both directions."""
    c = make("cat /mnt/file; echo inside > /mnt/new")
    c.mounts.append(bind(source, "/mnt"))
    assert c.output() == "host\n"
    assert (source / "new").read_text() == "inside\n"


def test_bind_of_a_file(make, source):
    """bind: a file on a file."""
    c = make("cat /etc/passwd")
    c.mounts.append(bind(source / "file", "/etc/passwd"))
    assert c.output() == "host\n"
    assert "root:x" in (c.rootfs / "etc/passwd").read_text()


def test_bind_by_option_alone(make, source):
    """For bind mounts type is a dummy, often "none" (not listed in /proc/filesystems)."""
    c = make("cat /mnt/file")
    c.mounts.append(mount("/mnt", "none", "bind", source=source))
    assert c.output() == "host\n"


def test_bind_without_a_type(make, source):
    """type is OPTIONAL: with the option bind none is needed."""
    c = make("cat /mnt/file")
    c.mounts.append({"destination": "/mnt", "source": str(source), "options": ["rbind"]})
    assert c.output() == "host\n"


def test_bind_source_relative_to_the_bundle(make):
    """source: for bind mounts, an absolute path or a path relative to the bundle."""
    c = make("cat /mnt/file")
    (c.directory / "data").mkdir()
    (c.directory / "data/file").write_text("in the bundle\n")
    c.mounts.append(bind("data", "/mnt"))
    assert c.output() == "in the bundle\n"


def test_bind_is_not_recursive(make, tree):
    """bind: the mounts below the source do not come along."""
    c = make("ls /mnt/sub")
    c.mounts.append(bind(tree, "/mnt"))
    assert c.output() == ""


def test_rbind_is_recursive(make, tree):
    """rbind: recursive bind mount."""
    c = make("cat /mnt/sub/below")
    c.mounts.append(bind(tree, "/mnt", "rbind"))
    assert c.output() == "below\n"


def test_bind_of_a_missing_source_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make()
    c.mounts.append(bind(c.directory / "none", "/mnt"))
    c.refused()


def test_unknown_filesystem_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make()
    c.mounts.append(mount("/mnt", "no-such-filesystem", source="x"))
    c.refused()


def test_missing_target_directory_is_made(make, source):
    """Engines rely on it: a mount point that is missing is made."""
    c = make("cat /new/deep/mnt/file")
    c.mounts.append(bind(source, "/new/deep/mnt"))
    assert c.output() == "host\n"


def test_missing_target_file_is_made(make, source):
    """Engines rely on it: a mount point that is missing is made, a file for a file."""
    c = make("cat /new/deep/file; stat -c %F /new/deep/file")
    c.mounts.append(bind(source / "file", "/new/deep/file"))
    assert c.lines() == ["host", "regular file"]


def test_relative_destination(make):
    """destination MAY be a relative path, in which case it MUST be interpreted as relative to "/"."""
    c = make("stat -f -c %T /mnt")
    c.mounts.append(mount("mnt", "tmpfs"))
    assert c.output() == "tmpfs\n"


@pytest.mark.parametrize("options, expected", [
    (["ro"], {"ro"}), (["nosuid"], {"nosuid"}), (["nodev"], {"nodev"}), (["noexec"], {"noexec"}),
    (["noatime"], {"noatime"}), (["nodiratime"], {"nodiratime"}), (["ro", "nosuid", "nodev", "noexec"],
     {"ro", "nosuid", "nodev", "noexec"})], ids=lambda v: "-".join(sorted(v)) if isinstance(v, list) else "")
@pytest.mark.parametrize("kind", ["bind", "tmpfs"])
def test_mount_options(make, source, kind, options, expected):
    """Runtimes MUST implement these option strings, on bind mounts too."""
    c = make()
    c.mounts.append(bind(source, "/mnt", "bind", *options) if kind == "bind" else mount("/mnt", "tmpfs", *options))
    assert expected <= mounts_of(c)["/mnt"].options


@lacks("crun", "1.8 keeps the first")
@pytest.mark.parametrize("first, second", [("ro", "rw"), ("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec")])
def test_later_option_wins(make, source, first, second):
    """Opposite options: the last one holds, as mount(8) has it."""
    c = make()
    c.mounts.append(bind(source, "/mnt", "bind", first, second))
    assert first not in mounts_of(c)["/mnt"].options


@pytest.mark.parametrize("option", [
    "async", "atime", "dev", "diratime", "exec", "relatime", "suid", "rw", "strictatime", "norelatime", "nostrictatime",
    "sync", "dirsync", "lazytime", "nolazytime", pytest.param("defaults", marks=lacks("runc", "1.1 passes it on")),
    *(pytest.param(name, marks=lacks("crun", "1.8 passes it on")) for name in ("loud", "silent", "iversion",
                                                                               "noiversion"))])
def test_option_is_known(make, option):
    """MUST options correspond to mount(8)."""
    c = make("stat -f -c %T /mnt")
    c.mounts.append(mount("/mnt", "tmpfs", option))
    assert c.output() == "tmpfs\n"


def test_read_only_bind_is_read_only(make, source):
    """ro on a bind mount: the mount, not the filesystem, is read-only."""
    c = make("echo x > /mnt/file 2>&1; cat /mnt/file")
    c.mounts.append(bind(source, "/mnt", "bind", "ro"))
    assert c.lines()[-1] == "host" and (source / "file").read_text() == "host\n"
    (source / "still").write_text("writable outside")


def test_ro_is_not_recursive(make, tree):
    """ro: only the mount itself; rro is the recursive one."""
    c = make("touch /mnt/x 2>/dev/null || echo read-only; touch /mnt/sub/x && echo writable")
    c.mounts.append(bind(tree, "/mnt", "rbind", "ro"))
    assert c.lines() == ["read-only", "writable"]


@pytest.mark.parametrize("option, shown", [("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"),
                                           ("rnoexec", "noexec"),
                                           pytest.param("rnoatime", "noatime", marks=lacks("crun", "1.8: EINVAL"))])
def test_recursive_attributes(make, tree, option, shown):
    """rro and its kind: the attribute is set on the mount and on every one below it."""
    c = make()
    c.mounts.append(bind(tree, "/mnt", "rbind", option))
    found = mounts_of(c)
    assert shown in found["/mnt"].options and shown in found["/mnt/sub"].options


def test_noexec(make, source):
    """noexec: no program of the mount can be executed."""
    (source / "program").write_text("#!/bin/sh\necho ran\n")
    (source / "program").chmod(0o755)
    c = make("/mnt/program 2>/dev/null || echo no")
    c.mounts.append(bind(source, "/mnt", "bind", "noexec"))
    assert c.output() == "no\n"


def test_tmpfs_options(make):
    """Options that are not the VFS's are passed to the filesystem."""
    c = make("stat -c '%a %u %g' /mnt; df -k /mnt | tail -n 1 | awk '{print $2}'")
    c.mounts.append(mount("/mnt", "tmpfs", "size=1024k", "mode=1750", "uid=7", "gid=8"))
    assert c.lines() == ["1750 7 8", "1024"]


def test_unknown_option_is_the_filesystems(make):
    """Runtimes SHOULD treat unknown options as filesystem-specific ones: tmpfs refuses one."""
    c = make()
    c.mounts.append(mount("/mnt", "tmpfs", "no-such-option"))
    c.refused()


def test_tmpcopyup(make):
    """tmpcopyup: copy up the contents to a tmpfs."""
    c = make("cat /data/file; echo x > /data/new")
    (c.rootfs / "data").mkdir()
    (c.rootfs / "data/file").write_text("below\n")
    c.mounts.append(mount("/data", "tmpfs", "tmpcopyup"))
    assert c.output() == "below\n"
    assert not (c.rootfs / "data/new").exists()


@lacks("crun", "1.8 copies no links that dangle")
@lacks("runc", "1.1 leaves the time of a directory")
def test_tmpcopyup_copies_everything_as_it_is(make):
    """Directories, modes, owners, times and links come along; a link is not followed to the host."""
    c = make("cd /data && stat -c '%n %a %u %g %Y' sub sub/file && readlink out && cat sub/file && stat -c %a /data")
    data = c.rootfs / "data"
    (data / "sub").mkdir(parents=True)
    (data / "sub/file").write_text("deep\n")
    os.chown(data / "sub/file", 7, 8)
    os.chmod(data / "sub/file", 0o4755)
    os.utime(data / "sub/file", (1000, 2000))
    os.chmod(data / "sub", 0o710)
    os.utime(data / "sub", (1000, 3000))
    os.symlink("/etc/hostname-of-nobody", data / "out")
    os.chmod(data, 0o751)
    c.mounts.append(mount("/data", "tmpfs", "tmpcopyup"))
    assert c.lines() == ["sub 710 0 0 3000", "sub/file 4755 7 8 2000", "/etc/hostname-of-nobody", "deep", "751"]


@lacks("crun", "1.8 leaves 1777")
def test_tmpfs_without_a_mode_takes_that_of_its_place(make):
    """A tmpfs over a directory of the image has that directory's mode, unless it is given one (as runc does)."""
    c = make("stat -c %a /data")
    (c.rootfs / "data").mkdir()
    os.chmod(c.rootfs / "data", 0o711)
    c.mounts.append(mount("/data", "tmpfs"))
    assert c.output() == "711\n"


@pytest.mark.parametrize("option, shared, slave", [
    ("private", False, False), ("rprivate", False, False), ("slave", False, True), ("rslave", False, True),
    *(pytest.param(name, True, None, marks=lacks("crun", "1.8 lets the root's win"))
      for name in ("shared", "rshared"))])
def test_propagation_of_a_bind(make, source, option, shared, slave):
    """private, shared, slave and the recursive ones set the bind mount's propagation."""
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    try:
        c = make()
        if slave:
            c.linux["rootfsPropagation"] = "rslave"
        c.mounts.append(bind(source, "/mnt", "bind", option))
        found = mounts_of(c)["/mnt"]
    finally:
        subprocess.run(["umount", "-l", source], check=True)
    assert found.shared == shared and slave in (None, found.slave), found.optional


def test_a_shared_bind_in_a_shared_root_reaches_the_host(make, source):
    """shared: what the container mounts is seen on the host, and the other way round; other mounts stay the container's."""
    c = make("mount -t tmpfs tmpfs /mnt/sub && touch /mnt/sub/inside && mount -t tmpfs tmpfs /tmp && "
             "while ! [ -e /mnt/late/x ]; do sleep 0.01; done; echo seen; exec sleep 1000").capabilities("CAP_SYS_ADMIN")
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    (source / "late").mkdir()
    try:
        before = Path("/proc/self/mountinfo").read_text().splitlines()
        c.linux["rootfsPropagation"] = "rshared"
        c.mounts.append(bind(source, "/mnt", "rbind", "rshared"))
        c.up()
        wait_for(lambda: (source / "sub/inside").exists(), "the container's mount on the host")
        assert len(Path("/proc/self/mountinfo").read_text().splitlines()) == len(before) + 1
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", source / "late"], check=True)
        (source / "late/x").write_text("")
        wait_for(lambda: c.stdout.read_text() == "seen\n", "the host's mount in the container")
        c.delete("--force")
        assert (source / "sub/inside").exists(), "it stays until somebody takes it away"
    finally:
        c.runtime.call("delete", "--force", c.id, check=False)
        for path in (source / "late", source / "sub", source):
            subprocess.run(["umount", "-l", path], check=False)


@lacks("crun", "1.8 lets the root's win")
def test_unbindable(make, source):
    """unbindable and runbindable set the bind mount's propagation."""
    c = make()
    c.mounts.extend([bind(source, "/one", "bind", "unbindable"), bind(source, "/two", "rbind", "runbindable")])
    found = mounts_of(c)
    assert "unbindable" in found["/one"].optional and "unbindable" in found["/two"].optional


def test_remount(make):
    """remount changes the options of a mount that is there."""
    c = make()
    c.mounts.extend([mount("/mnt", "tmpfs"), mount("/mnt", "tmpfs", "remount", "ro")])
    assert "ro" in mounts_of(c)["/mnt"].options


def test_mounts_do_not_reach_the_host(make, source):
    """The container's mounts are its own."""
    c = make()
    c.mounts.extend([bind(source, "/mnt"), mount("/mnt/sub", "tmpfs")])
    c.output()
    assert str(c.directory) not in Path("/proc/self/mountinfo").read_text()


@lacks("runc", "cannot do without /proc")
def test_no_mounts(make):
    """mounts is OPTIONAL."""
    c = make("echo up")
    c.config["mounts"] = []
    c.linux.update(maskedPaths=[], readonlyPaths=[])
    assert c.output() == "up\n"


@lacks("runc", "1.1 has no idmapped mounts")
def test_idmapped_mount(make, mappable):
    """If uidMappings or gidMappings are specified, the runtime MUST use those values for the mount's mapping."""
    os.chown(mappable / "file", 1000, 1001)
    c = make("stat -c '%u %g' /mnt/file").mapped()
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    c.mounts.append(bind(mappable, "/mnt", "bind", "idmap") | {"uidMappings": mapping, "gidMappings": mapping})
    assert c.output() == "1000 1001\n"


@lacks("runc", "1.1 has no idmapped mounts")
def test_idmapped_mount_without_a_user_namespace(make, mappable):
    """The mapping is the mount's own: the container need not have a user namespace."""
    os.chown(mappable / "file", 1000, 1001)
    c = make("stat -c '%u %g' /mnt/file; touch /mnt/new && stat -c '%u %g' /mnt/new")
    mapping = [{"containerID": 0, "hostID": 5000, "size": 2000}]
    c.mounts.append(bind(mappable, "/mnt", "bind", "idmap") | {"uidMappings": mapping, "gidMappings": mapping})
    os.chmod(mappable, 0o777)
    result = c.run(check=False)
    assert result.stdout.splitlines()[0] == "6000 6001", str(result)


@lacks("runc", "1.1 has no idmapped mounts")
def test_idmap_takes_the_containers_mappings(make, mappable):
    """idmap without mappings of the mount: those of the container's user namespace are used."""
    os.chown(mappable / "file", 1000, 1001)
    c = make("stat -c '%u %g' /mnt/file").mapped()
    c.mounts.append(bind(mappable, "/mnt", "bind", "idmap"))
    assert c.output() == "1000 1001\n"


@lacks("runc", "1.1 ignores it")
def test_idmap_needs_both_mappings(make, source):
    """uidMappings, if specified, MUST be specified along with gidMappings."""
    c = make()
    mapping = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    c.mounts.append(bind(source, "/mnt", "bind", "idmap") | {"uidMappings": mapping})
    c.refused()


# default filesystems and devices

@pytest.mark.parametrize("path, type", [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"),
                                        ("/dev/shm", "tmpfs"), ("/dev/mqueue", "mqueue"), ("/dev", "tmpfs")])
def test_default_filesystems(make, path, type):
    """These filesystems SHOULD be made available in each container's filesystem."""
    assert mounts_of(make())[path].type == type


DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}


@pytest.mark.parametrize("name", DEVICES)
def test_default_devices(make, name):
    """The runtime MUST also supply these devices, readable and writable by everybody."""
    c = make(f"stat -c '%F %t %T %a' /dev/{name}")
    major, minor = DEVICES[name]
    assert c.output() == f"character special file {major:x} {minor:x} 666\n"


def test_default_devices_can_be_used(make):
    """The devices cgroup lets the default devices through."""
    c = make("echo x > /dev/null && head -c 4 /dev/zero | od -An -tx1 && head -c 1 /dev/urandom | wc -c")
    assert c.output().split() == ["00"] * 4 + ["1"]


def test_ptmx(make):
    """/dev/ptmx is a bind mount or symlink of the container's /dev/pts/ptmx."""
    c = make("readlink -f /dev/ptmx; stat -L -c '%t %T' /dev/ptmx; : < /dev/ptmx && echo ok")
    target, number, usable = c.lines()
    assert target in ("/dev/pts/ptmx", "/dev/ptmx") and number == "5 2" and usable == "ok"


@pytest.mark.parametrize("name, target", [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"),
                                          ("stdout", "/proc/self/fd/1"), ("stderr", "/proc/self/fd/2")])
def test_dev_symbolic_links(make, name, target):
    """While creating the container (step 2), runtimes MUST create these symlinks if the source file exists."""
    assert make(f"readlink /dev/{name}").output() == f"{target}\n"


def test_no_console_without_a_terminal(make):
    """/dev/console is set up only if terminal is enabled."""
    assert make("[ -c /dev/console ] && stat -c %t /dev/console; true").output() == ""


def test_devices_do_not_change_the_rootfs(make):
    """Devices are made in the container's /dev mount, not below it."""
    c = make()
    c.output()
    assert not any(stat.S_ISCHR(p.lstat().st_mode) for p in (c.rootfs / "dev").iterdir())


def test_pts_is_a_new_instance(make):
    """newinstance: the host's terminals are not seen."""
    assert set(make("ls /dev/pts").output().split()) <= {"ptmx"}
