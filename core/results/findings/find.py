"""What the numbers say, in sentences that say no more than they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...wording import many
from ..statistics.bootstrap import SEED
from ..statistics.clusters import FEW
from ..statistics.scaling import FamilyFit, fit_families
from ..statistics.sheet import Sheet
from ..tokens.reading import FamilyTokens
from .finding import QUESTIONS, Finding
from .sizes import across_families, findings_of_size
from .stories import findings_of_stories
from .tokens import findings_of_tokens

__all__ = ["Finding", "find", "summary"]


def find(sheet: Sheet, tokens: Sequence[FamilyTokens] = (), *, seed: int = SEED) -> list[Finding]:
    """The findings on the stories that all models of the sheet have scored, family by family.

    tokens: from `read_tokens`, of any of the families; without them nothing is said of tokens,
    words and places. Models of different families or tokenizers are never pooled.
    """
    common = sheet.common()
    digests = [(story.digest, story.id) for story in common.stories]
    # Resamples draw by place: sorted, the same stories have the same intervals in any order.
    common = common.of_stories(sorted(range(len(digests)), key=digests.__getitem__))
    found = _of_set(sheet, common)
    if not common.stories:
        return found
    found += across_families(common, seed)
    for fitted in fit_families(common, seed=seed):
        own = findings_of_size(common, fitted, seed)
        own += findings_of_stories(common, fitted.family, fitted.rows, seed)
        names = {common.models[row].name for row in fitted.rows}
        for read in tokens:
            if {model.model for model in read.models} <= names:
                own += findings_of_tokens(read, seed)
        found += [replace(one, tokenizer=fitted.tokenizer) for one in own]
    return found


def summary(found: Sequence[Finding], of: FamilyFit) -> list[Finding]:
    """The answers, in the order of their questions: of all families, and of this one."""
    wanted = (("", ""), (of.family, of.tokenizer))
    own = [one for one in found if one.answers and (one.family, one.tokenizer) in wanted]
    return sorted(own, key=lambda one: QUESTIONS.index(one.answers))


def _of_set(sheet: Sheet, common: Sheet) -> list[Finding]:
    stories, left_out = len(common.stories), len(sheet.stories) - len(common.stories)
    if not stories:
        return [Finding("set", "", "No story has been scored by all of the models.")]
    found = []
    if left_out:
        said = (
            f"{many(left_out, 'story', 'stories')} of {len(sheet.stories):,} that not all models "
            "have scored are left out."
        )
        found.append(Finding("set", "", said))
    if common.compared:
        said = f"The tokenizers differ, so bits per byte are over {common.compared}."
        found.append(Finding("set", "", said))
    drawn = common.drawn
    lines = [*drawn.lines, *_too_few(stories, drawn.clusters)]
    if lines:
        found.append(Finding("set", "", " ".join(lines)))
    return found


def _too_few(stories: int, clusters: int) -> list[str]:
    """What no sentence says of few clusters, and why."""
    if clusters >= FEW:
        return []
    if clusters == 1 < stories:
        return ["What follows holds for these alone."]
    what = many(stories, "story", "stories")
    what += f" in {many(clusters, 'group')}" if clusters < stories else ""
    return [
        f"{what} {'is' if stories == 1 else 'are'} too few to tell how much stories differ: no "
        "interval stands in these sentences, and what follows holds for these alone."
    ]
