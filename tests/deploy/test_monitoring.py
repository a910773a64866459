"""The monitoring components: alerts and dashboard."""

import json
import re
from pathlib import Path

import yaml

from rendered import KUBERNETES, REPOSITORY, with_component

OPERATING = (REPOSITORY / "docs/operating.md").read_text()
RULE = KUBERNETES / "components/prometheus-rule/prometheus-rule.yaml"


def test_the_component_contains_the_alerts_unchanged(tmp_path: Path) -> None:
    rule = with_component("prometheus-rule", tmp_path).only("PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULE.read_text())["spec"]
    assert [name for group in rule["spec"]["groups"] for name in group["rules"] if "alert" in name]


def test_the_extracted_rules_equal_those_of_the_operator() -> None:
    command = "sed '1,/^spec:$/d; s/^  //'"
    assert command in OPERATING and command in (REPOSITORY / "tests/run").read_text()
    _, below = re.split(r"^spec:\n", RULE.read_text(), flags=re.MULTILINE)
    cut = re.sub("^  ", "", below, flags=re.MULTILINE)
    assert yaml.safe_load(cut) == yaml.safe_load(RULE.read_text())["spec"]


def test_the_dashboard_has_the_label_for_grafana(tmp_path: Path) -> None:
    dashboard = with_component("grafana-dashboard", tmp_path).only("ConfigMap", "livegate-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    [(name, text)] = dashboard["data"].items()
    assert name == "livegate.json"
    assert json.loads(text)["uid"] == "livegate"
