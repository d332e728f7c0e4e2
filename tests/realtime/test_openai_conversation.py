"""What stands in a `/v1/realtime` conversation, where, and what of it a response is made of."""

from realtime.openai_conversation import BEGIN, GO_ON
from rooms.completion import Spoken
from rooms.errors import Forbidden
from tests.realtime.openai_talk import RULES, Talk, create, done, kinds


def test_the_context_is_the_conversation_with_the_persons_last_words_as_one_message() -> None:
    talk = Talk()
    talk.send({"type": "session.update", "session": {"type": "realtime", "instructions": "Rhyme"}})
    talk.say("Be brief", role="system")
    talk.say("Hello")
    talk.reply("Hi.")
    talk.say("One more thing")
    talk.say("How are you?")
    assert talk.ask().spoken == (
        Spoken("system", "Rhyme"),
        Spoken("system", "Be brief"),
        Spoken("user", "Hello"),
        Spoken("assistant", "Hi."),
        Spoken("user", "One more thing\n\nHow are you?"),
    )


def test_who_has_said_nothing_is_spoken_to_first() -> None:
    talk = Talk()
    assert talk.ask(instructions="Greet them").spoken == (
        Spoken("system", "Greet them"),
        Spoken("user", BEGIN),
    )
    talk = Talk()
    talk.say("Good evening", role="assistant")
    assert talk.ask().spoken[-1] == Spoken("user", GO_ON)


def test_items_are_put_where_asked_shown_and_deleted() -> None:
    talk = Talk()
    talk.say("two", id="b")
    talk.say("four", id="d")
    talk.say("one", id="a", previous_item_id="root")
    talk.say("three", id="c", previous_item_id="b")
    assert talk.events[-1]["previous_item_id"] == "b"
    assert talk.ask(conversation="none").spoken[-1].text == "one\n\ntwo\n\nthree\n\nfour"
    (shown,) = talk.send({"type": "conversation.item.retrieve", "item_id": "c"})
    assert shown["item"]["content"] == [{"type": "input_text", "text": "three"}]
    (gone,) = talk.send({"type": "conversation.item.delete", "item_id": "c"})
    assert (gone["type"], gone["item_id"]) == ("conversation.item.deleted", "c")
    again = talk.error({"type": "conversation.item.delete", "item_id": "c"})
    assert (again["code"], again["param"]) == ("item_not_found", "item_id")
    assert talk.error(create("x", id="a"))["code"] == "duplicate_item"
    assert talk.error(create("x", previous_item_id="nowhere"))["code"] == "item_not_found"


def test_a_reply_deleted_while_it_is_spoken_is_spoken_on_and_not_kept() -> None:
    talk = Talk()
    talk.say("Hello")
    speak = talk.ask()
    told = talk.take(talk.session.words(speak.response, "Hm"))
    item = told[0]["item"]["id"]
    talk.send({"type": "conversation.item.delete", "item_id": item})
    talk.say("mine now", id=item)
    told = talk.take(talk.session.ended(speak.response, done()))
    assert "conversation.item.done" not in kinds(told)
    assert told[-1]["response"]["output"][0]["content"][0]["text"] == "Hm"
    assert talk.ask().spoken == (Spoken("user", "Hello\n\nmine now"),)


def test_what_the_screen_refused_is_not_said_again_with_the_next_words() -> None:
    talk = Talk()
    talk.say("Something vile")
    blocked = Forbidden("This cannot be said here.", code="content_blocked")
    talk.take(talk.session.refused(talk.ask().response, blocked))
    again = talk.ask()
    assert again.spoken == (Spoken("user", "Something vile"),), "asked again, refused again"
    talk.take(talk.session.refused(again.response, blocked))
    talk.say("Good evening")
    fine = talk.ask()
    assert fine.spoken == (Spoken("user", "Good evening"),)
    talk.take(talk.session.words(fine.response, "Hello."))
    talk.take(talk.session.ended(fine.response, done()))
    talk.say("How are you?")
    assert [one.text for one in talk.ask().spoken] == ["Good evening", "Hello.", "How are you?"]


def test_a_conversation_is_bounded_in_items_and_in_bytes() -> None:
    talk = Talk()
    for number in range(RULES.items):
        talk.say(str(number), id=f"i{number}")
    assert talk.error(create("one more"))["code"] == "conversation_full"
    assert talk.error({"type": "response.create"})["code"] == "conversation_full"
    talk.send({"type": "conversation.item.delete", "item_id": "i0"})
    assert talk.say("fits again")
    talk = Talk()
    first = talk.say("é" * 900)
    assert talk.error(create("é" * 200))["code"] == "conversation_full"
    talk.send({"type": "conversation.item.delete", "item_id": first})
    assert talk.say("é" * 900)
