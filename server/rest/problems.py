"""Errors as RFC 9457 problem details: a stable code, a sentence for people, the field at fault."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rooms.errors import Invalid, ProductError, Unavailable
from rooms.ports import LogStale, LogStalled
from server.rest.call import request_id_of
from storage.bus.ports import BusDown
from storage.database import DATABASE_AWAY

logger = structlog.get_logger(__name__)
STORES_AWAY = (*DATABASE_AWAY, BusDown)
_TITLES = {
    400: "Bad request",
    401: "Sign in first",
    402: "Payment required",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not acceptable",
    429: "Too many requests",
    451: "Unavailable for legal reasons",
    500: "Internal error",
    503: "Try again later",
}


def problem(error: ProductError) -> Response:
    """The answer for a typed error."""
    status = error.http_status
    body: dict[str, object] = {
        "type": f"/docs/errors#{error.code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
    }
    headers: dict[str, str] = {}
    if error.path is not None:
        body["path"] = error.path
    if error.retry_after_ms is not None:
        body["retry_after_ms"] = error.retry_after_ms
        headers["retry-after"] = str(-(-error.retry_after_ms // 1000))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    body.update(error.details)
    return Response(
        msgspec.json.encode(body), status, headers, media_type="application/problem+json"
    )


def plain_problem(status: int, detail: str, code: str) -> Response:
    """A problem that no ProductError stands for (unknown path, wrong method)."""
    body = {
        "type": f"/docs/errors#{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": False,
    }
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


async def http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405 in our words."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        answer = plain_problem(404, f"There is nothing at {request.url.path}.", "not_found")
    elif error.status_code == 405:
        detail = f"{request.url.path} does not take {request.method}."
        answer = plain_problem(405, detail, "method_not_allowed")
    else:
        answer = plain_problem(error.status_code, str(error.detail), "http_error")
    answer.headers.update(error.headers or {})
    answer.headers["x-request-id"] = request_id_of(request)
    return answer


class Internal(ProductError):
    """Nobody foresaw this; the person gets a number to ask about, the log the rest."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"Something went wrong on our side ({incident}).")


async def guarded(
    work: Callable[[], Awaitable[Response]],
    request_id: str,
    told: Callable[[ProductError], Response] = problem,
) -> Response:
    """The REST boundary: typed errors are told, anything else is logged and hidden."""
    try:
        return await work()
    except ProductError as error:
        return told(error)
    except (LogStale, LogStalled):
        return told(Unavailable("This room is moving to another server. Please try again."))
    except asyncpg.DataError as error:
        logger.warning("a value fits no column", request=request_id, kind=type(error).__name__)
        return told(Invalid("A value here is too large, or is none the database can hold."))
    except STORES_AWAY as error:
        logger.warning("a store is away", request=request_id, kind=type(error).__name__)
        return told(
            Unavailable("Our stores do not answer. Please try again.", retry_after_ms=2_000)
        )
    except asyncio.CancelledError:
        raise
    except Exception:
        incident = uuid.uuid4().hex[:12]
        logger.exception("a request failed", request=request_id, incident=incident)
        return told(Internal(incident))
