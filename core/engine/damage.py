"""The loop of `eyebrow damage`: one reference, its variants one after the other, the same tokens.

What can be damaged in place is: one working copy for all of them, restored from the reference
after each. Without KL there is no copy at all; the reference is damaged itself and restored from
its files. What is made of the reference's weights and cannot be restored (an adapter merged,
layers packed) is made of a copy too, so that the files are read once. At most two models are in
memory at a time.
"""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path

from ..errors import FAILED, EyebrowError, as_told, contained
from ..machine.device import dtype_name
from ..models.digests import content_digest
from ..models.identity import identify
from ..models.load import LoadedModel, check_same_tokens, fetch, load
from ..models.options import LoadOptions
from ..models.spec import ModelSpec
from ..models.variants.adapters import merge
from ..models.variants.apply import change, damaged, needed_bytes
from ..models.variants.half import in_bfloat16
from ..models.variants.originals import Files, Originals, OtherModel
from ..models.variants.packed import packed_bytes
from ..models.variants.save import check_place, save_model
from ..models.variants.spelling import PACKED, parse_variant
from ..results.damage import Damage, Measured, Pieces, keep, recall, sum_up
from ..scoring.batches import Batch, pieces_of, split_by_piece
from ..scoring.divergence import Divergence, Pair
from ..scoring.encode import Encoding, beyond, encode
from ..scoring.not_a_number import not_a_number
from ..scoring.passes import Passes
from ..scoring.recipe import Recipe
from ..scoring.remembering import RememberingTrunk
from ..scoring.trunk import Trunk
from ..stories.story_set import StorySet
from .progress import TELL_AFTER, Progress, downloading

RULE = 4  # counts up where the same models come to give other rows
NOISE = "bfloat16"  # what the first row is called behind the reference's name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, and how.

    kl: besides perplexity everything that needs both models at once. kept: the folder of rows
    that are done, None for none. save: the folder that each variant is written to, by name.
    """

    reference: ModelSpec
    variants: tuple[ModelSpec, ...]
    recipe: Recipe
    options: LoadOptions
    kl: bool = True
    kept: Path | None = None
    save: dict[str, Path] | None = None
    seed: int = 0


Outcome = tuple[ModelSpec | None, Damage | EyebrowError]


def measure_damage(
    told: StorySet, wanted: Wanted, tell: Callable[[Progress], None] = lambda _: None
) -> Iterator[Outcome]:
    """First the noise floor (of no spec), then a row for each variant, or why it has none.

    Raises `EyebrowError` where the reference itself cannot be used. However it ends, no model
    outlives it.
    """
    for spec in wanted.variants:
        if (place := (wanted.save or {}).get(spec.name)) is not None:
            check_place(place, spec)
    tell(Progress(wanted.reference.name, "loading"))
    bench = _Bench(told, wanted, tell)
    with bench.stack:
        yield None, bench.noise_floor()
        here = [spec for spec in wanted.variants if bench.is_in_place(spec)]
        for spec in here:
            yield spec, bench.row(spec)
        for spec in wanted.variants:
            if spec not in here:
                yield spec, bench.row(spec)


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    """A model that is measured: what runs it, what its weights take, and its own tokenizer."""

    trunk: Trunk
    bytes: int
    tokenizer: Any


class _Bench:
    """The reference, its working copy if there is one, and the texts as tokens."""

    def __init__(self, told: StorySet, wanted: Wanted, tell: Callable[[Progress], None]) -> None:
        self.told, self.wanted, self.tell = told, wanted, tell
        self.stack = ExitStack()
        self.loaded = load(wanted.reference, wanted.options)
        self.recipe = self.loaded.recipe(wanted.recipe)
        self.reference = self._trunk()
        self.digests, self.encodings = self._encode()
        self.at, self.rows = 0, 1 + len(wanted.variants)
        self._pieces: dict[str, Pieces] = {}  # of each text, by digest, once they are asked for
        self._own: list[Measured] | None = None  # of the reference, without KL
        self._copy: tuple[Any, Trunk, Originals] | None = None
        self._is_spent = False  # the reference's own model, which without KL is all there is

    def is_in_place(self, spec: ModelSpec) -> bool:
        """Whether it is the reference itself with its tensors changed."""
        is_bare = spec.adapter == self.wanted.reference.adapter
        return self.is_own(spec) and is_bare and parse_variant(spec.variant).is_in_place

    def is_own(self, spec: ModelSpec) -> bool:
        """Whether it is made of the reference's weights."""
        own = self.wanted.reference
        places = [(one.source, one.location, one.revision) for one in (own, spec)]
        is_more = (
            spec.change != own.change and not own.variant and own.adapter in ("", spec.adapter)
        )
        return is_more and places[0] == places[1]

    def noise_floor(self) -> Damage | EyebrowError:
        """The reference in bfloat16 against itself in float32; or why it cannot be had in that."""
        name = f"{self.loaded.name} {NOISE}"
        self.at += 1
        if self.loaded.dtype != torch.float32 or self.wanted.reference.variant in PACKED:
            try:
                with contained():
                    found = self._kept([NOISE], lambda: self._noise_of_others(name))
            except Exception as error:  # variants are measured all the same
                return as_told(error, "Measuring failed")
            return replace(found, model=name)

        def measure() -> Damage:
            model, trunk, originals = self._working()
            with in_bfloat16(model, originals):
                return self._measure(name, trunk, packed_bytes(model), noise_floor=True)

        return replace(self._kept([NOISE], measure), model=name)

    def row(self, spec: ModelSpec) -> Damage | EyebrowError:
        """The numbers of one variant, or what ails it."""
        self.at += 1
        try:
            with contained():
                return self._row(spec)
        except Exception as error:  # whatever ails one, the others go on
            return as_told(error, "Measuring failed")
        finally:
            if not self.is_in_place(spec):
                gc.collect()

    def _row(self, spec: ModelSpec) -> Damage:
        if self.is_own(spec):
            self._check_unchanged()
        folder = spec.local_path
        own = identify(folder, *spec.change).digest if folder else ""
        save = (self.wanted.save or {}).get(spec.name)
        with ExitStack() as stack:
            opened: list[_Opened] = []

            def other() -> _Opened:
                if not opened:
                    opened.append(stack.enter_context(self._other(spec)))
                return opened[0]

            row = self._kept(
                [own] if own else [],
                lambda: self._measure(spec.name, other().trunk, other().bytes),
            )
            row = replace(row, model=spec.name)  # it may have been kept under another name
            if save is not None:
                made = other()
                save_model(made.trunk.model, made.tokenizer, save, spec, self.loaded.name, row)
            return row

    def _check_unchanged(self) -> None:
        """Rows are kept as those of the files that lie there: they have to be what was loaded."""
        own = self.wanted.reference
        folder = own.local_path
        if folder is not None and identify(folder, *own.change).digest != self.loaded.digest:
            raise EyebrowError(
                "Changed meanwhile",
                f"files of {own.name} were written meanwhile; ask again",
                FAILED,
            )

    def _check_context(self, loaded: LoadedModel) -> None:
        """The windows are the reference's: whoever sees less than one of them cannot be asked."""
        longest = max((len(encoding) for encoding in self.encodings), default=0)
        sees = loaded.positions
        if sees is not None and sees < min(longest, self.recipe.context):
            raise EyebrowError(
                "Context too short",
                f"{loaded.name} sees {sees:,} tokens at once, and the texts are read with up to "
                f"{min(longest, self.recipe.context):,}; use --context {sees}",
            )

    @contextmanager
    def _other(self, spec: ModelSpec) -> Iterator[_Opened]:
        """The variant's model; what was in place is restored."""
        tokenizer = self.loaded.tokenizer
        if self.is_in_place(spec):
            variant = parse_variant(spec.variant)
            model, trunk, originals = self._working()
            size = needed_bytes(model, variant)
            with damaged(model, variant, originals):
                yield _Opened(trunk, size, tokenizer)
            return
        self.tell(Progress(spec.name, "loading"))
        if self.is_own(spec):
            model = self._made(spec)
            yield _Opened(Trunk(model), packed_bytes(model), tokenizer)
            return
        self._copy = None  # room for another
        if spec.local_path is None:
            fetch(spec, self.wanted.options, downloading(spec.name, self.tell))
        loaded = load(spec, self.wanted.options)
        check_same_tokens(self.loaded, loaded)
        self._check_context(loaded)
        size = loaded.bytes
        if spec.source == "gguf" and not spec.variant:
            size = Path(spec.location).stat().st_size
        yield _Opened(Trunk(loaded.model), size, loaded.tokenizer)

    def _working(self) -> tuple[Any, Trunk, Originals]:
        """What is damaged, and where its numbers are to be had again."""
        if self._copy is None and self.wanted.kl:
            model = copy.deepcopy(self.loaded.model)
            self._copy = (model, Trunk(model), OtherModel(self.loaded.model))
        elif self._copy is None:
            folder = self.wanted.reference.local_path or Path()
            beside = user_cache_path("eyebrow") / "originals"
            files = self.stack.enter_context(Files(self.loaded.model, folder, beside))
            self._plain()  # before anything is damaged
            self._copy = (self.loaded.model, self.reference, files)
        return self._copy

    def _made(self, spec: ModelSpec) -> Any:
        """The model of `spec`, for good, of weights that are in memory already."""
        if self.wanted.kl:
            model = self._working()[0]
        else:
            self._plain()
            if self._is_spent:
                self.loaded = load(self.wanted.reference, self.wanted.options)
                self.reference = self._trunk()
            model, self._is_spent = self.loaded.model, True
        self._copy = None
        if spec.adapter != self.wanted.reference.adapter:
            model = merge(model, spec.adapter, spec.name)
        if spec.variant:
            change(model, parse_variant(spec.variant))
        return model

    def _trunk(self) -> Trunk:
        """What runs the reference: once over each text, where nobody changes its weights."""
        return (RememberingTrunk if self.wanted.kl else Trunk)(self.loaded.model)

    def _noise_of_others(self, name: str) -> Damage:
        """Where the reference is not float32 itself."""
        half, exact = (
            self.loaded
            if dtype == self.loaded.dtype
            else load(self.wanted.reference, replace(self.wanted.options, dtype=dtype_name(dtype)))
            for dtype in (torch.bfloat16, torch.float32)
        )
        size = half.bytes
        kept, self.reference = self.reference, Trunk(exact.model)
        try:
            return self._measure(name, Trunk(half.model), size, noise_floor=True)
        finally:
            self.reference, self._own = kept, None

    def _kept(self, what: list[str], measure: Callable[[], Damage]) -> Damage:
        """The row as it was kept, or as it is measured now, and kept."""
        folder = self.wanted.kept
        stories = content_digest([self.told.digests, self.told.groups])
        run = [RULE, self.loaded.digest, self.recipe.digest, stories, self.wanted.seed]
        key = content_digest([*run, self.wanted.kl, *what])
        if folder is None or not what:
            return measure()
        if (known := recall(folder, key)) is not None:
            return known
        row = measure()
        keep(folder, key, row)
        return row

    def _measure(self, name: str, trunk: Trunk, size: int, *, noise_floor: bool = False) -> Damage:
        stories, speed = self._pass(name, trunk)
        by_digest = dict(zip(self.digests, stories, strict=True))
        if any(np.isnan(story.other).any() for story in stories):
            raise not_a_number(trunk.model)
        pieces = self._cut()
        return sum_up(
            name,
            [by_digest[digest] for digest in self.told.digests],
            self.told.groups,
            self.told.digests,
            size,
            pieces=[pieces[digest] for digest in self.told.digests],
            seed=self.wanted.seed,
            speed=speed,
            noise_floor=noise_floor,
        )

    def _pass(self, name: str, trunk: Trunk) -> tuple[list[Measured], float | None]:
        """What is measured of each text, and the pace of the other model's layers."""
        if self.wanted.kl:
            pair = Pair(self.reference, trunk)
            found = self._over(name, pair.of_batch)
            return [_joined(parts) for parts in found], pair.tokens_per_second
        before = self._plain()
        after = [_joined(parts) for parts in self._over(name, _logprobs(trunk))]
        pairs = zip(before, after, strict=True)
        return [
            Measured(one.other, other.other, other.kl, other.same_top) for one, other in pairs
        ], None

    def _plain(self) -> list[Measured]:
        """The reference alone, once."""
        if self._own is None:
            found = self._over(self.loaded.name, _logprobs(self.reference))
            self._own = [_joined(parts) for parts in found]
        return self._own

    def _over(
        self, name: str, measure: Callable[[Batch], Divergence]
    ) -> list[dict[int, Divergence]]:
        """Of each text what was measured of its windows, by their first targets."""
        pieces = pieces_of(self.encodings, self.recipe.context, self.recipe.stride)
        found: list[dict[int, Divergence]] = [{} for _ in self.encodings]
        began = said = time.monotonic()
        done, total = 0, sum(piece.window.stop - piece.window.first for piece in pieces)
        doing = f"{self.at}/{self.rows}"
        for batch, part in Passes(self.reference).over(pieces, self.encodings, measure):
            if isinstance(part, EyebrowError):
                raise part
            for piece, span in split_by_piece(batch):
                found[piece.story][piece.window.first] = _slice(part, span)
            done += len(batch.targets)
            now = time.monotonic()
            if now - said > TELL_AFTER:
                said, pace = now, done / (now - began)
                self.tell(Progress(name, doing, done, total, pace, (total - done) / pace))
        return found

    def _encode(self) -> tuple[list[str], list[Encoding]]:
        digests, encodings = [], []
        for block in self.told.blocks(lambda _: True):
            texts = [story.text for story in block.values()]
            made = encode(self.loaded.tokenizer, texts, self.recipe.first_token)
            for digest, text, encoding in zip(block, texts, made, strict=True):
                if error := beyond(encoding, text, self.reference.rows):
                    raise error
                digests.append(digest)
                encodings.append(encoding)
        return digests, encodings

    def _cut(self) -> dict[str, Pieces]:
        """The texts by kind of what they say; the same for all variants, which cut alike."""
        if not self._pieces:
            encodings = dict(zip(self.digests, self.encodings, strict=True))
            for block in self.told.blocks(lambda _: True):
                for digest, story in block.items():
                    own = encodings[digest]
                    starts = self.told.sentence_starts.get(digest, ())
                    self._pieces[digest] = Pieces.of(story.text, starts, own.starts, own.ends)
        return self._pieces


def _logprobs(trunk: Trunk) -> Callable[[Batch], Divergence]:
    """Of the true tokens alone."""

    def measure(batch: Batch) -> Divergence:
        own, nothing = trunk.logprobs(batch), torch.empty(0)
        return Divergence(nothing, own, own, nothing.bool())

    return measure


def _slice(part: Divergence, span: slice) -> Divergence:
    return Divergence(part.kl[span], part.reference[span], part.other[span], part.same_top[span])


def _joined(parts: dict[int, Divergence]) -> Measured:
    """The windows of one text in order."""
    order = [parts[first] for first in sorted(parts)]
    arrays = (
        [getattr(part, name).numpy() for part in order]
        for name in ("reference", "other", "kl", "same_top")
    )
    empty = np.zeros(0, dtype=np.float32)
    reference, other, kl, same = (np.concatenate([empty, *some]) for some in arrays)
    return Measured(reference, other, kl, same.astype(bool))
