#!/usr/bin/env python3
"""Checks that a tag is the version of everything that is released with it.

    deploy/release/check.py v0.1.0
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def versions(repository: Path = REPOSITORY) -> dict[str, str]:
    """Returns the version in each file that has one."""
    chart = (repository / "deploy/helm/livegate/Chart.yaml").read_text()
    values = (repository / "deploy/helm/livegate/values.yaml").read_text()
    manifest = tomllib.loads((repository / "Cargo.toml").read_text())
    return {
        "Cargo.toml": manifest["package"]["version"],
        "Chart.yaml version": re.search(r"^version: (\S+)$", chart, re.MULTILINE)[1],
        "Chart.yaml appVersion": re.search(r"^appVersion: (\S+)$", chart, re.MULTILINE)[1],
        "values.yaml image.tag": re.search(r"^  tag: (\S+)$", values, re.MULTILINE)[1],
    }


def problems(tag: str, repository: Path = REPOSITORY) -> list[str]:
    """Returns what contradicts the tag."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?", tag):
        return [f"the tag {tag!r} must have the form v1.2.3"]
    wanted = tag.removeprefix("v")
    found = [f"{file} is {version}, must be {wanted}" for file, version in versions(repository).items() if version != wanted]
    if f"## [{wanted}] - " not in (repository / "CHANGELOG.md").read_text():
        found.append(f"CHANGELOG.md has no section '## [{wanted}] - DATE'")
    return found


def main() -> None:
    """Reports all problems."""
    if len(sys.argv) != 2:
        sys.exit("usage: check.py TAG")
    if found := problems(sys.argv[1]):
        sys.exit("\n".join(f"check.py: {problem}" for problem in found))


if __name__ == "__main__":
    main()
