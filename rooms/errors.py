"""Every error a person or a program can be given, typed once.

Only `realtime/` and `server/` turn these into frames and HTTP answers. Storage and media
raise plain errors of their own; rooms translate them. Anything else is a bug: it is
logged with its turn id and answered as `internal`.

    ProductError
     ├─ BadRequest (400)  Unauthorized (401)  PaymentRequired (402)  Forbidden (403)
     ├─ NotFound (404)  Conflict (409)  TooLarge (413)  Invalid (422)  TooMany (429)
     └─ Unlawful (451)  Unavailable (503)
"""

from typing import ClassVar


class ProductError(Exception):
    """An answer that says what went wrong and what to do.

    `code` is stable and for programs; the message is for people. `retryable` says whether
    the same request may succeed later, `retry_after_ms` when. `path` names the offending
    field as `$.a.b`. `details` carries typed extras (for 402: what would unlock it).
    """

    http_status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        path: str | None = None,
        retry_after_ms: int | None = None,
        retryable: bool | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.path = path
        self.retry_after_ms = retry_after_ms
        self.details = details or {}
        if retryable is not None:
            self.retryable = retryable


class BadRequest(ProductError):
    http_status = 400
    default_code = "bad_request"


class Unauthorized(ProductError):
    http_status = 401
    default_code = "unauthorized"


class PaymentRequired(ProductError):
    """Out of credits, or a plan does not include it; `details` says what would unlock it."""

    http_status = 402
    default_code = "out_of_credits"


class Forbidden(ProductError):
    http_status = 403
    default_code = "forbidden"


class NotFound(ProductError):
    http_status = 404
    default_code = "not_found"


class Conflict(ProductError):
    http_status = 409
    default_code = "conflict"


class TooLarge(ProductError):
    http_status = 413
    default_code = "too_large"


class Invalid(ProductError):
    """Well-formed, but not acceptable; `path` names the field."""

    http_status = 422
    default_code = "invalid"


class TooMany(ProductError):
    http_status = 429
    default_code = "rate_limited"
    retryable = True


class Unlawful(ProductError):
    http_status = 451
    default_code = "unavailable_for_legal_reasons"


class Unavailable(ProductError):
    """Something we rely on does not answer; the same request may succeed later."""

    http_status = 503
    default_code = "unavailable"
    retryable = True
