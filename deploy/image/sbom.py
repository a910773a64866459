#!/usr/bin/env python3
"""Prints the software bill of materials of the image, as CycloneDX 1.6 in JSON.

    deploy/image/sbom.py > livegate.cdx.json
    deploy/image/sbom.py --target aarch64-unknown-linux-gnu

It lists the crates that Cargo links for the target, without the simulator, at the
versions of Cargo.lock, each with its licence and its digest from crates.io. Procedural
macros, build tools and test dependencies are not linked, so they are not listed. The
same sources give the same bytes. The image also holds Debian's certificates of public
authorities, which are not listed.
"""

import argparse
import json
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = "livegate"


def output(*command: str) -> str:
    """Returns the standard output of a command; its standard error is inherited."""
    return subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout


def host() -> str:
    """Returns the target that build.sh builds for."""
    return re.search(r"^host: (\S+)$", output("rustc", "--version", "--verbose"), re.MULTILINE)[1]


def linked(target: str) -> list[tuple[str, str, str]]:
    """Returns name, version and licence of each crate in the program."""
    program = (f"--package={PROGRAM}", "--no-default-features", f"--target={target}")
    form = ("--edges=normal,no-proc-macro", "--format={p}|{l}", "--prefix=none")
    tree = output("cargo", "tree", "--locked", *program, *form)
    # A line is "tonic v0.14.2|MIT"; " (*)" follows where the crate was listed before.
    return sorted({parts(line) for line in tree.splitlines()})


def parts(line: str) -> tuple[str, str, str]:
    """Returns name, version and licence in a line of the tree."""
    found = re.fullmatch(r"(\S+) v(\S+)(?: \(.*\))?\|(.*?)(?: \(\*\))?", line)
    if not found:
        sys.exit(f"sbom.py: cargo tree printed {line!r}: expected crate, version and licence")
    return found.groups()


def digests() -> dict[tuple[str, str], str]:
    """Returns the SHA-256 of each crate that has one, by name and version."""
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    packages = lock["package"]
    return {(package["name"], package["version"]): package["checksum"] for package in packages if "checksum" in package}


def component(name: str, version: str, licence: str, digest: str | None) -> dict:
    """Describes one crate."""
    purl = f"pkg:cargo/{name}@{version.replace('+', '%2B')}"
    described = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if licence:
        # Some crates write MIT/Apache-2.0, which SPDX does not allow.
        described["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", licence)}]
    if digest:
        described["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return described


def bill(target: str) -> dict:
    """Returns the whole document."""
    checksums = digests()
    crates = [component(*crate, checksums.get(crate[:2])) for crate in linked(target)]
    [program] = [crate for crate in crates if crate["name"] == PROGRAM]
    others = [crate for crate in crates if crate is not program]
    program |= {"type": "application", "properties": [{"name": "cargo:target", "value": target}]}
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(crates, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"component": program},
        "components": others,
    }


def main() -> None:
    """Reads the arguments and prints the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", help="the target of the program (default: this machine's)")
    target = parser.parse_args().target or host()
    json.dump(bill(target), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
