"""From what people write to typed values, and back to text without secrets.

The environment and the command line carry only text, so a value is read by the type of
the setting it is for. TOML carries types of its own and is held to them.
"""

import json
import re
from types import UnionType
from typing import Any, Union, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from config.keys import bare, in_words, is_section
from config.problems import Key

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SECRET = re.compile(r"(^|_)(api_key|secret|password|token|credentials)$")
_QUERY_SECRET = re.compile(r"((?:^|&)[^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*", re.I)


class WrongValue(Exception):
    """A value does not fit its setting; the text says what was expected."""


def typed(value: object, kind: Any) -> object:
    """`value` as `kind`, without bending it; raises WrongValue."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise WrongValue(_expected(kind, error)) from None


def from_text(text: str, kind: Any) -> object:
    """What a variable or flag says, read as `kind`; raises WrongValue."""
    plain = bare(kind)
    if is_section(plain):
        return _from_json(text, kind, dict)
    if get_origin(plain) is list:
        return _list_from_text(text, kind, get_args(plain)[0])
    if plain is bool:
        return _bool_from_text(text)
    if get_origin(plain) in (Union, UnionType):
        return _union_from_text(text, kind, get_args(plain))
    try:
        return msgspec.convert(text.strip() if plain is not str else text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise WrongValue(_expected(kind, error)) from None


def _bool_from_text(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise WrongValue("expected true or false")


def _list_from_text(text: str, kind: Any, item: Any) -> object:
    """A JSON list, or items between commas."""
    if text.lstrip().startswith("["):
        return _from_json(text, kind, list)
    return [from_text(part.strip(), item) for part in text.split(",") if part.strip()]


def _union_from_text(text: str, kind: Any, arms: tuple[Any, ...]) -> object:
    for arm in sorted(arms, key=lambda arm: bare(arm) is str):
        try:
            return from_text(text, arm)
        except WrongValue:
            continue
    raise WrongValue(f"expected {in_words(kind)}")


def _from_json(text: str, kind: Any, shape: type) -> object:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongValue(f"expected {in_words(kind)}, as JSON ({error.msg})") from None
    if not isinstance(value, shape):
        raise WrongValue(f"expected {in_words(kind)}, as JSON")
    return value if shape is dict else typed(value, kind)


def _expected(kind: Any, error: msgspec.ValidationError) -> str:
    """The bounds of a Meta come from msgspec's own words; everything else from ours."""
    text = str(error)
    if ">=" in text or "<=" in text or "length" in text or "regex" in text:
        return text[0].lower() + text[1:].replace("`", "")
    return f"expected {in_words(kind)}"


def shown(key: Key, value: object) -> str:
    """A value for people: secrets and passwords inside addresses are masked."""
    if _SECRET.search(key[-1]):
        return "(set)" if value else "(not set)"
    if isinstance(value, str):
        return _without_password(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(shown(key, item) for item in value)
    return str(value)


def is_secret(key: Key) -> bool:
    """Whether a setting's value must never be shown, or may carry a password."""
    return bool(_SECRET.search(key[-1])) or key[-1].endswith("url")


def _without_password(text: str) -> str:
    if "://" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return "(not an address)"
    place = parts.netloc
    if "@" in place:
        name, _, host = place.rpartition("@")
        user, colon, _ = name.partition(":")
        place = f"{user}{':***' if colon else ''}@{host}"
    query = _QUERY_SECRET.sub(r"\1***", parts.query)
    return parts._replace(netloc=place, query=query).geturl()
