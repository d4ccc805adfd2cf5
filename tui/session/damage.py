"""Variants of the current size, what each costs over the listed stories, and a story under one.

Rows come from a process of their own as they are finished; the story under a variant is scored
by the worker like any other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from ...core.engine.damage_messages import Ended, Measure, Refused, Row
from ...core.engine.messages import Failed, Scored, WorkerDied
from ...core.engine.progress import Progress
from ...core.errors import EyebrowError
from ...core.models.spec import ModelSpec
from ...core.models.variants.each_part import each_part
from ...core.models.variants.spelling import Variant, parse_variant
from ...core.scoring.scores import StoryScore
from ..threads.damaging import Answer, Damaging
from .change import Change, Notice
from .jobs import Jobs
from .library import Library
from .models import Models
from .place import Place
from .size import Size
from .worker import Worker

if TYPE_CHECKING:
    from ...core.results.damage import Damage

WIDTHS = tuple(f"bits{bits}" for bits in (32, 24, 16, 8, 4, 2, 1))
NARROWED = "bits4"  # what is done to each part, where the cursor stands on nothing else
SCORES_KEPT = 64  # whole scores of stories under variants


@dataclass(slots=True, eq=False)
class Line:
    """A variant and its row, once it is measured, or why it has none; the noise floor has no
    variant."""

    name: str
    variant: Variant | None
    spec: ModelSpec | None
    damage: Damage | None = None
    trouble: str = ""


@dataclass(slots=True, eq=False)
class Table:
    """What was measured of one reference; about: the stories and the recipe that it holds for."""

    reference: str
    about: tuple[object, ...]
    stories: int
    lines: list[Line] = field(default_factory=list)

    def named(self, name: str) -> Line | None:
        return next((line for line in self.lines if line.name == name), None)

    @property
    def perplexity(self) -> float | None:
        """The reference's own: that of the row that is nearest to it is exact."""
        found = [line.damage for line in self.lines if line.damage is not None]
        others = [row for row in found if not row.noise_floor] or found
        nearest = min(others, key=lambda row: abs(row.delta), default=None)
        return None if nearest is None else nearest.perplexity - nearest.delta


class Variants:
    """at: the line under the cursor. running: the name of the reference that is being measured,
    "" for none. progress: how far the row under way is."""

    def __init__(
        self,
        library: Library,
        models: Models,
        place: Place,
        jobs: Jobs,
        worker: Worker,
        damaging: Damaging,
        announce: Callable[[Change], None],
        notify: Callable[[Notice], None],
    ) -> None:
        self.library, self.models, self.place = library, models, place
        self.jobs, self.worker, self.damaging = jobs, worker, damaging
        self.announce, self.notify = announce, notify
        self.at = 0
        self.running = ""
        self.progress: Progress | None = None
        self._tables: dict[str, Table] = {}
        self._scores: OrderedDict[tuple[str, str], StoryScore | str] = OrderedDict()
        self._asked: set[tuple[str, str]] = set()

    def open(self, *, other_stories: bool) -> None:
        """Other stories or other models are open; what the worker was asked is cancelled."""
        self._asked.clear()
        if other_stories:
            self._stop()
            self._tables.clear()
            self.at = 0

    # --- what is known ---------------------------------------------------------------------

    @property
    def reference(self) -> Size:
        """The current size; that of which it is a variant, where that is open too."""
        size = self.models.size
        base = self.models.named(size.name.rpartition("@")[0]) if size.spec.variant else None
        return base or size

    @property
    def table(self) -> Table | None:
        """Of the reference, if there is one."""
        return self._tables.get(self.reference.name)

    @property
    def lines(self) -> Sequence[Line]:
        return self.table.lines if self.table is not None else ()

    @property
    def line(self) -> Line | None:
        """The one under the cursor."""
        return self.lines[min(self.at, len(self.lines) - 1)] if self.lines else None

    @property
    def why_not(self) -> str:
        """Why nothing can be measured; "" where it can."""
        if not self.library.order:
            return "there is no story to measure on"
        if self.reference.spec.variant:
            return f"{self.reference.name} is changed already; open the model without its @"
        return ""

    @property
    def story(self) -> StoryScore | None:
        """The selected story under the variant of the cursor, where it is at hand."""
        found = self._scores.get(self._key)
        return found if isinstance(found, StoryScore) else None

    @property
    def story_trouble(self) -> str:
        """Why there is none."""
        found = self._scores.get(self._key)
        return found if isinstance(found, str) else ""

    @property
    def _key(self) -> tuple[str, str]:
        name = self.line.name if self.line is not None else ""
        digests = self.library.digests
        return name, digests[self.place.story] if digests else ""

    # --- measuring -------------------------------------------------------------------------

    def measure(self, words: Sequence[str] = WIDTHS) -> str:
        """Measure these variants besides those that are; what is wrong with them, "" for
        nothing."""
        if why := self.why_not:
            return why
        base = self.reference.spec
        try:
            variants = [parse_variant(f"bits{w}" if w[:1].isdigit() else w) for w in words]
        except EyebrowError as error:
            return error.message
        table = self._table()
        for variant in dict.fromkeys(variants):
            spec = base.with_variant(str(variant))
            if table.named(spec.name) is None:
                table.lines.append(Line(spec.name, variant, spec))
        self._start(table)
        return ""

    def measure_parts(self) -> str:
        """The variant under the cursor, or a usual one, of each part alone."""
        variant = self.line.variant if self.line is not None else None
        if variant is None or not variant.is_in_place:
            variant = parse_variant(NARROWED)
        try:
            parts = each_part(self.reference.spec)
        except EyebrowError as error:
            return error.message
        whole = str(replace(variant, parts=()))
        return self.measure([whole, *(f"{whole}:{part}" for part in parts)])

    def stop_or_resume(self) -> bool:
        """What is being measured, or what was stopped; whether there was any."""
        if self.running:
            self._stop()
            return True
        if self.table is None or not any(_is_open(line) for line in self.lines):
            return False
        self._start(self.table)
        return True

    def _table(self) -> Table:
        """That of the reference, on the stories that are listed now and under the recipe."""
        library, name = self.library, self.reference.name
        recipe = self.worker.asked
        about = (tuple(sorted(library.order)), len(library.stories), recipe.digest)
        table = self._tables.get(name)
        if table is None or table.about != about:
            table = self._tables[name] = Table(name, about, len(library.order))
            table.lines.append(Line(f"{name} bfloat16", None, None))
            self.at = 0
        return table

    def _start(self, table: Table) -> None:
        for line in table.lines:
            if line.damage is None:
                line.trouble = ""
        wanted = [line.spec for line in table.lines if line.damage is None and line.spec]
        if not wanted and table.lines[0].damage is not None:
            self.announce(Change.DAMAGE)
            return
        self._stop()
        recipe, library = self.worker.asked, self.library
        dtype = "float32" if recipe.dtype == "auto" else recipe.dtype
        self.running, self.progress = table.reference, None
        self.damaging.measure(
            Measure(
                self.worker.engine.settings,
                self.reference.spec,
                tuple(wanted),
                tuple(library.stories[story] for story in sorted(library.order)),
                replace(recipe, dtype=dtype, top=0),
            )
        )
        self.announce(Change.DAMAGE | Change.STATUS)

    def _stop(self) -> None:
        self.damaging.stop()
        self.running, self.progress = "", None
        self.announce(Change.DAMAGE | Change.STATUS)

    # --- the cursor, and the story ---------------------------------------------------------

    def move(self, by: int) -> None:
        """So many lines on, or back."""
        self.at = max(0, min(self.at + by, len(self.lines) - 1))
        self.announce(Change.DAMAGE)

    def want_story(self) -> None:
        """Have the selected story scored under the variant of the cursor, once that has a row."""
        line, key = self.line, self._key
        if line is None or line.spec is None or line.damage is None:
            return
        if key in self._scores or key in self._asked or self.worker.hello is None:
            return
        self._asked.add(key)
        story = self.library.stories[self.place.story]
        size = Size(line.spec, self.reference.parameters)
        self.jobs.ask(size, [(key[1], story)], partial(self._take, key), urgent=True)

    def _take(self, key: tuple[str, str], reply: Scored | Failed) -> None:
        self._asked.discard(key)
        if isinstance(reply, Failed):
            self._scores[key] = f"{reply.title}: {reply.message}"
        for _, _, score in reply.rows if isinstance(reply, Scored) else ():
            if score is not None:
                self._scores[key] = score
        while len(self._scores) > SCORES_KEPT:
            self._scores.popitem(last=False)
        self.announce(Change.DAMAGE)

    # --- what comes in ---------------------------------------------------------------------

    def receive(self, message: object) -> None:
        match message:
            case Answer(asked=asked, reply=reply) if asked == self.damaging.asked:
                self._answer(reply)
            case WorkerDied():
                self._asked.clear()

    def _answer(self, reply: object) -> None:
        table = self._tables.get(self.running)
        match reply:
            case Progress():
                self.progress = reply
            case Row(variant=name, damage=damage) if table is not None:
                for line in _of(table, name):
                    line.damage = damage
            case Refused(variant="", title=title, message=words):
                self.notify(Notice(title, words, severe=True))
            case Refused(variant=name, title=title, message=words) if table is not None:
                for line in _of(table, name):
                    line.trouble = f"{title}: {words}"
            case Ended():
                self.running, self.progress = "", None
        self.announce(Change.DAMAGE | Change.STATUS)


def _of(table: Table, name: str) -> Iterator[Line]:
    """The line of a variant; of the noise floor for ""."""
    return (line for line in table.lines if (line.name if line.spec else "") == name)


def _is_open(line: Line) -> bool:
    """Whether it was neither measured nor refused."""
    return line.damage is None and not line.trouble
