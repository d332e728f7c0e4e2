"""What a request brings, checked: its body, its query, the names in its path.

Whatever cannot be taken is answered here with the place of the fault, so that no handler and
no statement meets a text it cannot hold.
"""

import asyncio
import re
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from rooms.errors import BadRequest, Invalid, NotFound, ProductError, TooLarge

BODY_SECONDS: Final = 30.0
# PostgreSQL's text cannot hold U+0000, and in JSON it can only be written this way.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class UnsupportedMediaType(ProductError):
    http_status = 415
    default_code = "unsupported_media_type"


class RangeNotSatisfiable(ProductError):
    """A part was asked for that is not there."""

    http_status = 416
    default_code = "range_not_satisfiable"


class TooSlow(ProductError):
    http_status = 408
    default_code = "too_slow"
    retryable = True


async def body_of(request: Request, decoder: Any, most_bytes: int) -> Any:
    """The body as its Struct. Raises a ProductError that says where it is wrong."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise UnsupportedMediaType(f"Send application/json, not {kind[:60]!r}.")
    data = await read_body(request, most_bytes)
    if _NUL.search(data):
        raise Invalid("A text may not hold the character U+0000.", code="malformed_text")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        message, path = split_path(str(error))
        raise Invalid(message, path=path) from error
    except UnicodeDecodeError as error:
        raise BadRequest(_not_utf8(data), code="malformed_json") from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"This is not JSON: {error}.", code="malformed_json") from error
    except RecursionError as error:
        raise BadRequest("This JSON is nested too deeply.", code="malformed_json") from error


def _not_utf8(data: bytes) -> str:
    """Where the body stops being UTF-8, counted from its beginning."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"This is not UTF-8: {error.reason} (byte {error.start})."
    return "This is not UTF-8."


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body, refused while it arrives once it is longer or slower than allowed."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most_bytes:
        raise TooLarge(f"A body may have {most_bytes} bytes here.")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                data += piece
                if len(data) > most_bytes:
                    raise TooLarge(f"A body may have {most_bytes} bytes here.")
    except ClientDisconnect as error:
        raise BadRequest("The request was cut off.", code="cut_off") from error
    except TimeoutError as error:
        raise TooSlow(f"The body did not arrive within {BODY_SECONDS:.0f} seconds.") from error
    return bytes(data)


def query_of(request: Request, kind: Any) -> Any:
    """The query string as its Struct; numbers and booleans are read from their text."""
    values = dict(request.query_params)
    for name, value in values.items():
        if "\0" in value:
            raise Invalid("A text may not hold the character U+0000.", path=f"$.{name[:40]}")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        message, path = split_path(str(error))
        raise Invalid(f"{message} (in the query string)", path=path) from error


def path_of(request: Request, kinds: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """The path's parameters by name and type; what cannot be one names nothing there is."""
    found: dict[str, Any] = {}
    for name, kind in kinds:
        value = request.path_params[name]
        if isinstance(value, str) and "\0" in value:
            raise NotFound(f"There is nothing at {request.url.path}.")
        try:
            found[name] = value if kind is str else msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            raise NotFound(f"There is nothing at {request.url.path}.") from error
    return found


def split_path(message: str) -> tuple[str, str | None]:
    """msgspec's "... - at `$.a`" as the message and the path."""
    text, found, path = message.rpartition(" - at `")
    return (text, path.rstrip("`")) if found else (message, "$")
