#!/usr/bin/env python3
"""Measures the image store: unpacking, what it writes, the index, what sharing files saves, checking and rebuilding.

usage: store.py BINARY [BINARY...]   (the first is the subject; others, such as an older build, are compared by unpacking)
The content is this machine's own /usr, some 250 MB of it, so that figures are of real files.
"""

import os
import resource
import statistics
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Tests/EndToEndTests"))
from harness import Agent, run  # noqa: E402

SOURCES = ["/usr/bin", "/usr/share/perl", "/usr/lib/python3", "/usr/lib/python3.11", "/usr/share/doc", "/usr/lib/git-core"]
BYTES = 250 << 20
ROUNDS = 5
MB = 1 << 20


def content() -> list[str]:
    found, total = [], 0
    for source in SOURCES:
        for directory, _, names in sorted(os.walk(source)):
            for name in sorted(names):
                path = os.path.join(directory, name)
                size = os.lstat(path).st_size
                if total + size > BYTES:
                    continue
                total += size
                found.append(path)
    return found


def archive(path: Path, files: list[str], changed: int = 0):
    """A tar of files; every `changed`th is another."""
    with tarfile.open(path, "w") as tar:
        for number, name in enumerate(files):
            info = tar.gettarinfo(name)
            if changed and number % changed == 0 and info.isreg():
                info.mtime += 1
            if info.isreg():
                with open(name, "rb") as file:
                    tar.addfile(info, file)
            else:
                tar.addfile(info)


def usage(agent: Agent) -> tuple[float, int]:
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    written = next(int(line.split()[1]) for line in Path(f"/proc/{agent.process.pid}/io").read_text().splitlines()
                   if line.startswith("write_bytes"))
    return ticks / os.sysconf("SC_CLK_TCK"), written


def blocks(root: Path) -> int:
    seen, total = set(), 0
    for directory, _, names in os.walk(root):
        for name in names:
            info = os.lstat(os.path.join(directory, name))
            if info.st_ino not in seen:
                seen.add(info.st_ino)
                total += info.st_blocks * 512
    return total


def unpacking(binary: str, place: Path, path: Path, plain: int) -> dict:
    walls, cpus, writes = [], [], []
    for number in range(ROUNDS):
        agent = Agent(place / f"a{number}-{abs(hash(binary)) % 999}", "--node-name", "bench", binary=binary).start()
        try:
            run("sync")
            cpu, written = usage(agent)
            start = time.monotonic()
            agent.cli("import", str(path), "bench:1", timeout=600)
            walls.append(time.monotonic() - start)
            after = usage(agent)
            cpus.append(after[0] - cpu)
            writes.append(after[1] - written)
        finally:
            agent.stop()
            run("rm", "-rf", agent.data)
    return {"MB/s": plain / MB / statistics.median(walls), "CPU s": statistics.median(cpus),
            "written per byte of tar": statistics.median(writes) / plain}


def main():
    with tempfile.TemporaryDirectory(prefix="wherry-bench-") as name:
        place = Path(name)
        files = content()
        one, two = place / "one.tar", place / "two.tar"
        archive(one, files)
        archive(two, files, changed=20)
        plain = one.stat().st_size
        packed = {"plain": one, "gzip": place / "one.tar.gz", "zstd": place / "one.tar.zst"}
        run("sh", "-c", f"gzip -6 <{one} >{packed['gzip']}; zstd -q -3 <{one} >{packed['zstd']}")
        print(f"{len(files)} files, tar of {plain / MB:.0f} MB; " + ", ".join(
            f"{k} {p.stat().st_size / MB:.0f} MB" for k, p in packed.items()))
        for binary in sys.argv[1:]:
            for kind, path in packed.items():
                figures = unpacking(binary, place, path, plain)
                print(f"{binary} {kind}: " + ", ".join(f"{k} {v:.2f}" for k, v in figures.items()), flush=True)
        agent = Agent(place / "a", "--node-name", "bench", binary=sys.argv[1]).start()
        try:
            agent.cli("import", str(packed["gzip"]), "bench:1", timeout=600)
            first = blocks(agent.data)
            index = sum(p.stat().st_size for p in (agent.data / "layers").glob("*.index"))
            print(f"index {index / MB:.2f} MB, {100 * index / plain:.2f} % of the tar, "
                  f"{index / len(files):.0f} bytes a file")
            agent.cli("import", str(two), "bench:2", timeout=600)
            both = blocks(agent.data)
            print(f"disk: first image {first / MB:.0f} MB, second (one file in 20 changed) {(both - first) / MB:.0f} MB")
            for options in (["--quick"], []):
                cpu, _ = usage(agent)
                start = time.monotonic()
                print(agent.cli("images", "--check", *options, timeout=600).stdout.strip().splitlines()[-1],
                      f"in {time.monotonic() - start:.2f} s, CPU {usage(agent)[0] - cpu:.2f} s")
            print(f"peak resident memory of the agent "
                  f"{next(int(l.split()[1]) for l in Path(f'/proc/{agent.process.pid}/status').read_text().splitlines() if l.startswith('VmHWM')) / 1024:.0f} MB")
        finally:
            agent.stop()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    main()
