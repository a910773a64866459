"""The scripts of a release: versions that agree, and files that name the image and have checksums."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import helm_python
import pytest
import yaml

from rendered import REPOSITORY

RELEASE = REPOSITORY / "deploy/release"
DIGEST = f"sha256:{'a1' * 32}"
IMAGE = "ghcr.io/example/livegate"
VERSIONED = ("Cargo.toml", "CHANGELOG.md", "deploy/helm/livegate/Chart.yaml", "deploy/helm/livegate/values.yaml")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The files with versions, and the script, ready for release 0.1.0."""
    for name in (*VERSIONED, "deploy/release/check.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    with (tmp_path / "CHANGELOG.md").open("a") as changes:
        changes.write("\n## [0.1.0] - 2026-12-01\n")
    return tmp_path


def check(repository: Path, tag: str) -> subprocess.CompletedProcess:
    """Checks a tag."""
    command = [sys.executable, repository / "deploy/release/check.py", tag]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_the_tag_of_the_version_is_accepted(repository: Path) -> None:
    assert check(repository, "v0.1.0").returncode == 0


@pytest.mark.parametrize("tag", ["0.1.0", "v0.1", "latest"])
def test_a_tag_of_another_form_is_refused(repository: Path, tag: str) -> None:
    assert "must have the form" in check(repository, tag).stderr


def test_every_file_must_have_the_version_of_the_tag(repository: Path) -> None:
    refused = check(repository, "v0.2.0")
    assert refused.returncode == 1
    for name in ("Cargo.toml", "Chart.yaml version", "Chart.yaml appVersion", "values.yaml image.tag", "CHANGELOG.md"):
        assert name in refused.stderr


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a release."""
    directory = tmp_path_factory.mktemp("release") / "assets"
    command = [sys.executable, RELEASE / "assets.py", directory, IMAGE, DIGEST]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return directory


def test_the_files_of_a_release(assets: Path) -> None:
    assert sorted(path.name for path in assets.iterdir()) == [
        "SHA256SUMS",
        "livegate-0.1.0.tgz",
        "livegate-amd64.cdx.json",
        "livegate-arm64.cdx.json",
        "one-replica.yaml",
        "proto.tar.gz",
        "service-config.json",
        "three-replicas.yaml",
    ]


def test_the_chart_and_the_manifests_name_the_image_by_digest(assets: Path) -> None:
    with helm_python.Chart.load(assets / "livegate-0.1.0.tgz") as chart:
        rendered = chart.render({}, name="livegate")["livegate/templates/deployment.yaml"]
    assert f"image: {IMAGE}:0.1.0@{DIGEST}\n" in rendered
    for name in ("one-replica", "three-replicas"):
        objects = yaml.safe_load_all((assets / f"{name}.yaml").read_text())
        images = [
            container["image"]
            for one in objects
            if one["kind"] == "Deployment"
            for container in one["spec"]["template"]["spec"]["containers"]
        ]
        assert f"{IMAGE}:0.1.0@{DIGEST}" in images
        assert all("@sha256:" in image for image in images)


def test_the_checksums_are_those_of_the_files(assets: Path) -> None:
    lines = (assets / "SHA256SUMS").read_text().splitlines()
    listed = dict(reversed(line.split("  ")) for line in lines)
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in assets.iterdir()}
    assert listed == {name: digest for name, digest in files.items() if name != "SHA256SUMS"}
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=assets, check=True, capture_output=True)


def test_each_architecture_has_its_bill_of_materials(assets: Path) -> None:
    for architecture, target in (("amd64", "x86_64"), ("arm64", "aarch64")):
        program = json.loads((assets / f"livegate-{architecture}.cdx.json").read_text())["metadata"]["component"]
        assert program["properties"][0]["value"].startswith(target)


def test_the_contract_is_complete(assets: Path) -> None:
    with tarfile.open(assets / "proto.tar.gz") as contract:
        names = contract.getnames()
    assert {"proto/livegate/v1/session.proto", "proto/google/api/field_behavior.proto"} <= set(names)


def test_the_build_of_the_image_receives_its_commit() -> None:
    build, _, image = (REPOSITORY / "deploy/image/Dockerfile").read_text().partition("\nFROM scratch\n")
    before, found, _ = build.partition("\nRUN deploy/image/build.sh /out\n")
    assert found and "\nARG SOURCE_COMMIT\n" in before, "an argument is a variable only in its stage, after this line"
    assert "\nARG SOURCE_COMMIT\n" in image and 'image.revision="$SOURCE_COMMIT"' in image
    assert '--build-arg "SOURCE_COMMIT=$(git rev-parse HEAD)"' in (RELEASE / "push-image.sh").read_text()


def test_each_workflow_pins_its_actions_and_images() -> None:
    for workflow in (REPOSITORY / ".github/workflows").glob("*.yaml"):
        jobs = yaml.safe_load(workflow.read_text())["jobs"]
        for job in jobs.values():
            for step in job["steps"]:
                assert len(step.get("uses", "@" + "0" * 40).split("@")[1]) == 40, step
            assert "@sha256:" in job.get("container", {"image": "@sha256:"})["image"]
    assert "@sha256:" in (REPOSITORY / "deploy/image/Dockerfile").read_text()
