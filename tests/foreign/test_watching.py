"""The alerts, the dashboard and the runbook, with a real metrics page and a real Prometheus."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse

import pytest
import yaml

from contract import REPOSITORY, messages
from processes import Process, environment, free_port, get

DEPLOY = REPOSITORY / "deploy"
FILES = DEPLOY / "helm/livegate/files"
RULES = yaml.safe_load((FILES / "livegate.rules.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
DASHBOARD = (FILES / "dashboard.json").read_text()
PANELS = [panel for panel in json.loads(DASHBOARD)["panels"] if panel["type"] != "row"]
RUNBOOK = (DEPLOY / "runbook.md").read_text()
METRIC = r"\b(?:livegate|grpc_server|process)_[a-z_]+\b"

# Metrics without values in this test: it has no store, TLS, audit or tokens, and its
# credentials do not expire.
NO_VALUES = (
    "livegate_store_",
    "grpc_server_certificate_",
    "livegate_aws_credentials_expiry_",
    "livegate_audit_lines_",
    "livegate_auth_jwks_",
    # No call is repeated, and no connection has ended yet.
    "livegate_idempotent_",
    # No caller has a limit in shadow mode.
    "livegate_admission_shadow_",
    # No result is read.
    "livegate_check",
    "livegate_watchers",
    "grpc_server_connections_",
)
SCRAPED_SECONDS = 12
REQUEST = messages.CreateSessionRequest()


class Prometheus(Process):
    """A Prometheus server that scrapes one page every second."""

    def __init__(self, log, admin: str):
        self.url = f"http://127.0.0.1:{free_port()}"
        target = admin.removeprefix("http://")
        config = log.with_suffix(".yaml")
        scrape = {"job_name": "livegate", "static_configs": [{"targets": [target]}]}
        rules = log.with_suffix(".rules.yaml")
        rules.write_text(json.dumps(RULES))
        times = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config.write_text(json.dumps({"global": times, "rule_files": [str(rules)], "scrape_configs": [scrape]}))
        program = shutil.which("prometheus")
        assert program, "tests/run installs prometheus"
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    program,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={log.with_suffix('.data')}",
                    f"--web.listen-address={self.url.removeprefix('http://')}",
                ],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_until_answers(f"{self.url}/-/ready")

    def query(self, expression: str) -> list:
        """Returns the current value of an expression."""
        query = urllib.parse.urlencode({"query": expression})
        status, body = get(f"{self.url}/api/v1/query?{query}")
        assert status == 200, f"{expression}\n{body}"
        return json.loads(body)["data"]["result"]

    def metrics(self) -> set[str]:
        """Returns the names of all scraped metrics."""
        return set(json.loads(get(f"{self.url}/api/v1/label/__name__/values")[1])["data"])


def test_prometheus_evaluates_every_panel_and_alert(started, simulate, serve, connect):
    small_quota = {"quota.create.rate_per_second": 5.0, "quota.create.burst": 1, "quota.create.max_wait": "1s"}
    simulator = simulate("--latency=1ms..10ms")
    server = serve(small_quota | {"auth.mode": "trusted-header"}, simulator)
    prometheus = started(Prometheus, server.admin)
    simulator.script("create:InternalServerError/500*3")
    clients = [connect(server, caller=name) for name in ("payments", "onboarding")]
    until = time.monotonic() + SCRAPED_SECONDS
    while time.monotonic() < until:
        calls = [
            client.stub.CreateSession.future(REQUEST, timeout=10, metadata=client.metadata)
            for client in clients * 8
        ]
        for call in calls:
            call.exception(timeout=10)
        time.sleep(0.3)

    for panel in PANELS:
        for target in panel["targets"]:
            expression = of_all_deployments(target["expr"].replace("$__rate_interval", "10s"))
            result = prometheus.query(expression)
            if not any(name in expression for name in NO_VALUES):
                assert result, f"{panel['title']}: {expression}"
    for alert in ALERTS:
        prometheus.query(alert["expr"])
    rules = json.loads(get(f"{prometheus.url}/api/v1/rules")[1])["data"]["groups"]
    health = {rule["name"]: rule["health"] for group in rules for rule in group["rules"]}
    assert set(health.values()) == {"ok"}, health
    documented = set(re.findall(METRIC, DASHBOARD + RUNBOOK + json.dumps(RULES)))
    scraped = prometheus.metrics()
    scraped |= {name.removesuffix("_count") for name in scraped}
    assert not {name for name in documented - scraped if not name.startswith(NO_VALUES)}


def of_all_deployments(expression: str) -> str:
    """Returns the expression of a panel whose variables select everything."""
    return re.sub(r"\$(?:cluster|namespace|job)\b", ".*", expression)


def test_the_dashboard_counts_the_faults_that_the_alerts_count():
    [alert] = [
        rule["expr"]
        for group in RULES["groups"]
        for rule in group["rules"]
        if rule.get("record") == "livegate:faults:ratio_rate5m"
    ]
    [shown] = [panel["targets"][0]["expr"] for panel in PANELS if "objective: 0.1 %" in panel["title"]]
    selected = re.sub(r',? ?\w+=~"\$\w+"', "", shown.replace("$__rate_interval", "5m")).replace("{}", "")
    assert re.sub(r"\s", "", selected) == re.sub(r"\s", "", alert)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_each_alert_has_an_entry_in_the_runbook(alert):
    name = alert["alert"]
    entry = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", RUNBOOK, re.M | re.S)
    assert entry, f"the runbook has no entry {name}"
    for part in ("Meaning:", "Impact:", "Fix:"):
        assert part.lower() in entry[1].lower(), f"{name} has no {part}"
    assert alert["annotations"]["runbook_url"].endswith(f"#{name.lower()}")


def test_the_runbook_has_no_entry_without_an_alert():
    entries = set(re.findall(r"^## (Livegate\w+)$", RUNBOOK, re.M))
    assert entries == {alert["alert"] for alert in ALERTS}
