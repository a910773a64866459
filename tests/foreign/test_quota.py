"""Over the quota: refused at once, with the wait, in the words of stock clients."""

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from client import documented_retries
from refusals import read, refused

# Clocks and schedulers, on a machine that has other things to do.
SLACK_SECONDS = 0.3

# A bucket starts empty, lest a crash loop be a burst: the first token comes
# after a second, and no one may wait for it.
ONE_A_SECOND = {"quota.create.rate_per_second": 1.0, "quota.create.burst": 1, "quota.create.max_wait": "100ms"}


def attempt(client, timeout):
    """The session or the refusal, and the seconds that were left of the deadline."""
    started = time.monotonic()
    try:
        outcome = client.create(timeout=timeout)
    except grpc.RpcError as error:
        outcome = read(error)
    return outcome, timeout - (time.monotonic() - started)


def test_a_burst_over_the_quota_is_served_in_part_and_told_when_to_come_back(serve, connect):
    timeout = 5
    client = connect(serve(ONE_A_SECOND | {"quota.create.max_wait": "2500ms"}))
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda _: attempt(client, timeout), range(20)))
    refusals = [(outcome, left) for outcome, left in outcomes if hasattr(outcome, "code")]

    assert 2 <= len(outcomes) - len(refusals) <= 4, "what the quota gives within the wait"
    for refusal, left in refusals:
        assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.reason == "QUOTA_EXHAUSTED"
        assert refusal.quotas, "QuotaFailure names the quota"
        assert refusal.retry_seconds > 0
        if refusal.retry_seconds < left - SLACK_SECONDS:
            assert refusal.pushback_ms >= 0, "it fits the deadline"
        if refusal.retry_seconds > left + SLACK_SECONDS:
            assert refusal.pushback_ms == -1, "it does not"


def test_a_wait_that_does_not_fit_the_deadline_is_told_to_people_only(serve, connect):
    client = connect(serve(ONE_A_SECOND))
    refusal = refused(lambda: client.create(timeout=0.5))

    assert refusal.reason == "QUOTA_EXHAUSTED"
    assert refusal.pushback_ms == -1
    assert 0.5 < refusal.retry_seconds < 1.5


def test_the_documented_service_config_retries_when_told(serve, connect, simulator):
    client = connect(serve(ONE_A_SECOND), documented_retries())
    started = time.monotonic()
    session = client.create(timeout=10)

    assert session.session_id
    assert 0.5 < time.monotonic() - started < 3, "after the wait that the server named"
    assert simulator.creates() == 1, "the refusal cost no call of AWS"


def test_the_documented_service_config_gives_up_at_once_on_a_short_deadline(serve, connect):
    client = connect(serve(ONE_A_SECOND), documented_retries())
    grpc.channel_ready_future(client.channel).result(timeout=10)
    started = time.monotonic()
    refusal = refused(lambda: client.create(timeout=0.6))

    assert time.monotonic() - started < 0.4
    assert refusal.reason == "QUOTA_EXHAUSTED", "the details are not lost to the deadline"


def test_a_deadline_that_aws_cannot_meet_ends_in_time_and_under_its_own_name(simulate, serve, connect):
    client = connect(serve(simulator=simulate("--profile=slow")))
    grpc.channel_ready_future(client.channel).result(timeout=10)
    started = time.monotonic()
    # So near the end, the client's own timer may be the first.
    with pytest.raises(grpc.RpcError) as caught:
        client.create(timeout=0.2)

    assert time.monotonic() - started < 0.6
    assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_one_caller_cannot_take_the_turn_of_the_others(serve, connect):
    server = serve(
        ONE_A_SECOND
        | {
            "auth.mode": "trusted-header",
            "quota.create.rate_per_second": 5.0,
            "quota.create.max_wait": "10s",
        }
    )
    greedy, modest = connect(server, caller="greedy"), connect(server, caller="modest")
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(attempt, greedy, 10) for _ in range(20)]
        time.sleep(0.5)
        started = time.monotonic()
        modest.create()
        waited = time.monotonic() - started
        for call in calls:
            call.result()

    assert waited < 1.5, "the line in front of it is 18 long, 3.6 s"
