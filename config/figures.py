"""How large the 3D figures (GLB, VRM) may be that people and operators give companions."""

from msgspec import Struct


class FigureSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """3D figures, drawn by the client. What a file must hold to is fixed (media/avatar/figure).

    offered: whether people may give companions a figure of their own; staff may either way.
    file_bytes: the largest file.
    kept_count: how many figures of one person are kept.
    kept_bytes: how much of one person is kept in all.
    """

    offered: bool = True
    file_bytes: int = 33_554_432
    kept_count: int = 20
    kept_bytes: int = 268_435_456
