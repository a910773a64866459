"""The log lines, metrics, labels and settings in deploy/README.md and the runbook exist."""

import os
import re
import subprocess

import pytest

from rendered import COMPONENTS, OVERLAYS, REPOSITORY

README = "\n".join((REPOSITORY / "deploy" / page).read_text() for page in ("README.md", "runbook.md"))
SOURCE = "\n".join(path.read_text() for path in (REPOSITORY / "src").rglob("*.rs"))
SECTIONS = "grpc|admin|upstream|quota|results|auth|retry|adaptive|shutdown|admission|callers|store|idempotency|audit"


def named(pattern: str) -> list[str]:
    """Returns the distinct matches of a pattern on the pages."""
    found = sorted(set(re.findall(pattern, README)))
    assert found, "the pattern matches nothing on the pages"
    return found


@pytest.mark.parametrize("line", named(r'`"([A-Za-z][^"`]* [^"`]*)"`'))
def test_each_log_line_exists(line: str) -> None:
    assert f'"{line}"' in SOURCE


@pytest.mark.parametrize("metric", named(r"\b(?:livegate|grpc_server)_[a-z_]+\b"))
def test_each_metric_exists(metric: str) -> None:
    assert f'"{re.sub("_(total|count|sum|bucket|info)$", "", metric)}"' in SOURCE


@pytest.mark.parametrize("value", named(r'(?:outcome|reason)="([a-z_]+)"'))
def test_each_label_value_exists(value: str) -> None:
    assert f'"{value}"' in SOURCE


@pytest.mark.parametrize("key", named(rf"`((?:{SECTIONS})\.[a-zA-Z_.]+)`"))
def test_each_setting_exists(key: str) -> None:
    setting = key.replace(".NAME.", ".someone.")
    command = [os.environ["LIVEGATE_BIN"], "check-config", "--set", f"{setting}=?"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30).stderr
    assert "no such key" not in refused, refused


def test_each_overlay_and_component_is_described() -> None:
    described = set(re.findall(r"`([a-z-]+)`", README))
    assert described >= {*OVERLAYS, *COMPONENTS}


def test_the_timeline_matches_the_manifests() -> None:
    deployment = (REPOSITORY / "deploy/kubernetes/base/deployment.yaml").read_text()
    assert "terminationGracePeriodSeconds: 35" in deployment
    assert re.search(r"SIGTERM +5 s +25 s +35 s", README)
