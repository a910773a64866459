"""The SBOM is valid CycloneDX, and matches Cargo.lock."""

import json
import subprocess
import tomllib
from functools import cache

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing

from rendered import REPOSITORY

SCRIPT = REPOSITORY / "deploy/image/sbom.py"
LOCKED = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())["package"]


@cache
def printed(*arguments: str) -> str:
    """Returns the output of the script."""
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def crates() -> list[dict]:
    """Returns the crates besides the program."""
    return json.loads(printed())["components"]


def test_it_is_valid_cyclonedx() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed()) is None


def test_it_describes_the_program() -> None:
    [version] = [one["version"] for one in LOCKED if one["name"] == "livegate"]
    program = json.loads(printed())["metadata"]["component"]
    assert (program["type"], program["name"], program["version"]) == ("application", "livegate", version)
    assert program["licenses"] == [{"expression": "Apache-2.0"}]


def test_each_crate_has_the_locked_version_and_digest() -> None:
    locked = {(one["name"], one["version"]): one.get("checksum") for one in LOCKED}
    for crate in crates():
        checksum = locked[crate["name"], crate["version"]]
        if crate["name"] == "livegate-client":
            assert checksum is None, "a crate of this repository has no digest"
            continue
        assert crate["hashes"] == [{"alg": "SHA-256", "content": checksum}]
        assert crate["purl"].startswith(f"pkg:cargo/{crate['name']}@{crate['version'].split('+')[0]}")


def test_each_crate_has_an_spdx_licence() -> None:
    licensing = get_spdx_licensing()
    for crate in crates():
        [licence] = crate["licenses"]
        assert not licensing.validate(licence["expression"]).errors, crate["name"]


def test_it_has_linked_crates_and_no_build_or_test_dependencies() -> None:
    names = {crate["name"] for crate in crates()}
    assert names >= {"tonic", "tokio", "rustls", "aws-lc-sys", "aws-sdk-rekognition", "redis"}
    others = {"protox", "tonic-prost-build", "cc", "syn", "tokio-macros", "divan", "proptest", "rcgen", "tempfile"}
    others |= {"livegate-simulator"}
    assert others <= {one["name"] for one in LOCKED}, "otherwise the test proves nothing"
    assert names & others == set()


def test_it_is_reproducible() -> None:
    again = subprocess.run([SCRIPT], capture_output=True, text=True, check=True, timeout=120).stdout
    assert again == printed()


def test_it_names_the_target() -> None:
    target = "aarch64-unknown-linux-gnu"
    program = json.loads(printed("--target", target))["metadata"]["component"]
    assert program["properties"] == [{"name": "cargo:target", "value": target}]


def test_an_unknown_target_is_rejected() -> None:
    refused = subprocess.run([SCRIPT, "--target", "toaster"], capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0
    assert "toaster" in refused.stderr
