"""The details of an error, and the conventions that all errors keep."""

from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PUSHBACK = "grpc-retry-pushback-ms"


@dataclass
class Refusal:
    """A status other than OK, with its details."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    request_id: str
    pushback_ms: int | None
    retry_seconds: float | None = None
    violations: dict[str, str] = field(default_factory=dict)
    quotas: list[str] = field(default_factory=list)


def read(error: grpc.RpcError) -> Refusal:
    """Reads an error of the server, and checks the conventions."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    details: dict[str, list] = {}
    for any_detail in status.details:
        name = any_detail.type_url.rsplit(".", 1)[-1]
        detail = getattr(error_details_pb2, name)()
        assert any_detail.Unpack(detail)
        details.setdefault(name, []).append(detail)

    [info] = details["ErrorInfo"]
    [request] = details["RequestInfo"]
    assert info.domain == "livegate"
    assert error.details(), "every error has a message"
    refusal = Refusal(
        code=error.code(),
        message=error.details(),
        reason=info.reason,
        metadata=dict(info.metadata),
        request_id=request.request_id,
        pushback_ms=_pushback(error),
    )
    for retry in details.get("RetryInfo", []):
        refusal.retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    for bad in details.get("BadRequest", []):
        refusal.violations = {violation.field: violation.description for violation in bad.field_violations}
    for quota in details.get("QuotaFailure", []):
        refusal.quotas = [violation.subject for violation in quota.violations]
    _check_retry_hints(refusal)
    return refusal


def _pushback(error: grpc.RpcError) -> int | None:
    values = [value for key, value in error.trailing_metadata() or () if key == PUSHBACK]
    assert len(values) <= 1
    return int(values[0]) if values else None


def _check_retry_hints(refusal: Refusal) -> None:
    """Checks the hints. Without a trailer, stock clients retry in addition to the server."""
    assert refusal.request_id
    if refusal.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
        assert refusal.pushback_ms is not None, refusal
    if refusal.pushback_ms is not None and refusal.pushback_ms >= 0:
        assert refusal.retry_seconds is not None, refusal
        assert abs(refusal.pushback_ms / 1000 - refusal.retry_seconds) < 0.01, "both hints have the same delay"


def refused(call: Callable[[], object]) -> Refusal:
    """Makes a call that must fail, and reads its error."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return read(caught.value)
