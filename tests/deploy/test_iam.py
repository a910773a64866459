"""The permissions and trust of the IAM documents."""

import json
from pathlib import Path

import parliament
import pytest

from rendered import EVERYTHING, REPOSITORY, chart, setup

IAM = REPOSITORY / "deploy/iam"
GRANTS = sorted(path.name for path in IAM.glob("*.json") if not path.name.startswith("trust-"))
TRUSTS = sorted(path.name for path in IAM.glob("trust-*.json"))


def statement(name: str) -> dict:
    """Returns the only statement of a document."""
    [one] = json.loads((IAM / name).read_text())["Statement"]
    return one


def actions(name: str) -> set[str]:
    """Returns the actions that a document permits."""
    action = statement(name)["Action"]
    return {action} if isinstance(action, str) else set(action)


@pytest.mark.parametrize("name", GRANTS)
def test_every_action_exists_and_fits_its_resource(name: str) -> None:
    found = parliament.analyze_policy_string((IAM / name).read_text()).findings
    assert not found, [str(one) for one in found]


def test_each_document_grants_the_least_privilege() -> None:
    granted = {name: actions(name) for name in GRANTS}
    assert granted == {
        "client.json": {"rekognition:StartFaceLivenessSession"},
        "service.json": {"rekognition:CreateFaceLivenessSession", "rekognition:GetFaceLivenessSessionResults"},
        "service-kms.json": {"kms:GenerateDataKey", "kms:Decrypt"},
        "service-s3.json": {"s3:PutObject"},
    }


@pytest.mark.parametrize("name", GRANTS)
def test_every_grant_is_restricted_to_a_region_or_a_resource(name: str) -> None:
    grant = statement(name)
    if grant["Resource"] == "*":
        assert "aws:RequestedRegion" in grant["Condition"]["StringEquals"], "Rekognition has no resources here"


@pytest.mark.parametrize("name", TRUSTS)
def test_a_role_trusts_only_one_service_account(name: str) -> None:
    account = setup("one-replica").only("ServiceAccount")["metadata"]
    conditions = statement(name)["Condition"]["StringEquals"]
    if name == "trust-irsa.json":
        subject = f"system:serviceaccount:{account['namespace']}:{account['name']}"
        assert {key.rsplit(":", 1)[1]: value for key, value in conditions.items()} == {
            "aud": "sts.amazonaws.com",
            "sub": subject,
        }
    else:
        assert conditions["aws:RequestTag/kubernetes-namespace"] == account["namespace"]
        assert conditions["aws:RequestTag/kubernetes-service-account"] == account["name"]
        assert ":cluster/" in conditions["aws:RequestTag/eks-cluster-arn"]


def test_the_documents_and_the_manifests_use_the_same_account() -> None:
    annotations = chart(EVERYTHING).only("ServiceAccount")["metadata"]["annotations"]
    number = annotations["eks.amazonaws.com/role-arn"].split(":")[4]
    documents = "".join((IAM / name).read_text() for name in (*GRANTS, *TRUSTS))
    assert documents.count("111122223333") >= 4
    assert number == "111122223333"
