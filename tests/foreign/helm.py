"""`helm template` as the pages use them, by the SDK of Helm, which PyPI has."""

import argparse
import sys

import helm_python


def merged(base: dict, over: dict) -> dict:
    """Returns the values of two files, of which the second wins."""
    both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys() if isinstance(base[key], dict)}
    return base | over | both


def main() -> None:
    """Prints the manifests."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["template"])
    parser.add_argument("name")
    parser.add_argument("chart")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--values", action="append", default=[])
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    values: dict = {}
    for file in arguments.values:
        with open(file) as text:
            values = merged(values, helm_python.values_from_yaml(text.read()))
    for pair in arguments.set:
        values = merged(values, helm_python.parse_set_string(pair))
    with helm_python.Chart.load(arguments.chart) as chart:
        chart.validate_schema(chart.merge_values(values))
        templates = chart.render(values, name=arguments.name, namespace=arguments.namespace)
    for path, text in templates.items():
        if path.endswith(".yaml") and text.strip():
            sys.stdout.write(f"---\n# Source: {path}\n{text.strip()}\n")


if __name__ == "__main__":
    main()
