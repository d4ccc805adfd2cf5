"""Continuations: greedy ones against `generate`, drawn ones against their seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core import EyebrowError, load_model
from eyebrow.core.scoring.continuation import Continuation, read_behind
from eyebrow.core.scoring.cycles import find_cycle
from eyebrow.core.scoring.dials import Dials
from eyebrow.core.scoring.encode import encode
from eyebrow.core.scoring.exploring import Context, Cycle
from eyebrow.core.scoring.place import find_place
from eyebrow.core.scoring.prefix import Prefix
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.simple import recipe_for
from eyebrow.core.scoring.trunk import Trunk
from eyebrow.core.scoring.vocabulary import read_together, token_texts
from hypothesis import given
from hypothesis import strategies as st

from .stubs import Table, adding, letters

GREEDY = Dials(temperature=0.0)
SMOLLM2 = "EYEBROW_SMOLLM2"  # names the folder of a real SmolLM2, where there is one


def going_on(
    model: Any,
    tokenizer: Any,
    prompt: str | Context,
    dials: Dials = GREEDY,
    prefix: Prefix | None = None,
    recipe: Recipe | None = None,
    **choices: Any,
) -> Continuation:
    prefix = prefix or Prefix(Trunk(model))
    context = prompt if isinstance(prompt, Context) else Context(prompt)
    place = find_place(tokenizer, context, "context", prefix.trunk.rows)
    vocabulary = token_texts(tokenizer, prefix.trunk.vocabulary)
    recipe = recipe_for(model, recipe)
    choices = {"max_tokens": 20} | choices
    made = Continuation(prefix, tokenizer, vocabulary, place, dials, recipe, **choices)
    assert list(made) == made.tokens
    return made


def ids_of(made: Continuation) -> list[int]:
    return [token.token_id for token in made.tokens]


def generated(model: Any, ids: Any, count: int, **choices: Any) -> list[int]:
    row = torch.tensor([list(ids)])
    made = model.generate(
        row,
        attention_mask=torch.ones_like(row),
        max_new_tokens=count,
        do_sample=False,
        pad_token_id=0,
        **choices,
    )
    return made[0, len(row[0]) :].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["llama", "gpt2", "neox", "opt", "capped", "wide"])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_is_what_generate_gives(opened: Any, name: str, penalty: float) -> None:
    model, tokenizer = opened(name)
    dials = Dials(0.0, repetition_penalty=penalty)
    made = going_on(model, tokenizer, "The cat sat", dials, max_tokens=40)
    wanted = generated(model, made.place.ids, 40, repetition_penalty=penalty)
    assert ids_of(made) == wanted
    assert made.prefix.fed == len(made.place.ids) + len(made.tokens) - 1, "each token once"


@pytest.mark.parametrize("name", ["pocket-50k", "pocket-3m", "stories260K", "smollm2"])
def test_greedy_on_real_models(repo: Path, name: str) -> None:
    where = {
        "stories260K": repo.parent / "shared/models/stories260K",
        "smollm2": Path(os.environ.get(SMOLLM2, "-")),
    }
    if name in where and not where[name].is_dir():
        pytest.skip(f"needs ../shared, or {SMOLLM2}: {name} is not there")
    model, tokenizer, *_ = load_model(str(where.get(name, name)), device="cpu", dtype="float32")
    count = 12 if name == "smollm2" else 40
    for prompt in ("To be or not to", "Once upon a time there was"):
        made = going_on(model, tokenizer, prompt, max_tokens=count)
        assert ids_of(made) == generated(model, made.place.ids, count)


def test_each_token_has_the_base_models_numbers(opened: Any) -> None:
    model, tokenizer = opened("llama")
    dials = Dials(3.0, top_k=30)
    made = going_on(model, tokenizer, "The cat sat", dials, seed=4)
    ids = [*made.place.ids, *ids_of(made)]
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    for at, token in enumerate(made.tokens, len(made.place.ids)):
        row = logprobs[at - 1]
        assert token.logprob == pytest.approx(float(row[token.token_id]), abs=1e-4)
        assert token.rank == 1 + int((row > row[token.token_id]).sum())
        assert token.entropy == pytest.approx(float(-(row.exp() * row).sum()), abs=1e-4)
        assert [i for i, _ in token.top] == row.topk(10).indices.tolist()
        assert token.rank <= 30
        assert 0 < token.chance < 1


def test_seeds_repeat_and_what_was_stopped_goes_on(opened: Any) -> None:
    model, tokenizer = opened("llama")
    warm = Dials(2.0)
    whole = going_on(model, tokenizer, "The cat", warm, seed=7)
    assert ids_of(going_on(model, tokenizer, "The cat", warm, seed=7)) == ids_of(whole)
    assert ids_of(going_on(model, tokenizer, "The cat", warm, seed=8)) != ids_of(whole)
    first = tuple(ids_of(whole)[:5])
    rest = going_on(
        model, tokenizer, Context("The cat", added=first), warm, seed=7, drawn=5, max_tokens=15
    )
    assert [*first, *ids_of(rest)] == ids_of(whole)


def test_a_branch_shares_the_prefix(opened: Any) -> None:
    model, tokenizer = opened("llama")
    prefix = Prefix(Trunk(model))
    trunk_of_it = going_on(model, tokenizer, "The cat sat on the mat", prefix=prefix)
    before, ids = prefix.fed, ids_of(trunk_of_it)
    forced = (*ids[:10], ids[10] + 1 if ids[10] < 290 else 5)
    context = Context("The cat sat on the mat", added=forced)
    branch = going_on(model, tokenizer, context, prefix=prefix, max_tokens=4)
    assert prefix.fed - before == 1 + 3, "the forced token, and those behind it but the last"
    fresh = going_on(model, tokenizer, context, max_tokens=4)
    assert ids_of(branch) == ids_of(fresh)


def test_it_ends_where_the_model_ends_it_or_a_stop_comes() -> None:
    tokenizer = letters("·abcd$", unk_token="·", eos_token="$")
    table = torch.full((6, 6), -9.0)
    for one, other in ("ab", "bc", "cd", "d$"):
        table[tokenizer.convert_tokens_to_ids(one), tokenizer.convert_tokens_to_ids(other)] = 9.0
    model = Table(table)
    made = going_on(model, tokenizer, "a")
    assert (made.text.replace(" ", ""), made.ended) == ("bcd", "end")
    assert made.tokens[-1].token == "$"
    assert going_on(model, tokenizer, "a", max_tokens=2).ended == "length"
    stopped = going_on(model, tokenizer, "a", stops=["x", "c"])
    assert (stopped.text.strip(), stopped.ended) == ("b", "stop")
    assert [token.token for token in stopped.tokens] == ["b", "c"]


def test_beyond_the_context_the_oldest_are_let_go(opened: Any) -> None:
    model, tokenizer = opened("llama-bos")
    made = going_on(
        model, tokenizer, "The cat sat", recipe=Recipe(context=16, stride=8), max_tokens=28
    )
    assert len(made.tokens) == 28
    ids = [*made.place.ids, *ids_of(made)]
    # The first cut leaves BOS and the last eight.
    at = 17
    seen = [ids[0], *ids[at - 8 : at]]
    with torch.no_grad():
        wanted = int(model(input_ids=torch.tensor([seen])).logits[0, -1].argmax())
    assert ids[at] == wanted
    assert made.prefix.fed < 28 * 3, "one pass over the stride for each half of the context"


def test_counted_models_go_on_and_bigrams_go_round(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("anna\nhanna\nannan\nnanan\n")
    model, tokenizer, *_ = load_model(f"ngram:2:{names}")
    made = going_on(model, tokenizer, "h", max_tokens=30)
    assert made.text.startswith("anan")
    assert made.cycle == Cycle(0, 2)
    model, tokenizer, *_ = load_model("pocket-bigram")
    looping = going_on(model, tokenizer, "Once upon a time", max_tokens=80)
    assert looping.cycle is not None or looping.ended == "end"


@given(
    st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), min_size=1, max_size=4)
)
def test_cycles_are_found(before: list[int], again: list[int]) -> None:
    ids = before + again * 8
    cycle = find_cycle(ids)
    assert cycle is not None
    assert cycle.first <= len(before)
    assert len(again) % cycle.length == 0
    loop = ids[cycle.first : cycle.first + cycle.length]
    assert (loop * len(ids))[: len(ids) - cycle.first] == ids[cycle.first :]


def test_no_cycle() -> None:
    assert find_cycle([]) is None
    assert find_cycle([1, 1, 1]) is None, "very, very, very"
    assert find_cycle([*range(20), 3]) is None
    assert find_cycle([1, 2] * 8 + [3]) is None, "it has left it"


def test_places(opened: Any) -> None:
    _, tokenizer = opened("llama")
    text = "The cat sat on the mat"
    ids = tokenizer(text)["input_ids"]
    offsets = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for i, (start, _) in enumerate(offsets[1:], 1):
        place = find_place(tokenizer, Context(text, start), "context", 320)
        assert (list(place.ids), place.true) == (ids[:i], ids[i])
    whole = find_place(tokenizer, Context(text), "context", 320)
    assert (list(whole.ids), whole.true) == (ids, None)
    start = next(a for a, b in offsets if b - a > 2) + 1
    inside = find_place(tokenizer, Context(text, start), "context", 320)
    assert list(inside.ids) == tokenizer(text[:start])["input_ids"]
    assert inside.true is None
    assert find_place(tokenizer, Context("", 0), "context", 320).ids == (0,), "BOS"
    assert find_place(tokenizer, Context(text, 0), "context", 320).ids == (0,)
    assert find_place(tokenizer, Context(text, 0), "context", 320).true == ids[0]
    with_both = adding(tokenizer, "<s> $A </s>")
    place = find_place(with_both, Context(text, added=(5,)), "context", 320)
    assert place.ids == (0, *ids, 5)
    assert place.within(4) == (0, *ids[-2:], 5)
    for wrong in (Context(text, 99), Context(text, added=(320,)), Context(text, chat=True)):
        with pytest.raises(EyebrowError):
            find_place(tokenizer, wrong, "context", 320)


def test_a_chat_template(opened: Any) -> None:
    import copy

    tokenizer = copy.deepcopy(opened("llama")[1])
    tokenizer.chat_template = (
        "<s>{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}bear:{% endif %}"
    )
    place = find_place(tokenizer, Context("Where is it?", chat=True), "context", 320)
    assert tokenizer.decode(place.ids) == "<s>user: Where is it?\nbear:"
    assert (place.lead, place.true) == (1, None)
    tokenizer.chat_template = "{{ nothing.of.that }}"
    with pytest.raises(EyebrowError, match="fails"):
        find_place(tokenizer, Context("a", chat=True), "context", 320)


def test_a_continuation_keeps_its_first_space() -> None:
    _, tokenizer, *_ = load_model("pocket-50k")
    ids = tokenizer("Once upon a time")["input_ids"]
    assert read_behind(tokenizer, ids[:2], ids[2:]) == " a time"


def test_every_token_has_its_place_though_it_is_a_piece_of_a_character(opened: Any) -> None:
    """Byte-level tokens of an emoji: the later ones begin where the next character does."""
    _, tokenizer = opened("llama")
    for text in ("a 🦒 of 日本 bears", "the bear 🦒"):
        (encoding,) = encode(tokenizer, [text], "context")
        for at, token in enumerate(encoding.ids.tolist()):
            start = int(encoding.starts[at])
            pieces = max(0, int(encoding.ends.searchsorted(start, side="right")) - at)
            place = find_place(tokenizer, Context(text, start, pieces=pieces), "context", 320)
            assert place.true == token
            assert place.ids == (tuple(encoding.ids[:at].tolist()) or (0,))


def test_pieces_of_characters_are_read_together() -> None:
    assert read_together([" a ‹F0 9F›", "‹A6›", "‹92›", " of"]) == [" a 🦒", "", "", " of"]
    assert read_together(["‹F0 9F›", "x", "é"]) == ["‹F0 9F›", "x", "é"]
    assert read_together(["‹id 7›", "‹E6 97›", "‹A5›‹E6›"]) == ["‹id 7›", "日", "‹E6›"]
    assert read_together([]) == []


def test_a_continuation_of_any_length_begins_at_once(opened: Any) -> None:
    """Its random numbers are not made before they are needed."""
    model, tokenizer = opened("llama")
    prefix = Prefix(Trunk(model))
    place = find_place(tokenizer, Context("The cat"), "context", prefix.trunk.rows)
    vocabulary = token_texts(tokenizer, prefix.trunk.vocabulary)
    recipe = recipe_for(model, None)
    made = Continuation(
        prefix, tokenizer, vocabulary, place, Dials(), recipe, max_tokens=10**15, seed=3
    )
    first = next(iter(made))
    assert (
        first.token_id == going_on(model, tokenizer, "The cat", Dials(), seed=3).tokens[0].token_id
    )
