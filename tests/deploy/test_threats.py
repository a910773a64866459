"""The column "held by" of deploy/THREATS.md names code and tests that exist."""

import re

import pytest

from rendered import REPOSITORY

PAGE = (REPOSITORY / "deploy/THREATS.md").read_text()
COLUMNS = 5
ROWS = [row.split("|")[1:-1] for row in PAGE.splitlines() if row.startswith("| ")]
HELD_BY = [cells[3] for cells in ROWS if len(cells) == COLUMNS][2:]
ROOTS = ("", "src/", "deploy/")
STEPS = re.findall(r"^step_(\w+)\(\)", (REPOSITORY / "tests/run").read_text(), re.MULTILINE)


def exists(name: str) -> bool:
    """Returns whether a file, module, fuzz target or step of that name exists."""
    if name.startswith("tests/run "):
        return name.removeprefix("tests/run ") in STEPS
    if name.startswith("fuzz_"):
        return (REPOSITORY / f"fuzz/examples/{name}.rs").is_file()
    return any((REPOSITORY / root / path).exists() for root in ROOTS for path in (name, f"{name}.rs"))


@pytest.mark.parametrize("name", sorted({name for held in HELD_BY for name in re.findall("`([^`]+)`", held)}))
def test_each_name_exists(name: str) -> None:
    assert exists(name)


def test_each_row_has_a_name() -> None:
    assert len(HELD_BY) >= 15
    assert all("`" in held for held in HELD_BY)
