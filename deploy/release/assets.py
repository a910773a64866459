#!/usr/bin/env python3
"""Writes the files of a release into an empty directory.

    deploy/release/assets.py DIRECTORY REPOSITORY sha256:DIGEST

REPOSITORY and DIGEST are those of the image, which the chart and the manifests then name. The
files are the chart, the manifests, the contract, the service config, an SBOM for each
architecture, and SHA256SUMS.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import helm_python


REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "deploy/helm"))
import render  # noqa: E402

TARGETS = {"amd64": "x86_64-unknown-linux-gnu", "arm64": "aarch64-unknown-linux-gnu"}


def pin(chart: Path, repository: str, digest: str) -> None:
    """Writes the image into the values of a copy of the chart, and keeps the comments."""
    values = chart / "values.yaml"
    text = values.read_text()
    text, count = re.subn(r"^  repository: registry\.example\.com/livegate$", f"  repository: {repository}", text, flags=re.MULTILINE)
    text, again = re.subn(r'^  digest: ""$', f"  digest: {digest}", text, flags=re.MULTILINE)
    assert (count, again) == (1, 1), "values.yaml has one image without a digest"
    values.write_text(text)


def write(directory: Path, repository: str, digest: str) -> None:
    """Writes all files."""
    chart = directory / "livegate"
    shutil.copytree(render.CHART, chart)
    pin(chart, repository, digest)
    helm_python.package(chart, destination=directory)
    for values in sorted(render.VALUES.glob("*.yaml")):
        # The image of the demo has the simulator, and is not released.
        if values.stem != "demo":
            (directory / f"{values.stem}.yaml").write_text(render.manifest(values.stem, chart))
    shutil.rmtree(chart)
    for architecture, target in TARGETS.items():
        with (directory / f"livegate-{architecture}.cdx.json").open("w") as bill:
            subprocess.run([REPOSITORY / "deploy/image/sbom.py", "--target", target], check=True, stdout=bill)
    with tarfile.open(directory / "proto.tar.gz", "w:gz") as contract:
        contract.add(REPOSITORY / "proto", "proto")
    shutil.copy(REPOSITORY / "deploy/service-config.json", directory)
    files = sorted(path for path in directory.iterdir())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (directory / "SHA256SUMS").write_text("".join(sums))


def main() -> None:
    """Reads the arguments and writes the files."""
    if len(sys.argv) != 4 or not re.fullmatch(r"sha256:[0-9a-f]{64}", sys.argv[3]):
        sys.exit("usage: assets.py DIRECTORY REPOSITORY sha256:DIGEST")
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        sys.exit(f"assets.py: {directory} is not empty")
    write(directory, *sys.argv[2:])


if __name__ == "__main__":
    main()
