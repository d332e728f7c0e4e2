"""OpenAPI 3.1 from the routes themselves, so that the document cannot drift from the code."""

import re
import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

import msgspec
from starlette.responses import Response

from rooms.shapes import Shape
from server.rest.routes import Operation, Routes


class Problem(Shape, frozen=True, kw_only=True):
    """Every error, as RFC 9457 has it. `code` is stable; `path` names the field at fault."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    path: str | None = None
    retry_after_ms: int | None = None


_REF = "#/components/schemas/{name}"
_ANY = "application/octet-stream"


def openapi(groups: Iterable[Routes], version: str) -> dict[str, Any]:
    """The document for these routes."""
    operations = [op for group in groups for op in group.operations]
    kinds = [Problem, *_kinds(operations)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    known = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for op in operations:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", op.path)
        paths.setdefault(path, {})[op.method.lower()] = _operation(op, known)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kindred",
            "version": version,
            "description": "A self-hosted, real-time server for AI companions.",
            "license": {"name": "See the repository"},
        },
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"bearer": []}],
    }


def _kinds(operations: list[Operation]) -> list[Any]:
    found: dict[str, Any] = {}
    for op in operations:
        for kind in (op.body, op.query, op.result):
            if kind is not None and not _is_response(kind):
                found.setdefault(repr(kind), kind)
    return list(found.values())


def _is_response(kind: Any) -> bool:
    if get_origin(kind) in {Union, types.UnionType}:
        return any(_is_response(part) for part in get_args(kind))
    return kind is type(None) or (isinstance(kind, type) and issubclass(kind, Response))


def _operation(op: Operation, known: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": op.name,
        "summary": op.summary,
        "tags": [op.tag],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": msgspec.json.schema(kind)}
            for name, kind in op.path_kinds
        ],
        "responses": {
            str(op.status): _success(op, known),
            "default": {
                "description": "An error, as problem details (RFC 9457).",
                "content": {
                    "application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}
                },
            },
        },
    }
    if op.description:
        described["description"] = op.description
    if op.public:
        described["security"] = []
    else:
        described["x-scope"] = op.scope or "*"
        if op.role is not None:
            described["x-role"] = op.role
    if op.query is not None:
        described["parameters"] += _query_parameters(op.query)
    if content := _body(op, known):
        described["requestBody"] = {"required": True, "content": content}
    return described


def _body(op: Operation, known: dict[str, Any]) -> dict[str, Any]:
    """What is sent, by content type."""
    content: dict[str, Any] = {kind: {"schema": _bare(kind)} for kind in op.takes}
    if op.body is not None:
        content["application/json"] = {"schema": known[repr(op.body)]}
    if op.form is not None or op.files:
        content["multipart/form-data"] = _form(op)
    return content


def _bare(kind: str) -> dict[str, str]:
    """A body as it is: text is a string, of bytes nothing more is said (OpenAPI 3.1)."""
    texts = ("text/", "application/sdp", "application/trickle-ice-sdpfrag")
    return {"type": "string"} if kind.startswith(texts) else {}


def _form(op: Operation) -> dict[str, Any]:
    """A form's fields as its Struct has them, and its files, which are required."""
    fields: dict[str, Any] = {"properties": {}, "required": []}
    if op.form is not None:
        schema = msgspec.json.schema(op.form)
        fields = next(iter(schema["$defs"].values()))
    files = {name: {"type": "string", "contentMediaType": _ANY} for name in op.files}
    return {
        "schema": {
            "type": "object",
            "properties": {**files, **fields["properties"]},
            "required": [*op.files, *fields.get("required", [])],
        },
        "encoding": {name: {"contentType": _ANY} for name in op.files},
    }


def _success(op: Operation, known: dict[str, Any]) -> dict[str, Any]:
    schema = known.get(repr(op.result)) if op.result is not None else None
    if op.gives:
        content = {kind: {"schema": _bare(kind)} for kind in op.gives}
        if schema is not None:
            content["application/json"] = {"schema": schema}
        return {"description": op.summary, "content": content}
    if schema is None:
        return {"description": op.summary or "Done."}
    return {"description": op.summary, "content": {"application/json": {"schema": schema}}}


def _query_parameters(kind: Any) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(kind)
    struct = next(iter(schema["$defs"].values()))
    return [
        {"name": name, "in": "query", "required": name in struct.get("required", []), "schema": one}
        for name, one in struct["properties"].items()
    ]
