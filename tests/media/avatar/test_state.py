"""The row of state: names, ranges, and what counts as a change that can be seen."""

import numpy as np
import pytest

from media.avatar.state import COLUMN, FEATURES, NAMES, K, changed, neutral, row, within


def test_a_row_holds_each_feature_once_at_rest_within_its_range() -> None:
    assert len(set(NAMES)) == K == neutral(3).shape[1]
    assert neutral().dtype == np.float32
    for feature in FEATURES:
        assert feature.low <= 0.0 <= feature.high
        assert 0 < feature.visible < (feature.high - feature.low) / 10


def test_a_row_is_written_by_name_and_unknown_names_are_refused() -> None:
    assert row(jaw=0.5)[COLUMN["jaw"]] == 0.5
    with pytest.raises(KeyError):
        row(jwa=0.5)


def test_wild_values_are_brought_into_range() -> None:
    wild = np.stack([row(jaw=9.0, yaw=-500.0, smile=float("nan"))])
    tame = within(wild)[0]
    assert tame[COLUMN["jaw"]] == 1.0
    assert tame[COLUMN["yaw"]] == -20.0
    assert tame[COLUMN["smile"]] == 0.0


def test_only_what_can_be_seen_counts_as_changed() -> None:
    before = neutral(3)
    after = before.copy()
    after[1, COLUMN["jaw"]] = 0.0005
    after[2, COLUMN["jaw"]] = 0.05
    assert changed(before, after).tolist() == [False, False, True]
