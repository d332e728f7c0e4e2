"""Who agrees to a recording: everybody or nobody, and the caller has to want it."""

from rooms.calls.agreement import Agreement


def test_the_caller_alone_agrees_for_themselves() -> None:
    agreement = Agreement("anna")
    assert agreement.state(["anna"]) == "off"
    agreement.say("anna", on=True)
    assert agreement.state(["anna"]) == "on"
    agreement.say("anna", on=False)
    assert agreement.state(["anna"]) == "off"


def test_everybody_in_the_room_is_asked() -> None:
    agreement = Agreement("anna")
    agreement.say("anna", on=True)
    assert agreement.state(["anna", "ben"]) == "asked"
    assert agreement.missing(["anna", "ben"]) == ["ben"]
    agreement.say("ben", on=True)
    assert agreement.state(["anna", "ben"]) == "on"
    assert agreement.state(["anna", "ben", "cleo"]) == "asked"
    agreement.say("ben", on=False)
    assert agreement.state(["anna", "ben"]) == "asked"


def test_nobody_can_have_another_recorded_who_does_not_want_it() -> None:
    agreement = Agreement("anna")
    agreement.say("ben", on=True)
    assert agreement.state(["anna", "ben"]) == "asked"
    assert agreement.state(["ben"]) == "asked"  # not even once they have left
    assert agreement.missing(["ben"]) == ["anna"]


def test_who_has_left_is_counted_no_more() -> None:
    agreement = Agreement("anna")
    agreement.say("anna", on=True)
    assert agreement.state(["anna", "ben"]) == "asked"
    assert agreement.state(["anna"]) == "on"
    assert agreement.agreed(["anna"]) == ["anna"]
