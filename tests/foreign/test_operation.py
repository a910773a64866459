"""Livegate as those who run it meet it: start, health, metrics, reflection, leaving."""

import json
import shutil
import socket
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import h2.config
import h2.connection
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from contract import SERVICE
from processes import get, run, write_config

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LAMEDUCK_SECONDS = 1
GRACE_SECONDS = 2
DRAIN = {"shutdown.lameduck": f"{LAMEDUCK_SECONDS}s", "shutdown.grace": f"{GRACE_SECONDS}s"}
LATEST_EXIT_SECONDS = LAMEDUCK_SECONDS + GRACE_SECONDS + 1


def health(client, service: str) -> int:
    """What the health service says of a service."""
    request = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(client.channel).Check(request, timeout=5).status


def address(server) -> tuple[str, int]:
    """Where to connect a socket."""
    host, port = server.address.split(":")
    return host, int(port)


def test_health_is_serving_for_the_whole_and_for_the_service(serve, connect):
    server = serve()
    client = connect(server)

    assert health(client, "") == SERVING
    assert health(client, SERVICE) == SERVING
    assert get(f"{server.admin}/livez")[0] == 200
    with pytest.raises(grpc.RpcError) as unknown:
        health(client, "nobody.v1.Nothing")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_service_and_describes_it(serve, connect):
    database = ProtoReflectionDescriptorDatabase(connect(serve()).channel)

    assert SERVICE in database.get_services()
    described = DescriptorPool(database).FindServiceByName(SERVICE)
    assert [method.name for method in described.methods] == ["CreateSession", "GetSessionResult"]


def test_buf_curl_creates_a_session_by_reflection(serve):
    buf = shutil.which("buf")
    assert buf, "tests/run installs buf"
    url = f"http://{serve().address}/{SERVICE}/CreateSession"
    answer = subprocess.run(
        [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", "{}", url],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["session"]["region"] == "us-east-1"


def test_promtool_accepts_the_page_of_metrics(serve, connect):
    promtool = shutil.which("promtool")
    assert promtool, "tests/run installs promtool"
    server = serve()
    connect(server).create()
    page = get(f"{server.admin}/metrics")[1]
    check = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=30
    )

    assert check.returncode == 0, check.stdout + check.stderr
    assert "grpc_server_call_duration_seconds" in page


def test_a_leaving_server_says_so_first_and_serves_until_it_is_gone(serve, connect):
    server = serve(DRAIN)
    client = connect(server)
    assert health(client, SERVICE) == SERVING
    started = time.monotonic()
    server.terminate()
    while health(client, SERVICE) != NOT_SERVING:
        assert time.monotonic() - started < LAMEDUCK_SECONDS
    assert health(client, "") == NOT_SERVING
    assert get(f"{server.admin}/readyz")[0] == 503
    assert get(f"{server.admin}/livez")[0] == 200

    assert client.create().session_id
    assert time.monotonic() - started < LAMEDUCK_SECONDS, "all that was in the lame duck's time"
    assert server.wait(LATEST_EXIT_SECONDS) == 0
    assert time.monotonic() - started >= LAMEDUCK_SECONDS


def test_a_call_in_flight_is_answered_before_the_server_leaves(simulate, serve, connect):
    server = serve(DRAIN | {"shutdown.lameduck": "0s"}, simulate("--profile=slow"))
    client = connect(server)
    grpc.channel_ready_future(client.channel).result(timeout=10)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.create)
        time.sleep(0.3)
        server.terminate()

        assert call.result().session_id
    assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_an_open_health_watch_does_not_hold_the_server(serve, connect):
    server = serve(DRAIN)
    stub = health_pb2_grpc.HealthStub(connect(server).channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert next(watch).status == SERVING
    server.terminate()

    assert next(watch).status == NOT_SERVING
    assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_an_unfinished_handshake_does_not_hold_the_server(serve):
    server = serve(DRAIN)
    with closing(socket.create_connection(address(server))) as silent, closing(
        socket.create_connection(address(server))
    ) as halting:
        halting.sendall(b"PRI * HTTP/2.0\r\n")
        server.terminate()

        assert server.wait(LATEST_EXIT_SECONDS) == 0
        assert silent.fileno() >= 0


def test_a_request_that_is_never_finished_does_not_hold_the_server(serve):
    server = serve(DRAIN)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", f"/{SERVICE}/CreateSession"),
        (":authority", server.address),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    connection.send_headers(1, headers)
    connection.send_data(1, b"\x00\x00\x00\x00\x20half")
    with closing(socket.create_connection(address(server))) as half:
        half.sendall(connection.data_to_send())
        assert half.recv(1024), "the server's settings: it knows the connection"
        server.terminate()

        assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_results_are_not_offered_to_everyone_by_accident(tmp_path):
    config = write_config(tmp_path / "open.toml", {"grpc.listen": "0.0.0.0:0", "results.enabled": True})
    refusal = run("serve", "--config", str(config))

    assert refusal.returncode not in (0, 101), refusal.stderr
    assert "results.enabled" in refusal.stderr
    assert "allow_unauthenticated" in refusal.stderr


def test_every_mistake_of_a_configuration_is_named_at_once(tmp_path):
    mistakes = {"quota.create.rate_per_second": -1.0, "retry.max_delay": "soon", "grcp.listen": "127.0.0.1:0"}
    config = write_config(tmp_path / "wrong.toml", mistakes)
    for command in ("serve", "check-config"):
        refusal = run(command, "--config", str(config))

        assert refusal.returncode not in (0, 101), refusal.stderr
        said = refusal.stdout + refusal.stderr
        assert "quota.create.rate_per_second" in said
        assert "retry.max_delay" in said
        assert "grcp" in said


def test_the_demo_runs_without_an_account_and_ends():
    demo = run("demo", "--once", timeout=60)

    assert demo.returncode == 0, demo.stderr


def test_the_command_for_people_creates_a_session_and_exits_with_the_code_of_grpc(serve):
    endpoint = f"http://{serve().address}"
    created = run("create", "--endpoint", endpoint, "--json")
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)

    refused_result = run("result", "--endpoint", endpoint, "--session-id", str(uuid.uuid4()))
    assert refused_result.returncode == grpc.StatusCode.UNIMPLEMENTED.value[0], refused_result.stderr
