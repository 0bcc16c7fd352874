"""runtime.md: state, lifecycle, operations. config.md: version, root, annotations, extensibility."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from runtime import CGROUPS, NAME, lacks, wait_for

SLEEP = ["/bin/sleep", "1000"]


# state

def test_state_of_a_created_container(make):
    """The state has ociVersion, id, status, pid and the absolute path of the bundle."""
    c = make(args=SLEEP)
    c.create()
    state = c.state()
    assert state["id"] == c.id
    assert state["status"] == "created"
    assert state["bundle"] == str(c.directory)
    assert state["ociVersion"].startswith("1.")
    assert isinstance(state["pid"], int) and Path(f"/proc/{state['pid']}").exists()


def test_state_of_a_running_container(sleeper):
    """`running`: the container process has executed the user-specified program but has not exited."""
    state = sleeper.state()
    assert state["status"] == "running"
    assert Path(f"/proc/{state['pid']}/cmdline").read_bytes().split(b"\0")[0] == b"/bin/sleep"


def test_state_of_a_stopped_container(make):
    """`stopped`: the container process has exited. A pid, where given, is no live process of the container."""
    c = make().up().stopped()
    state = c.state()
    assert state["status"] == "stopped"
    assert state["id"] == c.id and state["bundle"] == str(c.directory)
    assert state.get("pid", 0) == 0


def test_pid_is_the_same_before_and_after_start(make):
    """The container process executes the user-specified program: it is no new process."""
    c = make(args=SLEEP)
    c.create()
    before = c.pid
    c.start()
    assert c.pid == before


def test_state_has_the_annotations(make):
    """`annotations` contains the list of annotations associated with the container."""
    c = make(args=SLEEP)
    c.config["annotations"] = {"com.example.key": "a value", "com.example.empty": ""}
    c.create()
    annotations = c.state()["annotations"]
    assert annotations["com.example.key"] == "a value"
    assert annotations["com.example.empty"] == ""


def test_state_without_annotations(make):
    """If no annotations were provided then this property MAY either be absent or an empty map."""
    c = make(args=SLEEP)
    c.create()
    assert not c.state().get("annotations")


def test_state_of_an_unknown_container_is_an_error(runtime):
    """Attempting to query a container that does not exist MUST generate an error."""
    result = runtime.call("state", "no-such-container", check=False)
    assert result.returncode != 0 and result.stderr.strip() and not result.stdout.strip()


# create

def test_create_does_not_run_the_program(make):
    """process.args MUST NOT be applied until triggered by the start operation."""
    c = make("echo ran")
    c.create()
    assert c.status == "created"
    assert Path(f"/proc/{c.pid}/cmdline").read_bytes().split(b"\0")[0] != b"/bin/sh"
    assert c.stdout.read_text() == ""
    c.start()
    wait_for(lambda: c.stdout.read_text() == "ran\n", "the program's output")


def test_config_changed_after_create_has_no_effect(make):
    """Any updates to config.json after this step MUST NOT affect the container."""
    c = make("echo old")
    c.create()
    c.process["args"] = ["/bin/sh", "-c", "echo new"]
    c.write()
    c.start()
    assert wait_for(c.stdout.read_text, "output") == "old\n"


def test_config_removed_after_create_has_no_effect(make):
    """Any changes made to the config.json file after this operation will not have an effect on the container."""
    c = make("echo old")
    c.create()
    (c.directory / "config.json").unlink()
    c.start()
    assert wait_for(c.stdout.read_text, "output") == "old\n"
    c.stopped().delete()


def test_duplicate_id_is_refused_and_the_first_is_untouched(make):
    """If the ID is not unique, the implementation MUST generate an error and a new container MUST NOT be created."""
    first, second = make(args=SLEEP).up(), make(args=SLEEP)
    pid, second.id = first.pid, first.id
    assert second.create(check=False).returncode != 0
    second.may_exist = False
    assert first.status == "running" and first.pid == pid
    assert first.state()["bundle"] == str(first.directory)


def test_id_can_be_used_again_after_delete(make):
    """Once a container is deleted its ID MAY be used by a subsequent container."""
    c = make()
    for _ in range(2):
        c.up().stopped().delete()


def test_create_without_an_id_is_an_error(runtime, make):
    """This operation MUST generate an error if it is not provided the container ID."""
    c = make()
    c.write()
    assert runtime.call("create", "--bundle", c.directory, check=False).returncode != 0


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete"])
def test_operation_without_an_id_is_an_error(runtime, verb):
    """This operation MUST generate an error if it is not provided the container ID."""
    assert runtime.call(verb, check=False).returncode != 0


def test_create_without_a_bundle_takes_the_working_directory(make, runtime):
    """`--bundle` defaults to the current directory (runc's words)."""
    c = make(args=SLEEP)
    c.write()
    c.may_exist = True
    runtime.call("create", c.id, cwd=c.directory)
    assert c.state()["bundle"] == str(c.directory)


def test_relative_bundle_path(make):
    """`bundle` (REQUIRED) is the absolute path to the container's bundle directory."""
    c = make(args=SLEEP)
    c.create(bundle=c.directory.name, cwd=c.directory.parent)
    assert c.state()["bundle"] == str(c.directory)


def test_bundle_that_does_not_exist(make, runtime):
    """A bundle is a directory with a config.json."""
    c = make()
    result = runtime.call("create", "--bundle", c.directory / "none", c.id, check=False)
    assert result.returncode != 0 and not c.state(check=False)


def test_bundle_without_config(make, runtime):
    """config.json MUST reside in the root of the bundle directory and MUST be named config.json."""
    c = make()
    result = runtime.call("create", "--bundle", c.directory, c.id, check=False)
    assert result.returncode != 0 and "config.json" in result.stderr and not c.state(check=False)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"ociVersion": "1.0.2", "process": 5}', "\0\0"],
                         ids=["empty", "cut", "array", "null", "wrong-type", "binary"])
def test_invalid_json_is_an_error(make, runtime, text):
    """The runtime MUST generate an error when invalid values are encountered."""
    c = make()
    c.write(text)
    assert runtime.call("create", "--bundle", c.directory, c.id, check=False).returncode != 0
    assert not c.state(check=False)


@lacks("runc", "does not look at ociVersion")
def test_missing_version_is_an_error(make):
    """ociVersion is REQUIRED."""
    c = make()
    del c.config["ociVersion"]
    c.refused()


@lacks("runc", "does not look at ociVersion")
@pytest.mark.parametrize("version", ["2.0.0", "0.9.0", "latest", ""])
def test_unsupported_version_is_an_error(make, version):
    """ociVersion MUST be in SemVer v2.0.0 format; the runtime MUST generate an error for unsupported values."""
    c = make()
    c.config["ociVersion"] = version
    c.refused()


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0", *(
    pytest.param(v, marks=lacks("crun", "1.8 knows 1.0 and 1.1")) for v in ("1.2.1", "1.3.0"))])
def test_supported_versions(make, version):
    """Minor versions are compatible: additions do not break a bundle."""
    c = make("echo up")
    c.config["ociVersion"] = version
    assert c.output() == "up\n"


def test_unknown_properties_are_ignored(make):
    """Runtimes MAY log unknown properties but MUST otherwise ignore them."""
    c = make("echo up")
    c.config["com.example.unknown"] = {"a": [1, 2.5, None]}
    c.process["unknown"] = True
    c.linux["unknown"] = "x"
    assert c.output() == "up\n"


def test_create_needs_a_root(make):
    """A directory MUST exist at the path declared by root.path."""
    c = make()
    c.config["root"]["path"] = "nowhere"
    c.refused()


def test_start_without_process_is_an_error(make):
    """This operation MUST generate an error if process was not set."""
    c = make()
    del c.config["process"]
    if c.create(check=False).returncode == 0:
        assert c.start(check=False).returncode != 0


def test_failed_create_leaves_no_cgroup(make):
    """Generating an error MUST leave the state of the environment as if the operation were never attempted."""
    c = make()
    c.linux["cgroupsPath"] = f"/conformance/{c.id}"
    c.mounts.append({"destination": "/x", "type": "no-such-filesystem", "source": "x"})
    c.refused()
    roots = [*CGROUPS.mounts.values(), *([CGROUPS.unified] if CGROUPS.unified else [])]
    assert [str(r) for r in roots if (r / "conformance" / c.id).exists()] == []


def test_failed_create_leaves_no_process(make):
    """Generating an error MUST leave the state of the environment as if the operation were never attempted."""
    c = make(args=["/bin/sleep", "4711"])
    c.mounts.append({"destination": "/x", "type": "no-such-filesystem", "source": "x"})
    c.refused()
    assert not any(c.id in line for line in commands())


def test_failed_create_frees_the_id(make):
    """A refused container does not keep its name."""
    c = make("echo up")
    c.config["root"]["path"] = "nowhere"
    c.refused()
    c.config["root"]["path"] = "rootfs"
    assert c.output() == "up\n"


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if "pytest" not in line]


def test_pid_file(make):
    """`--pid-file` gets the pid of the container process, without a newline."""
    c = make(args=SLEEP)
    c.create("--pid-file", c.directory / "pid")
    assert (c.directory / "pid").read_text() == str(c.pid)


# start

def test_start_of_an_unknown_container_is_an_error(runtime):
    """Attempting to start a container that does not exist MUST generate an error."""
    assert runtime.call("start", "no-such-container", check=False).returncode != 0


def test_start_of_a_running_container_is_an_error(sleeper):
    """Attempting to start a container that is not created MUST have no effect on it and MUST generate an error."""
    pid = sleeper.pid
    result = sleeper.start(check=False)
    assert result.returncode != 0 and result.stderr.strip()
    assert sleeper.status == "running" and sleeper.pid == pid


def test_start_of_a_stopped_container_is_an_error(make):
    """Attempting to start a container that is not created MUST generate an error."""
    c = make("echo once").up().stopped()
    assert c.start(check=False).returncode != 0
    assert c.stdout.read_text() == "once\n"


# kill

def test_kill_sends_the_signal(make):
    """This operation MUST send the specified signal to the container process."""
    c = make("trap 'echo caught; exit 0' USR1; echo ready; while :; do sleep 0.02; done").up()
    wait_for(lambda: "ready" in c.stdout.read_text(), "the trap")
    c.kill("USR1")
    c.stopped()
    assert c.stdout.read_text() == "ready\ncaught\n"


def test_kill_of_a_created_container(make):
    """A signal goes to a container that is created or running."""
    c = make(args=SLEEP)
    c.create()
    c.kill("KILL")
    c.stopped()


def test_kill_of_a_stopped_container_is_an_error(make):
    """A signal to a container that is neither created nor running MUST have no effect and MUST generate an error."""
    c = make().up().stopped()
    assert c.kill("TERM", check=False).returncode != 0
    assert c.status == "stopped"


def test_kill_of_an_unknown_container_is_an_error(runtime):
    """Attempting to send a signal to a container that does not exist MUST generate an error."""
    assert runtime.call("kill", "no-such-container", "TERM", check=False).returncode != 0


# delete

def test_delete_of_a_stopped_container(make):
    """Deleting a container MUST delete the resources that were created during the create step."""
    c = make().up().stopped()
    c.delete()
    assert c.state(check=False) == {}
    assert not (c.runtime.root / c.id).exists()


def test_delete_of_a_running_container_is_an_error(sleeper):
    """Attempting to delete a container that is not stopped MUST have no effect and MUST generate an error."""
    result = sleeper.delete(check=False)
    assert result.returncode != 0 and result.stderr.strip()
    assert sleeper.status == "running"


@lacks("runc", "deletes a created container")
@lacks("crun", "deletes a created container")
def test_delete_of_a_created_container_is_an_error(make):
    """Attempting to delete a container that is not stopped MUST have no effect and MUST generate an error."""
    c = make(args=SLEEP)
    c.create()
    assert c.delete(check=False).returncode != 0
    assert c.status == "created"


def test_delete_of_an_unknown_container_is_an_error(runtime):
    """Attempting to delete a container that does not exist MUST generate an error."""
    assert runtime.call("delete", "no-such-container", check=False).returncode != 0


def test_delete_removes_the_cgroups(make):
    """Deleting a container MUST delete the resources that were created during the create step."""
    c = make(args=SLEEP)
    c.linux["cgroupsPath"] = f"/conformance/{c.id}"
    c.up()
    paths = [p for p in CGROUPS.all_of(c.pid) if c.id in str(p)]
    assert paths
    c.kill("KILL")
    c.stopped().delete()
    assert [str(p) for p in paths if p.exists()] == []


def test_delete_leaves_the_bundle(make):
    """Resources associated with the container, but not created by this container, MUST NOT be deleted."""
    c = make("echo x > /made-inside").up().stopped()
    c.delete()
    assert (c.directory / "config.json").exists()
    assert (c.rootfs / "made-inside").read_text() == "x\n"


def test_delete_leaves_no_mount(make):
    """The container MUST be destroyed by undoing the steps performed during create phase."""
    c = make().up().stopped()
    c.delete()
    assert str(c.directory) not in Path("/proc/self/mountinfo").read_text()


def test_mounts_of_a_container_are_not_seen_outside(sleeper):
    """A new mount namespace: the runtime's own namespace keeps none of the container's mounts."""
    assert str(sleeper.directory) not in Path("/proc/self/mountinfo").read_text()


# command-line details that the lifecycle rests on

def test_two_containers_at_once(make):
    """Containers do not disturb each other."""
    first, second = make(args=SLEEP).up(), make(args=SLEEP).up()
    assert first.pid != second.pid
    first.delete("--force")
    assert second.status == "running"


def test_states_under_another_root_are_not_seen(sleeper, place):
    """`--root` is the scope of a runtime instance: another root has other containers."""
    from runtime import COMMAND
    done = subprocess.run([*COMMAND, "--root", str(place / "other"), "state", sleeper.id], capture_output=True)
    assert done.returncode != 0


def test_state_directory_is_private(sleeper):
    """The state directory is no place for others: it names pids that are signalled."""
    assert os.stat(sleeper.runtime.root / sleeper.id).st_mode & 0o022 == 0


def test_state_is_printed_as_json_object(sleeper):
    """When serialized in JSON, the format MUST adhere to the JSON Schema."""
    result = sleeper.runtime.call("state", sleeper.id)
    state = json.loads(result.stdout)
    assert {"ociVersion", "id", "status", "pid", "bundle"} <= set(state), f"{NAME} prints {sorted(state)}"
