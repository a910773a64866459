"""What deploy/README.md and the runbook name exists: at three in the morning nothing else will do."""

import os
import re
import subprocess

import pytest

from rendered import COMPONENTS, OVERLAYS, REPOSITORY

README = "\n".join((REPOSITORY / "deploy" / page).read_text() for page in ("README.md", "runbook.md"))
SOURCE = "\n".join(path.read_text() for path in (REPOSITORY / "src").rglob("*.rs"))
SECTIONS = "grpc|admin|upstream|quota|results|auth|retry|adaptive|shutdown|admission|callers|store|idempotency|audit"


def named(pattern: str) -> list[str]:
    """What the page names in code marks, each once."""
    found = sorted(set(re.findall(pattern, README)))
    assert found, "the page has another form than this test thinks"
    return found


@pytest.mark.parametrize("line", named(r'`"([A-Za-z][^"`]* [^"`]*)"`'))
def test_each_log_line_is_one_that_livegate_writes(line: str) -> None:
    assert f'"{line}"' in SOURCE


@pytest.mark.parametrize("metric", named(r"\b(?:livegate|grpc_server)_[a-z_]+\b"))
def test_each_metric_is_one_that_livegate_has(metric: str) -> None:
    assert f'"{re.sub("_(total|count|sum|bucket|info)$", "", metric)}"' in SOURCE


@pytest.mark.parametrize("value", named(r'(?:outcome|reason)="([a-z_]+)"'))
def test_each_label_is_one_that_livegate_gives(value: str) -> None:
    assert f'"{value}"' in SOURCE


@pytest.mark.parametrize("key", named(rf"`((?:{SECTIONS})\.[a-zA-Z_.]+)`"))
def test_each_setting_is_one_that_livegate_knows(key: str) -> None:
    setting = key.replace(".NAME.", ".someone.")
    command = [os.environ["LIVEGATE_BIN"], "check-config", "--set", f"{setting}=?"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30).stderr
    assert "no such key" not in refused, refused


def test_each_overlay_and_component_is_told_of() -> None:
    told = set(re.findall(r"`([a-z-]+)`", README))
    assert told >= {*OVERLAYS, *COMPONENTS}


def test_the_timeline_is_that_of_the_manifests() -> None:
    deployment = (REPOSITORY / "deploy/kubernetes/base/deployment.yaml").read_text()
    assert "terminationGracePeriodSeconds: 35" in deployment
    assert re.search(r"SIGTERM +5 s +25 s +35 s", README)
