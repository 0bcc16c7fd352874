"""Two network namespaces with a link that can be cut: for connections whose peer is gone without a word.

They are held by processes and entered with nsenter: `ip netns` would mount a /sys of its own, without the cgroups.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import run, wait_for

HERE, THERE = "192.0.2.1", "192.0.2.2"


class CutLink:
    """`here` and `there` are command prefixes for the two ends."""

    def __init__(self):
        self.holders = [subprocess.Popen(["unshare", "-n", "sleep", "1000000"], stdin=subprocess.DEVNULL) for _ in range(2)]
        mine = os.readlink("/proc/self/ns/net")
        for holder in self.holders:
            # Until then a child would enter this namespace.
            wait_for(lambda pid=holder.pid: os.readlink(f"/proc/{pid}/ns/net") != mine, "a namespace of its own")
        self.here, self.there = [("nsenter", "-t", str(holder.pid), "-n") for holder in self.holders]
        made = run(*self.here, "ip", "link", "add", "name", "near", "type", "veth", "peer", "name", "far", "netns",
                   self.holders[1].pid, check=False)
        if made.returncode != 0:
            self.close()
            pytest.skip(f"this kernel gives no veth: {made.stderr.strip()}")
        for prefix, device, address in ((self.here, "near", HERE), (self.there, "far", THERE)):
            run(*prefix, "ip", "link", "set", "lo", "up")
            run(*prefix, "ip", "address", "add", f"{address}/24", "dev", device)
            run(*prefix, "ip", "link", "set", device, "up")

    def cut(self):
        """What either end sends is lost from now on, and nobody says goodbye."""
        run(*self.there, "ip", "link", "set", "far", "down")

    def connections(self, port: int) -> int:
        """What the near end still takes for connections."""
        listed = run(*self.here, "ss", "-Htn", "state", "established", "sport", "=", f":{port}").stdout
        return len(listed.splitlines())

    def close(self):
        for holder in self.holders:
            holder.kill()
            holder.wait(10)


WATCHERS = """
import http.client, json, ssl, sys
address, token, authority, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
trust = ssl.create_default_context(cafile=authority)
held = []
for number in range(count):
    connection = http.client.HTTPSConnection(address, context=trust, timeout=60)
    namespace = "default" if number % 2 else "kube-system"
    connection.request("GET", f"/api/v1/namespaces/{namespace}/configmaps?watch=1", headers={"Authorization": f"Bearer {token}"})
    held.append((connection, connection.getresponse()))
    assert held[-1][1].status == 200, held[-1][1].read()
print(len(held), flush=True)
sys.stdin.read()
"""


def watchers(link: CutLink, address: str, token: str, authority: Path, count: int) -> subprocess.Popen:
    """A client at the far end that watches so many times, half of them where nothing changes; gives it once all of them began."""
    client = subprocess.Popen([*link.there, sys.executable, "-c", WATCHERS, address, token, str(authority), str(count)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = client.stdout.readline()
    if line != f"{count}\n":
        raise AssertionError(f"the far client: {line}{client.stderr.read()}")
    return client
