"""Four ways in which one long text gets a perplexity, as those who use them compute it.

Each is a set of windows over the text's tokens, a rule which of them are scored, and what the
sum is divided by. They differ in how much text stands before a scored token, so their numbers
differ for the same model and text, and none is comparable with another.

In all four the text is one sequence, tokenised in one go as the tokenizer does it by itself: a
tokenizer that puts a BOS in front does so once, at the front of the text. The file is taken as
it is. GPTQ and the Hugging Face guide get WikiText from `datasets`, row by row, and join the
rows with blank lines; to have their published figures, join the text that way first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .windows import Window


def gptq_windows(length: int, context: int) -> Iterator[Window]:
    """Disjoint windows of `context` tokens; the tail that fills none is dropped.

    GPTQ (Frantar et al. 2023; `llama_eval` in llama.py of IST-DASLab/gptq), and after it wanda,
    SparseGPT, Torch-Pruning, AutoGPTQ. Each window's mean loss over its context - 1 targets is
    multiplied by context, summed, and divided by windows * context; as all windows have as many
    targets this is the mean over all targets. A window's first token is never a target.
    """
    for start in range(0, length - context + 1, context):
        yield Window(start, start + context, start + 1)


def strided_windows(length: int, context: int, step: int) -> Iterator[Window]:
    """Windows of `context` tokens, `step` apart; of each, what no earlier one has scored.

    Hugging Face's guide "Perplexity of fixed-length models" (transformers, perplexity.md). Every
    token but the text's first is scored once, later ones after context - step tokens at least.
    With step = context a window's first token has nothing before it and is not scored. (The
    guide's code weighs the mean of each later window with one target less than it has, taking
    them for lost in the shift of labels; over ten thousand tokens that moves the result by 1e-5.)
    """
    done = 1
    for start in range(0, length, step):
        stop = min(start + context, length)
        first = max(done, start + 1)
        if first < stop:
            yield Window(start, stop, first)
        done = stop
        if stop == length:
            return


def rolling_windows(length: int, context: int) -> Iterator[Window]:
    """Windows in which `context` tokens are fed and predicted, each after one token of context.

    EleutherAI's lm-evaluation-harness (`loglikelihood_rolling`: get_rolling_token_windows with
    context_len=1, then make_disjoint_window). `length` counts the prefix token at the front,
    which is context and no target; every token of the text is scored. A BOS of the tokenizer's
    own stands behind the prefix and is scored too: so lm-eval does from 0.4.9.2 on, before it
    left special tokens out (add_bos_token=False; here special_tokens=False). The last window is fed
    `context` tokens too where the text has as many: its few targets see what came before them.
    """
    done = 1
    while done < length:
        stop = min(done + context, length)
        yield Window(max(0, stop - 1 - context), stop, done)
        done = stop


def second_half_windows(length: int, context: int) -> Iterator[Window]:
    """Disjoint windows of `context` tokens, of which the second half is scored.

    llama.cpp (`perplexity` in tools/perplexity/perplexity.cpp): the logits of places context // 2
    to context - 2 are read, so context - 1 - context // 2 tokens are scored, 255 of 512. The tail
    that fills no window is dropped.
    """
    for start in range(0, length - context + 1, context):
        yield Window(start, start + context, start + context // 2 + 1)


@dataclass(frozen=True, slots=True)
class CorpusRecipe:
    """A named way to a corpus perplexity.

    context: tokens of a window where none is asked for; None: all that the model sees.
    smallest: the shortest context that scores anything. prefix: a BOS (else EOS) stands before
    the text. fresh: a BOS replaces each window's first token, where the tokenizer puts one.
    why: what is scored with how much before it, in one line.
    """

    name: str
    community: str
    context: int | None
    why: str
    smallest: int = 2
    prefix: bool = False
    fresh: bool = False

    def windows(self, length: int, context: int, step: int) -> Iterator[Window]:
        """The windows over `length` tokens, the prefix included; `step` is for strided alone."""
        if self.name == "strided":
            return strided_windows(length, context, step)
        return _WINDOWS[self.name](length, context)


_WINDOWS: dict[str, Callable[[int, int], Iterator[Window]]] = {
    "gptq": gptq_windows,
    "rolling": rolling_windows,
    "second-half": second_half_windows,
}

CORPUS_RECIPES = {
    recipe.name: recipe
    for recipe in (
        CorpusRecipe(
            "gptq",
            "GPTQ, wanda, Torch-Pruning",
            2048,
            "disjoint windows that each start from nothing: on average half a window stands before "
            "a token; each window's first token and the tail are left out",
        ),
        CorpusRecipe(
            "strided",
            "Hugging Face's guide",
            None,
            "overlapping windows, every token but the first once, with at least context - stride "
            "tokens before it, once the text is longer than a window",
        ),
        CorpusRecipe(
            "rolling",
            "lm-evaluation-harness",
            None,
            "every token once, behind a prefix token; a window knows one token of the text before "
            "it; word and byte perplexity divide by the words and bytes of the original text",
            smallest=1,
            prefix=True,
        ),
        CorpusRecipe(
            "second-half",
            "llama.cpp",
            512,
            "only the second half of disjoint windows, so half a window stands before every token; "
            "the other tokens are left out; ± is one standard error, as if tokens were independent",
            smallest=3,
            fresh=True,
        ),
    )
}
