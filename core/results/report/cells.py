"""The notebook's code on models: plain PyTorch, pandas and matplotlib, to be read and to be run.

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

_LOGITS = '''\
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

'''

PERPLEXITY = Cell(
    "From scratch, without eyebrow: the logits at one place foretell the next token, −ln of its "
    "probability is the surprise, and perplexity is exp of the mean.",
    _LOGITS
    + """\
    nll = 0.0
    for i in range(1, ids.shape[1]):  # the logits at i - 1 foretell the token at i
        scores = logits[i - 1]
        log_p = scores[ids[0, i]] - torch.logsumexp(scores, dim=0)
        nll += -log_p.item()
    return float(np.exp(nll / (ids.shape[1] - 1)))""",
    _LOGITS
    + """    return np.nan  # your lines: which logits foretell which token? The mean of -ln p?""",
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

_SUMS = """\
sums = rows.groupby("model")[["tokens", "bytes", "nll"]].sum().loc[MODELS.index]
models = MODELS[["family", "tokenizer", "is_size"]].copy()
models["parameters"] = rows.groupby("model")["parameters"].first()
"""

TABLE = Cell(
    "Every model over all stories, pooled over all tokens, not a mean of perplexities:",
    _SUMS
    + """\
models["perplexity"] = np.exp(sums["nll"] / sums["tokens"])
models["bits_per_byte"] = sums["nll"] / np.log(2) / sums["bytes"]
models["mean_story_perplexity"] = rows.groupby("model")["perplexity"].mean()
models.drop(columns="tokenizer")""",
    _SUMS
    + """\
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
