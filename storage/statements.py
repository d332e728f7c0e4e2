"""Every SQL statement of the house, by name.

Statements are written where they are used and recorded here, so that one test can
PREPARE them all against the migrated schema and find a typo before a person does.
"""

ALL: dict[str, str] = {}


def sql(name: str, text: str) -> str:
    """Record a statement under a unique `name` and return its text."""
    assert ALL.get(name, text) == text, f"two statements are named {name!r}"
    ALL[name] = text
    return text
