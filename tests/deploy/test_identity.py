"""Authentication of callers: the mounted files match the configuration, and it is strict enough."""

from pathlib import PurePosixPath

import pytest

from rendered import SETUPS, Manifests, setup

AUTHENTICATED = [name for name in SETUPS if setup(name).authenticates]
# The ConfigMap with the root certificate of the cluster, in every namespace.
ROOT_CERTIFICATE = "kube-root-ca.crt"
SHORTEST_TOKEN_SECONDS = 600


@pytest.fixture(params=AUTHENTICATED)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each manifest that authenticates callers."""
    return setup(request.param)


def mounted(manifests: Manifests, path: str) -> tuple[dict, str]:
    """Returns the volume of a file in the configuration, and the name of the file in it."""
    file = PurePosixPath(path)
    _, volume = manifests.mounts[str(file.parent)]
    return volume, file.name


def test_all_but_the_demo_authenticate_callers() -> None:
    assert set(SETUPS) - set(AUTHENTICATED) == {"demo"}


def test_a_certificate_and_a_token_are_required(manifests: Manifests) -> None:
    assert manifests.config["auth"]["mode"] == "mtls+jwt"
    assert "allow_plaintext" not in manifests.config["grpc"]
    assert "allow_unauthenticated" not in manifests.config["grpc"]


def test_only_named_callers_have_permissions(manifests: Manifests) -> None:
    callers = manifests.config["callers"]
    assert "default" not in callers
    for name, policy in callers.items():
        kind, account, namespace, _ = name.split(":")
        assert (kind, account) == ("system", "serviceaccount") and "*" not in namespace
        assert policy["allow"] == ["create"], "results are disabled here"


def test_the_certificate_comes_from_the_secret_that_cert_manager_writes(manifests: Manifests) -> None:
    tls = manifests.config["grpc"]["tls"]
    assert set(tls) == {"certificate", "key", "client_ca"}
    for setting, key in (("certificate", "tls.crt"), ("key", "tls.key"), ("client_ca", "ca.crt")):
        volume, name = mounted(manifests, tls[setting])
        assert volume["secret"]["secretName"] == "livegate-tls"
        assert "optional" not in volume["secret"], "without it the pod must not start"
        assert {item["path"]: item["key"] for item in volume["secret"]["items"]}[name] == key


def test_the_jwks_is_fetched_with_a_token_of_the_pod(manifests: Manifests) -> None:
    jwt = manifests.config["auth"]["jwt"]
    volume, token_name = mounted(manifests, jwt["jwks_token_file"])
    authority, authority_name = mounted(manifests, jwt["jwks_ca_file"])
    assert volume == authority
    token, root = volume["projected"]["sources"]
    assert token["serviceAccountToken"]["path"] == token_name
    assert "audience" not in token["serviceAccountToken"], "it is for the API server"
    assert SHORTEST_TOKEN_SECONDS <= token["serviceAccountToken"]["expirationSeconds"] <= 3600
    assert root["configMap"] == {"name": ROOT_CERTIFICATE, "items": [{"key": "ca.crt", "path": authority_name}]}


def test_only_livegate_can_read_the_secrets(manifests: Manifests) -> None:
    sources = [volume.get("secret") or volume.get("projected") for volume in manifests.pod["volumes"]]
    modes = [one["defaultMode"] for one in sources if one]
    assert len(modes) >= 2 and set(modes) == {0o440}, "readable through the group that fsGroup sets"
    assert manifests.pod["securityContext"]["fsGroup"] == manifests.pod["securityContext"]["runAsGroup"]


def test_the_audience_differs_from_that_of_the_api_server(manifests: Manifests) -> None:
    jwt = manifests.config["auth"]["jwt"]
    assert jwt["audience"] == "livegate" != jwt["issuer"]
    assert jwt["jwks_url"] == "https://kubernetes.default.svc/openid/v1/jwks"


@pytest.mark.parametrize("name", SETUPS)
def test_the_services_declare_whether_they_serve_tls(name: str) -> None:
    manifests = setup(name)
    protocol = "https" if "tls" in manifests.config["grpc"] else "kubernetes.io/h2c"
    for service in ("livegate", "livegate-headless"):
        assert manifests.only("Service", service)["spec"]["ports"][0]["appProtocol"] == protocol
