"""What a reader of the numbers needs to know besides: the laws of scaling, and what words mean."""

from __future__ import annotations

from .blocks import Points, Prose, Section, Terms

_LAWS = (
    "Kaplan et al. (2020) found that the loss of language models falls as a power of the number of "
    "parameters, L(N) = (N_c / N)^0.076, where data and compute are no limit. Hoffmann et al. "
    "(2022) fitted L(N, D) = E + A / N^0.34 + B / D^0.28, in which E is the entropy of the text "
    "itself, which no size removes. By such a law equal ratios of size bring equal steps of the "
    "logarithm of the loss above E, and the curve of perplexity flattens to the right."
)
_CAUTION = (
    "What is measured here are a few sizes on one kind of text. That tells how these models "
    "compare on these stories; it tells the exponents of a law only as far as the intervals reach, "
    "and sizes that saw different amounts of data mix the two terms."
)
_SOURCES = (
    "Kaplan, McCandlish, Henighan, Brown, Chess, Child, Gray, Radford, Wu, Amodei (2020): Scaling "
    "Laws for Neural Language Models. arXiv:2001.08361.",
    "Hoffmann, Borgeaud, Mensch and 19 others (2022): Training Compute-Optimal Large Language "
    "Models. arXiv:2203.15556.",
    "Besiroglu, Erdil, Barnett, You (2024): Chinchilla Scaling: A replication attempt. "
    "arXiv:2404.10102. The same data fitted again: alpha 0.35.",
)


def scaling_laws() -> Section:
    """What the literature expects of perplexity against size."""
    return Section(
        "scaling-laws",
        "Link to scaling laws",
        (Prose(_LAWS), Prose(_CAUTION), Points(_SOURCES)),
    )


def definitions(seed: int) -> Section:
    """What is counted, and how; seed: of the resamples."""
    terms = (
        ("Surprise", "−log p(token | tokens before), in bits (base 2); 1 bit is 0.693 nats."),
        (
            "Perplexity",
            "exp of the mean of −ln p over all scored tokens of a set, pooled, never a mean of "
            "perplexities. The mean over stories has a column of its own.",
        ),
        (
            "Bits per byte",
            "All surprise in bits divided by the UTF-8 bytes of the scored text: the only fair "
            "axis between tokenizers, there on the bytes that all models scored.",
        ),
        (
            "First token",
            "A model says nothing about the first token it reads. The recipe says whether that is "
            "the story's own (context) or a symbol put in front (scored).",
        ),
        (
            "95 % interval",
            f"Percentiles over 2,000 resamples with replacement (seed {seed}) of whole stories, or "
            "of the groups of them that belong together, all models on the same resamples: the "
            "tokens of one story are not independent of each other.",
        ),
    )
    return Section("definitions", "Definitions", (Terms(terms),))
