#!/usr/bin/env python3
"""The linker of the static executable: lld, with the packages' objects rid of their unwind tables.

Swift throws by returning, and nothing that we build of C throws or is cancelled, so that nobody unwinds these frames: 6 MB
of tables for nothing. Where the unwinder does come by, when the main thread ends, it takes a frame without a table for the
last one. The archives of the toolchain and of Debian keep theirs.
"""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOOLS = Path(shutil.which("swiftc") or sys.exit("swiftc is not on PATH")).resolve().parent
PACKAGES = Path(__file__).resolve().parents[2] / "build/swift"
SLIM = PACKAGES / "without-unwind-tables"


def expanded(arguments: list[str]) -> list[str]:
    """Response files in place."""
    found = []
    for argument in arguments:
        found += expanded(shlex.split(Path(argument[1:]).read_text())) if argument.startswith("@") else [argument]
    return found


def slim(argument: str) -> str:
    """A copy without tables in place of a package's object; it is kept for the next build."""
    if not argument.endswith(".o") or PACKAGES not in Path(argument).parents:
        return argument
    copy = SLIM / Path(argument).relative_to(PACKAGES)
    if not copy.exists() or copy.stat().st_mtime_ns < os.stat(argument).st_mtime_ns:
        copy.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([TOOLS / "llvm-objcopy", "--remove-section=.eh_frame", argument, copy], check=True)
    return str(copy)


with ThreadPoolExecutor(os.cpu_count()) as pool:
    arguments = list(pool.map(slim, expanded(sys.argv[1:])))
os.execv(TOOLS / "ld.lld", ["ld.lld", *arguments])
