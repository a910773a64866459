"""A result is read where that is allowed, and nowhere else."""

import uuid

import grpc
import pytest

from contract import messages
from refusals import refused

RESULTS = {"results.enabled": True}


def test_results_are_off_unless_turned_on(serve, connect):
    refusal = refused(lambda: connect(serve()).result(session_id=str(uuid.uuid4())))

    assert refusal.code == grpc.StatusCode.UNIMPLEMENTED
    assert refusal.reason == "RESULTS_DISABLED"


@pytest.mark.parametrize("include_images", [False, True])
def test_a_finished_session_has_a_confidence_and_images_only_on_request(include_images, serve, connect):
    client = connect(serve(RESULTS))
    session = client.create(settings=messages.SessionSettings(audit_images_limit=2))
    result = client.result(session_id=session.session_id, include_images=include_images)

    assert result.session_id == session.session_id
    assert result.status == messages.SESSION_STATUS_SUCCEEDED
    assert 0 <= result.confidence <= 100
    assert result.HasField("reference_image")
    assert bool(result.reference_image.bytes) == include_images
    assert len(result.audit_images) <= 2
    assert all(bool(image.bytes) == include_images for image in result.audit_images)


def test_an_unknown_session_is_not_found(serve, connect):
    refusal = refused(lambda: connect(serve(RESULTS)).result(session_id=str(uuid.uuid4())))

    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.reason == "SESSION_NOT_FOUND"


def test_a_session_id_that_is_no_uuid_is_a_violation(serve, connect):
    for wrong in ("", "x", str(uuid.uuid4()).upper()):
        refusal = refused(lambda wrong=wrong: connect(serve(RESULTS)).result(session_id=wrong))

        assert refusal.reason == "INVALID_REQUEST"
        assert set(refusal.violations) == {"session_id"}
