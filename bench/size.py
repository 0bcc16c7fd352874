#!/usr/bin/env python3
"""Prints the size of the shipped file beside its limit and its rivals'; fails when the limit is passed."""

import json
import os
import sys
from pathlib import Path

binary = sys.argv[1]
limit = json.loads((Path(__file__).parent / "limits.json").read_text())["binary_bytes"]
size = os.path.getsize(binary)
print(f"{binary}: {size} bytes ({size / 1048576:.1f} MiB); limit {limit / 1048576:.0f} MiB; "
      "Edgelet 31-35 MiB, k3s 64.5 MiB (published)")
if size > limit:
    sys.exit("the binary passed its limit: make it smaller, or edit bench/limits.json and say why")
