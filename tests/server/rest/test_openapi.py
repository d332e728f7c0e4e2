"""The OpenAPI document: valid to whoever reads it, and true to the routes."""

from typing import Any

import jsonschema

from server.app import REST
from server.reference.rest import groups
from server.rest.openapi import openapi

DOCUMENT = openapi(REST, "1.0")


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [one for value in part.values() for one in references(value)]
    if isinstance(part, list):
        return [one for value in part for one in references(value)]
    return []


def test_every_reference_leads_somewhere() -> None:
    known = DOCUMENT["components"]["schemas"]
    found = references(DOCUMENT)
    assert found
    for reference in found:
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas"
        assert name in known


def test_every_schema_is_a_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_operation_says_who_may_use_it_and_what_it_answers() -> None:
    operations = [
        (path, method, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 50
    for path, method, operation in operations:
        assert operation["summary"].endswith("."), (method, path)
        assert operation.get("security") == [] or operation["x-scope"], (method, path)
        assert "default" in operation["responses"]
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))


def test_no_group_of_routes_is_served_but_not_described() -> None:
    served = {id(group) for group in REST}
    undescribed = {group.tag for group in groups() if id(group) not in served}
    assert undescribed <= {"openai", "OpenAI-compatible"}
