"""The rules of membership hold in whatever order people invite, come, go, mute and remove."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.errors import Forbidden, NotFound, ProductError
from rooms.membership import (
    SENDER,
    Seat,
    Standing,
    after_leaving,
    check_companion,
    check_join,
    check_mute,
    check_owner,
    check_remove,
    check_speak,
    refusal_of,
)

PEOPLE = ["u_ann", "u_bob", "u_cat", "u_dan"]
COMPANIONS = ["c_mira", "c_noor", "c_jun"]
MOST = 3


def room(**more: Seat) -> Standing:
    return Standing(
        seats={
            "u_ann": Seat(kind="person", role="owner", order=0),
            "c_mira": Seat(kind="companion", order=1),
            **more,
        }
    )


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(ProductError) as refused:
        act()
    return refused.value.code


def test_a_stranger_learns_nothing_and_a_member_what_is_not_theirs_to_decide() -> None:
    here = room(u_bob=Seat(kind="person", order=2))
    with pytest.raises(NotFound):
        check_owner(here, "u_cat")
    with pytest.raises(Forbidden):
        check_owner(here, "u_bob")
    check_owner(here, "u_ann")


def test_the_last_companion_stays_and_an_owner_leaves_instead_of_removing_themselves() -> None:
    assert code_of(lambda: check_remove(room(), "u_ann", "c_mira")) == "last_companion"
    assert code_of(lambda: check_remove(room(), "u_ann", "u_ann")) == "leave_instead"
    assert code_of(lambda: check_remove(room(), "u_ann", "u_bob")) == "member_not_found"


def test_an_invitation_is_for_whom_it_names_as_long_and_as_often_as_it_says() -> None:
    assert refusal_of(1, 100, "", "u_bob", now_ms=99) is None
    assert refusal_of(1, 100, "u_bob", "u_bob", now_ms=99) is None
    for left, person, now_ms, code in (
        (1, "u_cat", 99, "invitation_not_found"),
        (0, "u_bob", 99, "invitation_over"),
        (1, "u_bob", 100, "invitation_over"),
    ):
        refusal = refusal_of(left, 100, "u_bob", person, now_ms)
        assert refusal is not None
        assert refusal.code == code


def test_the_payer_who_leaves_pays_no_more_and_nobody_pays_instead() -> None:
    here = msgspec.structs.replace(room(u_bob=Seat(kind="person", order=2)), payer="u_ann")
    follows = after_leaving(here, "u_ann")
    assert (follows.owner, follows.payer, follows.ends) == ("u_bob", SENDER, False)
    assert after_leaving(room(), "u_ann").ends


acts = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "remove", "mute", "unmute", "companion", "pay", "speak"]),
        st.sampled_from(PEOPLE),
        st.sampled_from([*PEOPLE, *COMPANIONS]),
    ),
    max_size=60,
)


def change(here: Standing, act: str, by: str, member: str, blocked: set[str]) -> Standing:
    """What the room's holder does once the rules have let it pass (rooms/members.py)."""
    seats = dict(here.seats)
    payer = here.payer
    order = 1 + max((seat.order for seat in seats.values()), default=0)
    match act:
        case "join":
            check_join(here, by, MOST, blocked=by in blocked)
            seats[by] = Seat(kind="person", order=order)
        case "leave":
            follows = after_leaving(here, by)
            del seats[by]
            payer = follows.payer or payer
            if follows.owner is not None:
                seats[follows.owner] = msgspec.structs.replace(
                    seats[follows.owner], role="owner", muted=False
                )
        case "remove":
            check_remove(here, by, member)
            del seats[member]
            payer = SENDER if payer == member else payer
        case "mute" | "unmute":
            check_mute(here, by, member)
            seats[member] = msgspec.structs.replace(seats[member], muted=act == "mute")
        case "companion":
            check_companion(here, by, member, MOST)
            seats[member] = Seat(kind="companion", order=order)
        case "pay":
            check_owner(here, by)
            payer = by if payer == SENDER else SENDER
        case "speak":
            check_speak(here, by)
            assert by not in seats or not seats[by].muted
    return Standing(seats=seats, payer=payer)


@settings(max_examples=200, deadline=None)
@given(acts=acts, blocked=st.sets(st.sampled_from(PEOPLE[1:])))
def test_in_any_order_there_is_one_owner_and_nobody_pays_who_is_not_there(
    acts: list[tuple[str, str, str]], blocked: set[str]
) -> None:
    here = room()
    for act, by, member in acts:
        if act == "companion" and member not in COMPANIONS:
            continue
        before = here
        try:
            here = change(here, act, by, member, blocked)
        except ProductError:
            assert here is before
            continue
        people = here.those("person")
        owners = [who for who in people if here.seats[who].role == "owner"]
        assert len(owners) == (1 if people else 0)
        assert here.payer == SENDER or here.payer in people
        assert len(people) <= MOST
        assert 1 <= len(here.those("companion")) <= MOST
        assert not blocked & set(people)
        if act in {"remove", "mute", "unmute", "companion", "pay"}:
            assert before.owner == by
        gone = before.seats.keys() - here.seats.keys()
        assert gone <= {member if act == "remove" else by}
        if owners:
            assert not here.seats[owners[0]].muted  # nobody could unmute them
        if not people:
            return
