"""The simulator with boto3 as its client.

SIMULATOR_URL is the address of a running simulator with its default quota. If it is
unset, LIVEGATE_BIN is the binary, and the tests start a simulator on a free port.
"""

import concurrent.futures
import datetime
import json
import os
import re
import subprocess
import time
import urllib.request
from unittest import mock

import boto3
import botocore.auth
import botocore.exceptions
import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def url():
    if os.environ.get("SIMULATOR_URL"):
        yield os.environ["SIMULATOR_URL"].rstrip("/")
        return
    binary = os.environ.get("LIVEGATE_BIN")
    if not binary:
        pytest.skip("neither SIMULATOR_URL nor LIVEGATE_BIN is set")
    command = [binary, "simulate", "--listen=127.0.0.1:0", "--latency=0ms..0ms",
               "--create-rate=25", "--create-burst=60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://\S+", process.stdout.readline()).group()
        finally:
            process.terminate()
            assert process.wait(10) == 0


def client(url, key="test", secret="test", **config):
    config = Config(retries={"total_max_attempts": 1}, parameter_validation=False, **config)
    return boto3.client("rekognition", endpoint_url=url, region_name="us-east-1", config=config,
                        aws_access_key_id=key, aws_secret_access_key=secret)


def create_error(url, config=None, credentials=(), **parameters):
    """Returns the error of a create and its HTTP status."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client(url, *credentials, **(config or {})).create_face_liveness_session(**parameters)
    metadata = caught.value.response["ResponseMetadata"]
    assert UUID.fullmatch(metadata["RequestId"])
    return caught.value.response["Error"], metadata["HTTPStatusCode"]


def control(url, method, path, body=""):
    request = urllib.request.Request(f"{url}/_simulator/{path}", body.encode(), method=method)
    with urllib.request.urlopen(request) as response:
        return response.read().decode()


def stats(url):
    with urllib.request.urlopen(f"{url}/_simulator/stats") as response:
        return json.load(response)


@pytest.fixture(autouse=True)
def no_queued_faults(url):
    control(url, "DELETE", "faults")


def test_creates_a_session_and_reads_its_result(url):
    created = client(url).create_face_liveness_session(
        KmsKeyId="alias/faces",
        Settings={"AuditImagesLimit": 2,
                  "ChallengePreferences": [{"Type": "FaceMovementChallenge",
                                            "Versions": {"Minimum": "1.0.0"}}]})
    assert UUID.fullmatch(created["SessionId"])
    assert UUID.fullmatch(created["ResponseMetadata"]["RequestId"])
    result = client(url).get_face_liveness_session_results(SessionId=created["SessionId"])
    assert (result["SessionId"], result["Status"]) == (created["SessionId"], "CREATED")


def test_a_replay_returns_the_same_session(url):
    token = f"boto3-{time.time_ns()}"
    first, again = (client(url).create_face_liveness_session(ClientRequestToken=token)
                    for _ in range(2))
    assert first["SessionId"] == again["SessionId"]
    error, status = create_error(url, ClientRequestToken=token, KmsKeyId="other")
    assert (error["Code"], status) == ("IdempotentParameterMismatchException", 400)


def test_an_unknown_session_is_not_found(url):
    unknown = "00000000-0000-4000-8000-000000000000"
    aws = client(url)
    with pytest.raises(aws.exceptions.SessionNotFoundException):
        aws.get_face_liveness_session_results(SessionId=unknown)


@pytest.mark.parametrize("member, parameters", [
    ("clientRequestToken", {"ClientRequestToken": ""}),
    ("clientRequestToken", {"ClientRequestToken": "a" * 65}),
    ("clientRequestToken", {"ClientRequestToken": "no spaces"}),
    ("kmsKeyId", {"KmsKeyId": ""}),
    ("kmsKeyId", {"KmsKeyId": "/alias"}),
    ("kmsKeyId", {"KmsKeyId": "k" * 2049}),
    ("settings.outputConfig.s3Bucket", {"Settings": {"OutputConfig": {}}}),
    ("settings.outputConfig.s3Bucket", {"Settings": {"OutputConfig": {"S3Bucket": "ab"}}}),
    ("settings.outputConfig.s3Bucket", {"Settings": {"OutputConfig": {"S3Bucket": "a:b"}}}),
    ("settings.outputConfig.s3KeyPrefix",
     {"Settings": {"OutputConfig": {"S3Bucket": "abc", "S3KeyPrefix": "a\tb"}}}),
    ("settings.auditImagesLimit", {"Settings": {"AuditImagesLimit": 5}}),
    ("settings.auditImagesLimit", {"Settings": {"AuditImagesLimit": -1}}),
    ("settings.challengePreferences.1.member.type", {"Settings": {"ChallengePreferences": [{}]}}),
    ("settings.challengePreferences.1.member.type",
     {"Settings": {"ChallengePreferences": [{"Type": "Smile"}]}}),
    ("settings.challengePreferences.1.member.versions.maximum",
     {"Settings": {"ChallengePreferences": [
         {"Type": "FaceMovementChallenge", "Versions": {"Maximum": "01.0.0"}}]}}),
])
def test_a_violated_constraint_is_an_invalid_parameter(url, member, parameters):
    error, status = create_error(url, **parameters)
    assert (error["Code"], status) == ("InvalidParameterException", 400)
    assert f"at '{member}' failed to satisfy constraint" in error["Message"]


@pytest.mark.parametrize("parameters", [
    {"ClientRequestToken": 7},
    {"Settings": {"AuditImagesLimit": "4"}},
    {"Settings": {"ChallengePreferences": [{"Type": True}]}},
])
def test_a_member_of_the_wrong_type_is_a_serialization_error(url, parameters):
    error, status = create_error(url, **parameters)
    assert (error["Code"], status) == ("SerializationException", 400)


def test_a_wrong_access_key_is_an_unrecognized_client(url):
    error, status = create_error(url, credentials=("other", "test"))
    assert (error["Code"], status) == ("UnrecognizedClientException", 400)


def test_a_wrong_secret_does_not_match_the_signature(url):
    error, status = create_error(url, credentials=("test", "other"))
    assert (error["Code"], status) == ("InvalidSignatureException", 400)
    assert "does not match" in error["Message"]


@pytest.mark.parametrize("minutes, message", [(-6, "Signature expired"), (6, "not yet current")])
def test_a_skewed_clock_is_an_error(url, minutes, message):
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    with mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now.replace(tzinfo=None)):
        error, status = create_error(url)
    assert (error["Code"], status) == ("InvalidSignatureException", 400)
    assert message in error["Message"]


def test_a_call_without_a_signature_is_a_missing_token(url):
    error, status = create_error(url, config={"signature_version": UNSIGNED})
    assert (error["Code"], status) == ("MissingAuthenticationTokenException", 400)


def test_another_operation_is_unknown(url):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client(url).list_collections()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize("fault, code, status", [
    ("ThrottlingException/400", "ThrottlingException", 400),
    ("ThrottlingException/500+namespace", "ThrottlingException", 500),
    ("AccessDeniedException/400+no-message", "AccessDeniedException", 400),
    # botocore does not read the code from the header in AWS JSON.
    ("AccessDeniedException/400+header-code", "400", 400),
    ("Never.Seen.Before/418", "Never.Seen.Before", 418),
    ("html/503", "503", 503),
])
def test_a_scripted_fault_affects_one_call(url, fault, code, status):
    control(url, "POST", "faults", f"create:{fault}")
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client(url).create_face_liveness_session()
    response = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert UUID.fullmatch(client(url).create_face_liveness_session()["SessionId"])


@pytest.mark.parametrize("fault, error", [
    ("reset", botocore.exceptions.ConnectionClosedError),
    ("lost-answer", botocore.exceptions.ConnectionClosedError),
    ("hang", botocore.exceptions.ReadTimeoutError),
])
def test_a_broken_connection_is_a_connection_error(url, fault, error):
    control(url, "POST", "faults", f"create:{fault}")
    with pytest.raises(error):
        client(url, read_timeout=0.5).create_face_liveness_session()


def test_a_retry_after_a_lost_answer_returns_the_session(url):
    control(url, "POST", "faults", "create:lost-answer")
    token, created = f"boto3-{time.time_ns()}", stats(url)["sessions_made"]
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        client(url).create_face_liveness_session(ClientRequestToken=token)
    client(url).create_face_liveness_session(ClientRequestToken=token)
    assert stats(url)["sessions_made"] == created + 1


def test_calls_over_the_quota_are_throttled_and_counted(url):
    before = stats(url)["create"]
    aws = client(url, max_pool_connections=40)

    def code(_):
        try:
            aws.create_face_liveness_session()
            return "created"
        except botocore.exceptions.ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(40) as executor:
        codes = set(executor.map(code, range(400)))
    assert codes - {"created"} == {"ThrottlingException", "ProvisionedThroughputExceededException"}
    after = stats(url)["create"]
    assert after["calls"] == before["calls"] + 400
    assert after["throttled"] > before["throttled"]
