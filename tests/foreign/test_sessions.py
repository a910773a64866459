"""Creating sessions: one for each request_id."""

import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc

from client import documented_retries
from contract import messages
from refusals import refused

LOWER_CASE_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LIFE_SECONDS = 180


def uuid7(seconds_old: float) -> str:
    """Returns a version 7 UUID with a time in the past."""
    milliseconds = int((time.time() - seconds_old) * 1000)
    high = milliseconds << 80 | 0x7 << 76 | 0xABC << 64
    return str(uuid.UUID(int=high | 0b10 << 62 | uuid.uuid4().int >> 66))


def test_a_client_gets_a_session(serve, connect):
    before = time.time()
    session = connect(serve()).create()

    assert LOWER_CASE_UUID.fullmatch(session.session_id)
    assert session.region == "us-east-1"
    assert before - 1 <= session.create_time.ToMicroseconds() / 1e6 <= time.time() + 1
    assert session.expire_time.ToMicroseconds() - session.create_time.ToMicroseconds() == LIFE_SECONDS * 1_000_000
    assert LIFE_SECONDS - 10 < session.time_to_live.ToTimedelta().total_seconds() <= LIFE_SECONDS
    assert not session.replayed


def test_every_field_of_a_request_is_accepted_by_aws(serve, connect):
    versions = messages.ChallengeVersions(minimum="1.0.0", maximum="2.10.999")
    session = connect(serve()).create(
        request_id=str(uuid.uuid4()),
        kms_key_id="arn:aws:kms:us-east-1:111122223333:key/1234abcd",
        settings=messages.SessionSettings(
            output_config=messages.OutputConfig(s3_bucket="my.images-1", s3_key_prefix="checks/today"),
            audit_images_limit=4,
            challenge_preferences=[
                messages.ChallengePreference(type="CHALLENGE_TYPE_FACE_MOVEMENT_CHALLENGE", versions=versions),
                messages.ChallengePreference(type="CHALLENGE_TYPE_FACE_MOVEMENT_AND_LIGHT_CHALLENGE"),
            ],
        ),
    )

    assert LOWER_CASE_UUID.fullmatch(session.session_id)


def test_a_repeated_request_id_returns_the_same_session(serve, connect, simulator):
    client, request_id = connect(serve()), uuid7(seconds_old=0)
    first, second = client.create(request_id=request_id), client.create(request_id=request_id)

    assert not first.replayed
    assert second.replayed
    assert (second.session_id, second.expire_time) == (first.session_id, first.expire_time)
    assert second.time_to_live.ToTimedelta() < first.time_to_live.ToTimedelta()
    assert simulator.sessions_made() == 1


def test_concurrent_calls_with_one_request_id_share_one_session(serve, connect, simulator):
    client, request_id = connect(serve()), str(uuid.uuid4())
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(client.create, request_id=request_id) for _ in range(10)]
        sessions = [call.result() for call in calls]

    assert len({session.session_id for session in sessions}) == 1
    assert simulator.sessions_made() == 1


def test_without_a_request_id_every_call_creates_another_session(serve, connect):
    client = connect(serve())

    assert client.create().session_id != client.create().session_id


def test_a_request_id_with_other_parameters_is_a_conflict(serve, connect):
    client, request_id = connect(serve()), str(uuid.uuid4())
    client.create(request_id=request_id)
    other = messages.SessionSettings(audit_images_limit=1)
    refusal = refused(lambda: client.create(request_id=request_id, settings=other))

    assert refusal.code == grpc.StatusCode.ALREADY_EXISTS
    assert refusal.reason == "REQUEST_ID_CONFLICT"


def test_a_request_id_from_ten_minutes_ago_has_expired(serve, connect, simulator):
    refusal = refused(lambda: connect(serve()).create(request_id=uuid7(seconds_old=600)))

    assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.reason == "REQUEST_ID_EXPIRED"
    assert simulator.creates() == 0


def test_two_callers_with_one_request_id_get_two_sessions(serve, connect):
    server, request_id = serve({"auth.mode": "trusted-header"}), str(uuid.uuid4())
    sessions = [connect(server, caller=name).create(request_id=request_id) for name in ("payments", "lending")]

    assert sessions[0].session_id != sessions[1].session_id
    assert not sessions[1].replayed


def test_a_caller_without_a_name_is_refused_if_the_mode_requires_one(serve, connect):
    refusal = refused(connect(serve({"auth.mode": "trusted-header"})).create)

    assert refusal.code == grpc.StatusCode.UNAUTHENTICATED
    assert refusal.reason == "CALLER_NOT_AUTHENTICATED"


def test_lost_responses_create_no_second_session(simulate, serve, connect):
    calls = 40
    simulator = simulate("--profile=lost-answer")
    many_retries = {
        "retry.max_attempts": 10,
        "retry.base_delay": "5ms",
        "retry.max_delay": "20ms",
        "retry.budget_floor_per_second": 1000.0,
    }
    server = serve(many_retries, simulator)
    client = connect(server, documented_retries())
    with ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda _: client.create(request_id=str(uuid.uuid4())), range(calls)))

    assert len({session.session_id for session in sessions}) == calls
    assert simulator.sessions_made() == calls
    assert simulator.creates() > calls, "responses were lost"


def test_a_call_without_a_request_id_is_not_repeated_after_lost_responses(serve, connect, simulator):
    server = serve()
    simulator.script("create:lost-answer*2")
    refusal = refused(connect(server, documented_retries()).create)

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "UPSTREAM_UNAVAILABLE")
    assert (refusal.pushback_ms, refusal.retry_seconds) == (-1, None)
    assert refusal.metadata["outcome"] == "unknown"
    assert (simulator.creates(), simulator.sessions_made()) == (2, 1), "two attempts of one session"


def test_a_call_with_a_request_id_is_repeated_after_lost_responses(serve, connect, simulator):
    server = serve()
    simulator.script("create:lost-answer*2")
    connect(server, documented_retries()).create(request_id=uuid7(seconds_old=0))

    assert (simulator.creates(), simulator.sessions_made()) == (3, 1)


def test_a_caller_with_two_names_is_refused(serve, connect):
    client = connect(serve({"auth.mode": "trusted-header"}), caller="evil")
    client.metadata.append(("livegate-caller", "honest"))

    assert refused(client.create).reason == "CALLER_NOT_AUTHENTICATED"
