"""Whether words end in the middle: by their last ones, in English."""

import pytest

from media.voice.unfinished import hangs

HANGING = """
I was looking at the
Yesterday we bought a
She could not find her keys and
I would go but
It happened because
I do not know if
My brother and my
We went to see our
Could you remind me to
I was going to
The thing is that I
Do you remember when we
So then they
I think I'm
And then we'll
Well it's
My uncle um
I mean
Yesterday I was
The people in the back were
After the film she had
If it rains tomorrow then
He was tired so
It is better than
The weather was very
When I was young I had
Could you remind me to?
Let me show you how to
"""

DOUBTFUL = """
I have been waiting for
She told me a story about
They moved to a house near
I would like to
The car was stopped by
I was thinking that
I said I couldn't
The doctor told me that I should
"""

WHOLE = """
What are you looking at?
Where is she from?
I know who you are.
I do not know what to do with it.
That is what I was afraid of.
Tell me what it is like.
Yes, I am.
No, they were.
I can.
We should.
So do I.
Neither are they.
I think so.
I hope so.
Why is that?
I know that.
Come in.
Come on.
What is going on?
I really want it to stop.
See you then.
It took a while.
Oh my.
I told her.
It was his.
Not really.
He is taller than you think.
The one in the garden.
Sorry
No
What do you mean?
I am fine, thank you.
I would love to.
I do not want to.
Would you like to?
I hope you will.
I am not sure that I can.
It is better than it was.
Please turn the music off.
Let them all come in.
Do you know what your name is?
This is the book I told you about.
That was the best concert I have ever been to.
What a lovely surprise that was.
I do not know how to.
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(HANGING))
def test_nobody_ends_on_these(text: str) -> None:
    assert hangs(text) == "yes"
    assert hangs(f"{text.rstrip('?')}.", "en-US") == "yes", "whatever mark was put there"


@pytest.mark.parametrize("text", lines(DOUBTFUL))
def test_these_may_be_whole_or_not(text: str) -> None:
    assert hangs(text) == "perhaps"


@pytest.mark.parametrize("text", lines(WHOLE))
def test_whole_sentences_are_not_kept_waiting(text: str) -> None:
    assert hangs(text) == "no"


@pytest.mark.parametrize("text", ["", "...", "[coughs]", "?"])
def test_no_words_ask_for_nothing(text: str) -> None:
    assert hangs(text) == "no"


def test_of_other_languages_only_what_is_known_is_said() -> None:
    assert hangs("Ich rufe dich an", "de") == "no"
    assert hangs("So was", "de") == "no"
    assert hangs("Je voudrais un", "fr-FR") == "yes"
    assert hangs("I want the", "fr") == "no"
