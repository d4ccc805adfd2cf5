"""The token under the cursor, as the inspector shows it: pure functions of the session."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ....core.scoring.scores import StoryScore
from ....core.stories.story import Story
from ...panes.inspector import SHORT, Against, Choice, Glass, quoted
from ...session import Session
from ...session.size import Size
from ...text.plain import shorten_apart
from ...text.reading import BIT, LARGER_UNITS, places, spans, token_ends, units
from ..status import waiting


def glass(session: Session, *, both: bool = False) -> Glass:
    """The selected token and its alternatives; both: those of the reference too."""
    size = session.models.size
    score, story = session.score(size), session.story
    if story is None:
        return Glass(waiting="no story")
    if score is None or not len(score):
        return Glass(waiting="no tokens" if score is not None else waiting(session))
    at = min(session.place.token, len(score) - 1)
    scored = bool(score.ranks[at] > 0)
    return Glass(
        index=at,
        count=len(score),
        text=_word(size, int(score.token_ids[at])),
        token_id=int(score.token_ids[at]),
        logprob=float(score.logprobs[at]) if scored else None,
        entropy=float(score.entropies[at]) if scored else None,
        rank=int(score.ranks[at]),
        model=size.name,
        against=_against(session, story, score, at, both),
        units=_units_at(story, score, at),
        choices=_choices(score, at, size),
    )


def _word(size: Size, token: int) -> str:
    return size.vocabulary[token] if token < len(size.vocabulary) else f"‹id {token}›"


def _choices(score: StoryScore, at: int, size: Size) -> tuple[Choice, ...]:
    token = int(score.token_ids[at])
    return tuple(
        Choice(_word(size, int(k)), math.exp(p), int(k) == token)
        for k, p in zip(score.top_ids[at], score.top_logprobs[at], strict=True)
        if score.ranks[at] > 0 and k >= 0
    )


@dataclass(frozen=True, slots=True)
class Other:
    """A token that could stand at `place`, characters from and to; text: what is written then."""

    text: str
    probability: float
    place: tuple[int, int]


_NO_TEXT = re.compile(r"<[^<>\s]+>|.*‹.*›.*")  # special tokens, and parts of characters


def instead(session: Session) -> tuple[list[Other], str]:
    """What could stand in the place of the token under the cursor; why there is nothing."""
    size, story = session.models.size, session.story
    score = session.score(size)
    if story is None or score is None or not len(score):
        return [], "no tokens" if score is not None else waiting(session)
    at = min(session.place.token, len(score) - 1)
    if not score.ranks[at] > 0:
        return [], "this token is context: nothing is known to stand here instead"
    start, end = int(score.starts[at]), int(score.ends[at])
    if start == end:
        return [], "this token is a part of a character"
    found = [
        Other(choice.text, choice.probability, (start, end))
        for choice in _choices(score, at, size)
        if not choice.true and not _NO_TEXT.fullmatch(choice.text)
    ]
    return found, "" if found else "no alternatives are known (--top 0)"


def _against(
    session: Session, story: Story, score: StoryScore, at: int, both: bool
) -> Against | None:
    """The token under the reference: by its span, where tokenizers cut differently."""
    size, reference = session.models.size, session.models.reference
    other = None if reference is None or reference is size else session.score(reference)
    if reference is None or other is None:
        return None
    found, place = spans(story.text, other, score), int(places(score)[at])
    n = int(found.starts.searchsorted(place, side="right")) - 1
    if n < 0:
        return None
    mine, theirs = (float(nats[n]) / BIT for nats in (found.nats_model, found.nats_reference))
    stretch, span = story.text[found.starts[n] : found.ends[n]], ""
    if stretch != story.text[score.starts[at] : score.ends[at]]:
        span = f"{quoted(stretch)} {mine:.2f} bits, {reference.name} {theirs:.2f}"
    names = [one.name for one in session.models.sizes]
    return Against(
        reference.name,
        shorten_apart(names, SHORT)[names.index(reference.name)],
        mine - theirs,
        span,
        _choices(other, _same_place(score, other, at, place), reference) if both else (),
    )


def _same_place(score: StoryScore, other: StoryScore, at: int, place: int) -> int:
    """The token of the other score that holds the character which this one stands at."""
    if token_ends(score) == token_ends(other):
        return at
    return min(int(other.ends.searchsorted(place, side="right")), len(other) - 1)


def _units_at(story: Story, score: StoryScore, token: int) -> tuple[str, ...]:
    """What is to be said of the word and of the sentence that a token belongs to."""
    said = []
    for unit in LARGER_UNITS:
        found = units(story.text, score, unit, story.sentence_starts)
        one = found[n := found.of_token(token)]
        bits = one.surprise / BIT
        if one.scored and unit == "word" and one.first < one.last:
            said.append(f"word {bits:.1f} bits, {one.last - one.first + 1} tokens")
        elif one.scored and unit == "sentence":
            mean = bits / one.scored
            said.append(f"sentence {n + 1}/{len(found)} mean {mean:.1f} bits")
    return (*said, *_positions(story, score))


def _positions(story: Story, score: StoryScore) -> tuple[str, ...]:
    """Mean surprise of sentence 1 to 5, in stories of exactly five."""
    from ....core.scoring.positions import five_sentences

    found = five_sentences(story.text, score, starts=story.sentence_starts)
    if not found or not all(one.scored for one in found):
        return ()
    means = [one.surprise / BIT / one.scored for one in found]
    return ("sentences 1-5 mean " + " ".join(f"{mean:.1f}" for mean in means) + " bits",)
