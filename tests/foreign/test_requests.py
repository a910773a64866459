"""Invalid requests fail with all violations at once, in one form."""

import grpc
from google.protobuf import empty_pb2

from client import Client
from contract import SERVICE, messages
from refusals import refused


def test_four_invalid_fields_are_four_violations(serve, connect, simulator):
    settings = messages.SessionSettings(
        output_config=messages.OutputConfig(s3_bucket=""),
        audit_images_limit=5,
        challenge_preferences=[
            messages.ChallengePreference(type="CHALLENGE_TYPE_FACE_MOVEMENT_CHALLENGE"),
            messages.ChallengePreference(
                type="CHALLENGE_TYPE_FACE_MOVEMENT_CHALLENGE",
                versions=messages.ChallengeVersions(minimum="01.0.0"),
            ),
        ],
    )
    refusal = refused(lambda: connect(serve()).create(request_id="not-a-uuid", settings=settings))

    assert refusal.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.reason == "INVALID_REQUEST"
    assert set(refusal.violations) == {
        "request_id",
        "settings.output_config.s3_bucket",
        "settings.audit_images_limit",
        "settings.challenge_preferences[1].versions.minimum",
    }
    assert all(refusal.violations.values()), "each describes the valid values"
    assert simulator.creates() == 0


def test_an_unknown_method_is_refused_with_a_reason(serve, connect):
    for method in (f"/{SERVICE}/IssueSession", "/livegate.v9.SessionService/CreateSession"):
        call = _raw(connect(serve()), method)
        refusal = refused(lambda call=call: call(empty_pb2.Empty().SerializeToString(), timeout=5))

        assert refusal.code == grpc.StatusCode.UNIMPLEMENTED
        assert refusal.reason == "METHOD_NOT_FOUND"


def test_an_oversized_message_is_refused_with_a_reason(serve, connect):
    client = connect(serve())
    refusal = refused(lambda: client.create(kms_key_id="a" * 70_000))

    assert refusal.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal.reason == "MESSAGE_TOO_LARGE"
    assert refusal.retry_seconds is None
    assert refusal.pushback_ms == -1


def test_a_malformed_message_is_refused_with_a_reason(serve, connect):
    call = _raw(connect(serve()), f"/{SERVICE}/CreateSession")
    refusal = refused(lambda: call(b"\xff\xff\xff", timeout=5))

    assert refusal.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)


def _raw(client: Client, method: str):
    return client.channel.unary_unary(method)
