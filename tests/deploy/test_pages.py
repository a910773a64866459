"""The log lines, metrics, labels, settings, files and commands on the pages exist."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from rendered import REPOSITORY, SETUPS, setup

PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "deploy").rglob("*.md")),
    *sorted((REPOSITORY / "examples").glob("*/*.md")),
]
TEXT = "\n".join(page.read_text() for page in PAGES)
SOURCE = "\n".join(path.read_text() for room in ("src", "crates") for path in (REPOSITORY / room).rglob("*.rs"))
EXAMPLE = (REPOSITORY / "deploy/livegate.example.toml").read_text()
SECTIONS = "|".join(sorted(set(re.findall(r"^(?:# )?\[([a-z]+)", EXAMPLE, re.MULTILINE)) - {"simulator"}))
# `cargo bench --bench goodput` writes these pages.
GENERATED = ("goodput.md", "goodput.json")
STEPS = re.findall(r"^step_(\w+)\(\)", (REPOSITORY / "tests/run").read_text(), re.MULTILINE)


def named(pattern: str, text: str = TEXT) -> list[str]:
    """Returns the distinct matches of a pattern on the pages."""
    found = sorted(set(re.findall(pattern, text)))
    assert found, "the pattern matches nothing on the pages"
    return found


def is_file(target: str) -> bool:
    """Returns whether a link needs a file in the repository."""
    return bool(target) and Path(target).name not in GENERATED


def links() -> list[tuple[Path, str]]:
    """Returns the relative links of all pages."""
    pattern = r"\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)"
    return [(page, target) for page in PAGES for target in re.findall(pattern, page.read_text()) if is_file(target)]


@pytest.mark.parametrize("line", named(r'`"([A-Za-z][^"`]* [^"`]*)"`'))
def test_each_log_line_exists(line: str) -> None:
    assert f'"{line}"' in SOURCE


@pytest.mark.parametrize("metric", named(r"\b(?:livegate|grpc_server)_[a-z_]+\b"))
def test_each_metric_exists(metric: str) -> None:
    assert f'"{re.sub("_(total|count|sum|bucket|info)$", "", metric)}"' in SOURCE


@pytest.mark.parametrize("value", named(r'(?:outcome|reason)="([a-z_]+)"'))
def test_each_label_value_exists(value: str) -> None:
    # Most are derived from the names of variants.
    variant = value.title().replace("_", "")
    assert f'"{value}"' in SOURCE or re.search(rf"^    {variant}\b", SOURCE, re.MULTILINE)


@pytest.mark.parametrize("reason", named(r"`([A-Z]+(?:_(?!PROXY)[A-Z]+)+)`"))
def test_each_reason_or_code_exists(reason: str) -> None:
    is_constant = re.search(rf"const {reason}\b", SOURCE)
    assert f'"{reason}"' in SOURCE or is_constant or reason.startswith(("SESSION_STATUS_", "VERDICT_"))


@pytest.mark.parametrize("key", named(rf"`((?:{SECTIONS})\.[a-zA-Z_.\"]+)`"))
def test_each_setting_exists(key: str) -> None:
    setting = key.replace('"NAME"', "someone").replace(".NAME.", ".someone.")
    command = [os.environ["LIVEGATE_BIN"], "check-config", "--set", f"{setting}=?"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30).stderr
    assert "no such key" not in refused, refused


@pytest.mark.parametrize(("page", "target"), links(), ids=lambda value: getattr(value, "name", value))
def test_each_link_leads_to_a_file(page: Path, target: str) -> None:
    assert (page.parent / target).exists()


@pytest.mark.parametrize("kind", ["test", "bench", "example"])
def test_each_cargo_target_exists(kind: str) -> None:
    directory = {"test": "tests", "bench": "benches", "example": "examples"}[kind]
    for name in named(rf"cargo [a-z -]*--{kind} (\w+)"):
        assert (REPOSITORY / directory / f"{name}.rs").is_file()


def test_each_step_of_the_checks_exists() -> None:
    assert set(named(r"`(?:[A-Z_]+=\d+ )?tests/run ([a-z]+)`")) <= {*STEPS, "size", "lint"}


def test_each_manifest_is_described() -> None:
    described = set(re.findall(r"`([a-z-]+)`", (REPOSITORY / "deploy/README.md").read_text()))
    assert described >= set(SETUPS)


def test_the_timeline_matches_the_manifests() -> None:
    assert setup("one-replica").pod["terminationGracePeriodSeconds"] == 35
    assert re.search(r"SIGTERM +5 s +25 s +35 s", TEXT)
