"""config.md: POSIX-platform hooks. runtime.md: their place in the lifecycle."""

import json
import os
import time

import pytest

from runtime import lacks, wait_for

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
HOST_KINDS = [k for k in KINDS if k != "startContainer"]
CREATE_KINDS = ["prestart", "createRuntime", "createContainer"]


def hook(script: str, read=True, **more) -> dict:
    """A hook that is a shell script: /bin/sh is there on the host and in the container. `read`: it takes the state."""
    return {"path": "/bin/sh", "args": ["sh", "-c", ("cat >/dev/null; " if read else "") + script], **more}


def lines(container) -> list[str]:
    path = container.directory / "log"
    return path.read_text().splitlines() if path.exists() else []


def log(container, text: str) -> str:
    """A script that adds a line to the bundle's log; the text is expanded by the shell. Not for startContainer."""
    return f'echo "{text}" >> {container.directory}/log'


@pytest.fixture
def logged(make):
    """A container whose hooks and program each add their name to the log, which is bound at /log inside."""
    c = make("echo program >> /log; sleep 1000")
    (c.directory / "log").write_text("")
    c.mounts.append({"destination": "/log", "type": "bind", "source": str(c.directory / "log"), "options": ["bind"]})
    c.config["hooks"] = {k: [hook(log(c, k))] for k in KINDS}
    c.config["hooks"]["startContainer"] = [hook("echo startContainer >> /log")]
    return c


# moment

@lacks("runc", "1.1 calls poststart in create")
def test_hooks_of_create(logged):
    """prestart, createRuntime and createContainer are called, in this order, as part of create."""
    logged.create()
    assert lines(logged) == ["prestart", "createRuntime", "createContainer"]


@lacks("runc", "1.1 calls poststart in create")
def test_hooks_of_start(logged):
    """startContainer comes before the program is executed, poststart after it but before start returns."""
    logged.create()
    before = len(lines(logged))
    logged.start()
    wait_for(lambda: "program" in lines(logged), "the program's line")
    added = lines(logged)[before:]
    assert added.index("startContainer") < added.index("program") and "poststart" in added


def test_poststart_is_done_when_start_returns(make):
    """poststart hooks MUST be called before the start operation returns."""
    c = make(args=["/bin/sleep", "1000"])
    c.config["hooks"] = {"poststart": [hook("sleep 0.2; " + log(c, "done"))]}
    c.up()
    assert lines(c) == ["done"]


def test_poststop_is_called_by_delete(logged):
    """poststop hooks MUST be called after the container is deleted but before the delete operation returns."""
    logged.up()
    logged.kill("KILL")
    logged.stopped()
    assert "poststop" not in lines(logged)
    logged.delete()
    assert lines(logged)[-1] == "poststop"


def test_poststop_is_called_by_delete_force(logged):
    """The same by delete --force."""
    logged.up()
    logged.delete("--force")
    assert lines(logged)[-1] == "poststop"


def test_run_calls_all_of_them(make):
    """run is create, start and delete."""
    c = make()
    c.config["hooks"] = {k: [hook(log(c, k))] for k in HOST_KINDS}
    c.run()
    assert lines(c) == HOST_KINDS


def test_container_is_gone_at_poststop(make):
    """poststop hooks are called after the container process is deleted: the process is no more."""
    c = make(args=["/bin/sleep", "1000"])
    look = f"grep State /proc/$(cat {c.directory}/pid)/status || echo gone"
    c.config["hooks"] = {"poststop": [hook(f"({look}) > {c.directory}/log 2>&1")]}
    c.up("--pid-file", c.directory / "pid")
    c.delete("--force")
    assert "gone" in lines(c)[-1] or "zombie" in lines(c)[-1], "nobody may have reaped it yet"


@pytest.mark.parametrize("kind", KINDS)
def test_hooks_in_listed_order(make, kind):
    """Hooks MUST be called in the listed order."""
    c = make()
    (c.directory / "log").write_text("")
    c.mounts.append({"destination": "/log", "type": "bind", "source": str(c.directory / "log"), "options": ["bind"]})
    target = "/log" if kind == "startContainer" else c.directory / "log"
    c.config["hooks"] = {kind: [hook(f"sleep 0.0{3 - n}; echo {n} >> {target}") for n in range(3)]}
    c.run()
    assert lines(c) == ["0", "1", "2"]


# namespace

@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart", "poststop"])
def test_hooks_in_the_runtime_namespace(make, kind):
    """These hooks MUST be executed in the runtime namespace."""
    c = make()
    c.config["hooks"] = {kind: [hook(log(c, "$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts)"))]}
    c.run()
    assert lines(c)[0].split() == [os.readlink("/proc/self/ns/mnt"), os.readlink("/proc/self/ns/uts")]


def test_create_container_is_in_the_container_namespace(make):
    """createContainer: path resolves in the runtime namespace, and it is executed in the container namespace."""
    c = make()
    own = c.directory / "own-program"
    own.write_text(f"#!/bin/sh\n(readlink /proc/self/ns/uts; readlink /proc/self/ns/mnt) > {c.directory}/log\n")
    own.chmod(0o755)
    c.config["hooks"] = {"createContainer": [{"path": str(own)}]}
    c.run()
    found = lines(c)
    assert found[0] != os.readlink("/proc/self/ns/uts") and found[1] != os.readlink("/proc/self/ns/mnt")


def test_create_container_is_before_pivot_root(make):
    """createContainer MUST be called before the pivot_root: the host's tree is seen."""
    c = make()
    c.config["hooks"] = {"createContainer": [hook(log(c, "$(ls -d /usr/bin/python3)"))]}
    c.run()
    assert lines(c) == ["/usr/bin/python3"]


def test_mounts_are_there_at_create_container(make):
    """createContainer comes after the mounts were made: a hook can change them (that is what it is for)."""
    c = make()
    c.config["hooks"] = {"createContainer": [hook(log(c, f"$(grep -c {c.rootfs}/proc /proc/self/mountinfo)"))]}
    c.run()
    assert int(lines(c)[0]) >= 1


def test_namespaces_are_there_at_create_runtime(make):
    """createRuntime: after the runtime environment has been created (network plugins are such hooks)."""
    c = make()
    read_pid = "$(cat | sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/' | tr -d '\\n')"
    script = f'p="{read_pid}"; readlink /proc/$p/ns/net > {c.directory}/log'
    c.config["hooks"] = {"createRuntime": [hook(script, read=False)]}
    c.run()
    assert lines(c)[0].startswith("net:[") and lines(c)[0] != os.readlink("/proc/self/ns/net")


def test_start_container_is_in_the_container(make):
    """startContainer: path resolves, and it is executed, in the container namespace."""
    c = make("cat /tmp/seen")
    own = c.rootfs / "bin/own-hook"
    own.write_text("#!/bin/sh\nhostname > /tmp/seen\nls -d /mark >> /tmp/seen\n")
    own.chmod(0o755)
    (c.rootfs / "mark").write_text("")
    c.config["hooks"] = {"startContainer": [{"path": "/bin/own-hook"}]}
    assert c.output() == "conformance\n/mark\n"


# state on stdin

STATUS = {"prestart": ("creating", "created"), "createRuntime": ("creating", "created"),
          "createContainer": ("creating", "created"), "poststart": ("running",), "poststop": ("stopped",)}


@pytest.mark.parametrize("kind", [
    *(k for k in STATUS if k != "poststart"),
    pytest.param("poststart", marks=lacks("runc", "1.1 calls it in create, with the state created"))])
def test_state_on_stdin(make, kind):
    """The state of the container MUST be passed to hooks over stdin."""
    c = make(args=["/bin/sleep", "1000"])
    c.config["annotations"] = {"com.example.key": "value"}
    c.config["hooks"] = {kind: [hook(f"cat > {c.directory}/state", read=False)]}
    c.up().delete("--force")
    state = json.loads((c.directory / "state").read_text())
    assert state["id"] == c.id and state["bundle"] == str(c.directory)
    assert state["annotations"] == {"com.example.key": "value"}
    assert state["ociVersion"].startswith("1.")
    assert state["status"] in STATUS[kind]
    if kind in ("prestart", "createRuntime", "poststart"):
        assert state["pid"] > 1


@lacks("crun", "1.8 says pid 0")
def test_state_on_stdin_of_start_container(make):
    """For hooks executed in the container namespace, pid is the one seen by the container."""
    c = make("cat /tmp/state")
    c.config["hooks"] = {"startContainer": [hook("cat > /tmp/state", read=False)]}
    state = json.loads(c.output())
    assert state["id"] == c.id and state["status"] != "stopped"
    assert state["pid"] == 1


def test_hook_that_does_not_read_its_stdin(make):
    """A hook may ignore the state, however long it is: that is no failure."""
    c = make("echo up")
    c.config["annotations"] = {f"com.example.{n}": "x" * 1000 for n in range(200)}
    c.config["hooks"] = {"createRuntime": [hook("sleep 0.2", read=False)]}
    assert c.output() == "up\n"


# args, env, timeout

@pytest.mark.parametrize("kind", ["createRuntime", "createContainer", "poststop"])
def test_args(make, kind):
    """args has the same semantics as execv's argv."""
    c = make()
    c.config["hooks"] = {kind: [{"path": "/bin/sh", "args": [
        "zero", "-c", f'echo "$0|$1|$#" > {c.directory}/log', "name", "a b", ""]}]}
    c.run()
    assert lines(c) == ["name|a b|2"]


@pytest.mark.parametrize("kind", HOST_KINDS)
def test_env(make, kind):
    """env has the same semantics as environ: what it lists, and nothing of the runtime's own."""
    c = make()
    c.config["hooks"] = {kind: [hook(f"env > {c.directory}/log", env=["PATH=/bin:/usr/bin", "A=two words"])]}
    c.run(env={**os.environ, "LEAKED": "1"})
    assert "A=two words" in lines(c) and "LEAKED=1" not in lines(c)


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_timeout(make, kind):
    """timeout is the number of seconds before aborting the hook."""
    c = make()
    c.config["hooks"] = {kind: [hook("exec sleep 10", timeout=1)]}
    begun = time.monotonic()
    c.refused()
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("value", [pytest.param(0, marks=lacks("crun", "1.8 takes it as no timeout")), -1])
def test_timeout_must_be_positive(make, value):
    """If set, timeout MUST be greater than zero."""
    c = make()
    c.config["hooks"] = {"createRuntime": [hook("true", timeout=value)]}
    c.refused()


@lacks("crun", "1.8 takes it from the working directory")
def test_relative_hook_path_is_an_error(make):
    """path MUST be absolute."""
    c = make()
    c.config["hooks"] = {"createRuntime": [{"path": "sh", "args": ["sh", "-c", "true"]}]}
    c.refused(cwd="/bin")


# failure

@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_failing_hook_of_create(make, kind):
    """If any such hook fails, the runtime MUST generate an error, stop the container, and go on with step 12."""
    c = make()
    c.config["hooks"] = {kind: [hook(log(c, "first") + "; echo why >&2; exit 3"), hook(log(c, "second"))]}
    c.refused()
    assert lines(c) == ["first"], "the hooks after it are not called"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_failing_hook_stops_the_lifecycle(make, kind):
    """Hooks of later kinds are not called."""
    c = make()
    later = KINDS[KINDS.index(kind) + 1:KINDS.index("startContainer")]
    c.config["hooks"] = {kind: [hook("exit 1")]} | {k: [hook(log(c, k))] for k in later}
    c.refused()
    assert lines(c) == []


@lacks("crun", "1.8 does not call them")
@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_poststop_after_a_failing_hook_of_create(make, kind):
    """… and continue the lifecycle at step 12: destroy, then the poststop hooks."""
    c = make()
    c.config["hooks"] = {kind: [hook("exit 1")], "poststop": [hook(log(c, "poststop"))]}
    c.refused()
    assert lines(c) == ["poststop"]


@lacks("crun", "1.8 does not say why")
@pytest.mark.parametrize("kind", CREATE_KINDS)
def test_missing_hook_is_a_failure(make, kind):
    """A hook that cannot be executed has failed."""
    c = make()
    c.config["hooks"] = {kind: [{"path": "/no/such/hook"}]}
    assert "no such file" in c.refused().stderr.lower()


def test_program_is_not_run_after_a_failing_start_container(make):
    """If any startContainer hook fails, the runtime MUST … stop the container."""
    c = make("echo ran > /ran; sleep 1000")
    c.config["hooks"] = {"startContainer": [hook("exit 1")]}
    c.create()
    c.start(check=False)
    wait_for(lambda: c.status in ("stopped", None), "stopped")
    assert not (c.rootfs / "ran").exists()


@lacks("runc", "start does not wait for it")
@lacks("crun", "start does not wait for it")
def test_failing_start_container_is_an_error_of_start(make):
    """If any startContainer hook fails, the runtime MUST generate an error."""
    c = make()
    c.config["hooks"] = {"startContainer": [hook("exit 1")]}
    c.create()
    assert c.start(check=False).returncode != 0


@lacks("runc", "1.1 calls it in create")
@lacks("crun", "1.8 goes on")
def test_failing_poststart(make):
    """If any poststart hook fails, the runtime MUST generate an error and stop the container."""
    c = make(args=["/bin/sleep", "1000"])
    c.config["hooks"] = {"poststart": [hook("exit 1")]}
    c.create()
    assert c.start(check=False).returncode != 0
    wait_for(lambda: c.status in ("stopped", None), "stopped", timeout=3)


@lacks("runc", "1.1 calls no further one")
def test_failing_poststop_is_a_warning(make):
    """If any poststop hook fails, the runtime MUST log a warning, but the remaining hooks and lifecycle continue."""
    c = make()
    c.config["hooks"] = {"poststop": [hook("exit 1"), hook(log(c, "second"))]}
    c.up().stopped().delete()
    assert lines(c) == ["second"]
    assert c.state(check=False) == {}


def test_empty_hooks(make):
    """hooks is OPTIONAL, and so is each kind."""
    c = make("echo up")
    c.config["hooks"] = {k: [] for k in KINDS}
    assert c.output() == "up\n"
