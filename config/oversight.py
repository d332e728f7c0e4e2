"""What those who run the service may see and do in a conversation while it happens."""

from msgspec import Struct


class OversightSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Watching live. Whether and how people must be told is a matter of law where you are.

    enabled: whether administrators can look into rooms at all.
    watches_per_admin: rooms one administrator may watch at once, on each node.
    members_are_told: whether a room is told, as a notice, when somebody begins to watch it.
    direction_characters: the longest direction to a companion.
    listed_rooms: live rooms of each node a list shows, the liveliest first.
    """

    enabled: bool = True
    watches_per_admin: int = 8
    members_are_told: bool = False
    direction_characters: int = 1_000
    listed_rooms: int = 200
