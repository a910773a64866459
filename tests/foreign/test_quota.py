"""Calls over the quota are refused at once, with a retry delay for stock clients."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from client import documented_retries
from refusals import read, refused

# Tolerance for clocks and schedulers on a busy machine.
TOLERANCE_SECONDS = 0.3

# A bucket starts empty, so the first token is available after a second, which is longer
# than max_wait.
ONE_PER_SECOND = {"quota.create.rate_per_second": 1.0, "quota.create.burst": 1, "quota.create.max_wait": "100ms"}


def attempt(client, timeout):
    """Returns the session or the refusal, and the remaining seconds of the deadline."""
    started = time.monotonic()
    try:
        outcome = client.create(timeout=timeout)
    except grpc.RpcError as error:
        outcome = read(error)
    return outcome, timeout - (time.monotonic() - started)


def test_a_burst_over_the_quota_is_served_in_part_and_the_rest_gets_a_retry_delay(serve, connect):
    timeout = 5
    client = connect(serve(ONE_PER_SECOND | {"quota.create.max_wait": "2500ms"}))
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda _: attempt(client, timeout), range(20)))
    refusals = [(outcome, left) for outcome, left in outcomes if hasattr(outcome, "code")]

    assert 2 <= len(outcomes) - len(refusals) <= 4, "the tokens within max_wait"
    for refusal, left in refusals:
        assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.reason == "QUOTA_EXHAUSTED"
        assert refusal.quotas, "QuotaFailure names the quota"
        assert refusal.retry_seconds > 0
        if refusal.retry_seconds < left - TOLERANCE_SECONDS:
            assert refusal.pushback_ms >= 0, "the delay ends before the deadline"
        if refusal.retry_seconds > left + TOLERANCE_SECONDS:
            assert refusal.pushback_ms == -1, "the delay ends after the deadline"


def test_a_delay_beyond_the_deadline_is_only_in_retry_info(serve, connect):
    client = connect(serve(ONE_PER_SECOND))
    refusal = refused(lambda: client.create(timeout=0.5))

    assert refusal.reason == "QUOTA_EXHAUSTED"
    assert refusal.pushback_ms == -1
    assert 0.5 < refusal.retry_seconds < 1.5


def test_the_documented_service_config_retries_after_the_delay(serve, connect, simulator):
    client = connect(serve(ONE_PER_SECOND), documented_retries())
    started = time.monotonic()
    session = client.create(timeout=10)

    assert session.session_id
    assert 0.5 < time.monotonic() - started < 3, "after the delay of the server"
    assert simulator.creates() == 1, "the refusal made no call to AWS"


def test_the_documented_service_config_gives_up_at_once_on_a_short_deadline(serve, connect):
    client = connect(serve(ONE_PER_SECOND), documented_retries())
    grpc.channel_ready_future(client.channel).result(timeout=10)
    started = time.monotonic()
    refusal = refused(lambda: client.create(timeout=0.6))

    assert time.monotonic() - started < 0.4
    assert refusal.reason == "QUOTA_EXHAUSTED", "the details arrive before the deadline"


def test_a_deadline_shorter_than_the_latency_of_aws_is_deadline_exceeded(simulate, serve, connect):
    client = connect(serve(simulator=simulate("--profile=slow")))
    grpc.channel_ready_future(client.channel).result(timeout=10)
    started = time.monotonic()
    # The timer of the client may fire before the response arrives.
    with pytest.raises(grpc.RpcError) as caught:
        client.create(timeout=0.2)

    assert time.monotonic() - started < 0.6
    assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_one_caller_does_not_delay_the_others(serve, connect):
    server = serve(
        ONE_PER_SECOND
        | {
            "auth.mode": "trusted-header",
            "quota.create.rate_per_second": 5.0,
            "quota.create.max_wait": "10s",
        }
    )
    busy, other = connect(server, caller="busy"), connect(server, caller="other")
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(attempt, busy, 10) for _ in range(20)]
        time.sleep(0.5)
        started = time.monotonic()
        other.create()
        waited = time.monotonic() - started
        for call in calls:
            call.result()

    assert waited < 1.5, "18 requests of the busy caller wait, which takes 3.6 s"
