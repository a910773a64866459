#!/usr/bin/env python3
"""Renders the manifests in deploy/kubernetes/ from the chart.

    pip install helm-python-sdk PyYAML
    deploy/helm/render.py

Each file in deploy/helm/values/ gives a manifest. With the program `helm`, this is

    helm template livegate deploy/helm/livegate --namespace NAMESPACE --values VALUES

without the notes, the test, and the labels that only Helm needs.
"""

import re
from pathlib import Path

import helm_python
import yaml

HELM = Path(__file__).resolve().parent
CHART = HELM / "livegate"
VALUES = HELM / "values"
MANIFESTS = HELM.parent / "kubernetes"
# In this order, so that `kubectl apply` finds what the pods need.
FIRST = ("extra-objects", "serviceaccount", "network-policy", "configmap")
ONLY_FOR_HELM = re.compile(r"^ +(?:app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)


def rendered(values: dict, name: str = "livegate", namespace: str = "livegate", path: Path = CHART) -> dict[str, str]:
    """Returns the text of each template with the values, as Helm installs it."""
    with helm_python.Chart.load(path) as chart:
        chart.validate_schema(chart.merge_values(values))
        return chart.render(values, name=name, namespace=namespace)


def order(path: str) -> tuple[int, str]:
    """Returns the position of a template in the manifest."""
    template = Path(path).stem
    return (FIRST.index(template) if template in FIRST else len(FIRST)), template


def manifest(setup: str, chart: Path = CHART) -> str:
    """Returns the manifest of a file in values/."""
    text = (VALUES / f"{setup}.yaml").read_text()
    purpose = re.match(r"(?:#.*\n)+", text)[0]
    namespace = "livegate-demo" if setup == "demo" else "livegate"
    templates = rendered(yaml.safe_load(text), namespace=namespace, path=chart)
    objects = [
        templates[path].strip().removeprefix("---\n")
        for path in sorted(templates, key=order)
        if path.endswith(".yaml") and "/tests/" not in path and templates[path].strip()
    ]
    source = f"# Rendered by deploy/helm/render.py from deploy/helm/values/{setup}.yaml.\n"
    lines = "\n---\n".join(objects).splitlines()
    body = ONLY_FOR_HELM.sub("", "".join(f"{line.rstrip()}\n" for line in lines))
    return f"{purpose}#\n{source}---\n{body}"


def main() -> None:
    """Writes all manifests."""
    MANIFESTS.mkdir(exist_ok=True)
    for values in sorted(VALUES.glob("*.yaml")):
        (MANIFESTS / values.name).write_text(manifest(values.stem))


if __name__ == "__main__":
    main()
