"""The commands and programs in README.md, docs/ and examples/ work as they are written."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import REPOSITORY
from pages import DEFAULT_PORT, PAGES, Block, Workplace, blocks
from processes import BINARY, Server

CALLING = (REPOSITORY / "docs/calling.md").read_text()
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_works(page: Path, started, tmp_path):
    workplace = Workplace(tmp_path, started)
    for block in blocks(page.read_text()):
        workplace.run(block)


@pytest.mark.parametrize("info", ["", "ruby", "sh quickly", "sh no-run quickly", "text no"])
def test_a_block_that_is_neither_run_nor_marked_is_an_error(info: str, started, tmp_path):
    with pytest.raises(AssertionError, match="neither run nor marked"):
        Workplace(tmp_path, started).run(Block(info, "", None))


def test_the_packages_that_callers_install_are_those_of_the_tests():
    python = re.search(r"^pip install (.*)$", CALLING, re.MULTILINE)[1].split()
    pinned = (Path(__file__).parent / "requirements.txt").read_text()
    assert set(python) <= set(re.findall(r"^([\w-]+)==", pinned, re.MULTILINE))
    node = re.search(r"^npm install --prefix \S+ (.*)$", CALLING, re.MULTILINE)[1].split()
    package = json.loads((Path(__file__).parent / "package.json").read_text())
    assert set(node) <= {name for key in ("dependencies", "devDependencies") for name in package.get(key, {})}


def run(*command: object, directory: Path = REPOSITORY) -> subprocess.CompletedProcess:
    """Runs a caller from the root of the repository."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def saved(workplace: Workplace, language: str, server: Server) -> Path:
    """Saves the program in docs/calling.md, with the address of the server. Returns its path."""
    [block] = [block for block in blocks(CALLING) if block.info == language]
    assert block.text.count(f"127.0.0.1:{DEFAULT_PORT}") == 1
    workplace.ports[DEFAULT_PORT] = int(server.address.rpartition(":")[2])
    workplace.run(block)
    return workplace.directory / block.file


def python(server: Server, workplace: Workplace) -> list[object]:
    """Compiles the contract with the command in docs/calling.md. Returns the command of the caller."""
    program = saved(workplace, "python", server)
    command = re.search(r"^python (-m grpc_tools.protoc .*)$", CALLING, re.MULTILINE)[1]
    compiled = run(sys.executable, *command.split(), directory=workplace.directory)
    assert compiled.returncode == 0, compiled.stdout
    return [sys.executable, program]


def node(server: Server, workplace: Workplace) -> list[object]:
    """Returns the command of the caller."""
    return ["node", saved(workplace, "js", server)]


def rust(server: Server, _: Workplace | None = None) -> list[object]:
    """Returns the command of the caller."""
    return [BINARY.parent / "examples/create", f"http://{server.address}"]


@pytest.mark.parametrize("caller", [python, node, rust])
def test_a_caller_prints_a_session_or_the_violations(caller: Callable, serve, started, tmp_path):
    command = caller(serve({"auth.mode": "trusted-header"}), Workplace(tmp_path, started))

    valid = run(*command, 1)
    assert valid.returncode == 0, valid.stdout
    assert re.search(UUID, valid.stdout), valid.stdout
    assert "us-east-1" in valid.stdout

    invalid = run(*command, 9)
    assert re.search("INVALID_ARGUMENT|InvalidArgument", invalid.stdout), invalid.stdout
    assert re.search(r"settings\.audit_images_limit", invalid.stdout), invalid.stdout


def test_the_caller_in_rust_retries_after_retry_info(serve, simulator):
    server = serve({"quota.create.rate_per_second": 1.0, "quota.create.burst": 1, "quota.create.max_wait": "0s"})
    command = [*rust(server), "0"]
    running = [subprocess.Popen(command, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    ended = [(*caller.communicate(timeout=30), caller.returncode) for caller in running]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    retries = [int(re.search(r"^retries: (\d+)$", stdout, re.MULTILINE)[1]) for stdout, *_ in ended]
    assert sum(retries) >= 2, ended
    assert simulator.sessions_made() == 3


def test_the_caller_in_rust_fails_at_once_without_a_server():
    class NoServer:
        address = "127.0.0.1:9"

    refused = run(*rust(NoServer), 0)
    assert refused.returncode == 14, refused.stdout
    assert refused.stdout.startswith("UNAVAILABLE"), refused.stdout
