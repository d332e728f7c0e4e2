"""The judge of what cameras show is asked only where one is named."""

from config.calls import CallSettings
from media.calls.picture_check import HttpPictureCheck, picture_check


def test_nobody_is_asked_where_nobody_is_named() -> None:
    assert picture_check(CallSettings()) is None
    named = picture_check(CallSettings(camera_check_url="https://judge.example"))
    assert isinstance(named, HttpPictureCheck)
