"""Forms with files in them (multipart/form-data, RFC 7578), read from a body that is bounded.

Parts are cut out at the boundary; nothing is decoded but headers and plain fields.
"""

import re
from typing import Final

from msgspec import Struct

from rooms.errors import BadRequest

PARTS_MAX: Final = 32
HEADER_BYTES_MAX: Final = 2_048
FIELD_BYTES_MAX: Final = 16_384
_BOUNDARY: Final = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(rb'[;\s]name="([^"]{0,120})"', re.IGNORECASE)
_FILE_NAME: Final = re.compile(rb'[;\s]filename="([^"]{0,260})"', re.IGNORECASE)


class Upload(Struct, frozen=True):
    """A file of a form. Its name is what the client says, and is only ever shown."""

    name: str
    data: bytes


class Form(Struct, frozen=True):
    """What a form brings; of fields with one name the last one counts, of files too."""

    fields: dict[str, str]
    files: dict[str, Upload]


def boundary_of(content_type: str) -> bytes:
    """The mark between parts. Raises BadRequest."""
    kind = content_type.partition(";")[0].strip().lower()
    found = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or found is None:
        raise BadRequest("Send multipart/form-data with a boundary.", code="malformed_form")
    return (found[1] or found[2]).encode("latin-1", "replace")


def read_form(body: bytes, boundary: bytes) -> Form:
    """The parts of a body. Raises BadRequest."""
    mark = b"--" + boundary
    if not body.startswith(mark):
        body = b"\r\n" + body
        mark_at = body.find(b"\r\n" + mark)
        if mark_at < 0:
            raise BadRequest("The form has no parts.", code="malformed_form")
        body = body[mark_at + 2 :]
    form = Form({}, {})
    parts = (b"\r\n" + body).split(b"\r\n" + mark, PARTS_MAX + 2)
    if len(parts) > PARTS_MAX + 2:
        raise BadRequest(f"A form may have {PARTS_MAX} parts.", code="malformed_form")
    if not parts[-1].startswith(b"--"):
        raise BadRequest("The form is cut off.", code="malformed_form")
    for part in parts[1:-1]:
        _take(form, part)
    return form


def _take(form: Form, part: bytes) -> None:
    head, found, content = part.partition(b"\r\n\r\n")
    name = _NAME.search(b";" + head)
    if not found or len(head) > HEADER_BYTES_MAX or name is None:
        raise BadRequest("A part of the form has no name.", code="malformed_form")
    file_name = _FILE_NAME.search(head)
    key = name[1].decode(errors="replace")
    if file_name is not None:
        form.files[key] = Upload(file_name[1].decode(errors="replace"), content)
        return
    if len(content) > FIELD_BYTES_MAX:
        raise BadRequest(f"A field may have {FIELD_BYTES_MAX} bytes.", code="malformed_form")
    try:
        form.fields[key] = content.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("A field is not UTF-8.", code="malformed_form") from error
