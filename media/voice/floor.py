"""Who has the floor: from voice activity to pauses, interruptions, speculation and whole turns.

Pure and clocked by the ear's samples. While the companion speaks, a voice only pauses it; words of
the person's own interrupt, while a cough, a nod, an echo or two seconds of nothing let it go on.
"""

from collections.abc import Iterator
from typing import Final, Literal

from config.voice import VoiceSettings
from media.hearing.ports import Transcript, Voiced
from media.sound.formats import HEARING_RATE
from media.voice.early import Early
from media.voice.gaps import Gaps
from media.voice.orders import (
    Commit,
    Drop,
    Foreheard,
    Forget,
    Judged,
    Listen,
    Lost,
    Order,
    Overheard,
    Pause,
    Resume,
    Speculate,
    Tick,
    Transcribed,
    Unheard,
)
from media.voice.patience import patience_ms
from media.voice.speech import Piece, Speech
from media.voice.verdict import judge, without_echo

Other = Literal["silent", "open", "firm"]

PER_MS: Final = HEARING_RATE // 1000
AGAIN_MS: Final = 60  # so much voice ends a pause; a click does not
SUSPECT_SPAN_MS: Final = 3_000  # with an echo about, words are looked for this often
QUIETEST_DB: Final = -120.0
CLEAN_MS: Final = 5_000  # the companion sounded so long unheard: the line has no echo
ECHO_WORDS_CLEAN: Final = 4
VAIN_PAUSES: Final = 2


class TakeFloor(Order, frozen=True):
    """The person has the floor: whatever the companion says, or is about to say, is over."""


class Floor:
    """One person's side of a call. `other` and `playing` are told by whoever speaks.

    other: what the companion does: nothing; speaks or is about to (`open`); speaks and is not to be
    interrupted (`firm`). sounding: something is leaving at this moment. playing: the words of it
    that may be sounding now, or sounded last.
    """

    def __init__(self, settings: VoiceSettings) -> None:
        self.other: Other = "silent"
        self.sounding = False
        self.playing = ""
        self.paused = False
        self.now = 0
        self._settings = settings
        self._speech: Speech | None = None
        self._early = Early(settings.early_ms, settings.pause_ms)
        self._onset = 0  # voiced samples in a row, before they are speech
        self._loud = 0  # voiced samples in a row that are louder than an echo would be
        self._loudest_db = QUIETEST_DB
        self._echo_db: float | None = None
        self._vain = 0  # pauses for nothing, in a row
        self._clean = 0  # samples the companion sounded in which nobody was heard
        self._gaps = Gaps()
        self._came_at = 0  # when sound last came
        self._away = 0  # samples that went by since, without any
        self._quiet_since = 0  # when a voice was last heard
        self._pieces = 0

    @property
    def time(self) -> int:
        """The ear's clock as it stands, `now` being how far sound was judged. Sound that comes
        late is judged all the same, so time may step back."""
        return self.now + self._away

    @property
    def speaking(self) -> bool:
        """Somebody speaks, or has just stopped and their turn is not decided."""
        return self._speech is not None

    @property
    def rests(self) -> bool:
        """Silence would decide nothing: there is no pause to be measured."""
        return self._speech is None and not self._onset and not self.paused

    # --- told

    def voiced(self, window: Voiced) -> Iterator[Order]:
        """One judgement of voice activity."""
        samples = max(window.until_sample - self.now, 0)
        self.now, self._away = max(self.now, window.until_sample), 0
        samples -= self._gaps.within(window.until_sample - samples, window.until_sample)
        if samples <= 0:
            return
        self._came_at = self.now
        settings, speech = self._settings, self._speech
        least = settings.start_probability if speech is None else settings.stay_probability
        active = window.probability >= least
        self._measure(window, samples, active=active)
        if speech is None:
            if active:
                self._begin(samples)
        elif active:
            yield from self._go_on(speech, window, samples)
        else:
            yield from self._fall_silent(speech, samples)
        yield from self._pause_if_loud()
        yield from self._resume_if_long_quiet()

    def lost(self, span: Lost) -> None:
        """A span about which nothing is known; told before any judgement of it."""
        self._gaps.add(span)

    def judged(self, fact: Judged) -> Iterator[Order]:
        """The end-of-turn model's answer."""
        asked = self._speech.asked if self._speech is not None else None
        if asked is not None and asked.number == fact.piece:
            asked.probability, asked.judged = fact.probability, True
            yield from self._decide()

    def transcribed(self, fact: Transcribed) -> Iterator[Order]:
        """The recogniser's answer."""
        if self._early.understood(fact, self.now):
            return
        piece = self._speech.piece(fact.piece) if self._speech is not None else None
        if self._speech is not None and piece is not None:
            piece.transcript, piece.heard_at = fact.transcript, self.now
            self._look_for_echo(self._speech, piece)
            yield from self._decide()

    def unheard(self, fact: Unheard) -> Iterator[Order]:
        """Nobody understood it early: at the pause it is asked for as ever."""
        asked = self._speech.asked if self._speech is not None else None
        if self._early.declined(fact.piece) or asked is None or asked.number != fact.piece:
            return
        if asked.transcript is None:
            yield Listen(asked.number, asked.from_sample, asked.until_sample, judge=False)

    def foreheard(self, fact: Foreheard) -> Iterator[Order]:
        """Words of the present pause that are not final: enough to think ahead, not to answer."""
        asked = self._speech.asked if self._speech is not None else None
        if asked is not None and asked.number == fact.piece and asked.transcript is None:
            asked.early = fact.transcript
            yield from self._decide()

    def tick(self, fact: Tick) -> Iterator[Order]:
        """Time passes without sound: it is silence only after a long while."""
        self._away = max(fact.sample - self.now, 0)
        yield from self._resume_if_long_quiet()
        speech = self._speech
        if speech is None or self.time - self._came_at < self._settings.gap_ms * PER_MS:
            return
        speech.silent = max(speech.silent, self._settings.ceiling_ms * PER_MS)
        if speech.asked is None:
            yield from self._ask(speech)
        yield from self._decide()

    def leave(self) -> Iterator[Order]:
        """The leg is gone: what was not finished is not said. The ear's clock goes on."""
        if self._speech is not None:
            yield from self._give_up(self._speech)
        self._onset = self._loud = 0
        self._loudest_db, self._echo_db = QUIETEST_DB, None
        self.paused = False

    # --- voice

    def _measure(self, window: Voiced, samples: int, *, active: bool) -> None:
        if not active:
            self._onset = self._loud = 0
            if self._speech is None:
                self._loudest_db = QUIETEST_DB
            self._clean += samples if self.sounding and not self.paused else 0
            return
        self._quiet_since = self.now
        if self._speech is None:
            self._loudest_db = max(self._loudest_db, window.level_db)
        echo_db = self._echo_db
        loud = echo_db is None or window.level_db >= echo_db + self._settings.echo_db
        self._loud = self._loud + samples if loud else 0

    def _begin(self, samples: int) -> None:
        self._onset += samples
        if self._onset >= self._settings.start_ms * PER_MS:
            begin = max(self.now - self._onset - self._settings.before_ms * PER_MS, 0)
            self._speech = Speech(
                begin, self.now, self._onset, self._loudest_db, over_other=self.other != "silent"
            )

    def _go_on(self, speech: Speech, window: Voiced, samples: int) -> Iterator[Order]:
        if self._early.piece is not None:
            speech.level_db = max(speech.level_db, self._early.piece.level_db)
            yield from self._early.drop()
        speech.level_db = max(speech.level_db, window.level_db)
        if speech.asked is not None:
            speech.again += samples
            if speech.again < AGAIN_MS * PER_MS:
                speech.silent += samples
                return
            yield from self._reopen(speech)
            samples = speech.again
        speech.again = speech.silent = 0
        speech.voiced += samples
        speech.voiced_until = self.now
        longest = SUSPECT_SPAN_MS if self._suspects_echo else self._settings.span_ms
        if self.now - speech.begin >= longest * PER_MS:
            piece = self._piece(speech)
            speech.stands.append(piece)
            speech.begin = self.now
            yield Listen(piece.number, piece.from_sample, piece.until_sample, judge=False)

    def _fall_silent(self, speech: Speech, samples: int) -> Iterator[Order]:
        speech.silent += samples
        speech.again = 0
        if speech.asked is None:
            if speech.silent >= self._settings.pause_ms * PER_MS:
                yield from self._ask(speech)
            elif self.other == "silent" and self._early.due(speech.silent, self.now):
                yield from self._early.begin(self._piece(speech), self.now)
        yield from self._decide()

    def _ask(self, speech: Speech) -> Iterator[Order]:
        early = self._early.take(self.now)
        speech.asked = piece = early or self._piece(speech)
        speech.paused_at = self.now
        words = early is None
        yield Listen(piece.number, piece.from_sample, piece.until_sample, words=words)
        if piece.transcript is not None:
            self._look_for_echo(speech, piece)

    def _piece(self, speech: Speech) -> Piece:
        self._pieces += 1
        piece = Piece(self._pieces, speech.begin, self.now, level_db=speech.level_db)
        speech.level_db = QUIETEST_DB
        return piece

    def _reopen(self, speech: Speech) -> Iterator[Order]:
        """It was a pause in mid-speech: a long piece stands, a short one is heard anew in whole."""
        asked = speech.asked
        assert asked is not None
        if asked.until_sample - asked.from_sample >= self._settings.keep_ms * PER_MS:
            speech.stands.append(asked)
            speech.begin = asked.until_sample
        elif asked.transcript is None or not asked.judged:
            yield Drop(asked.number)
        speech.asked = None
        if speech.speculated:
            speech.speculated = False
            yield Forget()

    # --- the companion meanwhile

    @property
    def _suspects_echo(self) -> bool:
        return self._echo_db is not None and self.other != "silent"

    def _pause_if_loud(self) -> Iterator[Order]:
        """A voice for long enough pauses the companion, at once and for the time being."""
        if self.other != "open" or self.paused or self._speech is None:
            return
        if self._loud >= self._settings.barge_ms * PER_MS:
            self.paused = True
            yield Pause()

    def _resume_if_long_quiet(self) -> Iterator[Order]:
        if self.paused and self.time - self._quiet_since >= self._settings.resume_ms * PER_MS:
            yield from self._resume()

    def _resume(self) -> Iterator[Order]:
        if self.paused:
            self.paused = False
            self._loud = 0
            yield Resume()

    # --- deciding

    def _decide(self) -> Iterator[Order]:
        """Once the words of a pause are there: what were they, and is it the end of the turn?"""
        speech = self._speech
        if speech is None or not speech.complete:
            yield from self._interrupt_early(speech)
            if speech is not None:
                yield from self._think_ahead(speech)
            return
        heard = speech.transcript
        if speech.echoed:
            yield from self._give_up(speech)
            return
        match self._verdict(speech, heard):
            case "noise" | "echo":
                self._learn_noise(speech)
                yield from self._give_up(speech)
            case "nod" if self.other != "silent":
                yield from self._give_up(speech)
            case _:
                yield from self._take(speech, heard)

    def _interrupt_early(self, speech: Speech | None) -> Iterator[Order]:
        """Words of a piece that stands already interrupt, though the person still speaks."""
        if speech is None or self.other != "open":
            return
        heard = speech.transcript
        if heard.text and self._verdict(speech, heard) == "words":
            yield TakeFloor()

    def _think_ahead(self, speech: Speech) -> Iterator[Order]:
        """The model may be asked on words that are not final yet, while the companion is silent."""
        early = speech.early
        if early is None or not early.text or self._verdict(speech, early) != "words":
            return
        if speech.shown != early.text:
            speech.shown = early.text
            yield Overheard(early.text)
        asked = speech.asked
        if asked is not None and asked.judged and self._may_speculate(speech):
            speech.speculated, speech.guess = True, early.text
            yield Speculate(early.text)

    def _look_for_echo(self, speech: Speech, piece: Piece) -> None:
        """The companion's own voice is known by its words, and from then on by its level."""
        assert piece.transcript is not None
        if self._verdict(speech, piece.transcript) == "echo":
            piece.echo, self._clean = True, 0
            self._echo_db = max(piece.level_db, self._echo_db or QUIETEST_DB)

    def _verdict(self, speech: Speech, heard: Transcript) -> str:
        """An echo begins while the companion sounds; a line that stayed clean so far has none, so
        a word or two of the companion's own are then the person's answer."""
        playing = self.playing if speech.over_other else ""
        least = ECHO_WORDS_CLEAN if self._clean >= CLEAN_MS * PER_MS else 1
        return judge(heard, speech.voiced // PER_MS, playing, least)

    def _take(self, speech: Speech, heard: Transcript) -> Iterator[Order]:
        """Words of the person's own: the floor is theirs; when they have ended, it is a turn."""
        asked = speech.asked
        assert asked is not None
        if self.other == "open":
            self.paused, self._vain = False, 0
            yield TakeFloor()
        if speech.shown != heard.text:
            speech.shown = heard.text
            yield Overheard(heard.text)
        if speech.speculated and speech.guess != heard.text:
            speech.speculated = False
            yield Forget()
        wait_ms = patience_ms(asked.probability, heard.text, self._settings, heard.language)
        judged = asked.judged or speech.silent >= self._settings.likely_ms * PER_MS
        if judged and speech.silent >= wait_ms * PER_MS:
            self._speech = None
            self._loudest_db = QUIETEST_DB
            own = without_echo(heard.text, self.playing) if self._echo_db else heard.text
            yield Commit(
                own,
                heard.language,
                voiced_until=speech.voiced_until,
                paused_at=speech.paused_at,
                heard_at=max(one.heard_at for one in speech.pieces()),
                decided_at=self.now,
            )
        elif judged and self._may_speculate(speech):
            speech.speculated, speech.guess = True, heard.text
            yield Speculate(heard.text)

    def _learn_noise(self, speech: Speech) -> None:
        """What paused the companion in vain, and again, does so no more: it must be louder."""
        if self.paused:
            self._vain += 1
            if self._vain >= VAIN_PAUSES:
                loudest_db = max(piece.level_db for piece in speech.pieces())
                self._echo_db = max(loudest_db, self._echo_db or QUIETEST_DB)

    def _may_speculate(self, speech: Speech) -> bool:
        return self._settings.speculate and not speech.speculated and self.other == "silent"

    def _give_up(self, speech: Speech) -> Iterator[Order]:
        """It was nothing, or nothing that counts: everything is as it was before."""
        self._speech = None
        self._loudest_db = QUIETEST_DB
        yield from self._early.drop()
        for piece in speech.pieces():
            if piece.transcript is None or not piece.judged:
                yield Drop(piece.number)
        if speech.speculated:
            yield Forget()
        if speech.shown:
            yield Overheard("")
        yield from self._resume()
