"""The programs in examples/ call a Livegate that requires mTLS and a bearer token.

`tests/run clients` runs these tests. It installs the compilers, and says in $CLIENT_TOOLS where.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract import REPOSITORY
from issuer import AUDIENCE, CALLER, ISSUER, CertificateAuthority, Issuer
from processes import BINARY, Server, get

TOOLS = Path(os.environ["CLIENT_TOOLS"])
EXAMPLES = REPOSITORY / "examples"
PROTO = REPOSITORY / "proto"
README = (EXAMPLES / "README.md").read_text()
INSTALLS = re.compile(r"python3 -m venv|pip install|npm install")
CONTRACT = "livegate/v1/session.proto"
SESSION = r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} in us-east-1$"
PROGRAM_SECONDS = 120
PROTOS_OF_GOOGLE = Path(sys.executable).parent.parent / "lib"
JARS = (
    *("grpc-api", "grpc-core", "grpc-context", "grpc-stub", "grpc-protobuf", "grpc-protobuf-lite", "grpc-netty"),
    *("protobuf", "proto-google-common-protos", "guava", "failureaccess", "gson", "opencensus-api"),
    *("netty-all", "netty-buffer", "netty-codec", "netty-codec-http", "netty-codec-http2", "netty-codec-socks"),
    *("netty-common", "netty-handler", "netty-handler-proxy", "netty-resolver", "netty-transport"),
    *("netty-tcnative", "netty-transport-native-unix-common", "perfmark-api", "perfmark-impl", "geronimo-annotation-1.3-spec"),
)


def run(*command: object, **options: object) -> None:
    """Runs a compiler."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def documented(work: Path, language: str) -> dict:
    """Follows examples/README.md in a copy of the repository, with the packages of the tests."""
    for name in ("proto", "deploy", f"examples/{language}"):
        shutil.copytree(REPOSITORY / name, work / name, ignore=shutil.ignore_patterns("node_modules"))
    pattern = rf"```sh\n([^`]*{EXAMPLES.name}/{language}/[^`]*) 127\.0\.0\.1:50051 DIRECTORY 1\n```"
    *preparations, last = re.search(pattern, README)[1].splitlines()
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for line in preparations:
        if not INSTALLS.match(line):
            run("bash", "-c", line, cwd=work, env=os.environ | environment)
    return {"command": ["bash", "-c", f'exec env {last} "$@"', "caller"], "env": environment, "cwd": work}


def python(work: Path) -> dict:
    """Generates the modules of the contract."""
    return documented(work, "python")


def node(work: Path) -> dict:
    """Puts the packages beside the program; it loads the contract itself."""
    program = documented(work, "node")
    (work / "examples/node/node_modules").symlink_to((REPOSITORY / "tests/foreign/node_modules").resolve())
    return program


def go(work: Path) -> dict:
    """Compiles with the packages of Debian, which are sources."""
    root = TOOLS / "go/root"
    generated, program = work / "src", work / "src/example.com/caller"
    program.mkdir(parents=True)
    shutil.copy(EXAMPLES / "go/create.go", program)
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOTOOLCHAIN": "local",
        "GOROOT": str(root / "usr/lib/go-1.23"),
        "GOPATH": f"{work}:{root / 'usr/share/gocode'}",
        "GOCACHE": str(TOOLS / "go/build"),
        "GOFLAGS": "-p=2",
        "PATH": f"{root / 'usr/bin'}:{os.environ['PATH']}",
    }
    # The compiler and the libraries of the packages name each other by absolute symlinks.
    run("protoc", "-I", PROTO, f"--go_out={generated}", f"--go-grpc_out={generated}", CONTRACT, env=environment)
    run(root / "usr/lib/go-1.23/bin/go", "build", "-o", work / "create", "example.com/caller", env=environment)
    return {"command": [work / "create"]}


def java(work: Path) -> dict:
    """Compiles with the packages of Debian; their google.rpc is too old, so it is generated."""
    [google] = PROTOS_OF_GOOGLE.glob("python*/site-packages")
    plugin = ("--plugin=protoc-gen-grpc-java=/usr/bin/grpc_java_plugin", f"--grpc-java_out={work}")
    run("protoc", "-I", PROTO, "-I", google, f"--java_out={work}", *plugin, CONTRACT, "google/rpc/error_details.proto")
    jars = [Path("/usr/share/java") / f"{name}.jar" for name in JARS]
    path = ":".join(map(str, (work, *jars)))
    run("javac", "-nowarn", "-d", work, "-cp", path, EXAMPLES / "java/Create.java", *work.rglob("*.java"))
    return {"command": ["java", f"-Djava.library.path={TOOLS / 'java'}", "-cp", path, "Create"]}


def rust(_: Path) -> dict:
    """The step has built it."""
    return {"command": [BINARY.parent / "livegate-caller"]}


@pytest.fixture(scope="module", params=[python, node, go, java, rust], ids=lambda language: language.__name__)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The program in one language."""
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """The issuer of tokens."""
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def files(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificates of the server and the client."""
    directory = tmp_path_factory.mktemp("authority")
    return CertificateAuthority(directory).issue(directory / "files")


@pytest.fixture
def strict(serve: Callable[..., Server], issuer: Issuer, files: Path) -> Callable[..., Server]:
    """Starts Livegate with mTLS and tokens."""

    def begin(settings: dict | None = None) -> Server:
        (files / "token").unlink(missing_ok=True)
        (files / "token").write_text(issuer.token())
        tls = {"certificate": "tls.crt", "key": "tls.key", "client_ca": "ca.crt"}
        return serve(
            {
                "auth.mode": "mtls+jwt",
                "auth.jwt.issuer": ISSUER,
                "auth.jwt.audience": AUDIENCE,
                "auth.jwt.jwks_file": str(issuer.jwks),
                f'callers."{CALLER}".allow': ["create"],
                **{f"grpc.tls.{key}": str(files / name) for key, name in tls.items()},
                **(settings or {}),
            }
        )

    return begin


@contextmanager
def started(program: dict, server: Server, files: Path, *images: int) -> Iterator[subprocess.Popen]:
    """Starts the program with one call for each number of images, and ends it if the test fails."""
    endpoint = server.address.replace("127.0.0.1", "localhost")
    process = subprocess.Popen(
        [str(word) for word in (*program["command"], endpoint, files, *images)],
        cwd=program.get("cwd", REPOSITORY),
        env=os.environ | program.get("env", {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    # A program that waits for a token prints nothing, so a timer ends it.
    timer = threading.Timer(PROGRAM_SECONDS, process.kill)
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def call(program: dict, server: Server, files: Path, *images: int) -> list[str]:
    """Returns the lines that the program prints."""
    with started(program, server, files, *images) as process:
        output, _ = process.communicate()
        process.wait()
    assert process.returncode == 0, output
    return output.splitlines()


def test_a_session_is_issued(program: dict, strict: Callable[..., Server], files: Path):
    [line] = call(program, strict(), files, 1)
    assert re.match(SESSION, line)


def test_an_invalid_request_is_decoded(program: dict, strict: Callable[..., Server], files: Path):
    code, *details = call(program, strict(), files, 9)
    assert re.match(r"INVALID_ARGUMENT|InvalidArgument", code)
    assert "reason: INVALID_REQUEST" in details
    assert [line for line in details if line.startswith("settings.audit_images_limit: ")]


def test_a_refused_call_is_served_after_the_retry_delay(
    program: dict, strict: Callable[..., Server], files: Path, simulator
):
    quota = {"quota.create.rate_per_second": 0.25, "quota.create.burst": 1, "quota.create.max_wait": "0s"}
    server = strict(quota)
    lines = call(program, server, files, 0, 0)
    assert len(lines) == 2 and all(re.match(SESSION, line) for line in lines), lines
    assert simulator.sessions_made() == 2, "each call has one request id for all attempts"
    page = get(f"{server.admin}/metrics")[1]
    refusals = re.findall(r'^livegate_admission_refusals_total\{.*operation="create".*\} (\d+)$', page, re.MULTILINE)
    assert sum(map(int, refusals)) >= 1, page


def test_the_token_is_read_for_each_call(
    program: dict, strict: Callable[..., Server], files: Path, issuer: Issuer
):
    server = strict()
    token = files / "token"
    token.unlink()
    # Each open of a named pipe receives what is written next.
    os.mkfifo(token)

    def give(text: str) -> None:
        writer = threading.Thread(target=token.write_text, args=(text,), daemon=True)
        writer.start()
        writer.join(PROGRAM_SECONDS)
        assert not writer.is_alive(), "the program does not read its token"

    with started(program, server, files, 0, 0) as process:
        give(issuer.token())
        first = process.stdout.readline()
        give(issuer.token(lifetime=-300))
        output, _ = process.communicate()
    token.unlink()
    assert re.match(SESSION, first)
    second, *details = output.splitlines()
    assert re.match(r"UNAUTHENTICATED|Unauthenticated", second)
    assert "reason: CALLER_NOT_AUTHENTICATED" in details
