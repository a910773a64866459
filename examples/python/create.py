"""Creates sessions with mTLS and a bearer token, and prints them.

    PYTHONPATH=target/python python examples/python/create.py 127.0.0.1:50051 DIRECTORY 1

DIRECTORY has ca.crt, tls.crt, tls.key and token, as mounted in a pod. The last arguments are
numbers of audit images: one call for each. Run it from the root of the repository, with the
packages and modules that examples/README.md installs and generates.
"""

import secrets
import sys
import time
import uuid
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from livegate.v1.session_pb2 import CreateSessionRequest, SessionSettings
from livegate.v1.session_pb2_grpc import SessionServiceStub

DEADLINE_SECONDS = 10


def uuid7() -> str:
    """Returns a UUID version 7; Python 3.14 and later have uuid.uuid7()."""
    bits = time.time_ns() // 1_000_000 << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


class TokenFile(grpc.AuthMetadataPlugin):
    """Reads the token again for each call, because the kubelet replaces it."""

    def __init__(self, path: Path):
        self.path = path

    def __call__(self, context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        callback((("authorization", f"Bearer {self.path.read_text().strip()}"),), None)


def connect(endpoint: str, files: Path) -> grpc.Channel:
    """Opens a channel that retries as the service config says."""
    tls = grpc.ssl_channel_credentials(*((files / name).read_bytes() for name in ("ca.crt", "tls.key", "tls.crt")))
    token = grpc.metadata_call_credentials(TokenFile(files / "token"))
    options = [("grpc.service_config", Path("deploy/service-config.json").read_text())]
    return grpc.secure_channel(endpoint, grpc.composite_channel_credentials(tls, token), options)


def print_error(error: grpc.RpcError) -> None:
    """Prints the code, the reason, and what to fix or how long to wait."""
    print(error.code().name, error.details())
    status = rpc_status.from_call(error)  # None if the server did not respond
    for detail in status.details if status else ():
        info, retry, request = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            print("reason:", info.reason)
        elif detail.Unpack(retry):
            print("retry after:", retry.retry_delay.ToTimedelta().total_seconds(), "s")
        elif detail.Unpack(request):
            for violation in request.field_violations:
                print(f"{violation.field}: {violation.description}")


def main() -> None:
    """Makes the calls."""
    endpoint, directory, *numbers = sys.argv[1:]
    with connect(endpoint, Path(directory)) as channel:
        sessions = SessionServiceStub(channel)
        for images in numbers:
            request = CreateSessionRequest(
                request_id=uuid7(),  # once for each session that you want, outside of any retry
                subject="user-7",  # the end user, from your own login
                settings=SessionSettings(audit_images_limit=int(images)),
            )
            try:
                session = sessions.CreateSession(request, timeout=DEADLINE_SECONDS).session
                print(session.session_id, "in", session.region, flush=True)
            except grpc.RpcError as error:
                print_error(error)


if __name__ == "__main__":
    main()
