"""The manifests of the repository, and the chart with other values, with helpers to query them."""

import tomllib
from functools import cache
from pathlib import Path

import render
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
MANIFESTS = REPOSITORY / "deploy/kubernetes"
CHART = REPOSITORY / "deploy/helm/livegate"
RULES = CHART / "files/livegate.rules.yaml"
SETUPS = sorted(path.stem for path in MANIFESTS.glob("*.yaml"))
# Values that switch on every optional part.
EVERYTHING = {
    "replicas": 3,
    "valkey": {"enabled": True},
    "config": {"results": {"enabled": True}, "callers": {"system:serviceaccount:a:b": {"allow": ["create"]}}},
    "resultTokenKeys": {"secretName": "result-token-keys", "keys": ["new", "old"]},
    "auditDigestKey": {"secretName": "audit"},
    "serviceAccount": {
        "roleArn": "arn:aws:iam::111122223333:role/livegate",
        "annotations": {"example.com/owner": "identity"},
    },
    "monitoring": {"podMonitor": True, "prometheusRule": True, "dashboard": True, "labels": {"release": "prometheus"}},
    "priorityClassName": "important",
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "affinity": {"nodeAffinity": {}},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "podLabels": {"team": "identity"},
    "podAnnotations": {"example.com/owner": "identity"},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more", "readOnly": True}],
    "networkPolicy": {
        "extraIngress": [{"from": [{"podSelector": {}}], "ports": [{"port": "grpc"}]}],
        "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.0.0.9/32"}}], "ports": [{"port": 3128}]}],
    },
    "extraObjects": [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}, "data": {"a": "b"}}
    ],
}


class Manifests:
    """All objects of one manifest."""

    def __init__(self, text: str):
        self.objects = [one for one in yaml.safe_load_all(text) if one]

    def of_kind(self, kind: str) -> list[dict]:
        """Returns all objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def only(self, kind: str, name: str = "livegate") -> dict:
        """Returns the only object of that kind and name."""
        [found] = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def deployment(self) -> dict:
        """The spec of the Deployment of Livegate."""
        return self.only("Deployment")["spec"]

    @property
    def pod(self) -> dict:
        """The pod spec of Livegate."""
        return self.deployment["template"]["spec"]

    @property
    def labels(self) -> dict:
        """The labels of the pods of Livegate."""
        return self.deployment["template"]["metadata"]["labels"]

    @property
    def container(self) -> dict:
        """The only container of the pods."""
        [container] = self.pod["containers"]
        return container

    @property
    def mounts(self) -> dict[str, tuple[dict, dict]]:
        """The mounts of the container with their volumes, by path."""
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        return {mount["mountPath"]: (mount, volumes[mount["name"]]) for mount in self.container["volumeMounts"]}

    @property
    def config_map(self) -> dict:
        """The ConfigMap with the configuration."""
        _, volume = self.mounts["/etc/livegate"]
        return self.only("ConfigMap", volume["configMap"]["name"])

    @property
    def config_text(self) -> str:
        """The configuration file."""
        return self.config_map["data"]["livegate.toml"]

    @property
    def config(self) -> dict:
        """The parsed configuration."""
        return tomllib.loads(self.config_text)

    @property
    def authenticates(self) -> bool:
        """Whether callers are authenticated."""
        return "auth" in self.config

    @property
    def serves(self) -> bool:
        """Whether this is the service and not the demo."""
        return self.container["args"][0] == "serve"


@cache
def setup(name: str) -> Manifests:
    """Returns a manifest of the repository."""
    return Manifests((MANIFESTS / f"{name}.yaml").read_text())


def chart(values: dict | None = None, name: str = "livegate", namespace: str = "livegate") -> Manifests:
    """Renders the chart with values, without the notes, but with the test."""
    templates = render.rendered(values or {}, name, namespace)
    return Manifests("\n---\n".join(text for path, text in templates.items() if path.endswith(".yaml")))


def seconds(duration: str) -> float:
    """Converts a duration of the configuration to seconds."""
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if duration.endswith(unit) and duration.removesuffix(unit).isdigit():
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"{duration!r} is not a duration with one unit")


def selects(selector: dict, labels: dict) -> bool:
    """Returns whether a selector with matchLabels selects a pod."""
    return selector["matchLabels"].items() <= labels.items()
