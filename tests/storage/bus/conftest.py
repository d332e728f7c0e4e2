"""A real cluster of three primaries, started once a module in about two seconds."""

from collections.abc import Iterator

import pytest

from tests.storage.bus.servers import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Shared by a module's tests: whoever breaks it mends it."""
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        found.start()
        yield found
    finally:
        found.end()
