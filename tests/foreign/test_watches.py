"""Watching sessions up to their results: with the stock client of gRPC, and with buf curl."""

import json
import secrets
import shutil
import subprocess
import time

import grpc
import pytest

from contract import SERVICE, messages
from refusals import read, refused

RESULTS = {"results.enabled": True}
CREATED, IN_PROGRESS, SUCCEEDED, FAILED, EXPIRED = (
    messages.SESSION_STATUS_CREATED,
    messages.SESSION_STATUS_IN_PROGRESS,
    messages.SESSION_STATUS_SUCCEEDED,
    messages.SESSION_STATUS_FAILED,
    messages.SESSION_STATUS_EXPIRED,
)
# The results of the simulator, by the number of the session.
PASSED, BELOW_MINIMUM, CHECK_FAILED = 1, 4, 5


@pytest.fixture
def slow_checks(simulate):
    """A simulator whose checks start after 2 s and finish after 5 s."""
    return simulate("--latency=1ms..10ms", "--in-progress-after=2s", "--finished-after=5s")


def issue(client, number: int) -> dict:
    """Creates sessions up to `number`, and returns the fields that watch the last one."""
    session = [client.create() for _ in range(number)][-1]
    return {
        "session_id": session.session_id,
        "result_token": session.result_token,
        "minimum_confidence": 90,
    }


def states(stream) -> list:
    """Returns the states up to the end of the stream."""
    return [message.result for message in stream]


@pytest.mark.parametrize(
    ("number", "status", "verdict", "reason"),
    [
        (PASSED, SUCCEEDED, messages.VERDICT_PASSED, ""),
        (BELOW_MINIMUM, SUCCEEDED, messages.VERDICT_FAILED, "CONFIDENCE_BELOW_MINIMUM"),
        (CHECK_FAILED, FAILED, messages.VERDICT_FAILED, "CHECK_FAILED"),
    ],
)
def test_a_watch_and_a_read_have_the_verdict_of_each_outcome(
    number, status, verdict, reason, serve, connect, slow_checks
):
    client = connect(serve(RESULTS, slow_checks))
    fields = issue(client, number)
    watched = states(client.watch(**fields))

    assert [state.status for state in watched] == [CREATED, IN_PROGRESS, status]
    assert [state.verdict for state in watched[:2]] == [messages.VERDICT_PENDING] * 2
    assert watched[0].verdict_reason == "CHECK_NOT_FINISHED"
    assert (watched[2].verdict, watched[2].verdict_reason) == (verdict, reason)
    calls = slow_checks.results()
    assert client.result(**fields) == watched[2]
    assert slow_checks.results() == calls, "the read needs no call to AWS"


def test_an_expired_session_ends_its_watch(serve, connect, simulate):
    simulator = simulate("--finished-after=60s", "--in-progress-after=60s", "--expired-after=2s")
    client = connect(serve(RESULTS, simulator))
    last = states(client.watch(**issue(client, 1)))[-1]

    assert (last.status, last.verdict) == (EXPIRED, messages.VERDICT_FAILED)
    assert last.verdict_reason == "SESSION_EXPIRED"


def test_a_client_that_reconnects_receives_the_state_at_once(serve, connect, slow_checks):
    client = connect(serve(RESULTS, slow_checks))
    fields = issue(client, PASSED)
    first = client.watch(**fields)
    assert next(first).result.status == CREATED
    first.cancel()
    started = time.monotonic()
    again = client.watch(**fields)
    assert next(again).result.status == CREATED
    assert time.monotonic() - started < 1
    assert states(again)[-1].verdict == messages.VERDICT_PASSED


def test_a_caller_may_have_as_many_watches_as_still_fit(serve, connect, slow_checks):
    server = serve(RESULTS | {"auth.mode": "trusted-header", "results.max_watchers": 6}, slow_checks)
    web, app = connect(server, caller="web"), connect(server, caller="app")
    [of_web, of_app] = [issue(client, PASSED) for client in (web, app)]
    held = [web.watch(**of_web) for _ in range(3)]
    assert [next(watch).result.status for watch in held] == [CREATED] * 3
    refusal = refused(lambda: next(web.watch(**of_web)))
    assert refusal.reason == "WATCH_LIMIT_EXCEEDED"
    assert refusal.metadata["limit"] == "3"
    assert refusal.metadata["free"] == "2"
    assert next(app.watch(**of_app)).result.status == CREATED


def test_without_authentication_all_watches_are_of_one_caller(serve, connect, slow_checks):
    client = connect(serve(RESULTS | {"results.max_watchers": 6}, slow_checks))
    fields = issue(client, PASSED)
    held = [client.watch(**fields) for _ in range(6)]
    assert [next(watch).result.status for watch in held] == [CREATED] * 6
    assert "free" not in refused(lambda: next(client.watch(**fields))).metadata


def test_a_drain_ends_a_watch_which_goes_on_at_another_replica(serve, connect, slow_checks, tmp_path):
    key = tmp_path / "token-key"
    key.write_bytes(secrets.token_bytes(32))
    settings = RESULTS | {"results.token_key_files": [str(key)]}
    draining, other = (serve(settings, slow_checks) for _ in range(2))
    fields = issue(connect(draining), PASSED)
    stream = connect(draining).watch(**fields)
    assert next(stream).result.status == CREATED
    draining.terminate()
    with pytest.raises(grpc.RpcError) as error:
        states(stream)
    refusal = read(error.value)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert refusal.retry_seconds == 0.1
    assert draining.wait() == 0
    assert states(connect(other).watch(**fields))[-1].verdict == messages.VERDICT_PASSED


def test_buf_curl_watches_a_session(serve, connect, slow_checks):
    buf = shutil.which("buf")
    assert buf, "tests/run installs buf"
    server = serve(RESULTS, slow_checks)
    fields = issue(connect(server), PASSED)
    url = f"http://{server.address}/{SERVICE}/WatchSession"
    curl = subprocess.run(
        [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", json.dumps(fields), url],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert curl.returncode == 0, curl.stderr
    verdicts = [json.loads(f"{{{part}")["result"]["verdict"] for part in curl.stdout.split("{", 1)[1].split("\n{")]
    assert verdicts == ["VERDICT_PENDING", "VERDICT_PENDING", "VERDICT_PASSED"]
