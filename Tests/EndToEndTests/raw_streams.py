"""Clients of pod streams that do as they please: a WebSocket without a library, and SPDY with Python's zlib."""

import base64
import os
import socket
import struct
import zlib

OPENING = "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\n{more}\r\n"


class Upgraded:
    """A connection to the daemon's socket that has gone over to another protocol, or the answer that refused it."""

    def __init__(self, path: str, query: str, upgrade: str, more: str, timeout=20, method="GET"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        request = OPENING.format(path=query, connection="Upgrade", upgrade=upgrade, more=more)
        self.socket.sendall(request.replace("GET", method, 1).encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.head = head.decode()
        self.status = int(self.head.split()[1])

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            while True:
                self._fill()
        except (EOFError, ConnectionError):
            return self.buffer

    def close(self):
        self.socket.close()


class WebSocket(Upgraded):
    def __init__(self, path, query: str, protocol="v5.channel.k8s.io", **more):
        key = base64.b64encode(os.urandom(16)).decode()
        super().__init__(path, query, "websocket", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
                         f"\r\nSec-WebSocket-Protocol: {protocol}\r\n", **more)

    def send(self, payload: bytes, opcode=2):
        self.socket.sendall(self.frame(payload, opcode))

    @staticmethod
    def frame(payload: bytes, opcode=2) -> bytes:
        count = len(payload)
        head = bytes([0x80 | opcode])
        if count < 126:
            head += bytes([0x80 | count])
        elif count < 65536:
            head += b"\xfe" + struct.pack(">H", count)
        else:
            head += b"\xff" + struct.pack(">Q", count)
        mask = os.urandom(4)
        key = (mask * (count // 4 + 1))[:count]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(count, "big")
        return head + mask + masked

    def receive(self) -> tuple[int, bytes]:
        """One frame: its opcode and its payload."""
        first, second = self.take(2)
        count = second & 127
        if count == 126:
            (count,) = struct.unpack(">H", self.take(2))
        elif count == 127:
            (count,) = struct.unpack(">Q", self.take(8))
        return first & 15, self.take(count)


class Spdy(Upgraded):
    """As spdystream, with the dictionary that is left out: a stream of zlib need not use one."""

    def __init__(self, path, query: str, protocol="v4.channel.k8s.io", **more):
        super().__init__(path, query, "SPDY/3.1", f"X-Stream-Protocol-Version: {protocol}\r\nContent-Length: 0\r\n",
                         method="POST", **more)
        self.packer = zlib.compressobj()
        self.next_stream = 1

    def open(self, **headers: str) -> int:
        block = struct.pack(">I", len(headers))
        for name, value in headers.items():
            block += struct.pack(">I", len(name)) + name.encode() + struct.pack(">I", len(value)) + value.encode()
        packed = self.packer.compress(block) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        stream, self.next_stream = self.next_stream, self.next_stream + 2
        self.socket.sendall(struct.pack(">HHIIIH", 0x8003, 1, 10 + len(packed), stream, 0, 0) + packed)
        return stream

    def send(self, stream: int, data: bytes, last=False):
        self.socket.sendall(struct.pack(">II", stream, (1 << 24 if last else 0) | len(data)) + data)

    def receive(self) -> tuple[int, int, bytes]:
        """One frame: the stream, or minus the control frame's type; its flags; its payload."""
        word, flags_length = struct.unpack(">II", self.take(8))
        payload = self.take(flags_length & 0xFFFFFF)
        return (word if word < 1 << 31 else -(word & 0xFFFF)), flags_length >> 24, payload
