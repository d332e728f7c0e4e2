"""The port of several gateways: what a dead one would have taken goes to those who live."""

import socket

from server.supervisor.listening import listens, open_sockets, rest


def calls(port: int, count: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(count)]


def taken(listening: socket.socket) -> int:
    """How many wait there, accepted one by one."""
    listening.setblocking(False)
    count = 0
    while True:
        try:
            listening.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_a_resting_socket_takes_nothing_until_somebody_listens_again() -> None:
    dead, alive = open_sockets("127.0.0.1", 0, 2)
    with dead, alive:
        port = dead.getsockname()[1]
        rest(dead)
        assert not listens(dead)
        for one in calls(port, 40):
            one.close()
        assert taken(alive) == 40
        dead.listen(100)
        assert listens(dead)
        for one in calls(port, 40):
            one.close()
        here, there = taken(dead), taken(alive)
        assert here + there == 40
        assert here > 0


def test_whoever_waited_at_the_dead_is_turned_away_and_not_kept_waiting() -> None:
    dead, alive = open_sockets("127.0.0.1", 0, 2)
    with dead, alive:
        waiting = calls(dead.getsockname()[1], 40)
        rest(dead)
        kept = taken(alive)
        assert 0 < kept < 40
        ended = 0
        for one in waiting:
            try:
                ended += one.recv(1) == b""  # by `taken`: it was served
            except ConnectionResetError:
                ended += 1
            one.close()
        assert ended == 40
