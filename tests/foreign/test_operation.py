"""Operation: start, health, metrics, reflection, shutdown."""

import json
import os
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
from processes import Server, get, run, write_config

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LAMEDUCK_SECONDS = 1
GRACE_SECONDS = 2
DRAIN = {"shutdown.lameduck": f"{LAMEDUCK_SECONDS}s", "shutdown.grace": f"{GRACE_SECONDS}s"}
LATEST_EXIT_SECONDS = LAMEDUCK_SECONDS + GRACE_SECONDS + 1


def health(client, service: str) -> int:
    """Returns the health status of a service."""
    request = health_pb2.HealthCheckRequest(service=service)
    return health_pb2_grpc.HealthStub(client.channel).Check(request, timeout=5).status


def address(server) -> tuple[str, int]:
    """Returns the address of the server, for a socket."""
    host, port = server.address.split(":")
    return host, int(port)


def test_health_is_serving_for_the_server_and_for_the_service(serve, connect):
    server = serve()
    client = connect(server)

    assert health(client, "") == SERVING
    assert health(client, SERVICE) == SERVING
    assert get(f"{server.admin}/livez")[0] == 200
    with pytest.raises(grpc.RpcError) as unknown:
        health(client, "unknown.v1.Service")
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_service_and_describes_it(serve, connect):
    database = ProtoReflectionDescriptorDatabase(connect(serve()).channel)

    assert SERVICE in database.get_services()
    described = DescriptorPool(database).FindServiceByName(SERVICE)
    assert [method.name for method in described.methods] == [
        "CreateSession",
        "GetSessionResult",
        "WatchSession",
    ]


def test_buf_curl_creates_a_session_by_reflection(serve):
    buf = shutil.which("buf")
    assert buf, "tests/run installs buf"
    url = f"http://{serve().address}/{SERVICE}/CreateSession"
    curl = subprocess.run(
        [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", "{}", url],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert curl.returncode == 0, curl.stderr
    assert json.loads(curl.stdout)["session"]["region"] == "us-east-1"


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


def test_a_server_that_shuts_down_is_not_ready_and_still_serves(serve, connect):
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
    assert time.monotonic() - started < LAMEDUCK_SECONDS, "all of this is within the lameduck"
    assert server.wait(LATEST_EXIT_SECONDS) == 0
    assert time.monotonic() - started >= LAMEDUCK_SECONDS


def test_a_call_in_progress_is_answered_before_the_server_exits(simulate, serve, connect):
    server = serve(DRAIN | {"shutdown.lameduck": "0s"}, simulate("--profile=slow"))
    client = connect(server)
    grpc.channel_ready_future(client.channel).result(timeout=10)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.create)
        time.sleep(0.3)
        server.terminate()

        assert call.result().session_id
    assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_an_open_health_watch_does_not_delay_the_shutdown(serve, connect):
    server = serve(DRAIN)
    stub = health_pb2_grpc.HealthStub(connect(server).channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
    assert next(watch).status == SERVING
    server.terminate()

    assert next(watch).status == NOT_SERVING
    assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_an_unfinished_handshake_does_not_delay_the_shutdown(serve):
    server = serve(DRAIN)
    with closing(socket.create_connection(address(server))) as silent, closing(
        socket.create_connection(address(server))
    ) as partial:
        partial.sendall(b"PRI * HTTP/2.0\r\n")
        server.terminate()

        assert server.wait(LATEST_EXIT_SECONDS) == 0
        assert silent.fileno() >= 0


def test_an_unfinished_request_does_not_delay_the_shutdown(serve):
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
        assert half.recv(1024), "the settings of the server, so the connection is established"
        server.terminate()

        assert server.wait(LATEST_EXIT_SECONDS) == 0


def test_results_without_authentication_are_a_configuration_error(tmp_path):
    config = write_config(tmp_path / "open.toml", {"grpc.listen": "0.0.0.0:0", "results.enabled": True})
    refusal = run("serve", "--config", str(config))

    assert refusal.returncode not in (0, 101), refusal.stderr
    assert "results.enabled" in refusal.stderr
    assert "allow_unauthenticated" in refusal.stderr


def test_every_error_of_a_configuration_is_reported_at_once(tmp_path):
    errors = {"quota.create.rate_per_second": -1.0, "retry.max_delay": "soon", "grcp.listen": "127.0.0.1:0"}
    config = write_config(tmp_path / "wrong.toml", errors)
    for command in ("serve", "check-config"):
        refusal = run(command, "--config", str(config))

        assert refusal.returncode not in (0, 101), refusal.stderr
        output = refusal.stdout + refusal.stderr
        assert "quota.create.rate_per_second" in output
        assert "retry.max_delay" in output
        assert "grcp" in output


def test_the_demo_needs_no_account():
    demo = run("demo", "--once", timeout=60)

    assert demo.returncode == 0, demo.stderr


def test_the_commands_print_a_session_and_exit_with_the_grpc_code(serve):
    endpoint = f"http://{serve().address}"
    created = run("create", "--endpoint", endpoint, "--json")
    assert created.returncode == 0, created.stderr
    assert json.loads(created.stdout)

    refused_result = run("result", "--endpoint", endpoint, "--session-id", str(uuid.uuid4()))
    assert refused_result.returncode == grpc.StatusCode.UNIMPLEMENTED.value[0], refused_result.stderr


def test_a_log_collector_that_stops_reading_stops_no_call(simulator, connect, tmp_path):
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server = Server(pipe, simulator, {"log.filter": "debug"})
    try:
        client = connect(server)
        for _ in range(300):
            client.create()
        assert get(f"{server.admin}/livez")[0] == 200
        server.terminate()
        assert server.process.wait(timeout=LATEST_EXIT_SECONDS + 5) == 0
    finally:
        server.kill()
        os.close(reader)
