"""docs/threat-model.md names the test of each defence: every one of them is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`([^`]+)::([^`]+)`", (ROOT / "docs/threat-model.md").read_text())


def test_every_row_names_a_test():
    """A row without a test is a wish."""
    rows = [line for line in (ROOT / "docs/threat-model.md").read_text().splitlines() if line.startswith("|")]
    bare = [row for row in rows if not row.startswith(("| ---", "| report |", "| point |", "| attack |"))
            and "::" not in row.split("|")[-2] and "make fuzz" not in row]
    assert NAMED and bare == []


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_named_tests_exist(file):
    """Names change: the document changes with them."""
    text = next((ROOT / "Tests").rglob(file)).read_text()
    declared = set(re.findall(r"\bdef (\w+)\(|\bfunc `([^`]+)`|\bfunc (\w+)\(", text))
    names = {name for found in declared for name in found if name}
    assert {name for of, name in NAMED if of == file} - names == set()
