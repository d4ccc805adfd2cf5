"""What each command prints."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.models.catalogue import POCKET, families
from eyebrow.core.models.load import load_model
from eyebrow.core.models.options import LoadOptions
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.scoring.simple import compute_perplexity, next_tokens

from .conftest import BIGRAM, Outcome

Cli = Callable[..., Outcome]


@pytest.mark.parametrize(
    "command",
    [
        *("open", "score", "tokens", "next", "sample", "corpus", "compare", "endings", "damage"),
        *("report", "models", "doctor", "config"),
    ],
)
def test_help_has_an_example_and_fits_80_columns(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert done.code == 0
    assert f"eyebrow {command}" in done.out.split("Example:")[1]
    assert "--quiet" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_version(cli: Cli) -> None:
    assert cli("--version").out == "eyebrow 0.1.0\n"


# --- score ---------------------------------------------------------------------------------


def test_score_json(cli: Cli, five: Path) -> None:
    done = cli("score", five, "-m", BIGRAM, "--json")
    assert (done.code, done.err) == (0, "")
    result = done.json
    assert list(result) == ["eyebrow", "recipe", "models", "stories", "failures", "drawn"]
    assert result["drawn"] == {"stories": 5, "clusters": 5, "by": [], "copies": 0}
    assert result["eyebrow"] == "0.1.0"
    assert result["recipe"] == {
        "first_token": "context",
        "context": 512,
        "stride": 256,
        "dtype": "float32",
        "device": "cpu",
        "top": 10,
    }
    (model,) = result["models"]
    assert list(model)[:11] == [
        *("model", "parameters", "revision", "stories", "tokens", "bytes", "nll", "perplexity"),
        *("perplexity_ci95", "bits_per_byte", "mean_story_perplexity"),
    ]
    assert [list(row) for row in result["stories"]] == [
        ["story", "model", "tokens", "bytes", "nll", "perplexity", "bits_per_byte"]
    ] * 5
    assert model["nll"] == pytest.approx(sum(row["nll"] for row in result["stories"]))
    assert model["perplexity"] == pytest.approx(math.exp(model["nll"] / model["tokens"]))
    assert model["bits_per_byte"] == pytest.approx(model["nll"] / math.log(2) / model["bytes"])
    low, high = model["perplexity_ci95"]
    assert low < model["perplexity"] < high


def test_score_from_stdin_a_line_each(cli: Cli) -> None:
    done = cli(
        "score", "-", "--per-line", "-m", BIGRAM, "--json", stdin=b"A cat sat.\nA dog ran.\n"
    )
    assert [row["story"] for row in done.json["stories"]] == ["1", "2"]


def test_a_number_that_is_none_is_null(cli: Cli) -> None:
    """One token, of which nothing can be said, and an interval of one story."""
    done = cli("score", "-", "-m", BIGRAM, "--json", stdin=b"a")
    (model,), (story,) = done.json["models"], done.json["stories"]
    assert (story["tokens"], story["perplexity"], story["bits_per_byte"]) == (0, None, None)
    assert model["perplexity_ci95"] == [None, None]


def test_score_table(cli: Cli, five: Path) -> None:
    done = cli("score", five, "-m", BIGRAM)
    head, row, blank, recipe = done.out.splitlines()
    assert head.split()[:2] == ["model", "size"]
    assert row.split()[:3] == [BIGRAM, "20.1k", "5"]
    assert blank == ""
    assert recipe == "first token context · 512/256 · float32 cpu"


def test_between_tokenizers_the_score_table_says_what_is_compared(
    cli: Cli, five: Path, tiny: Callable[[str], Path]
) -> None:
    asked = ("score", five, "--no-store", "-m", BIGRAM, "-m", tiny("llama-bos"))
    own = cli("score", five, "--no-store", "-m", BIGRAM, "-m", "pocket-50k").out
    assert "in common" not in own
    rows = cli(*asked, "--json").json["models"]
    common, other = (row["common"] for row in rows)
    assert common["bytes"] == other["bytes"] < max(row["bytes"] for row in rows)
    head, *lines = cli(*asked).out.splitlines()
    at = head.index("in common")
    for row, line in zip(rows, lines, strict=False):
        assert line[at:].split()[0] == f"{row['common']['bits_per_byte']:.3f}"
    left = max(row["bytes"] for row in rows) - common["bytes"]
    assert (
        "perplexities per token do not compare between them; in common are bits per byte of the "
        f"{common['bytes']:,} bytes that all models scored, "
        f"leaving out up to {left:,} ("
    ) in lines[3]


def test_score_rows_of_stories_come_hardest_first(cli: Cli, five: Path) -> None:
    done = cli("score", five, "-m", BIGRAM, "--stories")
    rows = done.out.split("title\n")[1].splitlines()
    numbers = [float(row.split()[1].replace(",", "")) for row in rows]
    assert len(rows) == 5
    assert numbers == sorted(numbers, reverse=True)
    assert rows[0].endswith("Story 2")  # the ombudsman


def test_empty_stories_are_told_unless_quiet(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "two.jsonl"
    place.write_text('{"text": "A cat sat."}\n{"text": "  "}\n')
    assert "1 empty" in cli("score", place, "-m", BIGRAM).err
    assert cli("score", place, "-m", BIGRAM, "--quiet").err == ""


def test_two_models_that_are_one_are_told(cli: Cli, five: Path, tmp_path: Path) -> None:
    shutil.copytree(POCKET / BIGRAM, tmp_path / "again")
    said = cli("score", five, "-m", BIGRAM, "-m", tmp_path / "again", "--json", "--quiet")
    assert said.err == (
        "eyebrow: Warning: pocket-bigram and again have the same weights, byte for byte: one model "
        "twice\n"
    )
    assert len(json.loads(said.out)["models"]) == 2


def test_the_store_is_used_and_need_not_be(
    cli: Cli, five: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "kept"
    first = cli("score", five, "-m", BIGRAM, "--json", "--store", place)
    assert len(list((place / "scores").glob("*.parquet"))) == 1
    none = cli("score", five, "-m", BIGRAM, "--json", "--no-store")
    assert none.json["stories"] == first.json["stories"]

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("eyebrow.core.models.load.load", never)
    assert cli("score", five, "-m", BIGRAM, "--json", "--store", place).out == first.out
    assert cli("score", five, "-m", BIGRAM, "--json", "--no-store").code == 1


def test_the_seed_moves_the_interval_alone(cli: Cli) -> None:
    words = ("score", "-m", BIGRAM, "--limit", "20", "--json", "--seed")
    one, two = (cli(*words, seed).json for seed in (1, 2))
    (a,), (b,) = one["models"], two["models"]
    assert a.pop("perplexity_ci95") != b.pop("perplexity_ci95")
    assert one == two


# --- tokens and next -----------------------------------------------------------------------

TEXT = "The cat sat on the umbrella."


def test_tokens_json(cli: Cli) -> None:
    rows = cli("tokens", TEXT, "-m", BIGRAM, "--json").json
    assert list(rows[0]) == [
        *("index", "token", "token_id", "start", "end", "logprob", "probability"),
        *("surprise", "rank", "entropy", "top", "tied", "model", "recipe"),
    ]
    assert {row["model"] for row in rows} == {BIGRAM}
    first, *others = rows
    unscored = ("logprob", "probability", "surprise", "rank", "entropy")
    assert [first[name] for name in unscored] == [None] * 5
    assert first["top"] == []
    assert "".join(TEXT[row["start"] : row["end"]] for row in rows) == TEXT
    assert "".join(row["token"] for row in rows) == TEXT
    for row in others:
        assert row["probability"] == pytest.approx(math.exp(row["logprob"]))
        assert row["surprise"] == -row["logprob"]
        assert len(row["top"]) == 10
        assert list(row["top"][0]) == ["token", "token_id", "probability", "tied"]
    loaded = load_model(BIGRAM)
    mean = sum(row["surprise"] for row in others) / len(others)
    assert math.exp(mean) == pytest.approx(
        compute_perplexity(loaded.model, loaded.tokenizer, TEXT), rel=1e-5
    )


def test_tokens_scores_the_first_one_if_asked(cli: Cli) -> None:
    rows = cli("tokens", TEXT, "-m", BIGRAM, "--json", "--first-token", "scored").json
    assert all(row["surprise"] is not None for row in rows)


def test_stdin_is_the_same_text_less_its_last_newline(cli: Cli) -> None:
    given = cli("tokens", TEXT, "-m", BIGRAM, "--json").out
    assert cli("tokens", "-", "-m", BIGRAM, "--json", stdin=TEXT.encode() + b"\n").out == given


def test_tokens_table(cli: Cli) -> None:
    done = cli("tokens", TEXT, "-m", BIGRAM)
    lines = done.out.splitlines()
    assert lines[0].split()[:4] == ["#", "token", "p", "nats"]
    assert lines[1].split() == ["0", "The", "-", "-", "-", "-", "-"]
    index, token, _share, _percent, nats, bits = lines[2].split()[:6]
    assert (index, token) == ("1", "␣cat")
    assert float(bits) == pytest.approx(float(nats) / math.log(2), abs=0.02)


def test_tokens_that_are_as_likely_share_a_rank(cli: Cli, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("ab\nac\n", encoding="utf-8")
    done = cli("tokens", "ab", "-m", f"ngram:2:{names}")
    lines = done.out.splitlines()
    assert lines[2].split()[:7] == ["1", "a", "100", "%", "0.00", "0.00", "1"]
    assert lines[3].split()[:7] == ["2", "b", "50", "%", "0.69", "1.00", "1="]
    assert "= shares its rank with tokens as likely as it\n" in done.out
    rows = cli("tokens", "ab", "-m", f"ngram:2:{names}", "--json").json
    assert [row["tied"] for row in rows] == [None, False, True, False]
    assert [top["tied"] for top in rows[2]["top"][:3]] == [True, True, True]


def test_a_text_cannot_command_the_terminal(cli: Cli) -> None:
    hostile = "Red \x1b[31m\x07\x9b2J \u202egnp.exe\u2066 tail\nend\x7f"
    shown = cli("tokens", hostile, "-m", BIGRAM)
    assert not set("\x1b\x07\x9b\u202e\u2066\x7f") & set(shown.out)
    assert {"␛", "␇", "↵", "␡"} <= set(shown.out)
    rows = cli("tokens", hostile, "-m", BIGRAM, "--json")
    assert rows.out.isascii()
    assert "".join(hostile[row["start"] : row["end"]] for row in rows.json) == hostile


def test_titles_and_names_cannot_either(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "t.jsonl"
    place.write_text(
        json.dumps({"id": "\x1b[2Jid", "title": "a\u202eb", "text": "A cat sat down."})
    )
    shown = cli("score", place, "-m", BIGRAM, "--stories").out
    assert not set("\x1b\u202e") & set(shown)
    assert "‹U+202E›" in shown


def test_next_json(cli: Cli) -> None:
    rows = cli("next", "Once upon", "-m", BIGRAM, "-k", "4", "--json").json
    assert [list(row) for row in rows] == [
        ["token", "token_id", "logit", "probability", "model", "recipe"]
    ] * 4
    assert [row["logit"] for row in rows] == sorted((row["logit"] for row in rows), reverse=True)
    loaded = load_model(BIGRAM)
    expected = next_tokens(loaded.model, loaded.tokenizer, "Once upon", 4)
    assert [row["token_id"] for row in rows] == [entry.token_id for entry in expected]


def test_the_whole_next_table_sums_to_one(cli: Cli) -> None:
    rows = cli("next", "Once upon a", "-m", BIGRAM, "-k", "1000000", "--json").json
    assert sum(row["probability"] for row in rows) == pytest.approx(1, abs=1e-5)


def test_next_table(cli: Cli) -> None:
    lines = cli("next", "Once upon a", "-m", BIGRAM, "-k", "2").out.splitlines()
    assert lines[0].split() == ["token", "id", "logit", "p"]
    assert [line[0] for line in lines[1:3]] == ["␣", "␣"]
    recipe = "first token context · 512/256 · float32 cpu"
    assert lines[4] == f"{BIGRAM} · {recipe} · the text as it is, no chat template"


def test_several_models_come_one_after_the_other(cli: Cli, tiny: Callable[[str], Path]) -> None:
    models = ("-m", BIGRAM, "-m", tiny("llama"))
    alone = cli("tokens", TEXT, "-m", BIGRAM, "--context", 64, "--json").json
    rows = cli("tokens", TEXT, *models, "--json").json
    assert [row["model"] for row in rows] == [BIGRAM] * len(alone) + ["llama"] * (
        len(rows) - len(alone)
    )
    assert rows[: len(alone)] == alone  # under the recipe of the narrowest
    assert all(row["recipe"] == rows[0]["recipe"] for row in rows)
    shown = cli("tokens", TEXT, *models).out.splitlines()
    assert shown[0] == BIGRAM
    assert "llama" in shown
    tables = cli("next", "Once upon", *models, "-k", 3, "--json").json
    assert [row["model"] for row in tables] == [BIGRAM] * 3 + ["llama"] * 3
    assert [row["recipe"]["context"] for row in tables] == [512] * 3 + [64] * 3
    assert cli("next", "Once upon", *models, "-k", 3).out.splitlines()[0] == BIGRAM


def test_a_family_is_all_its_sizes(cli: Cli) -> None:
    rows = cli("next", "Once upon", "-m", "pocket", "-k", 1, "--json").json
    assert [row["model"] for row in rows] == [spec.name for spec in families()["pocket"]]


def test_one_bad_model_stops_no_other(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    for words in (("tokens", TEXT), ("next", TEXT)):
        done = cli(*words, "-m", tmp_path / "broken", "-m", BIGRAM, "--json")
        assert done.code == 3
        assert {row["model"] for row in done.json} == {BIGRAM}
        assert done.err.count("\n") == 1
        assert "broken/config.json" in done.err


@pytest.mark.parametrize("command", ["tokens", "next"])
def test_a_file_where_a_text_is_meant(
    cli: Cli, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "story.txt").write_text(TEXT)
    done = cli(command, "story.txt", "-m", BIGRAM)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("eyebrow: Text or file?: story.txt is a file here")
    assert done.err.count("\n") == 1
    piped = cli(command, "-", "-m", BIGRAM, stdin=b"story.txt")
    assert piped.code == 0


# --- models --------------------------------------------------------------------------------


def test_models_json(cli: Cli) -> None:
    rows = cli("models", "--json").json
    assert all(
        list(row) == ["name", "family", "parameters", "source", "local_path"] for row in rows
    )
    assert [row["name"] for row in rows] == [s.name for m in families().values() for s in m]
    by_name = {row["name"]: row for row in rows}
    assert Path(by_name[BIGRAM]["local_path"]).is_dir()
    assert by_name["gpt2-small"] == {
        "name": "gpt2-small",
        "family": "gpt2",
        "parameters": 124_439_808,
        "source": "openai-community/gpt2",
        "local_path": None,
    }


def cached(cache: Path, name: str, kind: str, weights: bool = True) -> Path:
    """A model in a Hugging Face cache."""
    repo = cache / f"models--{name.replace('/', '--')}"
    folder = repo / "snapshots" / ("c" * 40)
    folder.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("c" * 40)
    (folder / "config.json").write_text(json.dumps({"architectures": [kind]}))
    if weights:
        (folder / "model.safetensors").write_bytes(b"")
    return folder


def test_models_of_the_cache_are_there_if_they_can_be_used(process: Cli, tmp_path: Path) -> None:
    mine = cached(tmp_path, "me/mine", "LlamaForCausalLM")
    cached(tmp_path, "me/encoder", "BertForMaskedLM")
    strange = cached(tmp_path, "me/strange", "LlamaForCausalLM")
    (strange / "config.json").write_text('{"architectures": 5}')
    cached(tmp_path, "EleutherAI/pythia-70m", "GPTNeoXForCausalLM", weights=False)
    small = cached(tmp_path, "EleutherAI/pythia-14m", "GPTNeoXForCausalLM")
    done = process("models", "--json", HF_HUB_CACHE=str(tmp_path))
    rows = {row["name"]: row for row in done.json}
    assert rows["me/mine"]["local_path"] == str(mine)
    assert rows["me/mine"]["family"] is None
    assert rows["pythia-14m"]["local_path"] == str(small)
    assert rows["pythia-70m"]["local_path"] is None  # its configuration alone is no model
    assert not {"me/encoder", "me/strange", "EleutherAI/pythia-14m"} & set(rows)


def test_models_table(cli: Cli) -> None:
    done = cli("models")
    (row,) = [line for line in done.out.splitlines() if " smollm2-135m " in line]
    assert row.split() == [
        *("smollm2", "smollm2-135m", "135M", "269", "MB", "HuggingFaceTB/SmolLM2-135M", "no")
    ]
    assert "downloaded" in done.err
    assert cli("models", "-q").err == ""


# --- open ----------------------------------------------------------------------------------


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A screen that only remembers what it was opened with."""
    seen: dict[str, Any] = {}

    def run(**given: Any) -> int:
        seen.update(given)
        return 7

    monkeypatch.setattr("eyebrow.tui.run", run)
    for command in ("screen", "bundled"):
        monkeypatch.setattr(f"eyebrow.core.commands.{command}.needs_terminal", lambda source: None)
    return seen


def test_bare_eyebrow_opens_what_comes_with_it(
    cli: Cli, screen: dict[str, Any], tmp_path: Path
) -> None:
    assert cli().code == 7
    assert screen == {
        "source": None,
        "models": ["pocket"],
        "recipe": Recipe(),
        "options": LoadOptions(),
        "store": tmp_path / "cache" / "eyebrow" / "store",
    }


def test_open_hands_everything_on(cli: Cli, screen: dict[str, Any]) -> None:
    words = (
        "open a.csv -m gpt2 -m me/mine --dtype bfloat16 --device cuda:1 --context 256 --stride 9"
    )
    more = "--first-token scored --no-store --offline --column c --group g --split test --limit 3"
    more += " --per-line --top 3 --gpus 0,1"
    assert cli(*words.split(), *more.split()).code == 7
    assert screen == {
        "source": "a.csv",
        "models": ["gpt2", "me/mine"],
        "recipe": Recipe("scored", 256, 9, "bfloat16", top=3),
        "store": None,
        "options": LoadOptions("cuda:1", "bfloat16", offline=True),
        "column": "c",
        "group": "g",
        "split": "test",
        "limit": 3,
        "per_line": True,
        "gpus": "0,1",
        "follow": False,
    }
