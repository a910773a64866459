"""The bill of materials: as CycloneDX has it, and true."""

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
    """What the script prints."""
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def crates() -> list[dict]:
    """The crates besides the program."""
    return json.loads(printed())["components"]


def test_it_is_as_cyclonedx_wants_it() -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(printed()) is None


def test_it_is_about_the_program() -> None:
    [version] = [one["version"] for one in LOCKED if one["name"] == "livegate"]
    program = json.loads(printed())["metadata"]["component"]
    assert (program["type"], program["name"], program["version"]) == ("application", "livegate", version)
    assert program["licenses"] == [{"expression": "Apache-2.0"}]


def test_each_crate_is_the_locked_one_by_its_digest() -> None:
    locked = {(one["name"], one["version"]): one.get("checksum") for one in LOCKED}
    for crate in crates():
        checksum = locked[crate["name"], crate["version"]]
        if crate["name"] == "livegate-client":
            assert checksum is None, "a crate of this repository has no digest"
            continue
        assert crate["hashes"] == [{"alg": "SHA-256", "content": checksum}]
        assert crate["purl"].startswith(f"pkg:cargo/{crate['name']}@{crate['version'].split('+')[0]}")


def test_each_crate_has_a_licence_that_spdx_knows() -> None:
    licensing = get_spdx_licensing()
    for crate in crates():
        [licence] = crate["licenses"]
        assert not licensing.validate(licence["expression"]).errors, crate["name"]


def test_what_is_linked_is_there_and_what_builds_and_tests_is_not() -> None:
    names = {crate["name"] for crate in crates()}
    assert names >= {"tonic", "tokio", "rustls", "aws-lc-sys", "aws-sdk-rekognition", "redis"}
    others = {"protox", "tonic-prost-build", "cc", "syn", "tokio-macros", "divan", "proptest", "rcgen", "tempfile"}
    others |= {"livegate-simulator"}
    assert others <= {one["name"] for one in LOCKED}, "or this proves nothing"
    assert names & others == set()


def test_the_same_sources_give_the_same_bytes() -> None:
    again = subprocess.run([SCRIPT], capture_output=True, text=True, check=True, timeout=120).stdout
    assert again == printed()


def test_it_says_for_which_target_it_is() -> None:
    target = "aarch64-unknown-linux-gnu"
    program = json.loads(printed("--target", target))["metadata"]["component"]
    assert program["properties"] == [{"name": "cargo:target", "value": target}]


def test_a_target_that_is_none_is_refused() -> None:
    refused = subprocess.run([SCRIPT, "--target", "toaster"], capture_output=True, text=True, timeout=120)
    assert refused.returncode != 0
    assert "toaster" in refused.stderr
