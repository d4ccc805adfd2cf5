"""`eyebrow damage`: the table, what programs read, what is kept, what is saved."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from eyebrow.core import EyebrowError, Recipe, load_model, score
from eyebrow.core.engine import damage as engine

from .conftest import Outcome

SENTENCES = (
    "The cat sat on the mat and looked at the moon.",
    "Every evening old Mara climbed the stairs and lit the lamp.",
    "Once upon a time there was a little bear who could not find his hat.",
)

Cli = Callable[..., Outcome]
Tiny = Callable[[str], Path]


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    file = tmp_path / "stories.txt"
    file.write_text("\n\n".join(SENTENCES))
    return file


def plain(model: Path, variant: str, stories: Path) -> dict[str, float]:
    """The figures of one variant, computed in the plain way in float64."""
    one, tokenizer, *_ = load_model(str(model), device="cpu")
    other = load_model(f"{model}@{variant}", device="cpu").model
    kl, changes, same, nll = [], [], [], 0.0
    for text in stories.read_text().split("\n\n"):
        ids = torch.tensor(tokenizer(text)["input_ids"])
        with torch.inference_mode():
            p, q = (m(ids[None]).logits[0, :-1].double().log_softmax(1) for m in (one, other))
        true = ids[1:, None]
        kl.append((p.exp() * (p - q)).sum(1))
        changes.append((q.exp() - p.exp()).gather(1, true)[:, 0])
        same.append((p.argmax(1) == q.argmax(1)).double())
        nll -= float(q.gather(1, true).sum())
    every, change, top = (torch.cat(parts).numpy() for parts in (kl, changes, same))
    return {
        "perplexity": math.exp(nll / len(every)),
        "kl_mean": float(every.mean()),
        "kl_median": float(np.median(every)),
        "kl_p999": float(np.percentile(every, 99.9)),
        "same_top": float(top.mean()),
        "delta_p_rms": float(np.sqrt((change**2).mean())),
    }


def test_figures_are_those_of_a_plain_computation(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    model = tiny("llama")
    done = cli(
        *("damage", stories, "-m", model, "--bits", "8,3", "--prune", "0.3"),
        *("--context", 64, "--json", "--no-store"),
    )
    assert done.code == 0, done.err
    floor, *rows = done.json["variants"]
    assert floor["model"] == "llama bfloat16"
    assert floor["noise_floor"]
    assert floor["kl_mean"] > 0
    assert [row["model"] for row in rows] == ["llama@bits8", "llama@bits3", "llama@prune0.3"]
    for row in rows:
        wanted = plain(model, row["model"].partition("@")[2], stories)
        for name, value in wanted.items():
            assert row[name] == pytest.approx(value, rel=1e-5, abs=1e-5), (row["model"], name)
        before = row["perplexity"] - row["delta"]
        assert before == pytest.approx(done.json["reference_perplexity"], rel=1e-9)
        low, high = row["delta_ci95"]
        assert low <= row["delta"] <= high
        assert set(row["delta_p"]) >= {"0.1", "50", "99.9"}
    assert rows[1]["bytes"] < rows[0]["bytes"] < rows[2]["bytes"]


def test_without_kl_perplexities_are_the_same(cli: Cli, tiny: Tiny, stories: Path) -> None:
    asked = ("damage", stories, "-m", tiny("llama"), "--bits", "4,2", "--json", "--no-store")
    whole, alone = cli(*asked).json["variants"], cli(*asked, "--no-kl").json["variants"]
    for one, other in zip(whole, alone, strict=True):
        assert other["perplexity"] == pytest.approx(one["perplexity"], rel=1e-5)
        assert other["delta"] == pytest.approx(one["delta"], abs=1e-3)
        assert other["kl_mean"] is None


def test_kinds_of_text_are_those_of_compare(cli: Cli, tiny: Tiny, stories: Path) -> None:
    model = tiny("llama")
    done = cli("damage", stories, "-m", model, "--bits", "3", "--json", "--no-store")
    row = done.json["variants"][1]
    assert sum(kind["nats_model"] for kind in row["kinds"]) == pytest.approx(row["nll"], rel=1e-6)
    kl = sum(kind["nats_kl"] for kind in row["kinds"])
    assert kl == pytest.approx(row["kl_mean"] * row["tokens"], rel=1e-5)
    compared = cli(
        *("compare", stories, "-m", model, "-m", f"{model}@bits3", "--dtype", "float32"),
        *("--json", "--no-store"),
    )
    wanted = {kind["kind"]: kind for kind in compared.json["kinds"]}
    assert len(row["kinds"]) > 3
    for kind in row["kinds"]:
        other = wanted[kind["kind"]]
        assert (kind["spans"], kind["bytes"]) == (other["spans"], other["bytes"])
        for name in ("nats_reference", "nats_model"):
            assert kind[name] == pytest.approx(other[name], rel=1e-5)


def test_a_variant_scores_alike_everywhere(cli: Cli, tiny: Tiny, stories: Path) -> None:
    name = f"{tiny('llama')}@bits3"
    texts = stories.read_text().split("\n\n")
    (scored,) = score(texts, name, recipe=Recipe(context=64)).models
    done = cli("damage", stories, "-m", name, "--context", 64, "--json", "--no-store")
    assert done.json["reference"] == "llama"
    assert done.json["variants"][1]["perplexity"] == pytest.approx(scored.perplexity, rel=1e-6)
    rows = cli("next", "The cat", "-m", name, "--json").json
    assert {row["model"] for row in rows} == {"llama@bits3"}


def test_a_checkpoint_against_its_base(cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    base = tiny("llama")
    first = cli(
        *("damage", stories, "-m", base, "--bits", "3", "--save", saved, "--json", "--no-store")
    )
    assert first.code == 0, first.err
    assert "`@bits3`" in (saved / "README.md").read_text()
    again = cli(*("damage", stories, "-m", saved, "--reference", base, "--json", "--no-store"))
    for name in ("perplexity", "kl_mean", "same_top"):
        assert again.json["variants"][1][name] == pytest.approx(
            first.json["variants"][1][name], rel=1e-6
        )
    refused = cli("damage", stories, "-m", base, "--bits", "3", "--save", saved, "--no-store")
    assert refused.code == 2
    assert "is not empty" in refused.err
    file = cli("damage", stories, "-m", base, "--bits", "3,4", "--save", stories, "--no-store")
    assert file.code == 2
    assert "is no folder" in file.err
    assert not file.out


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    return folder


def stretched(model: Any, adapter: str, name: str) -> Any:
    """Stands for merging: without peft a weight can be changed all the same."""
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.mul_(1.5)
    return model


@pytest.mark.parametrize("kl", [True, False])
def test_an_adapter_is_merged_into_the_base_that_was_loaded(
    kl: bool,
    cli: Cli,
    tiny: Tiny,
    stories: Path,
    adapter: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "merge", stretched)
    load, loads = engine.load, []

    def counted(spec: Any, options: Any) -> Any:
        loads.append(spec.name)
        return load(spec, options)

    monkeypatch.setattr(engine, "load", counted)
    base = tiny("llama")
    asked = ("-m", f"{base}+{adapter}", "-m", f"{base}@bits8", "--json", "--no-store")
    done = cli(
        *("damage", stories, "--reference", base, *asked, *(() if kl else ("--no-kl",))),
    )
    assert done.code == 0, done.err
    assert loads == ["llama"]
    rows = {row["model"]: row for row in done.json["variants"]}
    assert rows["llama@bits8"]["delta"] == pytest.approx(0, abs=0.5)
    own = load_model(str(base), device="cpu")
    merged = stretched(own.model, "", "")
    nll, count = 0.0, 0
    for text in SENTENCES:
        ids = torch.tensor(own.tokenizer(text)["input_ids"])
        with torch.inference_mode():
            found = merged(ids[None]).logits[0, :-1].double().log_softmax(1)
        nll -= float(found.gather(1, ids[1:, None]).sum())
        count += len(ids) - 1
    assert rows["llama+adapter"]["perplexity"] == pytest.approx(math.exp(nll / count), rel=1e-5)


def test_a_real_adapter_is_measured_and_saved(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft", reason="the extra peft is not installed")
    base, saved = tiny("llama"), tmp_path / "saved"
    for name in ("one", "two"):
        settings = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
        model = load_model(str(base), device="cpu").model
        peft.get_peft_model(model, settings).save_pretrained(tmp_path / name)
    named = [f"{base}+{tmp_path / name}" for name in ("one", "two")]
    done = cli(
        *("damage", stories, "--reference", base, "-m", named[0], "-m", named[1]),
        *("-m", f"{named[0]}@bits8", "--context", 64, "--json", "--no-store"),
    )
    assert done.code == 0, done.err
    names = ("llama+one", "llama+two", "llama+one@bits8")
    assert [row["model"] for row in done.json["variants"][1:]] == list(names)
    texts = stories.read_text().split("\n\n")
    for name, row in zip((*named, f"{named[0]}@bits8"), done.json["variants"][1:], strict=True):
        (alone,) = score(texts, name, recipe=Recipe(context=64)).models
        assert row["perplexity"] == pytest.approx(alone.perplexity, rel=1e-5)
    done = cli(
        *("damage", stories, "--reference", base, "-m", named[0], "--save", saved),
        *("--context", 64, "--no-store"),
    )
    assert done.code == 0, done.err
    (again,) = score(texts, str(saved), recipe=Recipe(context=64)).models
    (alone,) = score(texts, named[0], recipe=Recipe(context=64)).models
    assert again.nll == pytest.approx(alone.nll, rel=1e-6)


def test_by_layer_and_what_is_said(cli: Cli, tiny: Tiny, stories: Path) -> None:
    done = cli("damage", stories, "-m", tiny("llama"), "--bits", "1", "--by-layer", "--no-store")
    assert done.code == 0, done.err
    for part in ("embeddings", "attention", "mlp", "layers0", "layers1"):
        assert f"@bits1:{part} " in done.out
    assert "▇" in done.out
    assert "which breaks it" in done.out


def test_what_is_finished_is_kept_when_interrupted(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("damage", stories, "-m", tiny("llama"), "--bits", "8,4,2", "--store", tmp_path / "s")
    measure, calls = engine._Bench._measure, []

    def third_is_interrupted(self: Any, *given: Any, **named: Any) -> Any:
        calls.append(given[0])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return measure(self, *given, **named)

    monkeypatch.setattr(engine._Bench, "_measure", third_is_interrupted)
    broken = cli(*asked)
    assert broken.code == 130
    assert "2 of 4 rows finished" in broken.err
    assert "@bits8" in broken.out
    assert "@bits4" not in broken.out
    whole = cli(*asked, "--json")
    assert len(whole.json["variants"]) == 4
    assert calls[3:] == ["llama@bits4", "llama@bits2"], "what was kept is not measured again"


def test_what_cannot_be_is_told(cli: Cli, tiny: Tiny, stories: Path) -> None:
    llama, gpt2 = tiny("llama"), tiny("gpt2")
    for asked, said in (
        (("-m", llama, "--bits", "40"), "use 1 to 32"),
        (("-m", llama, "--bits", "4", "--part", "atention"), "did you mean attention"),
        (("-m", llama, "-m", gpt2), "give one and its variants"),
        (("-m", gpt2, "--reference", llama), "entries"),
        (("-m", llama, "--bits", "4", "--part", "layers9"), "no layers9"),
    ):
        done = cli("damage", stories, *asked, "--no-store")
        assert done.code == 2, (asked, done.err)
        assert said in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_one_that_fails_stops_no_other(cli: Cli, tiny: Tiny, stories: Path) -> None:
    done = cli(
        *("damage", stories, "-m", tiny("llama"), "--bits", "4"),
        *("--part", "mlp,layers9", "--json", "--no-store"),
    )
    assert done.code == 3
    assert [row["model"] for row in done.json["variants"]][1:] == ["llama@bits4:mlp"]
    assert done.json["failures"][0]["model"] == "llama@bits4:layers9"
    json.dumps(done.json)


def copied(model: Path, place: Path, **settings: Any) -> Path:
    """A model under another name, with other entries in its configuration."""
    shutil.copytree(model, place)
    config = json.loads((place / "config.json").read_text()) | settings
    (place / "config.json").write_text(json.dumps(config))
    return place


def test_windows_that_one_cannot_see_are_refused(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    base = tiny("llama")
    short = copied(base, tmp_path / "short", max_position_embeddings=8)
    asked = ("damage", stories, "-m", short, "--reference", base, "--no-store")
    done = cli(*asked)
    assert done.code == 2
    assert "short sees 8 tokens at once" in done.err
    assert "use --context 8" in done.err
    assert cli(*asked, "--context", 8).code == 0


def test_the_noise_floor_goes_by_the_name_that_was_asked_for(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    for model in (tiny("llama"), copied(tiny("llama"), tmp_path / "moved")):
        done = cli(
            *("damage", stories, "-m", model, "--bits", "4", "--store", tmp_path / "s", "--json")
        )
        assert done.json["variants"][0]["model"] == f"{model.name} bfloat16"


def test_a_variant_that_is_named_twice_is_measured_once(
    cli: Cli, tiny: Tiny, stories: Path
) -> None:
    llama = tiny("llama")
    twice = ("-m", f"{llama}@bits8", "-m", f"{llama}@bits8")
    done = cli(*("damage", stories, *twice, "-m", llama, "--bits", "4", "--json", "--no-store"))
    assert done.code == 0, done.err
    names = [row["model"] for row in done.json["variants"][1:]]
    assert names == ["llama@bits8", "llama@bits4"]


def test_a_noise_floor_that_cannot_be_had_stops_no_variant(
    cli: Cli, tiny: Tiny, stories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = engine.load

    def no_room(spec: Any, options: Any) -> Any:
        if options.dtype == "float32":
            raise EyebrowError("Out of memory", f"{spec.name} is too large in float32")
        return load(spec, options)

    monkeypatch.setattr(engine, "load", no_room)
    asked = ("damage", stories, "-m", tiny("llama"), "--bits", "4,8", "--dtype", "bfloat16")
    done = cli(*asked, "--json", "--no-store")
    assert done.code == 3
    assert [row["model"] for row in done.json["variants"]] == ["llama@bits4", "llama@bits8"]
    assert done.json["failures"][0]["model"] == "llama bfloat16"
    assert "perplexity" in cli(*asked, "--no-store").out


def test_files_that_changed_meanwhile_are_not_measured(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, other = copied(tiny("llama"), tmp_path / "model"), load_model(str(tiny("llama"))).model
    with torch.no_grad():
        other.model.norm.weight.mul_(2)
    measure = engine._Bench._measure

    def rewritten(self: Any, name: str, *given: Any, **named: Any) -> Any:
        row = measure(self, name, *given, **named)
        if name.endswith("@bits8"):
            other.save_pretrained(model)
        return row

    monkeypatch.setattr(engine._Bench, "_measure", rewritten)
    asked = ("damage", stories, "-m", model, "--bits", "8,4", "--store", tmp_path / "s", "--json")
    done = cli(*asked)
    assert done.code == 3
    assert [row["model"] for row in done.json["variants"][1:]] == ["model@bits8"]
    assert done.json["failures"][0]["title"] == "Changed meanwhile"


def test_a_saved_model_has_its_own_tokenizer(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    base, saved = tiny("llama"), tmp_path / "saved"
    tuned = copied(base, tmp_path / "tuned")
    (tuned / "chat_template.jinja").write_text("{{ messages[0].content }}")
    done = cli(
        *("damage", stories, "-m", f"{tuned}@bits8", "--reference", base, "--save", saved),
        "--no-store",
    )
    assert done.code == 0, done.err
    assert load_model(str(saved)).tokenizer.chat_template == "{{ messages[0].content }}"


def test_what_cannot_be_saved_is_told_before_it_is_measured(
    cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    done = cli(
        *("damage", stories, "-m", f"{tiny('llama')}@int8", "-m", f"{tiny('llama')}@bits8"),
        *("--save", tmp_path / "saved", "--no-store"),
    )
    assert done.code == 2
    assert "packed weights are no ordinary checkpoint" in done.err
    assert not done.out


def test_an_infinite_perplexity_is_broken(
    cli: Cli, tiny: Tiny, stories: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure = engine._Bench._measure

    def overflows(self: Any, name: str, *given: Any, **named: Any) -> Any:
        row = measure(self, name, *given, **named)
        return replace(row, perplexity=math.inf, delta=math.inf) if "@" in name else row

    monkeypatch.setattr(engine._Bench, "_measure", overflows)
    asked = ("damage", stories, "-m", tiny("llama"), "--bits", "1", "--by-layer", "--no-store")
    done = cli(*asked, "--no-kl")
    assert done.code == 0, done.err
    assert "Broken, which is here more than twice the perplexity: @bits1:embeddings" in done.out
    found = cli(*asked, "--json").json
    assert found["reference_perplexity"] > 1
    assert found["variants"][1]["perplexity"] is None


def test_a_packed_reference(cli: Cli, tiny: Tiny, stories: Path) -> None:
    pytest.importorskip("torchao", reason="the extra quant is not installed")
    base = tiny("llama")
    done = cli(
        *("damage", stories, "-m", f"{base}@bits8", "--reference", f"{base}@int8"),
        *("--json", "--no-store"),
    )
    assert done.code == 0, done.err
    floor, row = done.json["variants"]
    assert floor["noise_floor"]
    assert 0 < floor["kl_mean"] < 0.1
    assert row["kl_mean"] > 0


@pytest.mark.parametrize("content", ["[]", "null", '{"model": "x"}', "{", ""])
def test_a_kept_row_that_is_damaged_is_measured_anew(
    content: str, cli: Cli, tiny: Tiny, stories: Path, tmp_path: Path
) -> None:
    asked = ("damage", stories, "-m", tiny("llama"), "--bits", "4", "--store", tmp_path / "s")
    first = cli(*asked, "--json").json
    kept = list((tmp_path / "s" / "comparisons").glob("*.json"))
    assert len(kept) == 2
    for file in kept:
        file.write_text(content)
    for row, again in zip(first["variants"], cli(*asked, "--json").json["variants"], strict=True):
        assert again["nll"] == row["nll"]
