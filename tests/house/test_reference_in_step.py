"""The generated reference says what the code says, and its documents are valid."""

import re
from typing import Any

import jsonschema
import msgspec

from rooms.commands import MessageSend
from rooms.events import ReplyDelta, Typing
from server.reference.__main__ import main
from server.reference.pages import pages
from server.reference.rest import openapi_document
from server.reference.wire import CLIENT_FRAMES, SERVER_FRAMES, asyncapi, json_schema

_ID = re.compile(r"^[\w\-]+$")


def test_every_generated_file_is_in_step_with_the_code(house) -> None:
    fresh = pages()
    files = {path: house.root / path for path in fresh}
    assert [path for path, file in files.items() if not file.is_file()] == [], "`make reference`"
    drifted = [path for path, file in files.items() if file.read_text() != fresh[path]]
    assert drifted == [], "run `make reference`"


def test_a_file_that_drifted_is_named(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("server.reference.__main__.ROOT", tmp_path)
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "docs/reference/settings.md").write_text("something else")
    assert main(["--check"]) == 1
    assert "out of step: docs/reference/settings.md" in capsys.readouterr().out


def references(node: Any) -> list[str]:
    """Every `$ref` inside a document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def resolve(document: Any, reference: str) -> Any:
    """What a `$ref` points at."""
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def faults(document: dict[str, Any]) -> list[str]:
    """What AsyncAPI 3 would reject: versions, ids, references, messages of another channel."""
    found = []
    if document.get("asyncapi") != "3.0.0" or not {"title", "version"} <= set(document["info"]):
        found.append("head")
    for server in document["servers"].values():
        found += [f"server lacks {word}" for word in ("host", "protocol") if word not in server]
    for group in ("channels", "operations", "servers"):
        found += [f"id {name}" for name in document[group] if not _ID.match(name)]
    for group in document["components"].values():
        found += [f"id {name}" for name in group if not re.match(r"^[\w.\-]+$", name)]
    for reference in references(document):
        try:
            resolve(document, reference)
        except (KeyError, TypeError):
            found.append(f"dangling {reference}")
    for name, operation in document["operations"].items():
        if operation.get("action") not in ("send", "receive"):
            found.append(f"action of {name}")
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            if not message["$ref"].startswith(f"{channel}/messages/"):
                found.append(f"{name} uses a message of another channel")
    for name, message in document["components"]["messages"].items():
        if "payload" not in message:
            found.append(f"{name} has no payload")
    return found


def test_the_asyncapi_document_is_valid() -> None:
    document = asyncapi()
    assert faults(document) == []
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_broken_asyncapi_document_is_found() -> None:
    document = asyncapi()
    del document["components"]["schemas"]["MessageSend"]
    document["operations"]["fromClient"]["action"] = "subscribe"
    found = faults(document)
    assert "dangling #/components/schemas/MessageSend" in found
    assert "action of fromClient" in found


def test_the_openapi_document_is_sound() -> None:
    document = openapi_document()
    assert document["openapi"].startswith("3.1.")
    for reference in references(document):
        resolve(document, reference)
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    named = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "operationId" in operation
    ]
    assert len(named) == len(set(named))
    for path, methods in document["paths"].items():
        wanted = set(re.findall(r"{(\w+)}", path))
        for operation in methods.values():
            given = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert given == wanted, path
            assert operation["summary"], path
            assert operation["responses"], path


def test_every_frame_stands_in_every_description() -> None:
    page = pages()["docs/reference/protocol.md"]
    types = pages()["server/web/types.d.ts"]
    document = asyncapi()
    for kind in [*CLIENT_FRAMES, *SERVER_FRAMES]:
        assert f"### `{kind.__struct_config__.tag}`" in page
        assert f"export interface {kind.__name__} {{" in types
        assert kind.__name__ in document["components"]["messages"]


def test_the_schema_accepts_a_real_frame_and_refuses_a_wrong_one() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    frame = msgspec.to_builtins(MessageSend(id="1", room="r_1", text="Hi"))
    assert validator.is_valid(frame)
    assert not validator.is_valid({**frame, "text": ""})
    assert not validator.is_valid({**frame, "type": "message.sned"})


def test_a_numbered_event_needs_its_number() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    event = msgspec.to_builtins(ReplyDelta(room="r", reply="m", offset=0, text="Hel"))
    assert not validator.is_valid(event)
    assert validator.is_valid({**event, "seq": 3, "at": 1_790_000_000_000})
    assert validator.is_valid(msgspec.to_builtins(Typing(room="r", person="p", on=True)))


def test_codes_and_close_codes_are_found_where_they_are_raised() -> None:
    page = pages()["docs/reference/errors.md"]
    for code in ("key_reused", "malformed", "unknown_type"):
        assert f"| `{code}` |" in page
    assert "| 4009 | " in page
    assert re.search(r"\| 4504 \| .* \| no \|", page)


def test_names_in_the_browser_types_are_all_declared() -> None:
    text = pages()["server/web/types.d.ts"]
    declared = set(re.findall(r"export (?:interface|type) (\w+)", text))
    code = re.sub(r"/\*\*.*?\*/|//[^\n]*|\"[^\"]*\"", "", text)
    used = set(re.findall(r"\b[A-Z]\w+", code)) - {"Record"}
    assert used == declared
    assert code.count("{") == code.count("}")
