"""Decodes the messages of a completed light challenge with botocore, which shares no code with Livegate.

    python frames.py FRAMES.json

The file is a list of pairs in the order of the messages: "client" or "server", and the message in base64.
"""

import base64
import json
import sys
from pathlib import Path

from botocore.eventstream import EventStreamBuffer, EventStreamMessage

EBML = bytes.fromhex("1a45dfa3")  # the start of a WebM file
COLORS = 8


def decode(data: bytes) -> EventStreamMessage:
    """Returns the only message in the data. botocore verifies its checksums."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    [message] = buffer
    return message


def check_server(messages: list[EventStreamMessage]) -> None:
    """The challenge, its parameters, and the end."""
    assert all(message.headers[":message-type"] == "event" for message in messages)
    assert all(message.headers[":content-type"] == "application/json" for message in messages)
    names = [message.headers[":event-type"] for message in messages]
    assert names == ["ChallengeEvent", "ServerSessionInformationEvent", "DisconnectionEvent"], names
    challenge, information, end = (json.loads(message.payload) for message in messages)
    assert challenge == {"Type": "FaceMovementAndLightChallenge", "Version": "2.0.0"}, challenge
    parameters = information["SessionInformation"]["Challenge"]["FaceMovementAndLightChallenge"]
    assert len(parameters["ColorSequences"]) == COLORS, parameters
    assert end["TimestampMillis"] > 0, end


def check_client(messages: list[EventStreamMessage]) -> None:
    """The video, the faces and the colors, each signed."""
    assert all(set(message.headers) == {":date", ":chunk-signature"} for message in messages)
    assert all(len(message.headers[":chunk-signature"]) == 32 for message in messages)
    events = [decode(message.payload) for message in messages]
    video = [json.loads(event.payload) for event in events if event.headers[":event-type"] == "VideoEvent"]
    pieces = [base64.b64decode(event["VideoChunk"]) for event in video]
    assert b"".join(pieces).startswith(EBML) and pieces[-1] == b"" and b"" not in pieces[:-1]
    reports = [json.loads(event.payload) for event in events if event.headers[":event-type"] != "VideoEvent"]
    assert len(reports) == 1 + COLORS + 1, len(reports)


def main() -> None:
    frames = json.loads(Path(sys.argv[1]).read_text())
    messages = {"client": [], "server": []}
    for sender, data in frames:
        messages[sender].append(decode(base64.b64decode(data)))
    check_server(messages["server"])
    check_client(messages["client"])
    print(f"botocore decoded {len(messages['server'])} messages of the server, {len(messages['client'])} of the client")


main()
