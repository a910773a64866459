"""The Helm chart: its rules, its names, the configuration that it writes, and the rendered manifests."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import helm_python
import pytest
import render
import yaml

from rendered import CHART, EVERYTHING, MANIFESTS, SETUPS, Manifests, chart, seconds, selects, setup

LIVEGATE = os.environ["LIVEGATE_BIN"]
INFO = 1


def check_config(manifests: Manifests, directory: Path) -> subprocess.CompletedProcess:
    """Checks the configuration of a manifest with Livegate."""
    file = directory / "livegate.toml"
    file.write_text(manifests.config_text)
    return subprocess.run([LIVEGATE, "check-config", "--config", file], capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("name", [path.stem for path in render.VALUES.glob("*.yaml")])
def test_the_manifests_are_rendered_from_the_chart(name: str) -> None:
    assert (MANIFESTS / f"{name}.yaml").read_text() == render.manifest(name), "run deploy/helm/render.py"


def test_no_other_manifest_exists() -> None:
    assert set(SETUPS) == {path.stem for path in render.VALUES.glob("*.yaml")} == {"demo", "one-replica", "three-replicas"}


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_helm_finds_no_fault(values: dict) -> None:
    report = helm_python.lint(CHART, values, strict=True, kube_version="v1.27.0")
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > INFO] == []


def test_older_kubernetes_is_refused() -> None:
    assert helm_python.Chart.load(CHART).metadata["kubeVersion"] == ">=1.27.0-0"


def test_it_can_be_packaged(tmp_path: Path) -> None:
    with helm_python.Chart.load(CHART) as loaded:
        archive = loaded.save(tmp_path)
    with helm_python.Chart.load(archive) as packaged:
        assert packaged.render(EVERYTHING, name="livegate") == render.rendered(EVERYTHING, namespace="default")


def test_its_versions_are_those_of_the_program() -> None:
    cargo = tomllib.loads((CHART.parents[2] / "Cargo.toml").read_text())["package"]["version"]
    with helm_python.Chart.load(CHART) as loaded:
        assert loaded.metadata["appVersion"] == loaded.version == cargo
        assert loaded.values["image"]["tag"] == cargo


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replica": 3}, "replica"),
        ({"autoscaling": {"enabled": True}}, "autoscaling"),
        ({"replicas": 0}, "replicas"),
        ({"config": {"grpc": {"listen": "0.0.0.0:1"}}}, "grpc"),
        ({"config": {"store": {"password": "secret"}}}, "store"),
        ({"config": {"region": "us-east-1"}}, "region"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"image": {"tag": ""}}, "image"),
        ({"networkPolicy": {"callers": []}}, "callers"),
        ({"serviceAccount": {"roleArn": "livegate"}}, "roleArn"),
        ({"topologySpread": "never"}, "topologySpread"),
    ],
)
def test_the_schema_refuses_mistakes(values: dict, named: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=named):
        chart(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"replicas": 2}, "replicas = 2: several replicas need a store"),
        ({"valkey": {"enabled": True}, "config": {"store": {"url": "redis://a"}}}, "set one of them"),
        ({"replicas": 2, "valkey": {"enabled": True}, "config": {"results": {"enabled": True}}}, "resultTokenKeys"),
    ],
)
def test_combinations_that_do_not_work_are_refused(values: dict, message: str) -> None:
    with pytest.raises(helm_python.HelmRenderError, match=message):
        chart(values)


def test_the_defaults_are_strict(tmp_path: Path) -> None:
    manifests = chart()
    assert manifests.config["auth"]["mode"] == "mtls+jwt"
    assert manifests.config["grpc"]["tls"]["client_ca"]
    assert not {"allow_plaintext", "allow_unauthenticated"} & manifests.config["grpc"].keys()
    assert check_config(manifests, tmp_path).returncode == 0


def test_livegate_accepts_the_configuration_of_everything(tmp_path: Path) -> None:
    manifests = chart(EVERYTHING)
    checked = check_config(manifests, tmp_path)
    assert checked.returncode == 0, checked.stderr
    for path in (*manifests.config["results"]["token_key_files"], manifests.config["audit"]["digest_key_file"]):
        mounted = manifests.mounts[str(Path(path).parent)][1]["secret"]
        assert Path(path).name in [item["path"] for item in mounted["items"]]


def test_values_become_toml_unchanged() -> None:
    config = {
        "a": {"text": 'a "quoted" <b> \\ & ü\n', "whole": 1000000, "part": 0.98, "tiny": 1e-7, "on": True, "off": False},
        "b": {"list": ["x", 'y"'], "empty": [], "removed": None, "inner": {"deep": {"key": 1}}, "key": 2},
        "callers": {"spiffe://a/ns/*/sa/**": {"weight": 2}, 'odd".name': {"allow": []}, "plain": {}},
    }
    expected = {name: dict(section) for name, section in config.items()}
    del expected["b"]["removed"]
    written = chart({"config": config}).config
    assert {name: written[name] for name in config} == expected


def test_a_changed_configuration_has_another_name() -> None:
    one, other = chart(), chart({"config": {"quota": {"create": {"rate_per_second": 5}}}})
    assert one.config_map["metadata"]["name"] != other.config_map["metadata"]["name"]
    assert chart({"replicas": 1}).config_map["metadata"]["name"] == one.config_map["metadata"]["name"]
    assert one.pod["volumes"][0] != other.pod["volumes"][0], "the pods are replaced"


def test_a_config_map_of_the_operator_is_mounted_instead() -> None:
    manifests = chart({"existingConfigMap": "mine", "replicas": 2})
    assert manifests.of_kind("ConfigMap") == []
    assert manifests.mounts["/etc/livegate"][1]["configMap"] == {"name": "mine"}


def test_a_digest_pins_the_image() -> None:
    digest = f"sha256:{'0' * 64}"
    image = chart({"image": {"digest": digest, "tag": ""}}).container["image"]
    assert image == f"registry.example.com/livegate@{digest}"


def test_two_releases_in_one_namespace_are_separate() -> None:
    blue, green = (chart(EVERYTHING, name=name) for name in ("blue", "green"))
    named = [{(one["kind"], one["metadata"]["name"]) for one in manifests.objects} for manifests in (blue, green)]
    assert named[0].isdisjoint(named[1])
    for manifests, other in ((blue, green), (green, blue)):
        name = f"{manifests.objects[0]['metadata']['labels']['app.kubernetes.io/instance']}-livegate"
        pods = [one["spec"]["template"]["metadata"]["labels"] for one in other.of_kind("Deployment")]
        selectors = [one["spec"]["selector"] for one in manifests.of_kind("Deployment")]
        selectors += [{"matchLabels": one["spec"]["selector"]} for one in manifests.of_kind("Service")]
        selectors += [one["spec"]["podSelector"] for one in manifests.of_kind("NetworkPolicy")]
        selectors += [one["spec"]["selector"] for one in manifests.of_kind("PodDisruptionBudget")]
        assert len(selectors) == 8
        assert not any(selects(selector, labels) for selector in selectors for labels in pods)
        [deployment] = [one for one in manifests.of_kind("Deployment") if one["metadata"]["name"] == name]
        assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == name


def test_optional_values_reach_the_pods() -> None:
    manifests = chart(EVERYTHING)
    assert manifests.labels["team"] == "identity"
    for key in ("priorityClassName", "imagePullSecrets", "nodeSelector", "affinity"):
        assert manifests.pod[key] == EVERYTHING[key]
    assert EVERYTHING["tolerations"][0] in manifests.pod["tolerations"]
    assert EVERYTHING["extraEnv"][0] in manifests.container["env"]
    assert "/more" in manifests.mounts
    assert manifests.only("ConfigMap", "livegate-more")["data"] == {"a": "b"}


def test_the_test_of_a_release_runs_with_the_files_of_the_service_and_gets_no_calls() -> None:
    manifests = chart(EVERYTHING)
    test = manifests.only("Pod", "livegate-test")
    assert test["metadata"]["annotations"]["helm.sh/hook"] == "test"
    [container] = test["spec"]["containers"]
    assert container["args"] == ["check-config", "--config=/etc/livegate/livegate.toml", "--files", "--connect"]
    assert test["spec"]["volumes"] == manifests.pod["volumes"]
    assert container["volumeMounts"] == manifests.container["volumeMounts"]
    for service in manifests.of_kind("Service"):
        assert not selects({"matchLabels": service["spec"]["selector"]}, test["metadata"]["labels"])
    assert selects(manifests.only("NetworkPolicy")["spec"]["podSelector"], test["metadata"]["labels"])


@pytest.mark.parametrize("name", SETUPS)
def test_the_kubelet_waits_longer_than_the_defaults_of_the_chart(name: str) -> None:
    shutdown = setup(name).config["shutdown"]
    assert shutdown.keys() == {"lameduck", "grace"}
    assert sum(map(seconds, shutdown.values())) + 8 <= setup(name).pod["terminationGracePeriodSeconds"]


def values_on_pages() -> list[dict]:
    """Returns the YAML blocks of the pages that are values of the chart."""
    with helm_python.Chart.load(CHART) as loaded:
        known = set(loaded.values)
    pages = "\n".join(page.read_text() for page in sorted((CHART.parents[2] / "docs").glob("*.md")))
    found = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", pages, re.MULTILINE | re.DOTALL)]
    return [block for block in found if known.issuperset(block)]


@pytest.mark.parametrize("values", values_on_pages(), ids=lambda values: "-".join(values))
def test_the_values_on_the_pages_work(values: dict, tmp_path: Path) -> None:
    checked = check_config(chart(values), tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_the_pages_have_values() -> None:
    assert len(values_on_pages()) >= 4


def test_the_notes_name_the_secrets_that_must_exist() -> None:
    notes = render.rendered(EVERYTHING, name="blue")["livegate/templates/NOTES.txt"]
    for words in ("Secret blue-livegate-tls", "Secret blue-livegate-valkey", "dns:///blue-livegate-headless.livegate.svc"):
        assert words in notes
    assert "every call is refused" in render.rendered({})["livegate/templates/NOTES.txt"]
    assert "every call is refused" not in notes
