"""What is not painted for a layer shows nothing of it, however wild the pose."""

import numpy as np
import pytest

from media.avatar import pose
from media.avatar.face import measure
from media.avatar.fields import State
from media.avatar.reach import Part, Pose, seen
from media.avatar.sketch import VIEW, VIEW_X, VIEW_Y
from media.avatar.state import COLUMN, HIGH, LOW, Rows, neutral
from media.avatar.traits import Traits, colour_rows, number_row
from rooms.companions.catalogue import CAST
from rooms.companions.companion import read_cast

SIZE = 256
CAST_FACES = [measure(companion.appearance) for companion in read_cast(CAST)]
DRAWN = {
    "back": Part(48, 20, 210, 250),
    "body": Part(-16, 150, 272, 272),
    "head": Part(66, 40, 190, 190),
    "front": Part(55, 14, 201, 270),
}


def wild(count: int) -> Rows:
    """Rows anywhere within their ranges; half of them hardly move."""
    chance = np.random.default_rng(5)
    rows = LOW + chance.random((count, len(LOW)), np.float32) * (HIGH - LOW)
    rows[::2, COLUMN["yaw"] : COLUMN["breath"]] *= 0.15
    return rows.astype(np.float32)


def shows(layer: str, row: Rows, traits: Traits) -> np.ndarray:
    """Which places of the frame and around it show a place of the drawing."""
    k, at = SIZE / VIEW, DRAWN[layer]
    steps = np.arange(-64, SIZE + 64, 2, dtype=np.float32)
    x = ((steps + 0.5) / k + VIEW_X).reshape(1, 1, -1)
    y = ((steps + 0.5) / k + VIEW_Y).reshape(1, -1, 1)
    sx, sy = pose.source(np, layer, x, y, State(row), traits)
    px, py = (sx[0] - VIEW_X) * k, (sy[0] - VIEW_Y) * k
    return (px > at.x0) & (px < at.x1) & (py > at.y0) & (py < at.y1)


@pytest.mark.parametrize("layer", sorted(DRAWN))
def test_no_place_that_shows_a_layer_lies_beyond_its_reach(layer: str) -> None:
    for n, row in enumerate(wild(48)):
        face = CAST_FACES[n % len(CAST_FACES)]
        numbers = number_row(face)
        traits = Traits(numbers[None], colour_rows(face)[None])
        reach = seen(layer, DRAWN[layer], Pose.of(row[None], face.width, face.chin), SIZE)
        rows, columns = np.nonzero(shows(layer, row[None], traits))
        x, y = columns * 2 - 64, rows * 2 - 64
        assert x.min() >= reach.x0, n
        assert x.max() < reach.x1, n
        assert y.min() >= reach.y0, n
        assert y.max() < reach.y1, n


def test_a_face_at_rest_is_painted_where_it_was_drawn() -> None:
    still = Pose.of(neutral(), 80.0, 330.0)
    for layer, at in DRAWN.items():
        assert seen(layer, at, still, SIZE) == Part(at.x0 - 1, at.y0 - 1, at.x1 + 1, at.y1 + 1)


def test_parts_join_and_keep_to_steps_inside_the_frame() -> None:
    assert Part(3, 4, 10, 9).joined(Part(5, 1, 8, 30)) == Part(3, 1, 10, 30)
    assert Part(-9, 17, 300, 40).whole(16, 256) == Part(0, 16, 256, 48)
    beyond = Part(300, 4, 320, 9).whole(16, 256)
    assert beyond.wide == 0 or beyond.x0 >= 256
