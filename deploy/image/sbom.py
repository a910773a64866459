#!/usr/bin/env python3
"""Prints what is in the image: the crates of the program, as CycloneDX 1.6 in JSON.

    deploy/image/sbom.py > livegate.cdx.json
    deploy/image/sbom.py --target aarch64-unknown-linux-gnu

They are those that Cargo links for that target, at the versions of Cargo.lock: no
macros, no tools of the build, no tests. Each comes with its licence and the digest
that crates.io has of it. The same sources give the same bytes. The image holds the
certificates of public authorities besides, as Debian has them.
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
    """What a command prints; its complaints go where ours do."""
    return subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout


def host() -> str:
    """The target that build.sh builds for."""
    return re.search(r"^host: (\S+)$", output("rustc", "--version", "--verbose"), re.MULTILINE)[1]


def linked(target: str) -> list[tuple[str, str, str]]:
    """Name, version and licence of each crate in the program."""
    edges = "--edges=normal,no-proc-macro"
    form = "--format={p}|{l}"
    tree = output(
        "cargo", "tree", "--locked", f"--package={PROGRAM}", f"--target={target}", edges, form, "--prefix=none"
    )
    # A line is "tonic v0.14.2|MIT", then perhaps " (*)" where it was told before.
    return sorted({parts(line) for line in tree.splitlines()})


def parts(line: str) -> tuple[str, str, str]:
    """Name, version and licence in a line of the tree."""
    found = re.fullmatch(r"(\S+) v(\S+)(?: \(.*\))?\|(.*?)(?: \(\*\))?", line)
    if not found:
        sys.exit(f"sbom.py: cargo tree says {line!r}, which is no crate, version and licence")
    return found.groups()


def digests() -> dict[tuple[str, str], str]:
    """By name and version, the SHA-256 of each crate that has one."""
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    return {(one["name"], one["version"]): one["checksum"] for one in lock["package"] if "checksum" in one}


def component(name: str, version: str, licence: str, digest: str | None) -> dict:
    """One crate."""
    purl = f"pkg:cargo/{name}@{version.replace('+', '%2B')}"
    described = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    if licence:
        # Old crates write MIT/Apache-2.0.
        described["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", licence)}]
    if digest:
        described["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return described


def bill(target: str) -> dict:
    """The whole document."""
    known = digests()
    crates = [component(*crate, known.get(crate[:2])) for crate in linked(target)]
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
    """Reads the arguments, prints the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", help="the target of the program; by default this machine's")
    target = parser.parse_args().target or host()
    json.dump(bill(target), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
