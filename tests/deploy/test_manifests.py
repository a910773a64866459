"""What every overlay owes the cluster that it is applied to."""

import ipaddress
import os
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest

from rendered import COMPONENTS, OVERLAYS, Manifests, overlay, seconds, with_component

KUBERNETES_VERSIONS = ("1.31", "1.37")
OF_OTHERS = ("PodMonitor", "PrometheusRule")
MARGIN_SECONDS = (8, 30)
# As measured: 630 MB with 10,000 waiting over 12 connections, 14 MB with none.
IDLE_MIB = 32
WAITING_MIB = 64 / 1024
OPERATIONS = 2


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    """Each overlay in turn."""
    return overlay(request.param)


def assert_known_to_kubernetes(manifests: Manifests) -> None:
    for version in KUBERNETES_VERSIONS:
        for one in manifests.objects:
            if one["kind"] not in OF_OTHERS:
                kubernetes_validate.validate(one, version, strict=True)


def test_kubernetes_knows_every_field(manifests: Manifests) -> None:
    assert_known_to_kubernetes(manifests)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_can_be_added(component: str, tmp_path: Path) -> None:
    assert_known_to_kubernetes(with_component(component, tmp_path))


def test_livegate_accepts_its_configuration(manifests: Manifests, tmp_path: Path) -> None:
    file = tmp_path / "livegate.toml"
    file.write_text(manifests.config_text)
    command = [os.environ["LIVEGATE_BIN"], "check-config", "--config", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr


def test_the_pod_is_left_alone_until_livegate_has_gone(manifests: Manifests) -> None:
    leaves_within = sum(seconds(manifests.config["shutdown"][key]) for key in ("lameduck", "grace"))
    margin = manifests.pod["terminationGracePeriodSeconds"] - leaves_within
    assert MARGIN_SECONDS[0] <= margin <= MARGIN_SECONDS[1]


def test_unreadiness_is_noticed_before_connections_are_refused(manifests: Manifests) -> None:
    probe = manifests.container["readinessProbe"]
    noticed_after = probe["periodSeconds"] * probe["failureThreshold"]
    assert noticed_after <= seconds(manifests.config["shutdown"]["lameduck"])


def test_the_probes_ask_the_admin_port(manifests: Manifests) -> None:
    container = manifests.container
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": "admin"}


def test_the_ports_are_those_livegate_listens_on(manifests: Manifests) -> None:
    declared = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    for name, number in declared.items():
        assert manifests.config[name]["listen"] == f"0.0.0.0:{number}"
    assert set(declared) == {"grpc", "admin"}


def test_the_services_lead_to_the_pods(manifests: Manifests) -> None:
    labels = manifests.deployment["template"]["metadata"]["labels"]
    services = {one["metadata"]["name"]: one["spec"] for one in manifests.of_kind("Service")}
    assert set(services) >= {"livegate", "livegate-headless"}
    assert services["livegate-headless"]["clusterIP"] == "None"
    for name in ("livegate", "livegate-headless"):
        assert services[name]["selector"].items() <= labels.items()
        assert [port["targetPort"] for port in services[name]["ports"]] == ["grpc"]


def test_the_pod_asks_for_no_privilege(manifests: Manifests) -> None:
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
    labels = manifests.only("Namespace", manifests.only("Deployment")["metadata"]["namespace"])["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_but_its_file_configures_livegate(manifests: Manifests) -> None:
    # Variables of a Service called livegate begin as settings do.
    assert manifests.pod["enableServiceLinks"] is False
    names = [variable["name"] for variable in manifests.container["env"]]
    assert names == ["AWS_EC2_METADATA_DISABLED"]


def test_a_changed_config_map_reaches_livegate(manifests: Manifests) -> None:
    mount, volume = manifests.mounts["/etc/livegate"]
    assert "--config=/etc/livegate/livegate.toml" in manifests.container["args"]
    assert volume == {"name": mount["name"], "configMap": {"name": "livegate"}}


def test_what_is_mounted_is_renewed_and_never_written(manifests: Manifests) -> None:
    assert len(manifests.mounts) == len(manifests.pod["volumes"]), "nothing is there that is not used"
    for mount, _ in manifests.mounts.values():
        assert "subPath" not in mount, "a file mounted by itself never changes"
        assert mount["readOnly"] is True


def test_there_is_no_secret_and_no_token_for_the_asking(manifests: Manifests) -> None:
    assert manifests.of_kind("Secret") == []
    assert manifests.pod["automountServiceAccountToken"] is False
    assert manifests.only("ServiceAccount")["automountServiceAccountToken"] is False
    if not manifests.is_proven:
        assert set(manifests.mounts) == {"/etc/livegate"}


def test_the_memory_bears_a_full_line(manifests: Manifests) -> None:
    waiting = manifests.config["admission"]["max_waiting"]
    limit = manifests.container["resources"]["limits"]["memory"]
    assert IDLE_MIB + OPERATIONS * waiting * WAITING_MIB <= int(limit.removesuffix("Mi"))


def test_replicas_are_fixed_and_share_one_quota(manifests: Manifests) -> None:
    assert manifests.of_kind("HorizontalPodAutoscaler") == []
    replicas = manifests.deployment["replicas"]
    if "store" not in manifests.config:
        assert replicas == 1, "without a store each would spend the whole quota"
        return
    surge = manifests.deployment["strategy"]["rollingUpdate"]["maxSurge"]
    assert manifests.config["store"]["max_replicas"] == replicas + surge


def test_the_store_lets_livegate_in_alone() -> None:
    manifests = overlay("three-replicas")
    [rule] = manifests.only("NetworkPolicy", "livegate-valkey")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": manifests.deployment["selector"]}]
    service = manifests.only("Service", "livegate-valkey")["spec"]
    store = manifests.only("Deployment", "livegate-valkey")["spec"]["template"]
    assert service["selector"] == store["metadata"]["labels"]
    [way] = [rule for rule in manifests.only("NetworkPolicy")["spec"]["egress"] if rule["ports"][0]["port"] == 6379]
    assert way["to"] == [{"podSelector": {"matchLabels": store["metadata"]["labels"]}}]
    assert manifests.config["store"]["url"] == f"redis://livegate-valkey:{service['ports'][0]['port']}/0"


def test_a_budget_keeps_replicas_only_where_there_are_several(manifests: Manifests) -> None:
    budgets = manifests.of_kind("PodDisruptionBudget")
    if manifests.deployment["replicas"] == 1:
        assert budgets == [], "it would hold up every drain of a node"
        return
    [budget] = budgets
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == manifests.deployment["selector"]


def test_an_upgrade_never_leaves_fewer_pods(manifests: Manifests) -> None:
    assert manifests.deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_pods_spread_over_zones_and_nodes(manifests: Manifests) -> None:
    constraints = manifests.pod["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
    assert all(one["labelSelector"] == manifests.deployment["selector"] for one in constraints)


def reachable(manifests: Manifests, address: str, port: int) -> bool:
    """Whether the NetworkPolicy lets the pods reach an address outside the cluster."""
    rules = manifests.only("NetworkPolicy")["spec"]["egress"]
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


def test_the_network_policy_is_about_the_pods_both_ways(manifests: Manifests) -> None:
    policy = manifests.only("NetworkPolicy")["spec"]
    assert policy["podSelector"] == manifests.deployment["selector"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [rule["ports"][0]["port"] for rule in policy["ingress"]] == ["grpc", "admin"]
    assert all(rule["from"] for rule in policy["ingress"]), "nobody is let in unnamed"


def test_the_service_reaches_its_credentials_and_aws_and_not_the_nodes_role(manifests: Manifests) -> None:
    may = manifests.serves
    assert reachable(manifests, "169.254.170.23", 80) is may, "the agent of EKS Pod Identity"
    assert reachable(manifests, "fd00:ec2::23", 80) is may
    assert reachable(manifests, "52.94.0.1", 443) is may, "AWS"
    for port in (80, 443):
        assert not reachable(manifests, "169.254.169.254", port)
        assert not reachable(manifests, "fd00:ec2::254", port)
    assert not reachable(manifests, "52.94.0.1", 80)


def test_vpc_endpoints_leave_the_way_to_the_api_server(tmp_path: Path) -> None:
    manifests = with_component("vpc-endpoints", tmp_path, of="three-replicas")
    assert not reachable(manifests, "52.94.0.1", 443)
    for address in ("10.96.0.1", "172.20.0.1", "192.168.49.2", "100.64.0.9", "fd00:1::1"):
        assert reachable(manifests, address, 443) and reachable(manifests, address, 6443)
    assert not reachable(manifests, "fd00:ec2::254", 6443)


def test_irsa_names_the_role(tmp_path: Path) -> None:
    account = with_component("irsa", tmp_path).only("ServiceAccount")
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")


def test_vpc_endpoints_are_all_that_is_reached_by_https(tmp_path: Path) -> None:
    manifests = with_component("vpc-endpoints", tmp_path)
    assert reachable(manifests, "10.0.32.10", 443)
    assert not reachable(manifests, "52.94.0.1", 443)
    assert reachable(manifests, "169.254.170.23", 80)
