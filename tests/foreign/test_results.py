"""Reading results: permission, result tokens, and their keys."""

import json
import secrets
import uuid

import grpc
import pytest

from contract import messages
from processes import run, write_config
from refusals import refused

RESULTS = {"results.enabled": True}


def test_results_are_disabled_by_default(serve, connect):
    refusal = refused(lambda: connect(serve()).result(session_id=str(uuid.uuid4())))

    assert refusal.code == grpc.StatusCode.UNIMPLEMENTED
    assert refusal.reason == "RESULTS_DISABLED"


@pytest.mark.parametrize("include_images", [False, True])
def test_a_finished_session_has_a_confidence_and_images_only_on_request(include_images, serve, connect):
    client = connect(serve(RESULTS))
    session = client.create(settings=messages.SessionSettings(audit_images_limit=2))
    result = client.result(
        session_id=session.session_id, result_token=session.result_token, include_images=include_images
    )

    assert result.session_id == session.session_id
    assert result.status == messages.SESSION_STATUS_SUCCEEDED
    assert 0 <= result.confidence <= 100
    assert result.HasField("reference_image")
    assert bool(result.reference_image.bytes) == include_images
    assert len(result.audit_images) <= 2
    assert all(bool(image.bytes) == include_images for image in result.audit_images)


def test_an_unknown_session_is_not_found(serve, connect):
    settings = RESULTS | {"results.require_token": False}
    refusal = refused(lambda: connect(serve(settings)).result(session_id=str(uuid.uuid4())))

    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.reason == "SESSION_NOT_FOUND"


def test_an_invalid_session_id_is_a_violation(serve, connect):
    client = connect(serve(RESULTS))
    for invalid in ("", "x", str(uuid.uuid4()).upper()):
        refusal = refused(lambda invalid=invalid: client.result(session_id=invalid, result_token="any"))

        assert refusal.reason == "INVALID_REQUEST"
        assert set(refusal.violations) == {"session_id"}


def test_a_result_belongs_to_one_caller_and_one_subject(serve, connect, simulator):
    server = serve(RESULTS | {"auth.mode": "trusted-header"})
    payments, onboarding = (connect(server, caller=name) for name in ("payments", "onboarding"))
    session = payments.create(subject="jane")
    other = payments.create(subject="joan")
    right = {"session_id": session.session_id, "subject": "jane", "result_token": session.result_token}
    forgeries = [
        (onboarding, right),
        (payments, right | {"subject": "joan"}),
        (payments, right | {"subject": ""}),
        (payments, right | {"session_id": other.session_id}),
        (payments, right | {"session_id": str(uuid.uuid4())}),
        (payments, right | {"result_token": other.result_token}),
        (payments, right | {"result_token": session.result_token[:-1]}),
        (payments, right | {"result_token": "x"}),
    ]
    refusals = [refused(lambda client=client, fields=fields: client.result(**fields)) for client, fields in forgeries]

    assert {refusal.code for refusal in refusals} == {grpc.StatusCode.PERMISSION_DENIED}
    assert {refusal.reason for refusal in refusals} == {"RESULT_TOKEN_INVALID"}
    assert len({refusal.message for refusal in refusals}) == 1
    assert simulator.results() == 0
    assert payments.result(**right).session_id == session.session_id
    assert simulator.results() == 1


def test_a_missing_token_is_a_violation(serve, connect, simulator):
    client = connect(serve(RESULTS))
    session = client.create()
    refusal = refused(lambda: client.result(session_id=session.session_id))

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert set(refusal.violations) == {"result_token"}
    assert simulator.results() == 0


def test_a_token_survives_a_restart_and_a_rotation_only_with_configured_keys(serve, connect, tmp_path):
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(secrets.token_bytes(32))
    old, new = (str(tmp_path / name) for name in ("old", "new"))
    keys = "results.token_key_files"
    first = serve(RESULTS | {keys: [old]})
    session = connect(first).create()
    right = {"session_id": session.session_id, "result_token": session.result_token}
    rotated, dropped, unset = (serve(RESULTS | more) for more in ({keys: [new, old]}, {keys: [new]}, {}))

    assert connect(rotated).result(**right).session_id == session.session_id
    for server in (dropped, unset):
        refusal = refused(lambda server=server: connect(server).result(**right))
        assert refusal.reason == "RESULT_TOKEN_INVALID"
    assert "results.token_key_files is not set" in unset.log.read_text()
    assert "token_key_files" not in rotated.log.read_text()


def test_a_short_key_is_a_configuration_error(tmp_path):
    key = tmp_path / "key"
    key.write_text("hunter2")
    settings = {"grpc.listen": "127.0.0.1:0", "admin.listen": "127.0.0.1:0", "results.token_key_files": [str(key)]}
    config = write_config(tmp_path / "short.toml", settings)
    refusal = run("serve", "--config", str(config))
    checked = run("check-config", "--config", str(config))

    assert refusal.returncode != 0
    assert f"results.token_key_files: {key}: must be 32 to 4096 bytes, not 7" in refusal.stderr
    assert str(key) in checked.stdout
    assert "hunter2" not in refusal.stderr + refusal.stdout + checked.stdout + checked.stderr


def test_the_command_result_reads_what_the_command_create_printed(serve):
    endpoint = f"http://{serve(RESULTS).address}"
    session = json.loads(run("create", "--endpoint", endpoint, "--subject", "jane", "--json").stdout)
    result = ["result", "--endpoint", endpoint, "--session-id", session["session_id"]]
    result += ["--result-token", session["result_token"], "--json"]

    read = run(*result, "--subject", "jane")
    assert json.loads(read.stdout)["session_id"] == session["session_id"]
    assert run(*result, "--subject", "joan").returncode == grpc.StatusCode.PERMISSION_DENIED.value[0]
