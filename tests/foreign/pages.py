"""The code blocks of README.md and docs/, and a directory in which to run them.

The info string of a block says what to do with it:

- `sh`: run it. `sh long-running`: start it, and run the blocks after it meanwhile. Packages are
  really installed: `python3 -m venv target/venv` and `npm install --prefix target/node` use
  directories of this page alone, which are kept in $PAGE_TOOLS to save time.
- `text output`: the output of the block before it has each of these lines.
- `python`, `js`: save it under the name in the text above it; a later block runs it.
- `toml`: check it as a configuration. `text`: nothing.
- `json`, `yaml`: parse it. `yaml` is also saved, if the text above it has a name.
- `no-run` after the language: nothing, because a test cannot run it.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from contract import REPOSITORY
from processes import BINARY, START_SECONDS, Process, environment, free_port

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PAGE_TOOLS = Path(os.environ.get("PAGE_TOOLS", REPOSITORY / "target/tools"))
INSTALL = re.compile(r"^(?:pip|npm) install .*$", re.MULTILINE)
INSTALL_SECONDS = 240
FENCED = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")
DEFAULT_PORT = "50051"


@dataclass
class Block:
    """A code block."""

    info: str
    text: str
    file: str | None


def blocks(page: str) -> list[Block]:
    """Returns the code blocks of a page."""
    found, end = [], 0
    for match in FENCED.finditer(page):
        names = re.findall(r"Save this as\s`([^`]+)`", page[end : match.start()])
        found.append(Block(match["info"], textwrap.dedent(match["text"]), names[-1] if names else None))
        end = match.end()
    return found


class LongRunning(Process):
    """A block that runs until `stop`, with all processes that it started."""

    def __init__(self, log: Path, workplace: "Workplace", script: str):
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", script],
                **workplace.context,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_listening(self, address: str) -> None:
        """Waits until a port accepts connections."""
        host, port = address.split(":")
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"{address} does not listen:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Ends the process group, which only this block started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            self.process.wait(10)


class Workplace:
    """A copy of the repository with an empty target/, and free ports instead of those on the page.

    `ports` has the port of a running process for a port on the page. Packages come only from
    the commands of the page that install them.
    """

    def __init__(self, directory: Path, start: Callable[..., Process], page: str = "", ports: dict | None = None):
        self.directory, self.start = directory / "livegate", start
        self.ports: dict[str, int] = defaultdict(free_port, ports or {})
        self.output = ""
        for path in REPOSITORY.iterdir():
            if path.name not in ("target", ".git"):
                self._link(path.name, path)
        packages = hashlib.sha256("\n".join(INSTALL.findall(page)).encode()).hexdigest()[:16]
        self.packages = PAGE_TOOLS.resolve() / "pages" / packages
        self._program("target/debug/livegate", self._livegate())
        self._program("bin/python3", self._python())
        self._program("bin/npm", self._npm())
        self._program("bin/cargo", self._cargo())
        self._program("bin/helm", f'exec {sys.executable} {Path(__file__).parent / "helm.py"} "$@"')
        # As in a terminal where the environment stays active.
        path = f"{self.directory / 'bin'}:{self.directory / 'target/venv/bin'}:{os.environ['PATH']}"
        self.context = {"cwd": self.directory, "env": environment(PATH=path), "stdin": subprocess.DEVNULL}

    def run(self, block: Block) -> None:
        """Runs a block as its info string says."""
        language, *words = block.info.split() or [""]
        text = ADDRESS.sub(lambda match: self._address(match[1]), block.text)
        match language, words:
            case "sh", []:
                self._run(text)
            case "sh", ["long-running"]:
                process = self.start(LongRunning, self, text)
                for address in re.findall(r"listen[ =](\S+)", text) or [self._address(DEFAULT_PORT)]:
                    process.wait_until_listening(address)
            case "text", ["output"]:
                missing = set(text.splitlines()) - set(self.output.splitlines())
                assert not missing, f"not in the output: {missing}\n{self.output}"
            case ("python" | "js"), []:
                assert block.file, f"no file name above the block:\n{text}"
                self._save(block.file, text)
            case "toml", []:
                (self.directory / "target/page.toml").write_text(text)
                self._run("target/debug/livegate check-config --config target/page.toml")
            case "json", []:
                json.loads(text)
            case "yaml", []:
                yaml.safe_load(text)
                if block.file:
                    self._save(block.file, text)
            case "text", []:
                pass
            case _, ["no-run"]:
                pass
            case _:
                raise AssertionError(f"neither run nor marked no-run: {block.info!r}\n{text}")

    def _run(self, script: str) -> None:
        command = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            command,
            **self.context,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS if INSTALL.search(script) else 60,
        )
        self.output = done.stdout
        assert done.returncode == 0, f"{script}\n{done.stdout}"

    def _save(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _address(self, port: str) -> str:
        return f"127.0.0.1:{self.ports[port]}"

    def _link(self, name: str, target: Path) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def _program(self, name: str, script: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/usr/bin/env bash\n{script}\n")
        path.chmod(0o755)

    def _livegate(self) -> str:
        """The program, with free ports as its defaults."""
        return f"""
            case $1 in
            demo)
              export LIVEGATE_GRPC__LISTEN={self._address(DEFAULT_PORT)} LIVEGATE_ADMIN__LISTEN={self._address("9464")}
              export LIVEGATE_SIMULATOR__LISTEN={self._address("9900")}
              ;;
            create | result)
              if [[ $* != *--endpoint* ]]; then set -- "$@" --endpoint http://{self._address(DEFAULT_PORT)}; fi
              ;;
            device)
              if [[ $* != *--endpoint* ]]; then set -- "$@" --endpoint http://{self._address(DEFAULT_PORT)}; fi
              if [[ $* != *--simulator* ]]; then set -- "$@" --simulator http://{self._address("9900")}; fi
              ;;
            esac
            exec {BINARY} "$@"
        """

    def _python(self) -> str:
        """Creates the environment of the page, if it is not kept from an earlier run."""
        return f"""
            if [[ $* != "-m venv target/venv" ]]; then echo "not for this test: python3 $*"; exit 2; fi
            venv={self.packages}/venv
            if [[ ! -e $venv/created ]]; then {sys.executable} -m venv --clear "$venv" && touch "$venv/created"; fi
            ln -s "$venv" target/venv
        """

    def _npm(self) -> str:
        """Installs to the directory of the page, if the packages are not kept from an earlier run."""
        return f"""
            if [[ $* != "install --prefix target/node "* ]]; then echo "not for this test: npm $*"; exit 2; fi
            node={self.packages}/node
            mkdir -p "$node/node_modules" target/node
            if [[ ! -e $node/created ]]; then
              {shutil.which("npm")} install --prefix "$node" --no-audit --no-fund "${{@:4}}" && touch "$node/created"
            fi
            ln -s "$node/node_modules" target/node/node_modules
        """

    def _cargo(self) -> str:
        """The commands of Cargo on the pages, with what is built already."""
        return f"""
            case $* in
            "run -- "*) exec {self.directory}/target/debug/livegate "${{@:3}}" ;;
            "run --example create -- "*) exec {BINARY.parent}/examples/create "${{@:5}}" ;;
            *) echo "not built for this test: cargo $*"; exit 2 ;;
            esac
        """
