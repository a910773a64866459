"""The version names the commit: in the command line, the first log line and the metrics."""

import re
import tomllib

from contract import REPOSITORY
from processes import get, run

PACKAGE = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())["package"]["version"]


def test_the_version_and_the_commit_are_the_same_everywhere(serve):
    printed = run("--version").stdout
    [commit] = re.findall(rf"^livegate {re.escape(PACKAGE)} \(commit ([0-9a-f]{{12}}|unknown)\)\n$", printed)

    server = serve()
    first = server.log.read_text().splitlines()[0]
    assert "starting" in first and f"{PACKAGE} (commit {commit})" in first
    page = get(f"{server.admin}/metrics")[1]
    [labels] = re.findall(r"^livegate_build_info\{(.*)\} 1$", page, re.MULTILINE)
    assert f'version="{PACKAGE}"' in labels and f'commit="{commit}"' in labels
