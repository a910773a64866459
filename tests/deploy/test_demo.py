"""The manifest `demo`: its arguments and configuration start the demonstration."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rendered import setup

BINARY = os.environ["LIVEGATE_BIN"]
LAST_LINE = "\nLivegate is running; press Ctrl-C to stop it.\n"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """The demonstration with the arguments of the manifest, on free ports."""
    manifests = setup("demo")
    (tmp_path / "livegate.toml").write_text(manifests.config_text)
    arguments = [argument.replace("/etc/livegate", str(tmp_path)) for argument in manifests.container["args"]]
    ports = {"LIVEGATE_GRPC__LISTEN": "127.0.0.1:0", "LIVEGATE_ADMIN__LISTEN": "127.0.0.1:0"}
    with subprocess.Popen([BINARY, *arguments], env=ports, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_demonstration_needs_no_environment(demo: subprocess.Popen) -> None:
    output = ""
    for line in demo.stdout:
        output += line
        if output.endswith(LAST_LINE):
            break
    address = re.search(r"Livegate on (\S+),", output)[1]
    create = [BINARY, "create", f"--endpoint=http://{address}", "--json"]
    created = subprocess.run(create, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(created.stdout)["session_id"]
    demo.terminate()
    assert demo.wait(30) == 0
