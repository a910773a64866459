"""The manifests as kustomize renders them, with helpers to query them."""

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
    def config_text(self) -> str:
        """The configuration file."""
        return self.only("ConfigMap")["data"]["livegate.toml"]

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
def overlay(name: str) -> Manifests:
    """Returns an overlay of the repository."""
    return Manifests(KUBERNETES / "overlays" / name)


def with_component(name: str, directory: Path, of: str = "one-replica") -> Manifests:
    """Renders an overlay with a component, in an empty directory."""
    # Kustomize requires relative paths, and resolves symlinks.
    directory = directory.resolve()
    kustomization = {
        "resources": [relpath(KUBERNETES / "overlays" / of, directory)],
        "components": [relpath(KUBERNETES / "components" / name, directory)],
    }
    (directory / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return Manifests(directory)


def seconds(duration: str) -> float:
    """Converts a duration of the configuration to seconds."""
    for unit, factor in (("ms", 0.001), ("s", 1), ("m", 60)):
        if duration.endswith(unit) and duration.removesuffix(unit).isdigit():
            return int(duration.removesuffix(unit)) * factor
    raise ValueError(f"{duration!r} is not a duration with one unit")
