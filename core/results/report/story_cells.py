"""The notebook's code on stories and tokens; it goes on from that on models."""

from __future__ import annotations

from .cells import Cell

STORIES = Cell(
    "Every story under every model, the hardest first.",
    """\
table = rows.pivot(index="key", columns="model", values="perplexity")[list(MODELS.index)]
titles = rows.drop_duplicates("key").set_index("key")["title"]
order = np.log(table[SIZES]).mean(axis=1).sort_values(ascending=False, kind="stable").index
table.loc[order].assign(title=titles).set_index("title").round(1)""",
)

CONSISTENT = Cell(
    "Does perplexity fall from each size to the next? Both sizes are on the same resamples of the "
    "stories, and a step can be told where its interval leaves out a ratio of 1.",
    """\
steps = []
for _, own in models[models["is_size"]].groupby(["family", "tokenizer"], sort=False):
    for small, large in zip(own.index, own.index[1:], strict=False):
        low, high = np.exp(interval(resampled[large] - resampled[small]))
        way = "falls" if high < 1 else "rises" if low > 1 else "cannot be told"
        if nll.shape[1] < 10:  # too few that are drawn
            way = "cannot be told"
        change = table[large] - table[small]
        improved = ((change < 0) + 0.5 * (change == 0)).mean()
        ratio = models.loc[large, "perplexity"] / models.loc[small, "perplexity"]
        steps.append((small, large, ratio, low, high, way, improved))
steps = pd.DataFrame(
    steps, columns=["from", "to", "ratio", "low", "high", "perplexity", "stories improved"]
)
steps.round(3)""",
    """\
columns = ["from", "to", "ratio", "low", "high", "perplexity", "stories improved"]
steps = []  # your lines: a tuple for each step, perplexity "falls", "rises" or "cannot be told"
steps = pd.DataFrame(steps, columns=columns)
steps""",
    """\
from eyebrow.core.results.statistics import paired

ours = [
    one for _, at in sheet.families() for one in paired.steps(sheet, sheet.sizes(at), seed=SEED)
]
assert len(steps) == len(ours), "steps: still open"
if ours:
    # With more than 5,000 stories eyebrow draws blocks of them, and intervals are near, not equal.
    near = 1e-6 if nll.shape[1] <= 5000 else 0.05
    wanted = [[one.ratio, *one.ratio_ci95] for one in ours]
    if np.isfinite(wanted).all():
        check("ratios and intervals", steps[["ratio", "low", "high"]], wanted, rtol=near)
    check("stories improved", steps["stories improved"], [one.improved for one in ours])
    if near < 0.01:
        assert list(steps["perplexity"]) == [one.way or "cannot be told" for one in ours]""",
)

DISTRIBUTION = Cell(
    "",
    """\
groups = [own.index for _, own in models.groupby("tokenizer", sort=False)]
figure, axes = plt.subplots(
    len(groups),
    figsize=(7, 1.5 + 0.6 * len(models)),
    squeeze=False,
    height_ratios=[len(own) for own in groups],
    constrained_layout=True,
)
for panel, own in zip(axes[:, 0], groups, strict=True):
    panel.boxplot([table[name] for name in own], orientation="horizontal", tick_labels=list(own))
    panel.invert_yaxis()
    panel.set(xscale="log", xlabel="perplexity of a story")
plt.show()""",
)

EXTREMES = Cell(
    "The hardest and the easiest stories, by the mean nats per token over the sizes, and where in "
    "them the surprise is.",
    """\
best = models.loc[SIZES, "perplexity"].idxmin()
several = min(3, len(order) // 2) or 1
hardest, easiest = order[:several], order[::-1][:several]
pd.DataFrame({"hardest": titles[hardest].to_list(), "easiest": titles[easiest].to_list()})""",
    """\
best = SIZES[0]  # your line: the best of SIZES
several = min(3, len(order) // 2) or 1
hardest, easiest = [], []  # your lines: the index of the table has what they are called""",
    """\
from eyebrow.core.results.statistics.difficulty import hardest_stories

at = [ROW[name] for name in SIZES]
assert best == min(SIZES, key=lambda name: sheet.nll[ROW[name]].sum()), "best: still open"
ends = hardest_stories(sheet, at, several)
for yours, ours in ((hardest, ends.most), (easiest, ends.least)):
    assert list(yours) == [f"{one.story.digest} {one.story.id}" for one in ours][:several]

texts = rows.drop_duplicates("key").set_index("key")["text"]
for what, stories in (("hardest", hardest), ("easiest", easiest)):
    for story in stories:
        text, digest = texts[story], story.split(" ")[0]
        score = store.score(digest, MODELS.loc[best, "digest"], RECIPE)
        bits = np.nan_to_num(-score.logprobs / np.log(2), nan=-1)
        places = [
            f"{text[score.starts[i] : score.ends[i]]!r} {bits[i]:.1f} bits"
            for i in np.argsort(-bits, kind="stable")[:3]
        ]
        numbers = ", ".join(f"{table.loc[story, name]:.1f} {name}" for name in MODELS.index)
        print(f"{what}: {titles[story]} ({numbers})\\n{text}")
        print(f"most surprising to {best}: {', '.join(places)}\\n")""",
)

_EACH = """\
LISTS = ["token_ids", "logprobs", "ranks"]
tokens = pd.read_parquet(
    STORE / "scores",
    columns=["text_digest", *LISTS],
    filters=[("recipe_digest", "==", RECIPE), ("model_digest", "==", MODELS.loc[best, "digest"])],
).drop_duplicates("text_digest")
each = rows.loc[rows["model"] == best, ["text_digest"]]  # of stories with one text each counts
tokens = tokens.merge(each, on="text_digest").explode(LISTS)
tokens = tokens[tokens["ranks"].notna()]  # the first token is context
"""

TOKENS = Cell(
    "The hardest tokens under the best of the sizes, of those that come often enough.",
    _EACH
    + """\
tokens["nats"] = -tokens["logprobs"].astype(float)

hardest_tokens = tokens.groupby("token_ids").agg(
    places=("nats", "size"), stories=("text_digest", "nunique"), nats=("nats", "mean")
)
often = (hardest_tokens["places"] >= 5) & (hardest_tokens["stories"] >= 3)
hardest_tokens = hardest_tokens[often].sort_values("nats", ascending=False).head(15)
vocabulary = store.vocabulary(MODELS.loc[best, "tokenizer"])
hardest_tokens.index = [vocabulary[i] if vocabulary else i for i in hardest_tokens.index]
hardest_tokens.round(2)""",
    _EACH
    + """\
vocabulary = store.vocabulary(MODELS.loc[best, "tokenizer"])  # what the ids read as

# Your lines: of the tokens with 5 places or more in 3 stories or more the 15 with the most nats in
# the mean, the highest first.
hardest_tokens = pd.DataFrame(columns=["places", "stories", "nats"])
hardest_tokens""",
    """\
from eyebrow.core.results.tokens.reading import read_tokens

reads = [read_tokens(store, sheet, at) for _, at in sheet.families()]
by_model = {one.model: one for read in reads for one in read.models}
ours = [one.nats for one in by_model[best].hardest_tokens[:15]]
if ours:  # of a few kinds half are told as the easiest
    check("hardest tokens", hardest_tokens["nats"].iloc[: len(ours)], ours, rtol=1e-4)""",
)

PLACES = Cell(
    "Surprise by sentence, and how good guesses are: a panel for each tokenizer.",
    """\
five = {name: one.five.means / np.log(2) for name, one in by_model.items() if one.five.stories}
high = 2 if five else 1
figure, axes = plt.subplots(
    high,
    len(reads),
    figsize=(6 * len(reads), 3.5 * high),
    squeeze=False,
    constrained_layout=True,
)
for panels, read in zip(axes.T, reads, strict=True):
    for one in read.models:
        shares = one.rank_shares[: len(read.ranks)]
        panels[0].plot(read.ranks, shares, "o-", label=one.model)
        if five:
            (line,) = panels[1].plot(range(1, 6), five[one.model], "o-", label=one.model)
            low, high = np.transpose(one.five.intervals(seed=SEED)) / np.log(2)
            panels[1].vlines(range(1, 6), low, high, color=line.get_color())
    panels[0].set(xscale="log", xlabel="first guesses", ylabel="share of tokens", ylim=(0, 1.02))
    panels[-1].legend()
    if five:
        panels[1].set(xlabel="sentence", ylabel="bits per token", xticks=range(1, 6))
plt.show()

if five:
    sentences = pd.DataFrame(five, index=range(1, 6)).T.rename_axis("bits per token in sentence")
    print(sentences.round(2))
else:
    print("No story has exactly five sentences.")""",
)
