"""Unfinished requests on many streams, sent as fast as the flow control of the server allows.

They are sent by a process of its own, so that they delay no other client of the test.
"""

import json
import selectors
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import frames
from frames import DATA, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE

DEFAULT_WINDOW = 65535
LARGEST_FRAME = 16384
SETTING = struct.Struct(">HI")


class Upload(frames.Connection):
    """A connection with streams of which each sends a part of a long message, and never ends."""

    def __init__(self, address: tuple[str, int], block: bytes, streams: int, message: int, part: int):
        super().__init__(address, frames.opening())
        self.window, self.stream_window = DEFAULT_WINDOW, DEFAULT_WINDOW
        self.prefix, self.part = struct.pack(">BI", 0, message), part
        # The number of bytes by stream. The parts themselves are zeros.
        self.unsent = {1 + 2 * number: len(self.prefix) + part for number in range(streams)}
        self.windows: dict[int, int] = {}
        self.socket.settimeout(5)
        self.send(b"".join(frames.begin(stream, block) for stream in self.unsent))
        self.socket.setblocking(False)
        self.out = b""

    def receive(self) -> None:
        """Reads the frames that have arrived. Raises ConnectionError when the server closes."""
        with suppress(BlockingIOError):
            for kind, flags, stream, payload in self.frames(0):
                if kind == WINDOW_UPDATE:
                    self._widen(stream, struct.unpack(">I", payload)[0])
                elif kind == SETTINGS and not flags:
                    for key, value in SETTING.iter_unpack(payload):
                        if key == INITIAL_WINDOW_SIZE:
                            self.stream_window = value
                    self.out += frames.frame(SETTINGS, b"", frames.ACK)
                elif kind == PING and not flags:
                    self.out += frames.frame(PING, payload, frames.ACK)
                elif kind == RST_STREAM or kind == HEADERS and flags & END_STREAM:
                    self.unsent.pop(stream, None)
                elif kind == GOAWAY:
                    raise ConnectionError
            raise ConnectionError

    def _widen(self, stream: int, by: int) -> None:
        if stream:
            self.windows[stream] = self.windows.get(stream, self.stream_window) + by
        else:
            self.window += by

    def feed(self) -> bool:
        """Sends as much as the windows and the socket admit. Returns whether that is anything."""
        for stream, unsent in list(self.unsent.items()):
            if len(self.out) > 1 << 20 or self.window <= 0:
                break
            window = self.windows.get(stream, self.stream_window)
            length = min(LARGEST_FRAME, self.window, window, unsent)
            first = self.prefix if unsent == len(self.prefix) + self.part else b""
            if not unsent:
                del self.unsent[stream]
            elif length >= max(1, len(first)):
                self.out += frames.frame(DATA, first + bytes(length - len(first)), 0, stream)
                self.window -= length
                self.windows[stream] = window - length
                self.unsent[stream] = unsent - length
        sent = 0
        with suppress(BlockingIOError):
            sent = self.socket.send(self.out) if self.out else 0
        self.out = self.out[sent:]
        return sent > 0


def uploads(address: tuple[str, int], connections: int, streams: int, **more: str | float) -> Callable[[], None]:
    """Sends until the server has admitted nothing for some seconds, at most for a minute.

    `more` has the other arguments of `send`. Returns a function that closes the connections.
    """
    arguments = json.dumps([[*address], connections, streams]), json.dumps(more)
    process = subprocess.Popen(
        [sys.executable, "-B", __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout and process.stdout.readline() == "sent\n"
    return lambda: process.communicate()


def send(
    address: tuple[str, int],
    connections: int,
    streams: int,
    *,
    path: str,
    message: int,
    part: int,
    seconds: float,
    **headers: str,
) -> list[Upload]:
    """Sends, and returns the open connections."""
    block = frames.header_block(path, **headers)
    opened = [Upload(address, block, streams, message, part) for _ in range(connections)]
    progress = time.monotonic()
    until = progress + 60
    with selectors.DefaultSelector() as selector:
        for upload in opened:
            selector.register(upload.socket, selectors.EVENT_READ, upload)
        while time.monotonic() < min(until, progress + seconds):
            for key, _ in selector.select(0.02):
                try:
                    key.data.receive()
                except ConnectionError:
                    selector.unregister(key.fileobj)
            for key in list(selector.get_map().values()):
                with suppress(ConnectionError):
                    if key.data.feed():
                        progress = time.monotonic()
    return opened


if __name__ == "__main__":
    uploading = send(*json.loads(sys.argv[1]), **json.loads(sys.argv[2]))
    print("sent", flush=True)
    # The test closes the pipe.
    sys.stdin.read()
