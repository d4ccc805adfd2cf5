"""The code of the notebook: plain PyTorch, pandas and matplotlib, to be read and to be run.

A `Cell` that has a blank is a task: a class gets the blank, everybody the check behind it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """told: what is said before it. code: what solves it. blank: what stands there instead where
    answers are left open; "" where there is nothing to solve. check: whether it is solved."""

    told: str
    code: str
    blank: str = ""
    check: str = ""


SETUP = Cell(
    "",
    """\
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from eyebrow.core.results.report.facts import pick_sheet
from eyebrow.core.results.store import Store

STORE = {store}
RECIPE = "{recipe}"
SEED = {seed}
RUN = {run}  # whose stories these are; None: those of all runs
# Only models of one tokenizer compare per token. What was counted, not trained, is no size.
MODELS = pd.DataFrame(
    {models},
    columns=["model", "family", "is_size", "tokenizer", "digest", "place"],
).set_index("model")
SIZES = {sizes}  # of the family that the questions are about, small to large

store = Store(STORE)
sheet, *_ = pick_sheet(store, RECIPE, list(MODELS.index), RUN)  # what eyebrow says, for the checks
ROW = {model.name: row for row, model in enumerate(sheet.models)}
warnings.filterwarnings("ignore", message="IProgress")  # bars need ipywidgets


def check(what, yours, ours, rtol=1e-6):
    yours = np.asarray(yours, dtype=float)
    assert np.isfinite(yours).any(), f"{what}: still open"
    np.testing.assert_allclose(yours, ours, rtol=rtol, err_msg=what)
    print(f"{what}: as eyebrow has it")""",
)

READ = Cell(
    "The scores are a folder of Parquet files, one row per text, model and recipe.",
    """\
columns = ["text", "text_digest", "model_digest", "parameters", "tokens", "bytes", "nll", "story"]
rows = pd.read_parquet(STORE / "scores", columns=columns, filters=[("recipe_digest", "==", RECIPE)])
names = MODELS.reset_index()[["model", "digest"]].rename(columns={"digest": "model_digest"})
rows = rows.drop_duplicates(["text_digest", "model_digest"]).merge(names, on="model_digest")

# Models compare on the stories that all of them have scored.
common = rows.groupby("text_digest")["model"].nunique()
rows = rows[rows["text_digest"].isin(common.index[common == len(MODELS)])]

# Scores belong to texts; what a text is called, a run says. Two stories may tell one text.
labels = [(one.digest, one.id, one.title) for one in store.labels(RUN).stories]
labels = pd.DataFrame(labels, columns=["text_digest", "story", "title"])
how = "left" if RUN is None else "inner"
rows = rows.rename(columns={"story": "first"}).merge(labels, on="text_digest", how=how)
rows["story"] = rows["story"].fillna(rows["first"])
rows["title"] = rows["title"].replace("", None).fillna(rows["story"])
rows["key"] = rows["text_digest"] + " " + rows["story"]
rows["perplexity"] = np.exp(rows["nll"] / rows["tokens"])
rows[["story", "model", "tokens", "nll", "perplexity"]].sort_values("perplexity")""",
)

PERPLEXITY = Cell(
    "From scratch, without eyebrow: the logits at one place foretell the next token, −ln of its "
    "probability is the surprise, and perplexity is exp of the mean.",
    '''\
def compute_perplexity(model, tokenizer, text, first_token="{first_token}"):
    """exp of the mean of -ln p(token | tokens before it)."""
    ids = tokenizer(text)["input_ids"]
    if first_token == "scored":  # a BOS (else EOS) in front, exactly once
        start = tokenizer.bos_token_id
        start = tokenizer.eos_token_id if start is None else start
        while ids and ids[0] in tokenizer.all_special_ids:
            ids = ids[1:]
        ids = [start, *ids]
    ids = torch.tensor([ids], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].float()  # (tokens, vocabulary)

    nll = 0.0
    for i in range(1, ids.shape[1]):  # the logits at i - 1 foretell the token at i
        scores = logits[i - 1]
        log_p = scores[ids[0, i]] - torch.logsumexp(scores, dim=0)
        nll += -log_p.item()
    return float(np.exp(nll / (ids.shape[1] - 1)))''',
    '''\
def compute_perplexity(model, tokenizer, text, first_token="{first_token}"):
    """exp of the mean of -ln p(token | tokens before it)."""
    ids = tokenizer(text)["input_ids"]
    if first_token == "scored":  # a BOS (else EOS) in front, exactly once
        start = tokenizer.bos_token_id
        start = tokenizer.eos_token_id if start is None else start
        while ids and ids[0] in tokenizer.all_special_ids:
            ids = ids[1:]
        ids = [start, *ids]
    ids = torch.tensor([ids], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].float()  # (tokens, vocabulary)

    return np.nan  # your lines: which logits foretell which token? The mean of -ln p?''',
    """\
from eyebrow.core import EyebrowError, load_model

# Short ones, so that each fits into the model's context of {context} tokens at once.
longest = rows.groupby("text_digest")["tokens"].max()
fitting = longest[longest < {context}].sort_values(kind="stable").index
few = fitting[:: max(1, len(fitting) // 3)][:3]
if not len(few):
    print("No story is as short as that: nothing is checked.")

checked = []
for name, place in MODELS["place"].items():
    try:
        model, tokenizer, *_ = load_model(place, device="{device}", dtype="{dtype}", offline=True)
    except EyebrowError as error:
        print(f"{name} is not checked: {error.message}")
        continue
    own = rows[(rows["model"] == name) & rows["text_digest"].isin(few)]
    for _, row in own.drop_duplicates("text_digest").iterrows():
        ours = compute_perplexity(model, tokenizer, row["text"])
        assert np.isfinite(ours), "compute_perplexity: still open"
        assert np.isclose(ours, row["perplexity"], rtol={tolerance}), (name, row["story"])
        checked.append((name, row["story"], row["perplexity"], ours))
pd.DataFrame(checked, columns=["model", "story", "in the store", "computed here"])""",
)

TABLE = Cell(
    "Every model over all stories, pooled over all tokens, not a mean of perplexities:",
    """\
sums = rows.groupby("model")[["tokens", "bytes", "nll"]].sum().loc[MODELS.index]
models = MODELS[["family", "tokenizer", "is_size"]].copy()
models["parameters"] = rows.groupby("model")["parameters"].first()
models["perplexity"] = np.exp(sums["nll"] / sums["tokens"])
models["bits_per_byte"] = sums["nll"] / np.log(2) / sums["bytes"]
models["mean_story_perplexity"] = rows.groupby("model")["perplexity"].mean()
models.drop(columns="tokenizer")""",
    """\
sums = rows.groupby("model")[["tokens", "bytes", "nll"]].sum().loc[MODELS.index]
models = MODELS[["family", "tokenizer", "is_size"]].copy()
models["parameters"] = rows.groupby("model")["parameters"].first()
models["perplexity"] = np.nan  # your line: from sums, which are in nats
models["bits_per_byte"] = np.nan  # your line: in bits, by the byte
models["mean_story_perplexity"] = rows.groupby("model")["perplexity"].mean()
models.drop(columns="tokenizer")""",
    """\
at = [ROW[name] for name in models.index]
nats = sheet.nll.sum(axis=1)[at]
check("perplexity", models["perplexity"], np.exp(nats / sheet.tokens.sum(axis=1)[at]))
check("bits per byte", models["bits_per_byte"], nats / np.log(2) / sheet.bytes.sum(axis=1)[at])""",
)

COMMON = Cell(
    "Tokenizers differ, so perplexities per token do not compare; bits per byte do, on the bytes "
    "that all models have scored.",
    """\
bits = sheet.common_nll.sum(axis=1) / np.log(2) / sheet.common_bytes.sum(axis=1)
models["bits_per_byte"] = [bits[ROW[name]] for name in models.index]
models[["family", "bits_per_byte"]].sort_values("bits_per_byte")""",
)

INTERVALS = Cell(
    "The intervals resample whole stories, those of one text or group as one:",
    """\
# One row a model, one column what is drawn together; a resample draws the same for all models.
together = sheet.by_group().of_models([ROW[name] for name in MODELS.index])
nll, tokens = together.nll, together.tokens

random = np.random.default_rng(SEED)
drawn = [random.integers(0, nll.shape[1], nll.shape[1]) for _ in range(2000)]
resampled = np.array([nll[:, i].sum(axis=1) / tokens[:, i].sum(axis=1) for i in drawn])
resampled = pd.DataFrame(resampled, columns=MODELS.index)


def interval(values):
    low = np.quantile(values, 0.025, axis=0, method="lower")
    return low, np.quantile(values, 0.975, axis=0, method="higher")


models["low"], models["high"] = np.exp(interval(resampled))
models[["perplexity", "low", "high"]]""",
)

PLOT = Cell(
    "A line for each family; between tokenizers bits per byte.",
    """\
own = models[models["tokenizer"] == models.loc[SIZES[0], "tokenizer"]]
panels = [("perplexity", own)]
if len(own) < len(models):
    panels = [("bits_per_byte", models), *panels]
figure, axes = plt.subplots(
    1, len(panels), figsize=(7 * len(panels), 4.5), squeeze=False, constrained_layout=True
)
for panel, (what, shown) in zip(axes[0], panels, strict=True):
    for _, own in shown[shown["is_size"]].groupby(["family", "tokenizer"], sort=False):
        panel.plot(own["parameters"], own[what], "-", color="grey", linewidth=1)
    for name, row in shown.iterrows():
        (mark,) = panel.plot(row["parameters"], row[what], "o", label=name)
        mark.set_fillstyle("full" if row["is_size"] else "none")
        if what == "perplexity":
            panel.plot([row["parameters"]] * 2, [row["low"], row["high"]], color=mark.get_color())
    panel.set(xscale="log", yscale="log", xlabel="parameters", ylabel=what.replace("_", " "))
    panel.yaxis.set_major_formatter("{x:.4g}")
    panel.yaxis.set_minor_formatter("{x:.4g}")
    panel.legend()
plt.show()""",
    """\
# Your plot: perplexity against parameters, both axes logarithmic, with the intervals as bars.
# A line through the sizes of one family only. Which quantity compares between tokenizers?""",
)

FIT = Cell(
    "A power law through the sizes of a family: up to four sizes L = A / N^alpha, a line in "
    "log-log; from five on L = E + A / N^alpha, with the least squares.",
    """\
from scipy.optimize import nnls


def fit_power(parameters, nats):
    \"\"\"alpha, and nats at these sizes.\"\"\"
    if len(parameters) <= 4:
        slope, height = np.polyfit(np.log(parameters), np.log(nats), 1)
        return -slope, np.exp(height) * parameters**slope
    best = None
    for alpha in np.geomspace(0.01, 2, 2000):  # for a given alpha, E and A are linear
        basis = np.stack([np.ones(len(parameters)), (parameters / parameters[0]) ** -alpha], axis=1)
        found, off = nnls(basis, nats)
        if best is None or off < best[0]:
            best = off, alpha, basis @ found
    return best[1:]


alphas = {}
for (family, _), own in models[models["is_size"]].groupby(["family", "tokenizer"], sort=False):
    if len(own) > 2:
        nats = np.log(own["perplexity"].to_numpy())
        alphas[family], line = fit_power(own["parameters"].to_numpy(dtype=float), nats)
alphas""",
    """\
alphas = {}  # by family, of those with three sizes or more
for (family, _), own in models[models["is_size"]].groupby(["family", "tokenizer"], sort=False):
    if len(own) > 2:
        nats = np.log(own["perplexity"].to_numpy())
        alphas[family] = np.nan  # your lines: own["parameters"] against nats
alphas""",
    """\
from eyebrow.core.results.statistics.scaling import fit_families

for one in fit_families(sheet, seed=SEED):
    if hasattr(one.fit, "alpha"):
        check(f"alpha of {one.family}", [alphas[one.family]], [one.fit.alpha], rtol=0.005)
        low, high = one.fit.alpha_ci95
        print(f"  {one.fit.alpha:.3f} [{low:.3f}, {high:.3f}], resampling stories")
    else:
        print(f"eyebrow fits no law to {one.family}: {one.fit.reason}")""",
)

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

TOKENS = Cell(
    "The hardest tokens under the best of the sizes, of those that come often enough.",
    """\
LISTS = ["token_ids", "logprobs", "ranks"]
tokens = pd.read_parquet(
    STORE / "scores",
    columns=["text_digest", *LISTS],
    filters=[("recipe_digest", "==", RECIPE), ("model_digest", "==", MODELS.loc[best, "digest"])],
).drop_duplicates("text_digest")
each = rows.loc[rows["model"] == best, ["text_digest"]]  # of stories with one text each counts
tokens = tokens.merge(each, on="text_digest").explode(LISTS)
tokens = tokens[tokens["ranks"].notna()]  # the first token is context
tokens["nats"] = -tokens["logprobs"].astype(float)

hardest_tokens = tokens.groupby("token_ids").agg(
    places=("nats", "size"), stories=("text_digest", "nunique"), nats=("nats", "mean")
)
often = (hardest_tokens["places"] >= 5) & (hardest_tokens["stories"] >= 3)
hardest_tokens = hardest_tokens[often].sort_values("nats", ascending=False).head(15)
vocabulary = store.vocabulary(MODELS.loc[best, "tokenizer"])
hardest_tokens.index = [vocabulary[i] if vocabulary else i for i in hardest_tokens.index]
hardest_tokens.round(2)""",
    """\
LISTS = ["token_ids", "logprobs", "ranks"]
tokens = pd.read_parquet(
    STORE / "scores",
    columns=["text_digest", *LISTS],
    filters=[("recipe_digest", "==", RECIPE), ("model_digest", "==", MODELS.loc[best, "digest"])],
).drop_duplicates("text_digest")
each = rows.loc[rows["model"] == best, ["text_digest"]]  # of stories with one text each counts
tokens = tokens.merge(each, on="text_digest").explode(LISTS)
tokens = tokens[tokens["ranks"].notna()]  # the first token is context
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
            panels[1].plot(range(1, 6), five[one.model], "o-", label=one.model)
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

BY_SECTION = {
    "models": (READ, PERPLEXITY, TABLE, COMMON, INTERVALS),
    "size": (PLOT, FIT),
    "stories": (STORIES,),
    "consistency": (CONSISTENT, DISTRIBUTION),
    "hard-stories": (EXTREMES,),
    "tokens": (TOKENS, PLACES),
}
"""Which cells stand under which of the report's sections."""
