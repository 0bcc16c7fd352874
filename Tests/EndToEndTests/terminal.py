"""A client that runs on a terminal."""

import fcntl
import os
import pty
import select
import struct
import termios


class Terminal:
    """A program with a terminal of a size, and what it wrote there since the last text that was expected."""

    def __init__(self, command, environment, rows=33, columns=101):
        self.output = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(str(command[0]), [str(word) for word in command], environment)
        self.resize(rows, columns)

    def resize(self, rows: int, columns: int):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str):
        os.write(self.terminal, text.encode())

    def expect(self, text: str):
        """Reads up to a text."""
        while text.encode() not in self.output:
            assert self._read(text), f"{text!r} did not come before the end: {self.output!r}"
        self.output = self.output.split(text.encode(), 1)[1]

    def _read(self, what: str) -> bool:
        assert select.select([self.terminal], [], [], 60)[0], f"{what} did not come in a minute: {self.output!r}"
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            data = b""
        self.output += data
        return bool(data)

    def end(self) -> int:
        while self._read("the end"):
            pass
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
