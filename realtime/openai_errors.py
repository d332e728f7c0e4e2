"""A refusal as OpenAI's error object, for both of its doors: HTTP and `/v1/realtime`.

Status and code are ours; the type is the word that OpenAI's clients know for such a status.
"""

from typing import Any, Final

from rooms.errors import ProductError

KINDS: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error_object(error: ProductError) -> dict[str, Any]:
    """`message`, `type`, `code`, `param`, and what else we know (for 402: what unlocks it)."""
    of_ours = "server_error" if error.http_status >= 500 else "invalid_request_error"
    return {
        "message": error.message,
        "type": KINDS.get(error.http_status, of_ours),
        "code": error.code,
        "param": error.path,
        **error.details,
    }
