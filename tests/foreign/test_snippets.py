"""The commands and programs in README.md, docs/ and examples/ work as they are written."""

import json
import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import REPOSITORY
from pages import DEFAULT_PORT, PAGES, Block, Workplace, blocks
from processes import BINARY

CALLING = (REPOSITORY / "docs/calling.md").read_text()
PYTHON = "python target/python/create.py"
NODE = "node target/node/create.mjs"
# Both languages have the same programs, with the same names of what a test changes.
both_languages = pytest.mark.parametrize(
    ("language", "caller"), [("python", PYTHON), ("js", NODE)], ids=["python", "node"]
)
RUST = f"cargo run --example create -- http://127.0.0.1:{DEFAULT_PORT}"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_works(page: Path, started, tmp_path):
    workplace = Workplace(tmp_path, started, page.read_text())
    for block in blocks(page.read_text()):
        workplace.run(block)


@pytest.mark.parametrize("info", ["", "ruby", "sh quickly", "sh no-run quickly", "text no"])
def test_a_block_that_is_neither_run_nor_marked_is_an_error(info: str, started, tmp_path):
    with pytest.raises(AssertionError, match="neither run nor marked"):
        Workplace(tmp_path, started).run(Block(info, "", None))


def test_the_packages_that_callers_install_are_those_of_the_tests():
    pinned = (Path(__file__).parent / "requirements.txt").read_text()
    for page in ("README.md", "docs/calling.md", "examples/README.md"):
        python = re.search(r"^pip install (.*)$", (REPOSITORY / page).read_text(), re.MULTILINE)[1].split()
        assert set(python) <= set(re.findall(r"^([\w-]+)==", pinned, re.MULTILINE))
    node = re.search(r"^npm install --prefix \S+ (.*)$", CALLING, re.MULTILINE)[1].split()
    example, package = (
        json.loads((REPOSITORY / path / "package.json").read_text())["dependencies"]
        for path in ("examples/node", "tests/foreign")
    )
    assert {*node, *example} <= set(package)


@pytest.fixture
def workplace(started, tmp_path) -> Callable[..., Workplace]:
    """Follows docs/calling.md up to its programs in one language, with the ports of processes."""

    def follow(server: int, simulator: int = 9, language: str = "python") -> Workplace:
        place = Workplace(tmp_path, started, CALLING, {DEFAULT_PORT: server, "9900": simulator})
        protoc = Block("sh", re.search(r"^python -m grpc_tools.protoc .*$", CALLING, re.MULTILINE)[0], None)
        installer = {"python": "pip install ", "js": "npm install ", "rust": "none"}[language]
        for block in [*blocks(CALLING), *([protoc] if language == "python" else [])]:
            if block.info == language or installer in block.text or block is protoc:
                place.run(block)
        return place

    return follow


def port(address: str) -> int:
    """Returns the port of an address or URL."""
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize(
    ("language", "caller"),
    [("python", PYTHON), ("js", NODE), ("rust", RUST)],
    ids=["python", "node", "rust"],
)
def test_a_caller_prints_a_session_or_the_violations(language: str, caller: str, serve, workplace):
    place = workplace(port(serve({"auth.mode": "trusted-header"}).address), language=language)

    place.run(Block("sh", f"{caller} 1", None))
    assert re.search(UUID, place.output), place.output
    assert "us-east-1" in place.output

    place.run(Block("sh", f"{caller} 9 || true", None))
    assert re.search("INVALID_ARGUMENT|InvalidArgument", place.output), place.output
    assert re.search(r"settings\.audit_images_limit", place.output), place.output


@both_languages
def test_a_caller_waits_for_a_retry_delay_beyond_its_deadline(language: str, caller: str, serve, workplace, simulator):
    quota = {"quota.create.rate_per_second": 0.2, "quota.create.burst": 1, "quota.create.max_wait": "0s"}
    place = workplace(port(serve(quota).address), language=language)
    [calls] = (place.directory / "target").glob("*/calls.*")
    shortened, changes = re.subn(r"(deadline ?= ?1)0(_000)?\)", r"\1\2)", calls.read_text())
    assert changes == 1
    calls.write_text(shortened)
    # The second one waits for up to five seconds.
    place.run(Block("sh", f"{caller} 0 &\n{caller} 0\nwait $!", None))

    assert simulator.sessions_made() == 2, place.output


@both_languages
def test_a_caller_repeats_a_call_that_the_network_loses(language: str, caller: str, serve, workplace, simulator):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        place = workplace(port(address), language=language)
        listener.settimeout(30)
        process = subprocess.Popen(["bash", "-c", f"{caller} 0"], **place.context, stdout=subprocess.PIPE, text=True)
        # The service config alone gives up before the third connection.
        for _ in range(3):
            listener.accept()[0].close()
    serve({"grpc.listen": address})
    output, _ = process.communicate(timeout=60)

    assert re.search(UUID, output), output
    assert simulator.sessions_made() == 1


@pytest.mark.parametrize(
    ("outcome", "last_line"),
    [("live:95", r"passed, reference image: [1-9]\d* bytes"), ("spoof:12", "not passed: CONFIDENCE_BELOW_MINIMUM")],
    ids=["passed", "not passed"],
)
@both_languages
def test_a_caller_watches_a_check_to_its_verdict(
    language: str, caller: str, outcome: str, last_line: str, simulate, serve, workplace
):
    simulator = simulate(f"--outcome={outcome}", "--require-streams")
    server = serve({"results.enabled": True}, simulator)
    place = workplace(port(server.address), port(simulator.url), language)
    check = caller.replace("create.", "check.")
    place.run(next(block for block in blocks(CALLING) if block.info == "sh" and check in block.text))

    assert re.fullmatch(last_line, place.output.splitlines()[-1]), place.output
    assert "SESSION_STATUS_IN_PROGRESS" in place.output


def rust(address: str) -> list[object]:
    """Returns the command of the caller in Rust without a number of audit images."""
    return [BINARY.parent / "examples/create", f"http://{address}"]


def test_the_caller_in_rust_retries_after_retry_info(serve, simulator):
    server = serve({"quota.create.rate_per_second": 1.0, "quota.create.burst": 1, "quota.create.max_wait": "0s"})
    command = [*rust(server.address), "0"]
    running = [subprocess.Popen(command, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    ended = [(*caller.communicate(timeout=30), caller.returncode) for caller in running]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    retries = [int(re.search(r"^retries: (\d+)$", stdout, re.MULTILINE)[1]) for stdout, *_ in ended]
    assert sum(retries) >= 2, ended
    assert simulator.sessions_made() == 3


def test_the_caller_in_rust_fails_at_once_without_a_server():
    command = [*rust("127.0.0.1:9"), "0"]
    refused = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert refused.returncode == 14, refused.stdout
    assert refused.stdout.startswith("UNAVAILABLE"), refused.stdout
