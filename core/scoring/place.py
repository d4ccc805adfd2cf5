"""A place in a text, or the end of a prompt: the ids that a model has before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import EyebrowError
from .encode import Encoding, beyond, encodable, encode, no_such_row, without_added_end
from .exploring import Context


@dataclass(frozen=True, slots=True)
class Place:
    """A context as one model's ids.

    lead: ids in front that stay where a long context is cut. true: the id that stands there in
    the text, None where none does.
    """

    ids: tuple[int, ...]
    lead: int
    true: int | None

    def within(self, room: int) -> tuple[int, ...]:
        """The ids, cut on the left to so many, behind the lead."""
        return cut_left(self.ids, self.lead, room)


def cut_left(ids: Sequence[int], lead: int, room: int) -> tuple[int, ...]:
    """`ids` cut to `room` of them, the first `lead` and the last."""
    if len(ids) <= room:
        return tuple(ids)
    return (*ids[:lead], *ids[len(ids) - max(1, room - lead) :])


def find_place(tokenizer: Any, context: Context, first_token: str, rows: int) -> Place:
    """The ids before the next token of `context`; `rows`: ids that the model can be fed.

    Where a token of the whole text begins at `at` the context is the tokens before it, and it is
    the true one; `pieces` before it, where tokens without characters of their own stand there.
    Elsewhere, within a token, the text up to there is tokenised by itself. What the
    tokenizer puts behind a text (EOS) is left out. An empty context is BOS (else EOS).

    Raises `EyebrowError` where there is neither, for an id the model has no row for, for a place
    outside the text and where the tokenizer has no chat template.
    """
    if context.chat:
        place = _in_chat(tokenizer, context.text)
    else:
        place = _in_text(tokenizer, context, first_token, rows)
    for token in (*place.ids, *context.added):
        if not 0 <= token < rows:
            raise no_such_row(token, str(tokenizer.convert_ids_to_tokens(token)), rows)
    if context.added:
        return Place((*place.ids, *context.added), place.lead, None)
    return place if place.true is None or place.true < rows else replace(place, true=None)


def _in_text(tokenizer: Any, context: Context, first_token: str, rows: int) -> Place:
    text, at = context.text, context.at
    if at is not None and not 0 <= at <= len(text):
        raise EyebrowError(
            "No such place", f"the text has {len(text):,} characters; place {at:,} is none of them"
        )
    encoding = _encoded(tokenizer, text, first_token)
    begins = None if at is None else _begins(encoding, at, context.pieces)
    true = None
    if begins is not None:
        true = int(encoding.ids[begins])
        encoding = _first(encoding, begins)
    elif at is not None and at < len(text):
        text = text[:at]
        encoding = _encoded(tokenizer, text, first_token)
    if not len(encoding):
        (encoding,) = encode(tokenizer, [""], "scored")
        encoding = _first(encoding, 1)
    if error := beyond(encoding, text, rows):
        raise error
    return Place(tuple(encoding.ids.tolist()), min(encoding.lead, len(encoding)), true)


def _encoded(tokenizer: Any, text: str, first_token: str) -> Encoding:
    (encoding,) = encode(tokenizer, [text], first_token)
    return without_added_end(tokenizer, encoding)


def _begins(encoding: Encoding, at: int, pieces: int) -> int | None:
    """The token that begins at character `at`, or so many before it; None where none does."""
    owner = int(encoding.ends.searchsorted(at, side="right"))
    if owner < len(encoding) and encoding.starts[owner] != at:
        return None
    first = max(int(encoding.starts.searchsorted(at)), encoding.lead)
    begins = max(owner - pieces, min(first, owner))
    return begins if begins < len(encoding) else None


def _first(encoding: Encoding, count: int) -> Encoding:
    return replace(
        encoding,
        ids=encoding.ids[:count],
        starts=encoding.starts[:count],
        ends=encoding.ends[:count],
    )


def _in_chat(tokenizer: Any, text: str) -> Place:
    if not getattr(tokenizer, "chat_template", None):
        raise EyebrowError(
            "No chat template",
            "its tokenizer has none, so it was not taught to answer; leave --chat out",
        )
    turn = [{"role": "user", "content": encodable(text)}]
    try:
        prompt = tokenizer.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # templates are programs that come with the model
        raise EyebrowError("Bad chat template", f"the model's own fails: {error}") from error
    ids = tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]
    begins = tokenizer.bos_token_id is not None and ids[:1] == [tokenizer.bos_token_id]
    return Place(tuple(ids), int(begins), None)
