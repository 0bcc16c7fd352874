"""config.md: process."""

import ctypes
import os
import re
from pathlib import Path

import pytest

from runtime import lacks, wait_for


def status_field(text: str, name: str) -> str:
    return re.search(rf"^{name}:[ \t]*(.*)$", text, re.M).group(1)


# args, cwd, env

def test_args(make):
    """args is used with the semantics of execvp's argv."""
    c = make(args=["/bin/sh", "-c", 'printf "%s\\n" "$0" "$@"', "zero", "a b", "", "*", "$HOME"])
    assert c.output() == "zero\na b\n\n*\n$HOME\n"


def test_program_is_found_through_path(make):
    """args[0] is used with the same semantics as execvp's file: it is looked for in PATH of the container."""
    c = make(args=["only-here"])
    (c.rootfs / "opt").mkdir()
    (c.rootfs / "opt/only-here").write_text("#!/bin/sh\necho found\n")
    (c.rootfs / "opt/only-here").chmod(0o755)
    c.process["env"] = ["PATH=/nowhere:/opt"]
    assert c.output() == "found\n"


def test_relative_program_with_a_slash_is_below_cwd(make):
    """execvp: a name with a slash is a path, relative to the working directory."""
    c = make(args=["./here"])
    (c.rootfs / "opt").mkdir()
    (c.rootfs / "opt/here").write_text("#!/bin/sh\npwd\n")
    (c.rootfs / "opt/here").chmod(0o755)
    c.process["cwd"] = "/opt"
    assert c.output() == "/opt\n"


@pytest.mark.parametrize("name", ["/no/such/program", "no-such-program"])
def test_missing_program_is_an_error(make, name):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make(args=[name])
    assert c.refused(verb="run").returncode in (1, 127)


def test_program_that_may_not_be_executed_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make(args=["/etc/passwd"])
    assert c.refused(verb="run").returncode in (1, 126)


def test_directory_as_program_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make(args=["/etc"])
    c.refused(verb="run")


def test_missing_program_is_found_out_at_start_at_the_latest(make):
    """create or start fails; no container says that it runs."""
    c = make(args=["/no/such/program"])
    if c.create(check=False).returncode == 0:
        assert c.start(check=False).returncode != 0
        assert c.status in ("stopped", None)


def test_empty_args_are_an_error(make):
    """At least one entry is REQUIRED in args."""
    c = make(args=[])
    c.refused()


@pytest.mark.parametrize("code", [0, 1, 7, 125, 255])
def test_run_ends_with_the_programs_exit_status(make, code):
    """runc's words: `run` ends as the container's process ends."""
    assert make(f"exit {code}").run(check=False).returncode == code


def test_run_ends_with_128_plus_the_signal(make):
    """runc's words: a process killed by a signal gives 128 plus its number."""
    assert make("kill -TERM $$; sleep 5").without("pid").run(check=False).returncode == 143


def test_cwd(make):
    """cwd is the working directory that will be set for the executable."""
    c = make("pwd")
    c.process["cwd"] = "/tmp"
    assert c.output() == "/tmp\n"


def test_missing_cwd_is_made(make):
    """runc and crun make a missing working directory; engines rely on it (WORKDIR of an image)."""
    c = make("pwd")
    c.process["cwd"] = "/srv/new/deep"
    assert c.output() == "/srv/new/deep\n"


@lacks("crun", "takes it as it is")
def test_relative_cwd_is_an_error(make):
    """cwd MUST be an absolute path."""
    c = make()
    c.process["cwd"] = "tmp"
    c.refused(verb="run")


def test_cwd_that_is_a_file_is_an_error(make):
    """If the runtime cannot apply a property, it MUST generate an error."""
    c = make()
    c.process["cwd"] = "/etc/passwd"
    c.refused(verb="run")


def test_cwd_that_only_the_user_may_enter(make):
    """The working directory is entered with the rights of the container's user."""
    c = make("pwd")
    (c.rootfs / "home").mkdir(mode=0o700)
    os.chown(c.rootfs / "home", 1000, 1000)
    c.process.update({"cwd": "/home", "user": {"uid": 1000, "gid": 1000}})
    assert c.output() == "/home\n"


def test_cwd_that_only_root_may_enter(make):
    """It is entered before the change of user where the user may not: an image's WORKDIR may be root's own."""
    c = make("pwd")
    (c.rootfs / "root").chmod(0o700)
    c.process.update({"cwd": "/root", "user": {"uid": 1000, "gid": 1000}})
    assert c.output() == "/root\n"


def test_env(make):
    """env has the same semantics as environ."""
    c = make(args=["/bin/env"])
    c.process["env"] = ["PATH=/bin", "A=1", "B=two words", "EMPTY=", "EQ=a=b"]
    assert {"PATH=/bin", "A=1", "B=two words", "EMPTY=", "EQ=a=b"} <= set(c.lines())


def test_env_of_the_runtime_does_not_leak(make):
    """The environment is env, not the runtime's own."""
    c = make(args=["/bin/env"])
    names = {line.partition("=")[0] for line in c.run(env={**os.environ, "LEAKED": "1"}).stdout.splitlines()}
    assert "LEAKED" not in names and names <= {"PATH", "HOME"}


def test_home_is_set_from_the_users_record(make):
    """runc and crun set HOME from /etc/passwd where the config has none."""
    c = make("echo $HOME")
    assert c.output() == "/root\n"


def test_stdin_reaches_the_program(make, runtime):
    """The streams of the runtime are those of the container when there is no terminal."""
    c = make(args=["/bin/cat"])
    c.write()
    c.may_exist = True
    assert runtime.call("run", "--bundle", c.directory, c.id, input="through\n").stdout == "through\n"


def test_stderr_reaches_the_caller(make):
    """The streams of the runtime are those of the container when there is no terminal."""
    result = make("echo out; echo err >&2").run()
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


# user

def test_uid_and_gid(make):
    """uid and gid specify the user and group ID in the container namespace."""
    c = make("id -u; id -g")
    c.process["user"] = {"uid": 1234, "gid": 4321}
    assert c.lines() == ["1234", "4321"]


def test_all_four_ids_are_set(make):
    """Real, effective, saved and filesystem ids are all those of user."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    c.process["user"] = {"uid": 1234, "gid": 4321}
    text = c.output()
    assert status_field(text, "Uid").split() == ["1234"] * 4
    assert status_field(text, "Gid").split() == ["4321"] * 4


def test_additional_gids(make):
    """additionalGids specifies additional group IDs in the container namespace to be added to the process."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    c.process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5, 6, 70000]}
    assert {"5", "6", "70000"} <= set(status_field(c.output(), "Groups").split())


def test_no_additional_gids(make):
    """The caller's groups do not come along."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    c.process["user"] = {"uid": 1000, "gid": 1000}
    groups = status_field(c.run(extra_groups=[4, 27]).stdout, "Groups").split()
    assert set(groups) <= {"1000"}


def test_umask(make):
    """umask specifies the umask of the user."""
    c = make("umask; touch /tmp/f; stat -c %a /tmp/f")
    c.process["user"]["umask"] = 0o027
    assert c.lines() == ["0027", "640"]


def test_umask_zero(make):
    """A umask of 0 is a value, not an absence."""
    c = make("umask")
    c.process["user"]["umask"] = 0
    assert c.output() == "0000\n"


def test_default_umask(make):
    """If umask is unspecified, runc and crun set 022 whatever the caller's is."""
    assert make("umask").run(umask=0o077).stdout == "0022\n"


# terminal

def test_terminal(make, console):
    """terminal specifies whether a terminal is attached to the process: a pseudoterminal on all three streams."""
    c = make("tty; for n in 0 1 2; do [ -t $n ] && echo tty$n; done")
    c.process["terminal"] = True
    c.create("--console-socket", console.path)
    console.accept()
    c.start()
    text = console.read()
    assert text.splitlines()[0].startswith("/dev/")
    assert text.splitlines()[1:] == ["tty0", "tty1", "tty2"]


def test_terminal_input(make, console):
    """What is written to the master arrives at the program, which has a controlling terminal."""
    c = make("stty -echo; echo ready; read line </dev/tty; echo got $line")
    c.process["terminal"] = True
    c.create("--console-socket", console.path)
    master = console.accept()
    c.start()
    seen = b""
    while not seen.endswith(b"\n"):
        seen += os.read(master, 100)
    assert seen == b"ready\r\n"
    os.write(master, b"words\n")
    assert console.read() == "got words\n"


def test_console_size(make, console):
    """consoleSize specifies the console size in characters of the terminal."""
    c = make("stty size")
    c.process.update({"terminal": True, "consoleSize": {"height": 12, "width": 34}})
    c.create("--console-socket", console.path)
    console.accept()
    c.start()
    assert console.read() == "12 34\n"


def test_console_size_without_a_terminal_is_ignored(make):
    """Runtimes MUST ignore consoleSize if terminal is false or unset."""
    c = make("echo up")
    c.process["consoleSize"] = {"height": 12, "width": 34}
    assert c.output() == "up\n"


def test_dev_console_is_the_terminal(make, console):
    """/dev/console is set up if terminal is enabled, by bind mounting the pseudoterminal to it."""
    c = make("[ -c /dev/console ] && stat -c '%t %T' /dev/console $(readlink /proc/self/fd/0)")
    c.process["terminal"] = True
    c.create("--console-socket", console.path)
    console.accept()
    c.start()
    first, second = console.read().splitlines()
    assert first == second


def test_terminal_belongs_to_the_user(make, console):
    """A program without rights must be able to open its own terminal again."""
    c = make("stat -c %u $(tty)")
    c.process.update({"terminal": True, "user": {"uid": 1000, "gid": 1000}})
    c.create("--console-socket", console.path)
    console.accept()
    c.start()
    assert console.read() == "1000\n"


def test_terminal_without_a_console_socket_is_an_error(make):
    """A detached terminal needs somebody who holds its master."""
    c = make()
    c.process["terminal"] = True
    c.refused()


@lacks("crun", "ignores a console socket that is not needed")
def test_console_socket_without_a_terminal_is_an_error(make, console):
    """A console socket would wait for ever: runc refuses it."""
    c = make()
    assert c.create("--console-socket", console.path, check=False).returncode != 0


# privileges

@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges(make, value):
    """Setting noNewPrivileges to true prevents the process from gaining additional privileges."""
    c = make(args=["/bin/cat", "/proc/self/status"])
    c.process["noNewPrivileges"] = value
    assert status_field(c.output(), "NoNewPrivs") == str(int(value))


CHOWN, KILL, NET_RAW, SYS_CHROOT = 1 << 0, 1 << 5, 1 << 13, 1 << 18


def caps(container) -> dict[str, int]:
    container.process["args"] = ["/bin/cat", "/proc/self/status"]
    text = container.output()
    return {name: int(status_field(text, f"Cap{name}"), 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def test_five_capability_sets(make):
    """Each of the five sets is an array of the capabilities that are kept in it. (exec by root refills permitted.)"""
    c = make()
    c.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_CHROOT"],
        "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
        "inheritable": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_CHOWN", "CAP_KILL"], "ambient": ["CAP_KILL"]}
    c.process["user"] = {"uid": 1000, "gid": 1000}
    found = caps(c)
    assert found["Bnd"] == CHOWN | KILL | NET_RAW | SYS_CHROOT
    assert found["Inh"] == CHOWN | KILL
    assert found["Amb"] == KILL
    assert found["Prm"] == found["Eff"] == KILL, "a plain user keeps through exec what is ambient"


def test_bounding_set_limits_root(make):
    """bounding: root gets no more than it through exec."""
    found = caps(make().capabilities("CAP_KILL"))
    assert found["Bnd"] == found["Prm"] == found["Eff"] == KILL


def test_no_capabilities(make):
    """An absent capabilities object: no set has a capability."""
    c = make()
    del c.process["capabilities"]
    assert set(caps(c).values()) == {0}


def test_empty_capability_sets(make):
    """Empty arrays: no set has a capability."""
    assert set(caps(make().capabilities()).values()) == {0}


def test_plain_user_has_no_capabilities(make):
    """A process with another uid than 0 loses permitted and effective through exec without ambient ones."""
    c = make().capabilities("CAP_KILL", "CAP_CHOWN")
    c.process["user"] = {"uid": 1000, "gid": 1000}
    found = caps(c)
    assert found["Prm"] == found["Eff"] == found["Amb"] == 0 and found["Bnd"] == KILL | CHOWN


def test_ambient_capabilities_reach_a_plain_user(make):
    """ambient: kept through exec of an unprivileged program."""
    c = make().capabilities("CAP_NET_RAW", sets=("bounding", "effective", "permitted", "inheritable", "ambient"))
    c.process["user"] = {"uid": 1000, "gid": 1000}
    assert set(caps(c).values()) == {NET_RAW}


def test_unknown_capability_is_not_fatal(make):
    """Any value which cannot be mapped to a kernel interface MUST be logged as a warning; runtimes SHOULD NOT fail."""
    assert caps(make().capabilities("CAP_KILL", "CAP_NOT_YET_INVENTED"))["Bnd"] == KILL


@lacks("runc", "1.1 fails")
@lacks("crun", "fails")
def test_capability_that_the_caller_lacks_is_not_fatal(make):
    """Runtimes SHOULD NOT fail if the config requests capabilities that cannot be granted."""
    c = make(args=["/bin/cat", "/proc/self/status"]).capabilities("CAP_KILL", "CAP_SYS_BOOT")
    drop_bounding, sys_boot = 24, 22
    libc = ctypes.CDLL(None)
    text = c.run(preexec_fn=lambda: libc.prctl(drop_bounding, sys_boot, 0, 0, 0)).stdout
    assert int(status_field(text, "CapBnd"), 16) == KILL


# limits and scheduling

def test_rlimits(make):
    """rlim.rlim_cur and rlim.rlim_max MUST match the configured values."""
    c = make("ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc")
    # NOFILE alike: runc's Go runtime now and then raises the soft one to the hard one.
    c.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 100},
                            {"type": "RLIMIT_CORE", "soft": 0, "hard": 1024}]
    assert c.lines() == ["100", "100", "0", "2"]


def test_no_rlimits(make):
    """Without rlimits the limits of the runtime stay."""
    c = make("ulimit -Hs")
    assert c.output() == os.popen("sh -c 'ulimit -Hs'").read()


@lacks("runc", "1.1 applies the last one")
@lacks("crun", "applies the last one")
def test_duplicate_rlimits_are_an_error(make):
    """If rlimits contains duplicated entries with same type, the runtime MUST generate an error."""
    c = make()
    c.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}] * 2
    c.refused(verb="run")


def test_unknown_rlimit_is_an_error(make):
    """The runtime MUST generate an error for any values which cannot be mapped to a relevant kernel interface."""
    c = make()
    c.process["rlimits"] = [{"type": "RLIMIT_NOTHING", "soft": 1, "hard": 1}]
    c.refused(verb="run")


def test_soft_limit_above_the_hard_one_is_an_error(make):
    """The runtime MUST generate an error when invalid values are encountered."""
    c = make()
    c.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 100}]
    c.refused(verb="run")


@pytest.mark.parametrize("value", [0, 500, 1000])
def test_oom_score_adj(make, value):
    """If oomScoreAdj is set, the runtime MUST set oom_score_adj to the given value."""
    c = make(args=["/bin/cat", "/proc/self/oom_score_adj"])
    c.process["oomScoreAdj"] = max(value, int(Path("/proc/self/oom_score_adj").read_text()))
    assert c.output() == f"{c.process['oomScoreAdj']}\n"


def test_no_oom_score_adj(make):
    """If oomScoreAdj is not set, the runtime MUST NOT change the value of oom_score_adj."""
    c = make(args=["/bin/cat", "/proc/self/oom_score_adj"])
    assert c.output() == Path("/proc/self/oom_score_adj").read_text()


def stat_field(text: str, number: int) -> str:
    """A field of /proc/PID/stat, counted as in proc(5)."""
    return text.rpartition(")")[2].split()[number - 3]


@lacks("runc", "1.1 has no scheduler")
@lacks("crun", "1.8 has no scheduler")
@pytest.mark.parametrize("policy, number", [("SCHED_BATCH", "3"), ("SCHED_IDLE", "5")])
def test_scheduler(make, policy, number):
    """scheduler.policy represents the scheduling policy."""
    c = make(args=["/bin/cat", "/proc/self/stat"])
    c.process["scheduler"] = {"policy": policy}
    assert stat_field(c.output(), 41) == number


@lacks("runc", "1.1 has no scheduler")
@lacks("crun", "1.8 has no scheduler")
def test_scheduler_nice(make):
    """scheduler.nice is the nice value for the process, affecting its priority."""
    c = make(args=["/bin/cat", "/proc/self/stat"])
    c.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 7}
    assert stat_field(c.output(), 19) == "7"


@lacks("runc", "1.1 has no scheduler")
@lacks("crun", "1.8 has no scheduler")
def test_unknown_scheduler_policy_is_an_error(make):
    """The runtime MUST generate an error when invalid or unsupported values are encountered."""
    c = make()
    c.process["scheduler"] = {"policy": "SCHED_WHENEVER"}
    c.refused(verb="run")


@lacks("runc", "1.1 has no ioPriority")
@lacks("crun", "1.8 has no ioPriority")
@pytest.mark.parametrize("name, shown", [("IOPRIO_CLASS_BE", "best-effort: prio 6"), ("IOPRIO_CLASS_IDLE", "idle")])
def test_io_priority(make, name, shown):
    """ioPriority configures the I/O priority settings for the container's processes."""
    c = make("ionice -p $$")
    c.process["ioPriority"] = {"class": name, "priority": 6}
    assert shown in c.output()


@lacks("runc", "1.1 has no execCPUAffinity")
@lacks("crun", "1.8 has no execCPUAffinity")
def test_exec_cpu_affinity(make):
    """execCPUAffinity.final: the CPUs the process is run on after its cgroup was entered; only for exec."""
    c = make(args=["/bin/sleep", "1000"])
    c.process["execCPUAffinity"] = {"final": "0"}
    c.up()
    assert status_field(c.exec("cat", "/proc/self/status").stdout, "Cpus_allowed_list") == "0"


def test_program_is_first_in_its_pid_namespace(make):
    """The user-specified program is the container process itself."""
    assert make("echo $$").output() == "1\n"


def test_program_has_a_session_of_its_own(make):
    """The container process must not share the caller's session and its terminal."""
    assert stat_field(make(args=["/bin/cat", "/proc/self/stat"]).output(), 6) == "1"


def test_signals_are_not_blocked_or_ignored(make):
    """The program starts with the default signal dispositions, whatever the runtime did for itself."""
    text = make(args=["/bin/cat", "/proc/self/status"]).output()
    assert int(status_field(text, "SigBlk"), 16) == 0
    # What the caller ignores (CI's runner does: signal 32) may be passed on; the runtime itself adds nothing.
    callers = int(status_field(Path("/proc/self/status").read_text(), "SigIgn"), 16)
    assert int(status_field(text, "SigIgn"), 16) & ~callers == 0


def test_parent_may_end_before_the_program(make):
    """A detached container goes on when the command that made it has ended."""
    c = make("sleep 0.2; echo still here")
    c.up()
    wait_for(lambda: c.stdout.read_text() == "still here\n", "output")
