"""A plain user makes containers: a user namespace with the user's own id as root, and no rights over cgroups."""

import json
import os
import subprocess
import uuid

import pytest

from runtime import COMMAND, Result, bind, lacks, wait_for

USER = 1234


class Rootless:
    """Runs the runtime as a plain user, with a state directory of that user's."""

    def __init__(self, place):
        self.home = place / f"home-{uuid.uuid4().hex[:6]}"
        self.home.mkdir()
        os.chown(self.home, USER, USER)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}

    def call(self, *arguments, check=True) -> Result:
        command = [*COMMAND, "--root", str(self.home / "state"), *(str(a) for a in arguments)]
        done = subprocess.run(command, user=USER, group=USER, extra_groups=[], cwd=self.home, text=True, timeout=20,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env=self.environment)
        result = Result(command, done.returncode, done.stdout, done.stderr)
        assert not check or result.returncode == 0, str(result)
        return result


@pytest.fixture
def rootless(place):
    return Rootless(place)


def owned(container):
    """Makes a bundle that a plain user can run, as `spec --rootless` has it."""
    container.without("network").namespace("user")
    container.linux["uidMappings"] = [{"containerID": 0, "hostID": USER, "size": 1}]
    container.linux["gidMappings"] = [{"containerID": 0, "hostID": USER, "size": 1}]
    del container.linux["resources"]
    container.config["mounts"] = [m for m in container.mounts if m["type"] not in ("sysfs", "cgroup")]
    for entry in container.mounts:
        entry["options"] = [o for o in entry["options"] if o != "gid=5"]
    container.mounts.append(bind("/sys", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro"))
    container.write()
    for directory, directories, files in os.walk(container.directory):
        for name in [directory, *(os.path.join(directory, n) for n in directories + files)]:
            os.lchown(name, USER, USER)
    return container


def test_plain_user_runs_a_container(make, rootless):
    """Root inside is the user outside."""
    c = owned(make("id -u; cat /proc/self/uid_map; hostname; echo x > /made"))
    lines = rootless.call("run", "--bundle", c.directory, c.id).stdout.splitlines()
    assert lines[0] == "0" and lines[1].split() == ["0", str(USER), "1"] and lines[2] == "conformance"
    assert (c.rootfs / "made").stat().st_uid == USER


def test_exit_status_of_a_plain_users_container(make, rootless):
    """`run` ends as the program does."""
    c = owned(make("exit 7"))
    assert rootless.call("run", "--bundle", c.directory, c.id, check=False).returncode == 7


def test_plain_user_has_devices(make, rootless):
    """Without mknod the default devices are bound."""
    c = owned(make("echo x > /dev/null && head -c 2 /dev/zero | wc -c"))
    assert rootless.call("run", "--bundle", c.directory, c.id).stdout == "2\n"


def test_plain_user_cannot_take_another_users_id(make, rootless):
    """The kernel refuses a mapping of an id that is not the user's: an error, and no container."""
    c = owned(make("id -u"))
    c.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    c.write()
    result = rootless.call("run", "--bundle", c.directory, c.id, check=False)
    assert result.returncode != 0 and result.stderr.strip() and not result.stdout


@lacks("crun", "makes a user namespace all the same")
def test_plain_user_without_a_user_namespace_is_an_error(make, rootless):
    """Nothing could be set up: it is said, not half done."""
    c = owned(make("id -u"))
    c.without("user")
    del c.linux["uidMappings"], c.linux["gidMappings"]
    c.write()
    result = rootless.call("run", "--bundle", c.directory, c.id, check=False)
    assert result.returncode != 0 and result.stderr.strip() and not result.stdout


def test_plain_user_execs_and_deletes(make, rootless):
    """The whole life: create, start, exec, kill, delete."""
    c = owned(make(args=["/bin/sleep", "1000"]))
    command = ["create", "--bundle", c.directory, c.id]
    with open(c.directory / "err", "w") as err:
        subprocess.run([*COMMAND, "--root", str(rootless.home / "state"), *map(str, command)], user=USER, group=USER,
                       extra_groups=[], stdin=subprocess.DEVNULL, stdout=err, stderr=err, check=True, timeout=20,
                       env=rootless.environment)
    try:
        rootless.call("start", c.id)
        assert rootless.call("exec", c.id, "id", "-u").stdout == "0\n"
        rootless.call("kill", c.id, "KILL")
        wait_for(lambda: '"stopped"' in rootless.call("state", c.id).stdout, "stopped")
    finally:
        rootless.call("delete", "--force", c.id)
    assert rootless.call("state", c.id, check=False).returncode != 0


@lacks("crun", "1.8 writes the mapping of root")
def test_spec_rootless_of_a_plain_user_runs(rootless, make):
    """`spec --rootless` gives the caller's own mapping, and a config that the caller can run."""
    c = owned(make())
    (c.directory / "config.json").unlink()
    rootless.call("spec", "--rootless", "--bundle", c.directory)
    c.config = json.loads((c.directory / "config.json").read_text())
    assert c.linux["uidMappings"] == [{"containerID": 0, "hostID": USER, "size": 1}]
    c.process.update(terminal=False, args=["/bin/id", "-u"], rlimits=[])
    c.write()
    assert rootless.call("run", "--bundle", c.directory, c.id).stdout == "0\n"


@pytest.fixture
def granted_ids(place):
    """The plain user has a name and further ids, in files that cover the machine's for this process and its children."""
    lines = {"/etc/passwd": f"root:x:0:0::/:/bin/sh\nplain:x:{USER}:{USER}::/:/bin/sh\n",
             "/etc/subuid": "plain:200000:65536\n", "/etc/subgid": "plain:300000:65536\n"}
    for path, text in lines.items():
        assert os.path.exists(path), f"{path} is missing: `make setup` installs the package uidmap"
        cover = place / path.replace("/", "_")
        cover.write_text(text)
        subprocess.run(["mount", "--bind", cover, path], check=True)
    yield
    for path in lines:
        subprocess.run(["umount", path], check=True)


def test_plain_user_maps_several_ranges(make, rootless, granted_ids):
    """Further ids come from /etc/subuid and /etc/subgid, by newuidmap and newgidmap."""
    c = owned(make("cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/x && chown 5:6 /tmp/x && stat -c '%u %g' /tmp/x"))
    c.linux["uidMappings"] += [{"containerID": 1, "hostID": 200000, "size": 1000}]
    c.linux["gidMappings"] += [{"containerID": 1, "hostID": 300000, "size": 1000}]
    c.capabilities("CAP_CHOWN")
    c.write()
    lines = [line.split() for line in rootless.call("run", "--bundle", c.directory, c.id).stdout.splitlines()]
    assert lines == [["0", str(USER), "1"], ["1", "200000", "1000"], ["0", str(USER), "1"], ["1", "300000", "1000"],
                     ["5", "6"]]
    found = (c.rootfs / "tmp/x").stat()
    assert (found.st_uid, found.st_gid) == (200004, 300005)


def test_plain_user_maps_no_more_than_was_granted(make, rootless, granted_ids):
    """A range outside the grant is refused, and the refusal says so."""
    c = owned(make("id -u"))
    c.linux["uidMappings"] += [{"containerID": 1, "hostID": 500000, "size": 10}]
    c.write()
    result = rootless.call("run", "--bundle", c.directory, c.id, check=False)
    assert result.returncode != 0 and "not allowed" in result.stderr + result.stdout, str(result)
