"""A caller of Livegate that uses the stock client of gRPC."""

import json

import grpc

from contract import REPOSITORY, SessionServiceStub, messages

# A deadline that no test reaches.
LONG_TIMEOUT_SECONDS = 20


def documented_retries() -> tuple[str, str]:
    """Returns the channel option with the documented service config."""
    config = (REPOSITORY / "deploy/service-config.json").read_text()
    return "grpc.service_config", json.dumps(json.loads(config))


class Client:
    """One channel, and the methods with their fields as keyword arguments."""

    def __init__(self, address: str, *options: tuple[str, object], caller: str | None = None):
        # Channels with the same arguments would share one connection.
        own_connection = ("grpc.use_local_subchannel_pool", 1)
        self.channel = grpc.insecure_channel(address, options=[own_connection, *options])
        self.stub = SessionServiceStub(self.channel)
        self.metadata = [("livegate-caller", caller)] if caller else []

    def create(self, timeout: float = LONG_TIMEOUT_SECONDS, **fields) -> messages.Session:
        """Creates a session, or raises grpc.RpcError."""
        request = messages.CreateSessionRequest(**fields)
        return self.stub.CreateSession(request, timeout=timeout, metadata=self.metadata).session

    def result(self, timeout: float = LONG_TIMEOUT_SECONDS, **fields) -> messages.GetSessionResultResponse:
        """Reads a result, or raises grpc.RpcError."""
        request = messages.GetSessionResultRequest(**fields)
        return self.stub.GetSessionResult(request, timeout=timeout, metadata=self.metadata)

    def watch(self, timeout: float | None = None, **fields) -> grpc.Call:
        """Watches a session: an iterator of its states."""
        request = messages.WatchSessionRequest(**fields)
        return self.stub.WatchSession(request, timeout=timeout, metadata=self.metadata)
