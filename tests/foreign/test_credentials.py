"""Credentials of a container, a file and a process: hanging, rotated, left over."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from processes import Server, environment, get
from refusals import refused

ATTEMPT_SECONDS = 1
# Shorter than the shortest delay of a renewal in the background, so that calls load them.
LIFE_SECONDS = 2


class Endpoint:
    """The credentials endpoint of EKS or ECS; it responds until `hangs` is set."""

    def __init__(self):
        self.requests, self.hangs, self.stopped = 0, threading.Event(), threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.requests += 1
                if endpoint.hangs.is_set():
                    endpoint.stopped.wait(60)
                    return
                expiration = datetime.now(UTC) + timedelta(seconds=LIFE_SECONDS)
                keys = {"AccessKeyId": "test", "SecretAccessKey": "test", "Token": "test"}
                body = json.dumps(keys | {"Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/credentials"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Ends the requests that hang, and the server."""
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that responds."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


def of_container(endpoint: Endpoint) -> dict[str, str]:
    """Returns the environment of a pod whose only credentials are at the endpoint."""
    return without_keys(AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url)


def test_hanging_credentials_are_the_fault_of_livegate_and_no_timeout_of_aws(endpoint, started, simulator, connect):
    settings = {"upstream.attempt_timeout": f"{ATTEMPT_SECONDS}s", "retry.base_delay": "1ms"}
    server = started(Server, simulator, settings, of_container(endpoint))
    client = connect(server)
    assert endpoint.requests, "credentials are loaded before the service is ready"
    endpoint.hangs.set()
    time.sleep(LIFE_SECONDS)
    started_at = time.monotonic()
    refusal = refused(client.create)
    took = time.monotonic() - started_at

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INTERNAL, "UPSTREAM_CREDENTIALS")
    assert took < 2 * ATTEMPT_SECONDS, "two attempts, both shorter than the timeout"
    assert simulator.creates() == 0, "no call is made without credentials"
    page = get(f"{server.admin}/metrics")[1]
    assert 'reason="UPSTREAM_CREDENTIALS",fault="livegate"} 1\n' in page
    for attempt in ("first", "retry"):
        assert f'attempt="{attempt}",outcome="credentials"}} 1\n' in page
    endpoint.hangs.clear()
    time.sleep(1)
    assert client.create().session_id, "calls succeed when the endpoint responds again"


def without_keys(**more: str) -> dict[str, str]:
    """Returns an environment without keys in variables."""
    return {k: v for k, v in environment(**more).items() if not k.startswith(("AWS_ACCESS", "AWS_SECRET"))}


def write_keys(file: Path, key: str) -> None:
    """Writes a shared credentials file."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = test\n")


def test_rotated_keys_in_a_shared_file_are_used(started, simulator, connect, tmp_path):
    file = tmp_path / "credentials"
    write_keys(file, "revoked")
    server = started(Server, simulator, {}, without_keys(AWS_SHARED_CREDENTIALS_FILE=str(file)))
    client = connect(server)
    assert refused(client.create).reason == "UPSTREAM_CREDENTIALS"
    write_keys(file, "test")
    time.sleep(1)
    assert client.create().session_id, "the rejected keys are loaded again, from the file"


def test_a_profile_that_names_nothing_does_not_outlive_the_first_keys(endpoint, started, simulator, connect):
    server = started(Server, simulator, {}, of_container(endpoint) | {"AWS_PROFILE": "left-over"})
    client = connect(server)
    assert client.create().session_id
    time.sleep(LIFE_SECONDS)
    assert client.create().session_id, "the keys have ended, and the endpoint has new ones"


def test_credential_process_is_part_of_the_default_chain(started, simulator, connect, tmp_path):
    keys = {"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test"}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = /bin/cat {tmp_path}/keys.json\n")
    server = started(Server, simulator, {}, without_keys(AWS_CONFIG_FILE=str(config)))
    assert connect(server).create().session_id
