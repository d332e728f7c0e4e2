"""The OpenAPI document: valid to whoever reads it, and true to the routes."""

import inspect
from typing import Any

import jsonschema

from server.api.openai_audio import TranscriptionFields
from server.app import REST
from server.reference.rest import groups, openapi_document, rest_page
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


def test_every_body_that_is_read_is_described() -> None:
    """Whoever reads a body by hand says what it is; whoever says so does read one."""
    for group in groups():
        for op in group.operations:
            source = inspect.getsource(op.handler)
            reads = "read_body(" in source or "await _text(call" in source
            described = bool(op.takes or op.files or op.form)
            assert reads == described, (op.method, op.path)


def test_the_form_of_a_transcription_is_the_one_that_is_read() -> None:
    document = openapi_document()
    body = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]
    assert list(body["content"]) == ["multipart/form-data"]
    form = body["content"]["multipart/form-data"]
    schema = form["schema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["file", "model"]
    assert set(schema["properties"]) == {"file", *TranscriptionFields.__struct_fields__}
    assert form["encoding"] == {"file": {"contentType": "application/octet-stream"}}
    sent = {"file": "RIFF", "model": "whisper-1", "response_format": "srt"}
    jsonschema.Draft202012Validator(schema).validate(sent)
    wrong = {"file": "RIFF", "model": "whisper-1", "response_format": "pdf"}
    assert not jsonschema.Draft202012Validator(schema).is_valid(wrong)


def test_bare_bodies_name_their_content_types() -> None:
    paths = openapi_document()["paths"]
    note = paths["/api/v1/media/recordings"]["post"]["requestBody"]["content"]
    assert {"audio/webm", "audio/ogg", "audio/wav"} <= set(note)
    assert list(paths["/v1/calls"]["post"]["requestBody"]["content"]) == ["application/sdp"]
    trickle = paths["/v1/calls/{call_id}"]["patch"]["requestBody"]["content"]
    assert list(trickle) == ["application/trickle-ice-sdpfrag"]
    picture = paths["/api/v1/companions/{companion}/picture"]["post"]["requestBody"]["content"]
    assert list(picture) == ["application/json"]  # in base64, as its schema says
    sound = paths["/api/v1/media/recordings/{recording}/sound"]["get"]["responses"]["200"]
    assert "audio/ogg" in sound["content"]


def test_the_page_says_how_such_bodies_are_sent() -> None:
    page = rest_page()
    assert "Body: `multipart/form-data` with the file `file`." in page
    assert "Body: `application/sdp`." in page
