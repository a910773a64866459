"""HTTP/2 frames as bytes, for broken and hostile clients that no library can imitate."""

import socket
import struct

from hpack import Encoder, NeverIndexedHeaderTuple

from contract import SERVICE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(6, 10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
CANCEL = struct.pack(">I", 8)


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    """Returns a frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def opening(**settings: int) -> bytes:
    """Returns the preface and the SETTINGS; `window` is the initial window of the streams."""
    window = settings.get("window")
    payload = b"" if window is None else struct.pack(">HI", INITIAL_WINDOW_SIZE, window)
    return PREFACE + frame(SETTINGS, payload)


def header_block(path: str = f"/{SERVICE}/CreateSession", **more: str) -> bytes:
    """Returns the headers of a call, without an index, so that they can be repeated."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": path,
        ":authority": "livegate",
        "content-type": "application/grpc",
        "te": "trailers",
    }
    return Encoder().encode([NeverIndexedHeaderTuple(*one) for one in (headers | more).items()])


def begin(stream: int, block: bytes) -> bytes:
    """Returns the headers of a call, without the request."""
    return frame(HEADERS, block, END_HEADERS, stream)


def call(stream: int, block: bytes) -> bytes:
    """Returns a complete call with an empty request."""
    return begin(stream, block) + frame(DATA, bytes(5), END_STREAM, stream)


class Connection:
    """A socket that reads frames of the server."""

    def __init__(self, address: tuple[str, int], first: bytes = b""):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.sendall(first)
        self.unread = b""

    def send(self, data: bytes) -> None:
        """Sends all of `data`."""
        self.socket.sendall(data)

    def frames(self, seconds: float = 10):
        """Yields frames as (kind, flags, stream, payload), until the server closes the connection."""
        self.socket.settimeout(seconds)
        while True:
            while len(self.unread) >= 9:
                length = int.from_bytes(self.unread[:3])
                if len(self.unread) < 9 + length:
                    break
                kind, flags, stream = struct.unpack(">BBI", self.unread[3:9])
                payload, self.unread = self.unread[9 : 9 + length], self.unread[9 + length :]
                yield kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return
            if not more:
                return
            self.unread += more

    def first(self, kind: int, seconds: float = 10) -> tuple[int, int, bytes] | None:
        """Returns the next frame of a kind as (flags, stream, payload), or None if the server closes first."""
        for received, flags, stream, payload in self.frames(seconds):
            if received == kind:
                return flags, stream, payload
        return None

    def ends(self, seconds: float) -> None:
        """Reads until the server closes. Raises TimeoutError if a read takes longer than `seconds`."""
        for _ in self.frames(seconds):
            pass

    def close(self) -> None:
        """Closes the socket."""
        self.socket.close()
