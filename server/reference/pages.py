"""The list of generated files: path -> text. Nothing here writes; __main__ does.

A new generated file is one line here, and from then on the house test keeps it in step.
"""

import json

from config.reference import presets_page, settings_page
from server.observability.table import metrics_page
from server.reference.browser_types import browser_types
from server.reference.command_line import cli_page
from server.reference.error_codes import errors_page
from server.reference.figure_weights import figure_weights
from server.reference.rest import openapi_document, rest_page
from server.reference.wire import asyncapi, json_schema, protocol_page


def pages() -> dict[str, str]:
    """Every generated file, by its path under the repository's root."""
    return {
        "docs/reference/settings.md": settings_page(),
        "docs/reference/presets.md": presets_page(),
        "docs/reference/metrics.md": metrics_page(),
        "docs/reference/cli.md": cli_page(),
        "docs/reference/protocol.md": protocol_page(),
        "docs/reference/errors.md": errors_page(),
        "docs/reference/rest.md": rest_page(),
        "docs/reference/openapi.json": _json(openapi_document()),
        "docs/reference/asyncapi.json": _json(asyncapi()),
        "docs/reference/schema.json": _json(json_schema()),
        "server/web/types.d.ts": browser_types(),
        "server/web/app/figure/arkit.js": figure_weights(),
    }


def _json(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
