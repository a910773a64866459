"""The contract, compiled as Python callers compile it.

`messages` has the messages, and `SessionServiceStub` is the client. The import of this
module generates both from proto/.
"""

import atexit
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

REPOSITORY = Path(__file__).parents[2]
PROTO = REPOSITORY / "proto"


def _compile() -> None:
    """Runs protoc on the contract. Other packages have the files that it imports."""
    generated = tempfile.mkdtemp(prefix="livegate-contract-")
    atexit.register(shutil.rmtree, generated, ignore_errors=True)
    failed = protoc.main([
        "protoc",
        f"-I{PROTO}",
        f"-I{resources.files('grpc_tools') / '_proto'}",
        f"--python_out={generated}",
        f"--grpc_python_out={generated}",
        "livegate/v1/session.proto",
    ])
    if failed:
        raise RuntimeError("protoc rejects the contract")
    sys.path.insert(0, generated)


_compile()

from livegate.v1 import session_pb2 as messages  # noqa: E402
from livegate.v1.session_pb2_grpc import SessionServiceStub  # noqa: E402

SERVICE = messages.DESCRIPTOR.services_by_name["SessionService"].full_name

__all__ = ["PROTO", "REPOSITORY", "SERVICE", "SessionServiceStub", "messages"]
