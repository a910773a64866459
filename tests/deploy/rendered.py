"""The manifests as kustomize renders them, and questions to ask of them."""

import subprocess
import tomllib
from functools import cache
from os.path import relpath
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
KUBERNETES = REPOSITORY / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())


class Manifests:
    """All objects of one overlay."""

    def __init__(self, directory: Path):
        command = ["kubectl", "kustomize", str(directory)]
        text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
        self.objects = list(yaml.safe_load_all(text))

    def of_kind(self, kind: str) -> list[dict]:
        """All objects of a kind."""
        return [one for one in self.objects if one["kind"] == kind]

    def only(self, kind: str, name: str = "livegate") -> dict:
        """The one object of that kind and name."""
        [found] = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def deployment(self) -> dict:
        """What is declared of Livegate's Deployment."""
        return self.only("Deployment")["spec"]

    @property
    def pod(self) -> dict:
        """What is declared of Livegate's pods."""
        return self.deployment["template"]["spec"]

    @property
    def container(self) -> dict:
        """The one container in them."""
        [container] = self.pod["containers"]
        return container

    @property
    def mounts(self) -> dict[str, tuple[dict, dict]]:
        """By its path, each mount of the container and the volume that is there."""
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        return {mount["mountPath"]: (mount, volumes[mount["name"]]) for mount in self.container["volumeMounts"]}

    @property
    def config_text(self) -> str:
        """The configuration that they read."""
        return self.only("ConfigMap")["data"]["livegate.toml"]

    @property
    def config(self) -> dict:
        """The same, parsed."""
        return tomllib.loads(self.config_text)

    @property
    def is_proven(self) -> bool:
        """Whether callers must prove who they are."""
        return "auth" in self.config

    @property
    def serves(self) -> bool:
        """Whether this is the service, not the demonstration."""
        return self.container["args"][0] == "serve"


@cache
def overlay(name: str) -> Manifests:
    """An overlay of ours."""
    return Manifests(KUBERNETES / "overlays" / name)


def with_component(name: str, directory: Path, of: str = "one-replica") -> Manifests:
    """The service with a component, put together in an empty directory."""
    # Kustomize wants relative paths, and goes by where links lead.
    directory = directory.resolve()
    kustomization = {
        "resources": [relpath(KUBERNETES / "overlays" / of, directory)],
        "components": [relpath(KUBERNETES / "components" / name, directory)],
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return Manifests(directory)


def seconds(duration: str) -> float:
    """What a duration of the configuration is in seconds."""
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if duration.endswith(unit) and duration.removesuffix(unit).isdigit():
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"{duration!r} is no duration of one unit")
