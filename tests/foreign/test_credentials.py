"""Credentials of a container, from an HTTP endpoint that stops responding."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest

from processes import Server, environment, get
from refusals import refused

ATTEMPT_SECONDS = 1
# The SDK refreshes the credentials at the end of their life, or up to ten seconds before.
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
    of_pod = environment(AWS_CONTAINER_CREDENTIALS_FULL_URI=endpoint.url)
    return {name: value for name, value in of_pod.items() if not name.startswith(("AWS_ACCESS", "AWS_SECRET"))}


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
