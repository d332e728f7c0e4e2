"""Who is signed in on this node: one actor per person, found by id."""

from collections.abc import Callable, Coroutine, Iterator

from realtime.actor import Actor
from realtime.seat import Seat
from realtime.tails import Tails
from rooms.errors import TooMany


class Registry:
    """Actors live from a person's first socket to their last."""

    def __init__(
        self,
        tails: Tails,
        spawn: Callable[[Coroutine[object, object, None]], None],
        sockets_per_person: int,
    ) -> None:
        self._tails = tails
        self._spawn = spawn
        self._most = sockets_per_person
        self.changed: Callable[[Actor], None] = _nobody_listens  # a person's rooms did
        self._actors: dict[str, Actor] = {}

    def __len__(self) -> int:
        return len(self._actors)

    def __iter__(self) -> Iterator[Actor]:
        return iter(tuple(self._actors.values()))

    def find(self, person: str) -> Actor | None:
        """The person's actor, if they are here."""
        return self._actors.get(person)

    def enter(self, person: str, socket: Seat) -> Actor:
        """A socket of this person; raises TooMany when they have as many as they may."""
        actor = self._actors.get(person)
        if actor is not None and len(actor.sockets) >= self._most:
            raise TooMany(
                f"You have {self._most} open connections; close one.", code="too_many_sockets"
            )
        if actor is None:
            actor = self._actors[person] = Actor(person, self._tails, self._spawn, self.changed)
        actor.sockets.append(socket)
        actor.resort()
        return actor

    def left(self, actor: Actor, socket: Seat) -> None:
        """A socket is gone; with the last one the person is."""
        if socket in actor.sockets:
            actor.sockets.remove(socket)
            actor.resort()
        if not actor.sockets and self._actors.get(actor.person) is actor:
            del self._actors[actor.person]
            actor.end()


def _nobody_listens(_: Actor) -> None:
    """Until presence is looked after."""
