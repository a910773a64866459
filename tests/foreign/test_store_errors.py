"""The errors of a store whose messages are long, or control a terminal."""

import socket
import threading
import uuid
from contextlib import suppress

import grpc
import pytest

from refusals import refused

SECRET_ADDRESS = "10.9.8.7:6379"
MESSAGES = {
    "control characters": f"ERR evil \x1b[31mred\x1b]0;title\x07 {SECRET_ADDRESS}",
    "200 KB": f"ERR {SECRET_ADDRESS} " + "A" * 200_000,
    "an address": f"MOVED 3999 {SECRET_ADDRESS}",
}


class FailingStore:
    """Accepts connections and the check of them, and answers every other script with an error."""

    def __init__(self, message: str):
        self.error = f"-{message}\r\n".encode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        with suppress(ConnectionError), connection, connection.makefile("rb") as stream:
            while header := stream.readline():
                arguments = [stream.read(int(stream.readline()[1:]) + 2)[:-2] for _ in range(int(header[1:]))]
                is_check = any(b":check:" in argument for argument in arguments)
                is_script = arguments[0] in (b"EVALSHA", b"EVAL")
                connection.sendall(self.error if is_script and not is_check else b"+OK\r\n")


@pytest.fixture(params=MESSAGES)
def store(request):
    store = FailingStore(MESSAGES[request.param])
    yield store
    store.listener.close()


def test_callers_learn_only_that_the_store_failed_and_the_log_is_printable(store, serve, connect):
    server = serve({"store.url": store.url, "idempotency.required": True})
    refusal = refused(lambda: connect(server).create(request_id=str(uuid.uuid4())))

    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
    assert refusal.message == "the record of the request_id cannot be stored: the store failed"
    assert refusal.retry_seconds > 0
    server.stop()
    lines = server.log.read_bytes().decode().splitlines()
    assert any("STORE_UNAVAILABLE" in line for line in lines)
    assert max(map(len, lines)) < 1000
    assert all(line.isprintable() for line in lines)
