"""The code of the notebook: plain PyTorch, pandas and matplotlib, to be read and to be run."""

from __future__ import annotations

SETUP = """\
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

STORE = {store}
RECIPE = "{recipe}"
MODELS = {models}
DIGESTS = {digests}  # of the weights, model by model
TOKENIZERS = {tokenizers}
SEED = {seed}
RUN = {run}  # whose stories these are; None: those of all runs

warnings.filterwarnings("ignore", message="IProgress")  # bars need ipywidgets"""

READ = """\
from eyebrow.core.results.store import Store

columns = ["text", "text_digest", "model_digest", "parameters", "tokens", "bytes", "nll", "story"]
rows = pd.read_parquet(STORE / "scores", columns=columns, filters=[("recipe_digest", "==", RECIPE)])
names = pd.DataFrame({"model": MODELS, "model_digest": DIGESTS})
rows = rows.drop_duplicates(["text_digest", "model_digest"]).merge(names, on="model_digest")

# Models compare on the stories that all of them have scored.
common = rows.groupby("text_digest")["model"].nunique()
rows = rows[rows["text_digest"].isin(common.index[common == len(MODELS)])]

# Scores belong to texts; what a text is called, a run says. Two stories may tell one text.
told = Store(STORE).labels(RUN)
labels = [(label.digest, label.id, label.title, label.group) for label in told.stories]
labels = pd.DataFrame(labels, columns=["text_digest", "story", "title", "group"])
how = "left" if RUN is None else "inner"
rows = rows.rename(columns={"story": "first"}).merge(labels, on="text_digest", how=how)
rows["story"] = rows["story"].fillna(rows["first"])
rows["group"] = rows["group"].fillna("")
rows["title"] = rows["title"].replace("", None).fillna(rows["story"])
rows["key"] = rows["text_digest"] + " " + rows["story"]
rows["perplexity"] = np.exp(rows["nll"] / rows["tokens"])
rows[["story", "model", "tokens", "nll", "perplexity"]].sort_values("perplexity")"""

TABLE = """\
sums = rows.groupby("model")[["tokens", "bytes", "nll"]].sum().loc[MODELS]
models = pd.DataFrame(
    {
        "parameters": rows.groupby("model")["parameters"].first(),
        "perplexity": np.exp(sums["nll"] / sums["tokens"]),
        "bits_per_byte": sums["nll"] / np.log(2) / sums["bytes"],
        "mean_story_perplexity": rows.groupby("model")["perplexity"].mean(),
    }
).loc[MODELS]
models"""

COMMON = """\
from eyebrow.core.results.report.facts import pick_sheet
from eyebrow.core.results.store import Store

sheet, *_ = pick_sheet(Store(STORE), RECIPE, MODELS, RUN)
bits = sheet.common_nll.sum(axis=1) / np.log(2) / sheet.common_bytes.sum(axis=1)
models["bits_per_byte"] = pd.Series(bits, [model.name for model in sheet.models])
models["bits_per_byte"]"""

INTERVALS = """\
from eyebrow.core.results.clusters import clusters

# One row a model, one column a cluster: a story, or those of one text or group, which are not
# independent. A resample draws whole clusters, the same for all models.
rows["cluster"] = clusters(list(rows["group"]), list(rows["text_digest"]))
by_cluster = {"index": "model", "columns": "cluster", "aggfunc": "sum"}
nll = rows.pivot_table(values="nll", **by_cluster).loc[MODELS].to_numpy()
tokens = rows.pivot_table(values="tokens", **by_cluster).loc[MODELS].to_numpy()

random = np.random.default_rng(SEED)
drawn = [random.integers(0, nll.shape[1], nll.shape[1]) for _ in range(2000)]
resampled = np.array([nll[:, i].sum(axis=1) / tokens[:, i].sum(axis=1) for i in drawn])
models["low"] = np.exp(np.quantile(resampled, 0.025, axis=0, method="lower"))
models["high"] = np.exp(np.quantile(resampled, 0.975, axis=0, method="higher"))
models[["perplexity", "low", "high"]]"""

PERPLEXITY = '''\
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
    return float(np.exp(nll / (ids.shape[1] - 1)))'''

CHECK = """\
from eyebrow.core import EyebrowError, load_model

# Short ones, so that each fits into the model's context of {context} tokens at once.
longest = rows.groupby("text_digest")["tokens"].max()
fitting = longest[longest < {context}].sort_values(kind="stable").index
few = fitting[:: max(1, len(fitting) // 3)][:3]

checked = []
for name in MODELS:
    try:
        model, tokenizer, *_ = load_model(
            {places}.get(name, name), device="{device}", dtype="{dtype}", offline=True
        )
    except EyebrowError as error:
        print(f"{name} is not checked: {error.message}")
        continue
    own = rows[(rows["model"] == name) & rows["text_digest"].isin(few)]
    for _, row in own.iterrows():
        ours = compute_perplexity(model, tokenizer, row["text"])
        assert np.isclose(ours, row["perplexity"], rtol={tolerance}), (name, row["story"])
        checked.append((name, row["story"], row["perplexity"], ours))
pd.DataFrame(checked, columns=["model", "story", "in the store", "computed here"])"""

PLOT = """\
figure, axes = plt.subplots(figsize=(7, 4.5))
bars = [models["perplexity"] - models["low"], models["high"] - models["perplexity"]]
axes.errorbar(models["parameters"], models["perplexity"], bars, fmt="o", capsize=3)
for name, row in models.iterrows():
    axes.annotate(name, (row["parameters"], row["perplexity"]), (6, 6), textcoords="offset points")
axes.set(xscale="log", yscale="log", xlabel="parameters", ylabel="perplexity (pooled)")
axes.set_title("Perplexity against model size, 95 % intervals")
plt.show()"""

STORIES = """\
order = rows.groupby("key").apply(lambda g: (g["nll"] / g["tokens"]).mean())
order = order.sort_values(ascending=False).index
table = rows.pivot(index="key", columns="model", values="perplexity").loc[order, MODELS]
table.insert(0, "title", rows.drop_duplicates("key").set_index("key")["title"])
table.round(1)"""

CONSISTENT = """\
by_size = models.sort_values("parameters").index
mean_nll = np.log(table[by_size])
falls = (mean_nll.diff(axis=1).iloc[:, 1:] < 0)
print(f"best model: {models['bits_per_byte'].idxmin()}")
print(f"{falls.all(axis=1).mean():.0%} of the stories become less surprising with every size")
falls.mean().rename("share of stories improved by the step to this size").to_frame().round(3)"""

DISTRIBUTION = """\
figure, axes = plt.subplots(figsize=(7, 0.8 + 0.6 * len(MODELS)))
axes.boxplot([table[name] for name in MODELS], orientation="horizontal", tick_labels=MODELS)
axes.invert_yaxis()
axes.set(xscale="log", xlabel="perplexity of a story")
plt.show()"""

EXTREMES = """\
texts = rows.drop_duplicates("key").set_index("key")["text"]
for what, stories in (("hardest", order[:3]), ("easiest", order[:-4:-1])):
    for story in stories:
        numbers = ", ".join(f"{table.loc[story, name]:.1f} {name}" for name in MODELS)
        print(f"{what}: {table.loc[story, 'title']} ({numbers})\\n{texts[story]}\\n")"""

TOKENS = """\
from eyebrow.core.scoring.positions import PositionCounter

BEST = models["bits_per_byte"].idxmin()
LISTS = ["token_ids", "logprobs", "ranks"]
lists = pd.read_parquet(
    STORE / "scores",
    columns=["text_digest", "model_digest", *LISTS],
    filters=[("recipe_digest", "==", RECIPE)],
).drop_duplicates(["text_digest", "model_digest"])
lists = lists.merge(names, on="model_digest")
each = rows[["text_digest", "model", "story"]]  # of stories with one text each counts
lists = lists.merge(each, on=["text_digest", "model"]).set_index("model")

tokens = lists.loc[[BEST]].explode(LISTS)
tokens = tokens[tokens["ranks"].notna()]  # the first token is context
vocabulary = Store(STORE).vocabulary(TOKENIZERS[MODELS.index(BEST)])
tokens["bits"] = -tokens["logprobs"].astype(float) / np.log(2)
hardest = tokens.groupby("token_ids")["bits"].agg(["count", "mean"])
hardest = hardest[hardest["count"] >= 5].sort_values("mean", ascending=False).head(15)
hardest.index = [vocabulary[i] if vocabulary else i for i in hardest.index]
hardest.round(1)"""

PLACES = """\
text_of = rows.drop_duplicates("text_digest").set_index("text_digest")["text"]
copies = rows[rows["model"] == BEST]["text_digest"].value_counts()
starts = told.sentence_starts  # of sentences, where the source of a text tells them
sentences = {}
for name in MODELS:
    counter = PositionCounter()
    for digest, score in Store(STORE).scores(lists.loc[[name], "model_digest"].iloc[0], RECIPE):
        if digest in text_of.index:
            counter.add(text_of[digest], score, copies[digest], starts.get(digest, ()))
    sentences[name] = np.array(counter.positions().means) / np.log(2)
sentences = pd.DataFrame(sentences, index=range(1, 6))

guesses = [1, 10, 100, 1000]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
sentences.plot(ax=left, marker="o", xticks=range(1, 6), xlabel="sentence", ylabel="bits per token")
for name in MODELS:
    ranks = np.concatenate(lists.loc[[name], "ranks"].to_numpy())
    ranks = ranks[~np.isnan(ranks)]  # null where a token was not scored
    right.plot(guesses, [(ranks <= k).mean() for k in guesses], "o-", label=name)
right.set(xscale="log", xlabel="first guesses", ylabel="share of tokens", ylim=(0, 1.02))
right.legend()
plt.show()
sentences.T.round(2)"""
