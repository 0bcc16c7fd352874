"""What an attacker's process does, and how a test stops a process of the runtime to look at it."""

import contextlib
import ctypes
import os
import platform
import select
import signal
import stat
import struct
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_MOUNTS = 0x20000
BIND, PRIVATE_BELOW = 0x1000, 1 << 18 | 1 << 14


def untouched(directory: Path) -> bool:
    """Is `precious` as it was made?"""
    return (sorted(os.listdir(directory)) == ["file"] and (directory / "file").read_text() == "untouched\n"
            and stat.S_IMODE(directory.stat().st_mode) == 0o755)


def checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


@contextlib.contextmanager
def exchanging(first: Path, second: Path):
    """A process that exchanges two names as fast as it can (RENAME_EXCHANGE), until the block ends."""
    one, two, exchange, here = os.fsencode(first), os.fsencode(second), 2, -100
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            while os.getppid() != 1:
                for _ in range(1000):
                    checked(LIBC.renameat2(here, one, here, two, exchange), "renameat2")
        os._exit(1)
    try:
        yield
    finally:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if not ended:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    assert not ended, "the exchange did not go on"


def bound(source: Path, target: str):
    """For `preexec_fn`: the runtime is called in a mount namespace where `source` lies over `target`."""
    def arrange():
        checked(LIBC.unshare(NEW_MOUNTS), "unshare")
        checked(LIBC.mount(None, b"/", None, PRIVATE_BELOW, None), "mount")
        checked(LIBC.mount(os.fsencode(source), target.encode(), None, BIND, None), "mount")
    return arrange


@contextlib.contextmanager
def opened(*directories: Path):
    """Gives a function that gives the names of the files that anybody has opened in these directories (inotify)."""
    queue = checked(LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "inotify_init1")
    for directory in directories:
        checked(LIBC.inotify_add_watch(queue, os.fsencode(directory), 0x20), "inotify_add_watch")

    def names() -> set[str]:
        found, data = set(), b""
        with contextlib.suppress(BlockingIOError):
            data = os.read(queue, 1 << 20)
        while data:
            *_, length = struct.unpack_from("=iIII", data)
            found.add(data[16:16 + length].rstrip(b"\0").decode())
            data = data[16 + length:]
        return found - {""}
    try:
        yield names
    finally:
        os.close(queue)


def with_directory_of_the_host():
    """For `preexec_fn`: descriptor 3 is the host's root."""
    directory = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(directory, 3)
    os.set_inheritable(3, True)


class StopAtExec:
    """Holds whoever executes `program` inside execve(2), the last moment at which it is the runtime (fanotify)."""

    def __init__(self, program: Path):
        permission_class, at_exec, add = 0x4 | 0x1, 0x40000, 1
        self.queue = checked(LIBC.syscall(300, permission_class, os.O_RDONLY | os.O_CLOEXEC), "fanotify_init")
        mask = ctypes.c_uint64(at_exec)
        checked(LIBC.syscall(301, self.queue, add, mask, -100, os.fsencode(program)), "fanotify_mark")
        self.event: int | None = None

    def wait(self, timeout: float = 10) -> int:
        """The number of the process that stands still now."""
        assert select.select([self.queue], [], [], timeout)[0], "nobody executed the program"
        _, _, _, _, _, self.event, pid = struct.unpack("=IBBHQii", os.read(self.queue, 24))
        return pid

    def go_on(self):
        if self.event is not None:
            os.write(self.queue, struct.pack("=iI", self.event, 1))
            os.close(self.event)
            self.event = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go_on()
        os.close(self.queue)  # whoever still waits goes on


def asked(pid: int, number: int, *arguments: int) -> int:
    """What a system call returns in a process that waits in another one; the process is good for nothing afterwards."""
    attach, get, put, step = 16, 12, 13, 9
    registers = (ctypes.c_ulonglong * 27)()
    names = {"rdx": 12, "rsi": 13, "rdi": 14, "rax": 10, "orig_rax": 15, "rip": 16}

    def trace(request: int, data=None):
        checked(LIBC.ptrace(ctypes.c_long(request), pid, None, data), "ptrace")
    LIBC.ptrace.restype = ctypes.c_long
    trace(attach)
    os.waitpid(pid, 0)
    trace(get, registers)
    registers[names["rip"]] -= 2  # back onto the instruction `syscall`
    registers[names["rax"]] = number
    registers[names["orig_rax"]] = 2 ** 64 - 1
    for name, value in zip(("rdi", "rsi", "rdx"), (*arguments, 0, 0, 0)):
        registers[names[name]] = value
    trace(put, registers)
    trace(step)
    os.waitpid(pid, 0)
    trace(get, registers)
    result = ctypes.c_longlong(registers[names["rax"]]).value
    os.kill(pid, signal.SIGKILL)
    return result


IS_X86 = platform.machine() == "x86_64"
ELF_BASE, ELF_HEAD = 0x400000, 64 + 56
ELF_DATA = ELF_BASE + ELF_HEAD + 64


def words(number: int) -> bytes:
    """An immediate operand."""
    return number.to_bytes(4, "little")


def elf(path: Path, code: bytes, data: bytes):
    """A program of x86-64 from nothing but its instructions (at most 64 bytes) and what lies at ELF_DATA."""
    content = code.ljust(64, b"\x90") + data
    size = (ELF_HEAD + len(content)).to_bytes(8, "little")
    header = (b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x02\0\x3e\0\x01\0\0\0" +
              (ELF_BASE + ELF_HEAD).to_bytes(8, "little") + (64).to_bytes(8, "little") + bytes(12) +
              b"\x40\0\x38\0\x01\0" + bytes(6))
    segment = (b"\x01\0\0\0\x05\0\0\0" + bytes(8) + ELF_BASE.to_bytes(8, "little") * 2 + size * 2 +
               (4096).to_bytes(8, "little"))
    path.write_bytes(header + segment + content)
    path.chmod(0o755)
