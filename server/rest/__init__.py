"""The typed layer under every REST route: what comes in is checked, what goes out encoded.

A handler is an async function with type hints; see `Routes` for the shape.
"""

from server.rest.call import Call
from server.rest.routes import Routes

__all__ = ["Call", "Routes"]
