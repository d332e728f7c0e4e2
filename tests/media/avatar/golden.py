"""Writes golden_faces.json anew, after somebody looked at the new faces: run as a module."""

import msgspec

from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_companion
from tests.media.avatar.test_every_look import GOLDEN, small

if __name__ == "__main__":
    faces = {slug: small(read_companion(CAST / f"{slug}.toml").appearance)
             for slug in ("mira", "kwame")}  # fmt: skip
    GOLDEN.write_bytes(msgspec.json.encode(faces))
