"""A caller of Livegate, on the stock client of gRPC."""

import json

import grpc

from contract import REPOSITORY, SessionServiceStub, messages

# More than any scene takes: a deadline that does not matter.
PATIENCE_SECONDS = 20


def documented_retries() -> tuple[str, str]:
    """The channel option with the service config that is offered to callers."""
    config = (REPOSITORY / "deploy/service-config.json").read_text()
    return "grpc.service_config", json.dumps(json.loads(config))


class Client:
    """One channel, and the two methods with their fields as keywords."""

    def __init__(self, address: str, *options: tuple[str, object], caller: str | None = None):
        # Channels with the same arguments would share one connection.
        alone = ("grpc.use_local_subchannel_pool", 1)
        self.channel = grpc.insecure_channel(address, options=[alone, *options])
        self.stub = SessionServiceStub(self.channel)
        self.metadata = [("livegate-caller", caller)] if caller else []

    def create(self, timeout: float = PATIENCE_SECONDS, **fields) -> messages.Session:
        """A session, or grpc.RpcError."""
        request = messages.CreateSessionRequest(**fields)
        return self.stub.CreateSession(request, timeout=timeout, metadata=self.metadata).session

    def result(self, timeout: float = PATIENCE_SECONDS, **fields) -> messages.GetSessionResultResponse:
        """A session's result, or grpc.RpcError."""
        request = messages.GetSessionResultRequest(**fields)
        return self.stub.GetSessionResult(request, timeout=timeout, metadata=self.metadata)
