"""What deploy/THREATS.md says a protection is held by is there."""

import re

import pytest

from rendered import REPOSITORY

PAGE = (REPOSITORY / "deploy/THREATS.md").read_text()
HELD_BY = [row.split("|")[4] for row in PAGE.splitlines() if row.startswith("| ")][2:]
ROOMS = ("", "src/", "deploy/")


STEPS = re.findall(r"^step_(\w+)\(\)", (REPOSITORY / "tests/run").read_text(), re.MULTILINE)


def exists(name: str) -> bool:
    """Whether there is a file, a room, a fuzz target or a step of that name."""
    if name.startswith("tests/run "):
        return name.removeprefix("tests/run ") in STEPS
    if name.startswith("fuzz_"):
        return (REPOSITORY / f"fuzz/examples/{name}.rs").is_file()
    return any((REPOSITORY / room / form).exists() for room in ROOMS for form in (name, f"{name}.rs"))


@pytest.mark.parametrize("name", sorted({name for held in HELD_BY for name in re.findall("`([^`]+)`", held)}))
def test_what_holds_a_protection_is_there(name: str) -> None:
    assert exists(name)


def test_each_row_names_what_holds_it() -> None:
    assert len(HELD_BY) >= 15
    assert all("`" in held for held in HELD_BY)
