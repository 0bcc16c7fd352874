"""The command line: runc's words, options, output and exit statuses, as engines use them."""

import json
import os
import shlex
import subprocess
import uuid
from pathlib import Path

import pytest

from runtime import CGROUPS, COMMAND, VIEW, alive, lacks, needs, wait_for

SLEEP = ["/bin/sleep", "1000"]


# global options

def test_version():
    """`--version` says the runtime's version and that of the specification (containerd parses `spec: `)."""
    lines = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "version" in lines[0]
    assert any(line.startswith("spec: 1.") for line in lines)


def test_help():
    """`--help` names the commands, and is no error."""
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    for verb in "create start state kill delete exec run list ps pause resume update spec".split():
        assert verb in done.stdout + done.stderr


@pytest.mark.parametrize("words", [["no-such-command"], ["state", "--no-such-option", "x"], ["--no-such-option"]])
def test_wrong_usage_is_an_error(runtime, words):
    """A word that the runtime does not know is no success."""
    result = runtime.call(*words, check=False)
    assert result.returncode != 0 and (result.stderr + result.stdout).strip()


def test_log_in_json(runtime, place):
    """`--log F --log-format json`: a line with level, msg and time; containerd shows the msg of the last error."""
    log = place / f"log-{uuid.uuid4().hex}"
    result = runtime.call("start", "no-such", check=False, prefix=["--log", log, "--log-format", "json"])
    assert result.returncode != 0
    entry = [json.loads(line) for line in log.read_text().splitlines()][-1]
    assert entry["level"] == "error"
    assert "no-such" in entry["msg"] or "does not exist" in entry["msg"]
    assert entry["time"][:2] == "20" and "T" in entry["time"]


@lacks("crun", "writes the bare message")
def test_log_in_text(runtime, place):
    """`--log F`: text by default; the message is in the file."""
    log = place / f"log-{uuid.uuid4().hex}"
    runtime.call("start", "no-such", check=False, prefix=["--log", log])
    assert "level=error" in log.read_text() and "msg=" in log.read_text()


@lacks("crun", "says that a file of its own does not open")
@pytest.mark.parametrize("words", [["start"], ["state"], ["kill"], ["delete"]])
def test_unknown_container_is_said_so(runtime, words):
    """Engines look for `does not exist` in the message to tell a container that is gone from another failure."""
    assert "does not exist" in runtime.call(*words, "no-such", check=False).stderr


def test_log_is_appended_to(runtime, place):
    """Commands of one engine share a log."""
    log = place / f"log-{uuid.uuid4().hex}"
    for _ in range(2):
        runtime.call("start", "no-such", check=False, prefix=["--log", log, "--log-format", "json"])
    assert len(log.read_text().splitlines()) >= 2


def test_error_of_the_container_is_in_the_log(make, place):
    """Errors of a later stage reach the log too: an engine has nothing else to show."""
    c = make(args=["/no/such/program"])
    log = place / f"log-{uuid.uuid4().hex}"
    assert c.run(check=False, prefix=["--log", log, "--log-format", "json"]).returncode != 0
    messages = [json.loads(line)["msg"] for line in log.read_text().splitlines()]
    assert any("/no/such/program" in m and "no such file" in m.lower() for m in messages), messages


def test_debug(make):
    """`--debug` says more, and changes nothing else."""
    assert make("echo up").run(prefix=["--debug"]).stdout == "up\n"


def test_root_directory_is_made(make, place):
    """`--root` need not exist."""
    c = make("echo up")
    c.write()
    root = place / uuid.uuid4().hex / "deep"
    done = subprocess.run([*COMMAND, "--root", str(root), "run", "-b", str(c.directory), c.id], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "up\n", done.stderr


# run

def test_run_detach(make, runtime):
    """`run --detach --pid-file F` leaves a running container."""
    c = make(args=SLEEP)
    with open(c.stdout, "wb") as out:
        c.write()
        c.may_exist = True
        subprocess.run([*COMMAND, "--root", str(runtime.root), "run", "--detach", "--pid-file", c.directory / "pid",
                        "--bundle", c.directory, c.id], stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True)
    state = c.state()
    assert state["status"] == "running"
    assert (c.directory / "pid").read_text() == str(state["pid"])


def test_run_removes_the_container(make):
    """`run` in the foreground deletes the container at its end."""
    c = make("exit 3")
    assert c.run(check=False).returncode == 3
    assert c.state(check=False) == {}


@lacks("crun", "1.8 has no run --keep")
def test_run_keep(make):
    """`run --keep` leaves the stopped container."""
    c = make("exit 3")
    assert c.run("--keep", check=False).returncode == 3
    assert c.status == "stopped"


def test_run_forwards_signals(make, runtime):
    """A signal to `run` goes to the container's process."""
    c = make("trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.02; done")
    c.write()
    c.may_exist = True
    with open(c.stdout, "wb") as out:
        process = subprocess.Popen([*COMMAND, "--root", str(runtime.root), "run", "--bundle", str(c.directory), c.id],
                                   stdin=subprocess.DEVNULL, stdout=out)
        wait_for(lambda: "ready" in c.stdout.read_text(), "the trap")
        process.terminate()
        assert process.wait(10) == 9
    assert "caught" in c.stdout.read_text()


def preserving(count: int):
    """Descriptors 3, 4, … for the runtime, each an open file whose content is its number."""
    made = []
    for number in range(3, 3 + count):
        read, write = os.pipe()
        os.write(write, f"fd {number}\n".encode())
        os.close(write)
        made.append(read)

    def arrange():
        copies = [os.dup2(fd, 200 + i) for i, fd in enumerate(made)]
        for index, fd in enumerate(copies):
            os.dup2(fd, 3 + index)
            os.close(fd)
    return made, arrange


def test_preserve_fds(make):
    """`--preserve-fds N` passes descriptors 3 to N + 2."""
    made, arrange = preserving(2)
    c = make("cat <&3; cat <&4")
    assert c.run("--preserve-fds", "2", preexec_fn=arrange, close_fds=False).stdout == "fd 3\nfd 4\n"
    for fd in made:
        os.close(fd)


def test_descriptors_are_not_preserved_without_the_option(make):
    """Without it, and beyond N, no descriptor of the caller reaches the program."""
    made, arrange = preserving(2)
    c = make("ls /proc/self/fd; cat <&3 2>/dev/null; true")
    text = c.run(preexec_fn=arrange, close_fds=False).stdout
    assert "fd 3" not in text and text.split() == ["0", "1", "2", "3"], "3 is ls's own directory"
    for fd in made:
        os.close(fd)


@lacks("crun", "1.8 sets LISTEN_PID only")
def test_listen_fds(make, runtime):
    """Descriptors of socket activation (LISTEN_PID is the runtime's own, LISTEN_FDS) are passed too."""
    made, arrange = preserving(1)
    c = make("echo $LISTEN_FDS $LISTEN_PID; cat <&3")
    c.write()
    c.may_exist = True
    command = shlex.join([*COMMAND, "--root", str(runtime.root), "run", "--bundle", str(c.directory), c.id])
    done = subprocess.run(["sh", "-c", f"LISTEN_FDS=1 LISTEN_PID=$$ exec {command}"], preexec_fn=arrange,
                          close_fds=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "1 1\nfd 3\n", done.stderr
    for fd in made:
        os.close(fd)


def test_no_pivot(make):
    """`--no-pivot` uses no pivot_root (a root on a ramdisk): the root is the container's all the same."""
    c = make("ls /; cat /etc/passwd | head -n 1")
    text = c.run("--no-pivot").stdout
    assert "root:x:0:0:root:/root:/bin/sh" in text and "etc" in text and "home" not in text


def keys(container, *options) -> str:
    container.linux["maskedPaths"] = []
    return container.run(*options).stdout


def test_session_keyring_is_new(make):
    """Keys of the caller's session keyring must not be readable from inside: the container's bears its id."""
    c = make("cat /proc/keys")
    assert c.id in keys(c)


def test_no_new_keyring(make):
    """`--no-new-keyring` keeps the session keyring of the caller."""
    c = make("cat /proc/keys")
    assert c.id not in keys(c, "--no-new-keyring")


# list

def test_list_json(shared, runtime):
    """`list --format json`: an array with id, pid, status, bundle, created."""
    entry = next(e for e in json.loads(runtime.call("list", "--format", "json").stdout) if e["id"] == shared.id)
    assert entry["status"] == "running"
    assert entry["pid"] == shared.pid
    assert entry["bundle"] == str(shared.directory)
    assert entry["created"][:2] == "20" and entry["created"].endswith("Z")


@lacks("crun", "has NAME and other columns")
def test_list_table(shared, runtime):
    """`list`: a table with ID PID STATUS BUNDLE CREATED OWNER."""
    head, *rows = runtime.call("list").stdout.splitlines()
    assert head.split()[:5] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED"]
    row = next(r.split() for r in rows if r.startswith(shared.id))
    assert row[1:4] == [str(shared.pid), "running", str(shared.directory)]


def test_list_quiet(shared, runtime):
    """`list -q`: ids only."""
    assert shared.id in runtime.call("list", "-q").stdout.splitlines()
    assert runtime.call("list", "-q").stdout == runtime.call("list", "--quiet").stdout


def test_list_of_an_empty_root(place):
    """No containers is no error."""
    done = subprocess.run([*COMMAND, "--root", str(place / "empty"), "list", "-q"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_list_json_of_an_empty_root(place):
    """No containers is an empty array or null (as Go writes it)."""
    done = subprocess.run([*COMMAND, "--root", str(place / "empty2"), "list", "-f", "json"], capture_output=True,
                          text=True)
    assert json.loads(done.stdout) in ([], None)


def test_list_shows_stopped_containers(make, runtime):
    """A container is listed until it is deleted."""
    c = make().up().stopped()
    entry = next(e for e in json.loads(runtime.call("list", "-f", "json").stdout) if e["id"] == c.id)
    assert entry["status"] == "stopped"


# ps

def test_ps_json(make, runtime):
    """`ps --format json`: the pids, on the host, of every process in the container."""
    c = make("sleep 1000 & sleep 1001 & wait").up()
    pids = wait_for(lambda: (found := json.loads(runtime.call("ps", "--format", "json", c.id).stdout))
                    and len(found) == 3 and found, "three processes")
    assert c.pid in pids and all(Path(f"/proc/{pid}").exists() for pid in pids)


def test_ps_table(sleeper, runtime):
    """`ps`: the lines of ps -ef that are about the container."""
    head, *rows = runtime.call("ps", sleeper.id).stdout.splitlines()
    assert "PID" in head
    assert any(str(sleeper.pid) in row.split() for row in rows)


# exec

def test_exec(shared):
    """`exec ID PROGRAM` runs a program in the container's namespaces and root."""
    assert shared.exec("hostname").stdout == "conformance\n"
    assert shared.exec("readlink", "/proc/1/exe").stdout == "/bin/busybox\n"


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exec_passes_the_exit_status(shared, code):
    """`exec` ends as its program ends."""
    assert shared.exec("sh", "-c", f"exit {code}", check=False).returncode == code


def test_exec_killed_by_a_signal(shared):
    """A program killed by a signal gives 128 plus its number."""
    assert shared.exec("sh", "-c", "kill -KILL $$", check=False).returncode == 137


def test_exec_of_a_missing_program(shared):
    """Docker shows 126/127/255 and the message; the container goes on."""
    result = shared.exec("no-such-program", check=False)
    assert result.returncode in (1, 126, 127, 255) and "no-such-program" in result.stderr
    assert shared.status == "running"


def test_exec_environment(shared):
    """`-e K=V`, or `--env K=V`, sets a variable."""
    assert shared.exec("-e", "A=1", "-e", "B=two words", "--", "/bin/sh", "-c", "echo $A $B").stdout == "1 two words\n"
    assert shared.exec("--env", "A=1", "--", "/bin/sh", "-c", "echo $A").stdout == "1\n"


@lacks("crun", "1.8 replaces the environment")
def test_exec_adds_to_the_environment(shared):
    """`-e K=V` adds to the environment of the container's process, and wins over it."""
    assert {"A=1", "PATH=/bin"} <= set(shared.exec("-e", "A=1", "--", "/bin/env").stdout.splitlines())
    assert "PATH=/x" in shared.exec("-e", "PATH=/x", "--", "/bin/env").stdout.splitlines()


def test_exec_cwd(shared):
    """`--cwd` is the working directory; else it is the process's own."""
    assert shared.exec("--cwd", "/tmp", "--", "pwd").stdout == "/tmp\n"
    assert shared.exec("pwd").stdout == "/\n"


def test_exec_user(shared):
    """`-u UID:GID`."""
    assert shared.exec("-u", "12:34", "--", "sh", "-c", "id -u; id -g").stdout == "12\n34\n"


def test_exec_user_without_a_group(shared):
    """`-u UID` alone has group 0, as runc does it."""
    assert shared.exec("--user", "12", "--", "sh", "-c", "id -u; id -g").stdout == "12\n0\n"


def test_exec_capability(shared):
    """`--cap` adds a capability to the process."""
    text = shared.exec("--cap", "CAP_SYS_CHROOT", "--", "cat", "/proc/self/status").stdout
    bounding = next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith("CapBnd"))
    assert bounding & 1 << 18


def test_exec_has_the_containers_capabilities(shared):
    """A program has no more rights than the container's own process."""
    def sets(text):
        return [line for line in text.splitlines() if line.startswith("Cap")]
    inside = shared.exec("cat", "/proc/self/status", "/proc/1/status").stdout
    assert sets(inside)[:5] == sets(inside)[5:]


def test_exec_no_new_privileges(make):
    """`--no-new-privs`, and else the container's own value."""
    c = make(args=SLEEP)
    c.process["noNewPrivileges"] = False
    c.up()
    assert "NoNewPrivs:\t0" in c.exec("cat", "/proc/self/status").stdout
    assert "NoNewPrivs:\t1" in c.exec("--no-new-privs", "--", "cat", "/proc/self/status").stdout


def test_exec_detached(shared, place):
    """`-d --pid-file F` returns at once and leaves the program running."""
    file = place / f"pid-{uuid.uuid4().hex}"
    shared.exec("-d", "--pid-file", file, "--", "sleep", "1001")
    pid = int(file.read_text())
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x001001\0"
    assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{shared.pid}/ns/pid")


def test_exec_is_in_the_containers_cgroup(shared, place):
    """The program counts against the container's limits."""
    file = place / f"pid-{uuid.uuid4().hex}"
    shared.exec("-d", "--pid-file", file, "--", "sleep", "1001")
    assert CGROUPS.all_of(int(file.read_text())) == CGROUPS.all_of(shared.pid)


def test_exec_process_file(shared, place):
    """`--process F` reads the process object from a file."""
    file = place / f"process-{uuid.uuid4().hex}.json"
    file.write_text(json.dumps({"args": ["/bin/sh", "-c", "id -u; pwd; echo $X"], "cwd": "/tmp",
                                "env": ["PATH=/bin", "X=from file"], "user": {"uid": 7, "gid": 8}}))
    assert shared.exec("--process", file, "--").stdout == "7\n/tmp\nfrom file\n"


def test_exec_terminal(shared, console):
    """`-t -d --console-socket S`: the master comes over the socket."""
    shared.exec("-t", "-d", "--console-socket", console.path, "--", "sh", "-c", "tty; [ -t 0 ] && [ -t 2 ] && echo ok")
    console.accept()
    text = console.read().splitlines()
    assert text[0].startswith("/dev/") and text[1] == "ok"


def test_exec_stdin(shared):
    """The streams of `exec` are those of the program."""
    assert shared.exec("cat", input="through\n").stdout == "through\n"


def test_exec_preserve_fds(shared):
    """`exec --preserve-fds N`."""
    made, arrange = preserving(1)
    text = shared.exec("--preserve-fds", "1", "--", "sh", "-c", "cat <&3", preexec_fn=arrange, close_fds=False).stdout
    assert text == "fd 3\n"
    for fd in made:
        os.close(fd)


def test_exec_in_a_stopped_container_is_an_error(make):
    """There is nothing to join."""
    assert make().up().stopped().exec("true", check=False).returncode != 0


def test_exec_in_an_unknown_container_is_an_error(runtime):
    """There is nothing to join."""
    assert runtime.call("exec", "no-such-container", "true", check=False).returncode != 0


def test_exec_in_a_created_container(make):
    """Engines enter a container before it is started (Podman's init containers, Kata's checks): runc allows it."""
    c = make(args=SLEEP)
    c.create()
    assert c.exec("hostname").stdout == "conformance\n"


def test_exec_without_a_program_is_an_error(shared):
    """A program or a process file is needed."""
    assert shared.runtime.call("exec", shared.id, check=False).returncode != 0


@lacks("crun", "1.8 keeps the caller's limits")
def test_exec_has_the_containers_rlimits(make):
    """A program gets the container's own rlimits."""
    c = make(args=SLEEP)
    c.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 1024, "hard": 2048}]
    c.up()
    assert c.exec("sh", "-c", "ulimit -Sc; ulimit -Hc").stdout == "2\n4\n", "blocks of 512 bytes"


# pause and resume

def test_pause_and_resume(make):
    """`pause` freezes every process, the state says paused; `resume` undoes it."""
    c = make("i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done").up()
    wait_for(lambda: c.stdout.stat().st_size, "output")
    c.runtime.call("pause", c.id)
    assert c.status == "paused"
    size = c.stdout.stat().st_size
    assert c.status == "paused" and c.stdout.stat().st_size == size
    c.runtime.call("resume", c.id)
    assert c.status == "running"
    wait_for(lambda: c.stdout.stat().st_size > size, "more output")


@lacks("crun", "resumes it all the same")
def test_resume_of_a_container_that_is_not_paused_is_an_error(shared):
    """There is nothing to resume."""
    assert shared.runtime.call("resume", shared.id, check=False).returncode != 0
    assert shared.status == "running"


def test_pause_of_a_stopped_container_is_an_error(make):
    """There is nothing to freeze."""
    c = make().up().stopped()
    assert c.runtime.call("pause", c.id, check=False).returncode != 0


def test_exec_in_a_paused_container_is_an_error(sleeper):
    """A program would hang for ever."""
    sleeper.runtime.call("pause", sleeper.id)
    assert sleeper.exec("true", check=False).returncode != 0


@lacks("crun", "1.8 leaves it frozen", view="v1")
def test_kill_of_a_paused_container(sleeper):
    """SIGKILL ends a paused container too (it is thawed for that)."""
    sleeper.runtime.call("pause", sleeper.id)
    sleeper.kill("KILL")
    wait_for(lambda: sleeper.status == "stopped", "stopped", timeout=3)


def test_delete_force_of_a_paused_container(sleeper):
    """`delete --force` ends a paused container too."""
    sleeper.runtime.call("pause", sleeper.id)
    sleeper.delete("--force")
    assert sleeper.state(check=False) == {}


# kill

@pytest.mark.parametrize("name", ["KILL", "SIGKILL", "9"])
def test_kill_takes_names_and_numbers(sleeper, name):
    """A signal is a name with or without SIG, or a number."""
    sleeper.kill(name)
    sleeper.stopped()


def test_kill_defaults_to_term(make):
    """Without a signal it is SIGTERM."""
    c = make("trap 'echo term; exit' TERM; echo ready; while :; do sleep 0.02; done").up()
    wait_for(lambda: "ready" in c.stdout.read_text(), "the trap")
    c.runtime.call("kill", c.id)
    c.stopped()
    assert "term" in c.stdout.read_text()


@pytest.mark.parametrize("name", [
    pytest.param("NOSUCH", marks=lacks("crun", "1.8 sends nothing and succeeds")), "-1", "4711",
    pytest.param("9x", marks=lacks("crun", "1.8 takes it as 9"))])
def test_unknown_signal_is_an_error(sleeper, name):
    """A signal that does not exist is sent to nobody."""
    assert sleeper.kill(name, check=False).returncode != 0
    assert sleeper.status == "running"


def test_kill_all(make):
    """`kill --all` signals every process in the container's cgroup, also where it has no pid namespace."""
    c = make("sleep 1000 & echo $! >/pid; exec sleep 1001").without("pid").up()
    other = int(wait_for(lambda: (c.rootfs / "pid").exists() and (c.rootfs / "pid").read_text().strip(), "pid"))
    c.kill("KILL", "--all")
    wait_for(lambda: not alive(other), "the other process gone")
    c.stopped()


# delete

def test_delete_force(sleeper):
    """`delete --force` kills, then deletes."""
    pid = sleeper.pid
    sleeper.delete("--force")
    assert sleeper.state(check=False) == {} and not alive(pid)


def test_delete_force_of_an_unknown_container(runtime):
    """`delete --force` of what is not there is no error: engines clean up with it."""
    runtime.call("delete", "--force", "no-such-container")


def test_delete_force_ends_processes_without_a_pid_namespace(make):
    """Every process of the container's cgroup goes."""
    c = make("sleep 1000 & echo $! >/pid; exec sleep 1001").without("pid").up()
    other = int(wait_for(lambda: (c.rootfs / "pid").exists() and (c.rootfs / "pid").read_text().strip(), "pid"))
    c.delete("--force")
    wait_for(lambda: not alive(other), "the other process gone")


# update

@needs("memory", "v1")
def test_update_memory(sleeper):
    """`update --memory`."""
    sleeper.runtime.call("update", "--memory", str(64 << 20), sleeper.id)
    assert (CGROUPS.of(sleeper.pid, "memory") / "memory.limit_in_bytes").read_text() == f"{64 << 20}\n"


@needs("pids")
def test_update_pids_limit(sleeper):
    """`update --pids-limit`."""
    sleeper.runtime.call("update", "--pids-limit", "33", sleeper.id)
    assert (CGROUPS.of(sleeper.pid, "pids") / "pids.max").read_text() == "33\n"


@needs("cpu", "v1")
def test_update_cpu(sleeper):
    """`update --cpu-quota --cpu-period --cpu-share`."""
    sleeper.runtime.call("update", "--cpu-quota", "20000", "--cpu-period", "50000", "--cpu-share", "512", sleeper.id)
    directory = CGROUPS.of(sleeper.pid, "cpu")
    assert (directory / "cpu.cfs_quota_us").read_text() == "20000\n"
    assert (directory / "cpu.cfs_period_us").read_text() == "50000\n"
    assert (directory / "cpu.shares").read_text() == "512\n"


@needs("cpuset", "v1")
def test_update_cpuset(sleeper):
    """`update --cpuset-cpus`."""
    sleeper.runtime.call("update", "--cpuset-cpus", "0", sleeper.id)
    assert (CGROUPS.of(sleeper.pid, "cpuset") / "cpuset.cpus").read_text() == "0\n"


@needs("memory", "pids", "v1")
@pytest.mark.parametrize("source", ["file", "stdin"])
def test_update_from_resources(sleeper, place, source):
    """`update -r FILE`, or `-r -`: resources as in config.json; what is not named stays."""
    text = json.dumps({"memory": {"limit": 96 << 20}})
    file = place / f"resources-{uuid.uuid4().hex}"
    file.write_text(text)
    sleeper.runtime.call("update", "--pids-limit", "44", sleeper.id)
    sleeper.runtime.call("update", "-r", file if source == "file" else "-", sleeper.id, input=text)
    assert (CGROUPS.of(sleeper.pid, "memory") / "memory.limit_in_bytes").read_text() == f"{96 << 20}\n"
    assert (CGROUPS.of(sleeper.pid, "pids") / "pids.max").read_text() == "44\n"


def test_update_with_bad_input_is_an_error(shared, place):
    """Bad input changes nothing."""
    file = place / f"resources-{uuid.uuid4().hex}"
    file.write_text("{")
    assert shared.runtime.call("update", "-r", file, shared.id, check=False).returncode != 0
    assert shared.runtime.call("update", "--memory", "lots", shared.id, check=False).returncode != 0
    assert shared.status == "running"


def test_update_of_an_unknown_container_is_an_error(runtime):
    """There is nothing to update."""
    assert runtime.call("update", "--pids-limit", "3", "no-such-container", check=False).returncode != 0


# events, spec, features, checkpoint

@lacks("crun", "has no events")
def test_events_stats(shared):
    """`events --stats`: one JSON object with type, id and data, where data has cpu, memory, pids."""
    event = json.loads(shared.runtime.call("events", "--stats", shared.id).stdout)
    assert event["type"] == "stats" and event["id"] == shared.id
    assert {"cpu", "memory", "pids", "blkio"} <= set(event["data"])
    if VIEW != "v2":
        assert event["data"]["memory"]["usage"]["usage"] > 0
        assert event["data"]["pids"]["current"] >= 1
        assert event["data"]["cpu"]["usage"]["total"] > 0


def test_spec(runtime, make):
    """`spec` writes a config.json that runs, once the terminal is off and what this machine lacks is out."""
    c = make()
    runtime.call("spec", "--bundle", c.directory)
    config = json.loads((c.directory / "config.json").read_text())
    assert config["ociVersion"].startswith("1.") and config["process"]["args"] == ["sh"]
    assert config["root"]["path"] == "rootfs"
    config["process"] |= {"terminal": False, "args": ["/bin/hostname"], "rlimits": []}
    c.config = config
    assert c.output().strip() == config["hostname"]


def test_spec_does_not_overwrite(runtime, make):
    """`spec` leaves an existing config.json alone."""
    c = make()
    c.write("mine")
    assert runtime.call("spec", "--bundle", c.directory, check=False).returncode != 0
    assert (c.directory / "config.json").read_text() == "mine"


@lacks("crun", "1.8 keeps the network namespace")
def test_spec_rootless(runtime, make):
    """`spec --rootless`: with a user namespace, mappings of the caller, no network namespace, no resources."""
    c = make()
    runtime.call("spec", "--rootless", "--bundle", c.directory)
    linux = json.loads((c.directory / "config.json").read_text())["linux"]
    types = {n["type"] for n in linux["namespaces"]}
    assert "user" in types and "network" not in types
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": 0, "size": 1}]
    assert not linux.get("resources")


@lacks("crun", "1.8 has no features")
def test_features(runtime):
    """`features`: JSON (features.md) with what the runtime knows."""
    features = json.loads(runtime.call("features").stdout)
    assert features["ociVersionMin"].startswith("1.") and features["ociVersionMax"].startswith("1.")
    assert set(features["hooks"]) == {"prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                                      "poststop"}
    assert {"bind", "rbind", "ro", "nosuid", "nodev", "noexec", "rprivate", "rshared"} <= set(features["mountOptions"])
    linux = features["linux"]
    assert {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"} <= set(linux["namespaces"])
    assert {"CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"} <= set(linux["capabilities"])
    assert isinstance(linux["cgroup"]["v1"], bool) and isinstance(linux["cgroup"]["v2"], bool)
    assert linux["seccomp"]["enabled"] is True
    assert "SCMP_ACT_ERRNO" in linux["seccomp"]["actions"] and "SCMP_CMP_EQ" in linux["seccomp"]["operators"]
    assert "SCMP_ARCH_X86_64" in linux["seccomp"]["archs"]


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_checkpoint_without_criu_is_an_error(shared, place, verb):
    """Not supported is an error with a word, and the container goes on."""
    result = shared.runtime.call(verb, shared.id, check=False, cwd=place)
    assert result.returncode != 0 and (result.stderr + result.stdout).strip()
    assert shared.status == "running"
