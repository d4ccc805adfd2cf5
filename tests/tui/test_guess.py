"""Guess: the story word by word, the reader beside every size, kept in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.results.guesses import read_guesses
from eyebrow.core.results.tokens.guesses import words_to_guess
from eyebrow.core.stories import text_digest
from eyebrow.tui.actions import BY_ID
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.views.dialogs.guess import GuessScreen, revealed, table

from .stage import STORIES, made_app, settled
from .test_edit import until
from .test_explore import text_of

DOG = STORIES[1].text
WORDS = [DOG[a:b] for a, b in words_to_guess(DOG)]


async def guessing(app: EyebrowApp, pilot: Any) -> None:
    await settled(app, pilot)
    app.session.select_story(1)
    await app.run_listed(BY_ID["guess"])
    await pilot.pause()
    assert isinstance(app.screen, GuessScreen)


async def say(pilot: Any, word: str) -> None:
    await pilot.press(*word, "enter")
    await pilot.pause(0.05)


async def test_words_are_revealed_as_they_are_guessed_or_given_up(tmp_path: Path) -> None:
    app = made_app(store=tmp_path)
    async with app.run_test(size=(100, 34)) as pilot:
        await guessing(app, pilot)
        session = app.session
        assert revealed(session).plain == "A ▁▁▁▁▁"
        await say(pilot, WORDS[0].upper())
        assert session.guessing.hits == [1]
        await say(pilot, "sat")
        assert revealed(session).plain.endswith("▁▁▁▁▁   not “sat”; 4 guesses left")
        await say(pilot, WORDS[1])
        assert session.guessing.hits == [1, 2]
        await say(pilot, "")
        assert session.guessing.hits == [1, 2, 0]
        for n in range(5):
            await say(pilot, f"w{n}")
        assert session.guessing.hits == [1, 2, 0, 0]
        assert revealed(session).plain == f"{' '.join(DOG.split()[:5])} ▁▁▁▁▁"
        tally = session.guessing.tally()
        assert (tally.words, tally.at_once) == (4, 0.25)
        assert 0 < tally.low < tally.high
        await until(
            pilot, lambda: all(session.score(size) is not None for size in session.models.sizes)
        )
        for size in session.models.sizes:
            score = session.score(size)
            assert score is not None
            of = session.guessing.tally_of(size)
            assert of.words == 4
            bits = -float(score.logprobs[1:5].sum()) / 0.6931471805599453 / 4
            assert of.low == of.high == pytest.approx(bits, rel=1e-5)
        rows = table(session, 100).plain.splitlines()
        assert rows[1].startswith("you, 4 words")
        assert "not guessed" in rows[1]
        assert [row.split()[0].strip("▸") for row in rows[2:]] == [
            size.name for size in session.models.sizes
        ]
        assert "rank" in rows[2]
        shown = text_of(app)
        assert "made-800k" in shown
        assert DOG.split()[-1] not in shown, "nothing is given away"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, GuessScreen))
        await until(pilot, lambda: read_guesses(tmp_path, text_digest(DOG)))
    assert read_guesses(tmp_path, text_digest(DOG)) == (1, 2, 0, 0)


async def test_what_was_guessed_before_is_gone_on_with(tmp_path: Path) -> None:
    from eyebrow.core.results.guesses import keep_guesses

    keep_guesses(tmp_path, STORIES[1], (1, 1, 9))
    app = made_app(store=tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await guessing(app, pilot)
        session = app.session
        await until(pilot, lambda: session.guessing.hits)
        assert session.guessing.hits == [1, 1, 0], "a guess that is none is none"
        for word in WORDS[3:]:
            await say(pilot, word)
        assert session.guessing.word is None
        assert revealed(session).plain == DOG
        await say(pilot, "more")
        assert len(session.guessing.hits) == len(WORDS)
        await pilot.press("ctrl+r")
        assert session.guessing.hits == []
        await pilot.press("ctrl+g")
        assert session.guessing.story is None
