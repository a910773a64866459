"""The status of a call for each response of AWS."""

import time
import uuid

import grpc
import pytest

from processes import get
from refusals import refused

CODES = grpc.StatusCode

ATTEMPTS = 2
SHORT_RETRIES = {
    "retry.max_attempts": ATTEMPTS,
    "retry.base_delay": "1ms",
    "retry.max_delay": "2ms",
    "retry.budget_floor_per_second": 100.0,
    "upstream.attempt_timeout": "400ms",
}

RETRIED = [
    ("ThrottlingException/400", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("ThrottlingException/400+namespace", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("ThrottlingException/400+header-code+no-message", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("ProvisionedThroughputExceededException/400", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("TooManyRequestsException/400", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("status/429", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_THROTTLED"),
    ("ThrottlingException/500", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("InternalServerError/500", CODES.UNAVAILABLE, "UPSTREAM_INTERNAL"),
    ("InternalFailure/500", CODES.UNAVAILABLE, "UPSTREAM_INTERNAL"),
    ("status/500", CODES.UNAVAILABLE, "UPSTREAM_INTERNAL"),
    ("ServiceUnavailable/503", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("ServiceUnavailableException/503", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("RequestTimeout/400", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("RequestTimeoutException/408", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("html/502", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("html/503", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("status/504", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("reset", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("lost-answer", CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE"),
    ("hang", CODES.UNAVAILABLE, "UPSTREAM_TIMEOUT"),
    ("no-session-id/200", CODES.UNAVAILABLE, "UPSTREAM_INVALID_RESPONSE"),
    ("bad-session-id/200", CODES.UNAVAILABLE, "UPSTREAM_INVALID_RESPONSE"),
    ("html/200", CODES.UNAVAILABLE, "UPSTREAM_INVALID_RESPONSE"),
]

NOT_RETRIED = [
    ("InvalidParameterException/400", CODES.INVALID_ARGUMENT, "UPSTREAM_INVALID_PARAMETER"),
    ("ValidationException/400", CODES.INVALID_ARGUMENT, "UPSTREAM_INVALID_PARAMETER"),
    ("AccessDeniedException/400", CODES.PERMISSION_DENIED, "UPSTREAM_ACCESS_DENIED"),
    ("status/403", CODES.PERMISSION_DENIED, "UPSTREAM_ACCESS_DENIED"),
    ("IdempotentParameterMismatchException/400", CODES.ALREADY_EXISTS, "REQUEST_ID_CONFLICT"),
    ("LimitExceededException/400", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_QUOTA_EXCEEDED"),
    ("ServiceQuotaExceededException/400", CODES.RESOURCE_EXHAUSTED, "UPSTREAM_QUOTA_EXCEEDED"),
    ("html/404", CODES.UNKNOWN, "UPSTREAM_UNKNOWN"),
    ("BrandNewException/400", CODES.UNKNOWN, "UPSTREAM_UNKNOWN"),
    ("BrandNewException/500", CODES.UNKNOWN, "UPSTREAM_UNKNOWN"),
]

# Reloaded credentials are tried once.
CREDENTIALS = [
    "ExpiredTokenException/400",
    "UnrecognizedClientException/400",
    "InvalidSignatureException/400",
]


@pytest.mark.parametrize(("fault", "code", "reason"), RETRIED)
def test_a_transient_error_is_retried_and_then_returned(fault, code, reason, serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES))
    simulator.script(f"create:{fault}**")
    refusal = refused(client.create)

    assert (refusal.code, refusal.reason) == (code, reason)
    assert simulator.creates() == ATTEMPTS


@pytest.mark.parametrize(("fault", "code", "reason"), RETRIED)
def test_one_transient_error_is_not_returned(fault, code, reason, serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES))
    simulator.script(f"create:{fault}")

    assert client.create().session_id


@pytest.mark.parametrize(("fault", "code", "reason"), NOT_RETRIED)
def test_a_permanent_error_is_returned_at_once(fault, code, reason, serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES))
    simulator.script(f"create:{fault}**")
    refusal = refused(client.create)

    assert (refusal.code, refusal.reason) == (code, reason)
    assert refusal.retry_seconds is None, "a retry is pointless"
    assert simulator.creates() == 1
    if code == CODES.RESOURCE_EXHAUSTED:
        assert refusal.pushback_ms == -1


@pytest.mark.parametrize("fault", CREDENTIALS)
def test_refused_credentials_are_reloaded_once(fault, serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES | {"retry.max_attempts": 5}))
    simulator.script(f"create:{fault}**")
    refusal = refused(client.create)

    assert (refusal.code, refusal.reason) == (CODES.INTERNAL, "UPSTREAM_CREDENTIALS")
    assert simulator.creates() <= 2


def test_an_unknown_error_keeps_its_code_and_its_request_id(serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES))
    simulator.script("create:BrandNewException/400**")
    refusal = refused(client.create)

    assert "BrandNewException" in refusal.metadata.values()
    assert [value for key, value in refusal.metadata.items() if "request_id" in key and value]


def test_the_retry_delay_of_aws_is_a_lower_bound(serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES))
    simulator.script("create:ThrottlingException/400+retry-after/700ms")
    started = time.monotonic()

    assert client.create().session_id
    assert time.monotonic() - started >= 0.7


def test_without_a_connection_to_aws_the_call_is_unavailable_and_the_server_stays_ready(serve, connect, simulator):
    server = serve(SHORT_RETRIES)
    client = connect(server)
    simulator.stop()
    refusal = refused(lambda: client.create(request_id=str(uuid.uuid4())))

    assert (refusal.code, refusal.reason) == (CODES.UNAVAILABLE, "UPSTREAM_UNAVAILABLE")
    assert refusal.retry_seconds > 0
    assert get(f"{server.admin}/readyz") == (200, "ok\n")


def test_a_hanging_call_to_aws_ends_at_the_deadline(serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES | {"upstream.attempt_timeout": "10s"}))
    simulator.script("create:hang**")
    started = time.monotonic()
    refusal = refused(lambda: client.create(timeout=1))

    assert time.monotonic() - started < 1.4
    assert (refusal.code, refusal.reason) == (CODES.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT")


def test_the_reason_arrives_although_the_client_sends_a_longer_timeout(serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES | {"upstream.attempt_timeout": "10s"}))
    assert client.create(timeout=4).session_id
    simulator.script("create:hang**")
    # The client sends 4 s again, because the new timeout is shorter by less than 3 %.
    refusal = refused(lambda: client.create(timeout=3.89))

    assert (refusal.code, refusal.reason) == (CODES.DEADLINE_EXCEEDED, "UPSTREAM_TIMEOUT")


def test_a_session_that_aws_does_not_have_is_not_found(serve, connect, simulator):
    client = connect(serve(SHORT_RETRIES | {"results.enabled": True}))
    session = client.create()
    simulator.script("results:SessionNotFoundException/400")
    refusal = refused(lambda: client.result(session_id=session.session_id, result_token=session.result_token))

    assert (refusal.code, refusal.reason) == (CODES.NOT_FOUND, "SESSION_NOT_FOUND")
