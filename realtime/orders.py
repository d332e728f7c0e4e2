"""What nodes tell each other about a person's sockets, beside what people are told."""

import msgspec


class Kick(msgspec.Struct, frozen=True, tag="kick"):
    """Close this person's sockets. `sign_in` empty is all of them."""

    sign_in: str
    code: int
    reason: str


class Replaced(msgspec.Struct, frozen=True, tag="replaced"):
    """This session goes on under another owner."""

    session: str
    owner: str


class Left(msgspec.Struct, frozen=True, tag="left"):
    """The person is no longer in this room: follow it no more."""

    room: str


Order = Kick | Replaced | Left
_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def encode_order(order: Order) -> bytes:
    """For a whisper or a log."""
    return _encode(order)


def order_in(payload: bytes) -> Order | None:
    """The order, or None if a newer node sent what is not known here."""
    try:
        return _decoder.decode(payload)
    except msgspec.MsgspecError:
        return None
