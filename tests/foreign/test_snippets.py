"""What README and examples/ tell callers to write does what they say, as it stands there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract import REPOSITORY
from processes import BINARY, Server

README = (REPOSITORY / "README.md").read_text()
ADDRESS = "127.0.0.1:50051"
NODE_MODULES = Path(os.environ.get("LIVEGATE_NODE_MODULES", Path(__file__).parent / "node_modules"))
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def snippet(language: str, file: str) -> str:
    """The block of README that is to be saved as `file`."""
    told = README.index(f"Save this as `{file}`")
    found = re.compile(rf"```{language}\n(.*?)```", re.DOTALL).search(README, told)
    assert found, f"README shows no {file}"
    return found[1]


def run(*command: object) -> subprocess.CompletedProcess:
    """Runs a caller from the root of the repository, as README says."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )


def python(server: Server, directory: Path) -> list[object]:
    command = re.search(r"^python (-m grpc_tools.protoc .*)$", README, re.MULTILINE)[1]
    made = run(sys.executable, *command.replace("target/python", str(directory)).split())
    assert made.returncode == 0, made.stdout
    return [sys.executable, written(directory / "create.py", snippet("python", "target/python/create.py"), server)]


def node(server: Server, directory: Path) -> list[object]:
    (directory / "node_modules").symlink_to(NODE_MODULES.resolve())
    return ["node", written(directory / "create.mjs", snippet("js", "target/node/create.mjs"), server)]


def rust(server: Server, _: Path) -> list[object]:
    return [BINARY.parent / "examples/create", f"http://{server.address}"]


def written(path: Path, source: str, server: Server) -> Path:
    assert source.count(ADDRESS) == 1, f"{path.name} calls {ADDRESS}"
    path.write_text(source.replace(ADDRESS, server.address))
    return path


@pytest.mark.parametrize("caller", [python, node, rust])
def test_a_caller_prints_a_session_or_what_is_wrong(caller: Callable, serve, tmp_path):
    server = serve({"auth.mode": "trusted-header"})
    command = caller(server, tmp_path)

    right = run(*command, 1)
    assert right.returncode == 0, right.stdout
    assert re.search(UUID, right.stdout), right.stdout
    assert "us-east-1" in right.stdout

    wrong = run(*command, 9)
    assert re.search("INVALID_ARGUMENT|InvalidArgument", wrong.stdout), wrong.stdout
    assert re.search(r"settings\.audit_images_limit", wrong.stdout), wrong.stdout


def test_the_caller_in_rust_retries_after_retry_info(serve, simulator, tmp_path):
    server = serve({"quota.create.rate_per_second": 1.0, "quota.create.burst": 1, "quota.create.max_wait": "0s"})
    command = rust(server, tmp_path)

    started = [subprocess.Popen([*command, "0"], stdout=-1, stderr=-1, text=True) for _ in range(3)]
    ended = [(*caller.communicate(timeout=30), caller.returncode) for caller in started]

    assert [code for *_, code in ended] == [0, 0, 0], ended
    retries = [int(re.search(r"^retries: (\d+)$", stdout, re.MULTILINE)[1]) for stdout, *_ in ended]
    assert sum(retries) >= 2, ended
    assert simulator.sessions_made() == 3


def test_the_caller_in_rust_fails_at_once_without_a_server(tmp_path):
    class NoServer:
        address = "127.0.0.1:9"

    refused = run(*rust(NoServer, tmp_path), 0)
    assert refused.returncode == 14, refused.stdout
    assert refused.stdout.startswith("UNAVAILABLE"), refused.stdout
