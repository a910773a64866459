"""The requirements that every manifest meets."""

import ipaddress
import os
import re
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from rendered import EVERYTHING, SETUPS, Manifests, chart, seconds, selects, setup

# The oldest and the newest.
KUBERNETES_VERSIONS = ("1.27", "1.37")
CUSTOM_KINDS = ("PodMonitor", "PrometheusRule")
MARGIN_SECONDS = (8, 30)
# Measured: 630 MB with 10,000 waiting requests over 12 connections, 14 MB without any.
IDLE_MIB = 32
WAITING_MIB = 64 / 1024
OPERATIONS = 2


@pytest.fixture(params=[*SETUPS, "everything"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each manifest in turn, and the chart with all optional parts."""
    return chart(EVERYTHING) if request.param == "everything" else setup(request.param)


def test_every_object_is_valid(manifests: Manifests) -> None:
    for version in KUBERNETES_VERSIONS:
        for one in manifests.objects:
            if one["kind"] not in CUSTOM_KINDS:
                kubernetes_validate.validate(one, version, strict=True)


def test_livegate_accepts_its_configuration(manifests: Manifests, tmp_path: Path) -> None:
    file = tmp_path / "livegate.toml"
    file.write_text(manifests.config_text)
    command = [os.environ["LIVEGATE_BIN"], "check-config", "--config", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr


def test_the_kubelet_waits_for_the_shutdown(manifests: Manifests) -> None:
    shutdown = sum(seconds(manifests.config["shutdown"][key]) for key in ("lameduck", "grace"))
    margin = manifests.pod["terminationGracePeriodSeconds"] - shutdown
    assert MARGIN_SECONDS[0] <= margin <= MARGIN_SECONDS[1]


def test_readiness_fails_before_connections_are_refused(manifests: Manifests) -> None:
    probe = manifests.container["readinessProbe"]
    detected_after = probe["periodSeconds"] * probe["failureThreshold"]
    assert detected_after <= seconds(manifests.config["shutdown"]["lameduck"])


def test_the_probes_use_the_admin_port(manifests: Manifests) -> None:
    container = manifests.container
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_the_ports_match_the_configuration(manifests: Manifests) -> None:
    declared = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    for name, number in declared.items():
        assert manifests.config[name]["listen"] == f"0.0.0.0:{number}"
    assert set(declared) == {"grpc", "admin"}


def test_the_services_select_the_pods(manifests: Manifests) -> None:
    labels = manifests.deployment["template"]["metadata"]["labels"]
    services = {one["metadata"]["name"]: one["spec"] for one in manifests.of_kind("Service")}
    assert set(services) >= {"livegate", "livegate-headless"}
    assert services["livegate-headless"]["clusterIP"] == "None"
    for name in ("livegate", "livegate-headless"):
        assert services[name]["selector"] == manifests.deployment["selector"]["matchLabels"]
        assert services[name]["selector"].items() <= labels.items()
        assert [port["targetPort"] for port in services[name]["ports"]] == ["grpc"]


def test_the_pods_run_without_privileges(manifests: Manifests) -> None:
    for deployment in manifests.of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}


@pytest.mark.parametrize("name", SETUPS)
def test_the_namespace_enforces_this(name: str) -> None:
    manifests = setup(name)
    namespace = manifests.only("Deployment")["metadata"]["namespace"]
    labels = manifests.only("Namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {one["metadata"].get("namespace") for one in manifests.objects} == {None, namespace}


def test_only_the_file_configures_livegate(manifests: Manifests) -> None:
    # The variables of a Service named livegate have the prefix of settings.
    assert manifests.pod["enableServiceLinks"] is False
    names = [variable["name"] for variable in manifests.container["env"]]
    assert names[:1] == ["AWS_EC2_METADATA_DISABLED"]
    assert not any(name.startswith("LIVEGATE_") for name in names)


def test_a_changed_configuration_rolls_the_pods_out_and_back(manifests: Manifests) -> None:
    assert "--config=/etc/livegate/livegate.toml" in manifests.container["args"]
    config_map = manifests.config_map
    assert re.fullmatch("livegate-[0-9a-f]{10}", config_map["metadata"]["name"])
    assert config_map["immutable"] is True
    assert config_map["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_mounts_are_updated_and_read_only(manifests: Manifests) -> None:
    assert len(manifests.mounts) == len(manifests.pod["volumes"]), "every volume is mounted"
    assert len(manifests.mounts) == len(manifests.container["volumeMounts"]), "each at its own path"
    for mount, _ in manifests.mounts.values():
        assert "subPath" not in mount, "a subPath mount is never updated"
        assert mount["readOnly"] is True


def test_there_is_no_secret_and_no_default_token(manifests: Manifests) -> None:
    assert manifests.of_kind("Secret") == []
    assert manifests.pod["automountServiceAccountToken"] is False
    assert manifests.only("ServiceAccount")["automountServiceAccountToken"] is False
    if not manifests.authenticates:
        assert set(manifests.mounts) == {"/etc/livegate"}


def test_the_memory_limit_suffices_for_full_queues(manifests: Manifests) -> None:
    waiting = manifests.config["admission"]["max_waiting"]
    limit = manifests.container["resources"]["limits"]["memory"]
    assert IDLE_MIB + OPERATIONS * waiting * WAITING_MIB <= int(limit.removesuffix("Mi"))


def test_replicas_are_fixed_and_share_one_quota(manifests: Manifests) -> None:
    assert manifests.of_kind("HorizontalPodAutoscaler") == []
    replicas = manifests.deployment["replicas"]
    if "store" not in manifests.config:
        assert replicas == 1, "without a store each replica would use the full quota"
        return
    surge = manifests.deployment["strategy"]["rollingUpdate"]["maxSurge"]
    assert manifests.config["store"]["max_replicas"] == replicas + surge


def test_the_store_admits_only_livegate() -> None:
    manifests = setup("three-replicas")
    [rule] = manifests.only("NetworkPolicy", "livegate-valkey")["spec"]["ingress"]
    [peer] = rule["from"]
    assert selects(peer["podSelector"], manifests.labels)
    service = manifests.only("Service", "livegate-valkey")["spec"]
    store = manifests.only("Deployment", "livegate-valkey")["spec"]["template"]
    assert service["selector"] == store["metadata"]["labels"]
    [egress] = [rule for rule in manifests.only("NetworkPolicy")["spec"]["egress"] if rule["ports"][0]["port"] == 6379]
    assert egress["to"] == [{"podSelector": {"matchLabels": store["metadata"]["labels"]}}]
    assert not selects(peer["podSelector"], store["metadata"]["labels"]), "a Valkey calls no other"
    assert manifests.config["store"]["url"] == f"redis://livegate-valkey:{service['ports'][0]['port']}/0"


def test_only_several_replicas_have_a_disruption_budget(manifests: Manifests) -> None:
    budgets = manifests.of_kind("PodDisruptionBudget")
    if manifests.deployment["replicas"] == 1:
        assert budgets == [], "it would block every drain of a node"
        return
    [budget] = budgets
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert budget["spec"]["selector"] == manifests.deployment["selector"]


def test_an_upgrade_never_reduces_the_number_of_pods(manifests: Manifests) -> None:
    assert manifests.deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_pods_spread_over_zones_and_nodes(manifests: Manifests) -> None:
    constraints = manifests.pod["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(one["labelSelector"] == manifests.deployment["selector"] for one in constraints)


def reachable(manifests: Manifests, address: str, port: int) -> bool:
    """Returns whether the NetworkPolicy permits egress to an address outside the cluster."""
    rules = manifests.only("NetworkPolicy")["spec"].get("egress", [])
    target = ipaddress.ip_address(address)

    def within(block: dict) -> bool:
        excepted = any(target in ipaddress.ip_network(one) for one in block.get("except", []))
        return target in ipaddress.ip_network(block["cidr"]) and not excepted

    return any(
        within(peer["ipBlock"])
        for rule in rules
        if port in [one["port"] for one in rule["ports"]]
        for peer in rule["to"]
        if "ipBlock" in peer
    )


def test_the_network_policy_covers_ingress_and_egress(manifests: Manifests) -> None:
    policy = manifests.only("NetworkPolicy")["spec"]
    assert selects(policy["podSelector"], manifests.labels)
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"][0]["port"] for rule in policy["ingress"]][:2] == ["grpc", "admin"]
    assert all(rule["from"] for rule in policy["ingress"]), "every rule names its peers"


def test_the_service_reaches_its_credentials_and_aws_but_not_the_role_of_the_node(manifests: Manifests) -> None:
    permitted = manifests.serves
    assert reachable(manifests, "169.254.170.23", 80) is permitted, "the agent of EKS Pod Identity"
    assert reachable(manifests, "fd00:ec2::23", 80) is permitted
    assert reachable(manifests, "52.94.0.1", 443) is permitted, "AWS"
    for port in (80, 443):
        assert not reachable(manifests, "169.254.169.254", port)
        assert not reachable(manifests, "fd00:ec2::254", port)
    assert not reachable(manifests, "52.94.0.1", 80)


VPC_ENDPOINTS = {"networkPolicy": {"aws": [{"ipBlock": {"cidr": "10.0.32.0/20"}}]}}


def test_https_reaches_only_vpc_endpoints_and_the_api_server() -> None:
    manifests = chart(VPC_ENDPOINTS)
    assert reachable(manifests, "10.0.32.10", 443)
    assert not reachable(manifests, "52.94.0.1", 443)
    assert reachable(manifests, "169.254.170.23", 80)
    for address in ("10.96.0.1", "172.20.0.1", "192.168.49.2", "100.64.0.9", "fd00:1::1"):
        assert reachable(manifests, address, 443) and reachable(manifests, address, 6443)
    assert not reachable(manifests, "fd00:ec2::254", 6443)


def test_the_egress_to_the_api_server_is_narrowed_to_its_address() -> None:
    values = {"networkPolicy": VPC_ENDPOINTS["networkPolicy"] | {"apiServer": [{"ipBlock": {"cidr": "10.96.0.1/32"}}]}}
    manifests = chart(values)
    assert reachable(manifests, "10.96.0.1", 6443)
    assert not reachable(manifests, "10.96.0.2", 6443)


def test_without_its_jwks_the_api_server_is_not_reached() -> None:
    jwt = {"jwks_url": "https://issuer.example.com/jwks"}
    manifests = chart(VPC_ENDPOINTS | {"jwks": {"fromApiServer": False}, "config": {"auth": {"jwt": jwt}}})
    assert not reachable(manifests, "10.96.0.1", 6443)
    assert manifests.config["auth"]["jwt"]["jwks_url"] == jwt["jwks_url"]


def test_the_api_server_keeps_every_field_of_the_policies(manifests: Manifests) -> None:
    # It drops empty lists, and `kubectl diff` would then show a difference for ever.
    for policy in manifests.of_kind("NetworkPolicy"):
        for kind in ("ingress", "egress"):
            assert policy["spec"].get(kind) != []
            for rule in policy["spec"].get(kind, []):
                assert all(rule.values())
    assert "egress" not in setup("demo").only("NetworkPolicy")["spec"], "all egress is denied"


def test_irsa_sets_the_role() -> None:
    annotations = chart(EVERYTHING).only("ServiceAccount")["metadata"]["annotations"]
    assert annotations["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    assert annotations["example.com/owner"] == "identity"


def test_both_deployments_leave_a_lost_node_after_30_s(manifests: Manifests) -> None:
    for deployment in manifests.of_kind("Deployment"):
        tolerations = deployment["spec"]["template"]["spec"]["tolerations"]
        left_after = {one["key"]: one["tolerationSeconds"] for one in tolerations if "tolerationSeconds" in one}
        assert left_after == {"node.kubernetes.io/not-ready": 30, "node.kubernetes.io/unreachable": 30}
