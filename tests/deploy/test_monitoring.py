"""The monitoring objects of the chart: scraping, alerts and dashboard."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from rendered import CHART, EVERYTHING, REPOSITORY, RULES, Manifests, chart, selects


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    """The chart with all optional parts."""
    return chart(EVERYTHING)


def test_the_chart_contains_the_alerts_unchanged(manifests: Manifests) -> None:
    rule = manifests.only("PrometheusRule")
    assert rule["spec"] == yaml.safe_load(RULES.read_text())
    assert [name for group in rule["spec"]["groups"] for name in group["rules"] if "alert" in name]


def test_each_aggregation_of_the_rules_keeps_the_labels_of_the_deployment() -> None:
    rules = [one for group in yaml.safe_load(RULES.read_text())["groups"] for one in group["rules"]]
    text = "\n".join(one["expr"] for one in rules)
    aggregations = re.findall(r"\b(?:sum|min|max|avg|count|group|topk)\b.{0,32}", text)
    assert aggregations
    assert [one for one in aggregations if " by (cluster, namespace, job" not in one] == []


def test_the_alerts_link_to_the_runbook_of_the_operator() -> None:
    mine = "https://wiki.example.org/livegate"
    rule = chart({"monitoring": {"prometheusRule": True, "runbookUrl": mine}}).only("PrometheusRule")
    alerts = [one for group in rule["spec"]["groups"] for one in group["rules"] if "alert" in one]
    for alert in alerts:
        assert alert["annotations"]["runbook_url"] == f"{mine}#{alert['alert'].lower()}"


def test_the_pods_are_scraped_at_the_admin_port(manifests: Manifests) -> None:
    monitor = manifests.only("PodMonitor")
    assert selects(monitor["spec"]["selector"], manifests.labels)
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")


def test_the_operator_selects_them_by_label(manifests: Manifests) -> None:
    for kind in ("PodMonitor", "PrometheusRule"):
        assert manifests.only(kind)["metadata"]["labels"]["release"] == "prometheus"


def test_the_dashboard_has_the_label_for_grafana(manifests: Manifests) -> None:
    dashboard = manifests.only("ConfigMap", "livegate-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    [(name, text)] = dashboard["data"].items()
    assert name == "livegate.json"
    assert json.loads(text)["uid"] == "livegate"


def test_none_of_them_is_made_without_the_operator() -> None:
    kinds = {one["kind"] for one in chart().objects}
    assert kinds.isdisjoint({"PodMonitor", "PrometheusRule"})


def test_the_first_commands_of_the_runbook_print_problems_of_all_pods_and_reasons_of_calls(tmp_path: Path) -> None:
    runbook = (REPOSITORY / "deploy/runbook.md").read_text()
    commands = runbook.split("```sh\n")[1].split("```")[0].splitlines()
    [logs] = [command for command in commands if " logs " in command]
    assert "--selector=" in logs and "--tail=-1" in logs, "kubectl prints 10 lines of a selector's pods"
    line = '[pod/livegate-1/livegate] {"timestamp":"2026-01-01T00:00:00Z",%s"target":"t"}\n'
    failed = '"level":"INFO","message":"call failed","reason":"UPSTREAM_THROTTLED",'
    refused = '"level":"INFO","message":"caller not authenticated","auth.failure":"token_expired",'
    problems = [line % f'"level":"{level}","message":"m",' for level in ("WARN", "ERROR")]
    audit = '"event":"refused","reason":"CALLER_NOT_ALLOWED",'
    others = [line % fields for fields in (audit, refused, failed, failed)]
    (tmp_path / logs.split(" > ")[1]).write_text("".join(problems + others))
    outputs = [
        subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for command in commands
        if command.startswith("grep ")
    ]
    assert outputs[0] == "".join(problems)
    assert [one.split() for one in outputs[1].splitlines()] == [
        ["2", '"reason":"UPSTREAM_THROTTLED"'],
        ["1", '"auth.failure":"token_expired"'],
    ]


def test_the_runbook_has_a_section_for_each_alert() -> None:
    runbook = (REPOSITORY / "deploy/runbook.md").read_text()
    sections = set(re.findall(r"^## (Livegate\w+)$", runbook, re.MULTILINE))
    assert sections == set(re.findall(r"- alert: (\w+)", RULES.read_text()))


def test_each_query_of_the_dashboard_selects_the_deployment() -> None:
    dashboard = json.loads((CHART / "files/dashboard.json").read_text())
    selector = 'cluster=~"$cluster", namespace=~"$namespace", job=~"$job"}'
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert queries
    for query in queries:
        metrics = re.findall(r"\b(?:livegate|grpc_server|process)_\w+", query)
        assert query.count(selector) == len(metrics), query
