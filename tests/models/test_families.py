"""The families' TOML: eyebrow's own rows, and the file a user adds."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eyebrow.core.commands.models import models as models_command
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models import families as room
from eyebrow.core.models.catalogue import families, find_models

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Makes the user's file; returns where it is."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = room.user_file()
    file.parent.mkdir(parents=True)

    def made(text: str) -> Path:
        file.write_text(text, encoding="utf-8")
        return file

    return made


def test_every_row_says_what_the_ladder_shows() -> None:
    rows = [spec for members in families().values() for spec in members]
    assert len({spec.name for spec in rows}) == len(rows) >= 60
    assert len({(spec.source, spec.location) for spec in rows}) == len(rows)
    for spec in rows:
        assert spec.name == spec.name.lower()
        assert spec.parameters
        if spec.source == "bundled":
            assert spec.download is None
            continue
        assert room.HUB_ID.match(spec.location)
        assert spec.download is not None
        # Two or four bytes a weight; the masks beside them weigh most in the smallest.
        assert 1.99 <= spec.download / spec.parameters < 13, spec.name
        assert pickle.loads(pickle.dumps(spec)) == spec


def test_rows_are_in_the_order_of_size() -> None:
    for family, members in families().items():
        sizes = [member.parameters or 0 for member in members]
        assert sizes == sorted(sizes), family


def test_what_is_known_of_single_families() -> None:
    known = families()
    assert [spec.tokens for spec in known["smollm2"]] == [2 * 10**12, 4 * 10**12, 11 * 10**12]
    assert {spec.tokens for spec in known["pythia"]} == {300 * 10**9}
    assert {spec.tokens for spec in known["gpt2"]} == {None}
    gated = {family for family, members in known.items() if any(spec.gated for spec in members)}
    assert gated == {"gemma3", "llama3.2"}
    pickled = {family for family in known if any(m.format == "pickle" for m in known[family])}
    assert pickled == {"opt", "tinystories"}


# Kind, vocabulary, width, inner width, layers, heads, key heads, tied; from their config.json.
SHAPES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "smollm2-135m": ("llama", (49152, 576, 1536, 30, 9, 3, True)),
    "smollm3-3b": ("smollm3", (128256, 2048, 11008, 36, 16, 4, True)),
    "llama3.2-1b": ("llama", (128256, 2048, 8192, 16, 32, 8, True)),
    "qwen3-8b": ("qwen3", (151936, 4096, 12288, 36, 32, 8, False)),
    "gemma3-270m": ("gemma3_text", (262144, 640, 2048, 18, 4, 1, True)),
    "olmo2-1b": ("olmo2", (100352, 2048, 8192, 16, 16, 16, False)),
    "pythia-160m": ("gpt_neox", (50304, 768, 3072, 12, 12, None, False)),
    "gpt2-medium": ("gpt2", (50257, 1024, None, 24, 16, None, True)),
    "opt-350m": ("opt", (50272, 1024, None, 24, 16, None, True)),
    "tinystories-33m": ("gpt_neo", (50257, 768, None, 4, 16, None, True)),
}


def _config(name: str) -> Any:
    from transformers import AutoConfig

    kind, (vocabulary, width, inner, layers, heads, key_heads, tied) = SHAPES[name]
    options: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "tie_word_embeddings": tied,
    }
    options |= {"intermediate_size": inner} if inner else {}
    options |= {"num_key_value_heads": key_heads} if key_heads else {}
    options |= {
        "qwen3": {"head_dim": 128},
        "gemma3_text": {"head_dim": 256},
        "opt": {"ffn_dim": 4096, "word_embed_proj_dim": 512, "do_layer_norm_before": False},
        "gpt_neo": {"attention_types": [[["global", "local"], layers // 2]]},
    }.get(kind, {})
    return AutoConfig.for_model(kind, **options)


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_of_the_shape(name: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(_config(name))
    (spec,) = find_models([name])
    assert spec.parameters == sum(weight.numel() for weight in model.parameters())


def test_a_file_of_ones_own_adds_and_replaces(
    write: Write, tiny: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny("llama"), tmp_path / "config" / "eyebrow" / "near")
    shutil.copytree(tiny("gpt2"), tmp_path / "home" / "away")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    before = families()
    write(
        """
        [Mine]
        title = "what I train"
        dtype = "bfloat16"
        tokens = 2e9
        gated = true
        members = [
          { name = "early", id = "me/mine#step1000", parameters = 1_000 },
          { name = "Late", id = "me/mine", tokens = 4_000_000_000, gated = false, download = 7 },
          { name = "near", path = "near" },
          { name = "away", path = "~/away" },
          { name = "gone", path = "/no/such/place" },
        ]

        [gpt2]
        members = [{ name = "gpt2-small", id = "me/gpt2" }]
        """
    )
    early, late, near, away, gone = find_models(["mine"])
    assert (early.location, early.revision, early.download) == ("me/mine", "step1000", 2_000)
    assert (early.tokens, early.gated) == (2 * 10**9, True)
    assert (late.name, late.family, late.parameters) == ("late", "mine", None)
    assert (late.tokens, late.gated, late.download) == (4 * 10**9, False, 7)
    assert near.local_path == tmp_path / "config" / "eyebrow" / "near"
    assert near.parameters == find_models([str(tiny("llama"))])[0].parameters
    assert near.download is None  # it is not fetched
    assert away.local_path == tmp_path / "home" / "away"
    assert gone.local_path is None
    assert find_models(["me/mine#step1000"]) == [early]
    assert [spec.location for spec in find_models(["gpt2"])] == ["me/gpt2"]
    assert list(families()) == [*before, "mine"]
    assert families()["pythia"] is before["pythia"]


HUB = '{ name = "a", id = "o/a" }'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mine]\nmembers = [\n  { name = }\n]", "no valid TOML.*line 3"),
        ("mine = 3", "mine is no family"),
        ("[mine]", r"\[mine\] has no members"),
        ("[mine]\nmembers = []", r"\[mine\] has no members"),
        ('[mine]\nmembers = "a"', "members must be a list"),
        ("[mine]\nmembers = [3]", r"a member of \[mine\] is 3"),
        (f"[mine]\nmember = [{HUB}]", "'member', which means nothing; use title, members"),
        ('[mine]\nmembers = [{ id = "o/a" }]', r"a member of \[mine\] has no name"),
        ('[mine]\nmembers = [{ name = "a" }]', "needs one of id .* and path"),
        ('[mine]\nmembers = [{ name = "a", id = "o/a", path = "a" }]', "needs one of"),
        ('[mine]\nmembers = [{ name = "a", id = "oa" }]', "'oa' is no id"),
        ('[mine]\nmembers = [{ name = "a b", id = "o/a" }]', "'a b' is no name"),
        (f'["mi ne"]\nmembers = [{HUB}]', "'mi ne' is no name"),
        ('[mine]\nmembers = [{ name = "a", id = "o/a", size = 3 }]', "'size', which means nothing"),
        ('[mine]\nmembers = [{ name = "a", id = "o/a", parameters = "3M" }]', "whole number"),
        ('[mine]\nmembers = [{ name = "a", id = "o/a", parameters = 1.5 }]', "whole number"),
        (f"[mine]\ntokens = inf\nmembers = [{HUB}]", "tokens must be a whole number"),
        (f"[mine]\ntokens = true\nmembers = [{HUB}]", "tokens must be a whole number"),
        (f"[mine]\ngated = 1\nmembers = [{HUB}]", "gated must be true or false"),
        (f'[mine]\ndtype = "int3"\nmembers = [{HUB}]', "dtype is 'int3'; use float32"),
        (f'[mine]\nformat = "zip"\nmembers = [{HUB}]', "use safetensors, pickle"),
        (f"[mine]\nmembers = [{HUB}, {HUB}]", r"a is named twice, in \[mine\] and \[mine\]"),
        (f"[mine]\nmembers = [{HUB}]\n[Mine]\nmembers = [{HUB}]", "is there twice"),
        ('[mine]\nmembers = [{ name = "GPT2-xl", id = "o/a" }]', "also a member of gpt2"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(write: Write, text: str, told: str) -> None:
    file = write(text)
    with pytest.raises(EyebrowError, match=told) as caught:
        find_models(["pocket"])
    assert str(file) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read(write: Write) -> None:
    file = write("")
    file.write_bytes(b"[caf\xe9]")
    with pytest.raises(EyebrowError, match="not UTF-8"):
        families()
    file.unlink()
    file.mkdir()
    with pytest.raises(EyebrowError, match="cannot be read: Is a directory"):
        families()


def test_one_family_is_listed_alone_with_its_marks(capsys: pytest.CaptureFixture[str]) -> None:
    models_command("Gemma3")
    said = capsys.readouterr()
    head, *rows = [line.split() for line in said.out.splitlines()]
    assert head == ["family", "model", "size", "download", "from", "here"]
    assert rows[0][:3] == ["gemma3", "gemma3-270m", "268M"]
    assert rows[0][3:5] == ["536", "MB"]
    assert [row[-1] for row in rows] == ["gated", "gated"]
    assert "gated: accept" in said.err
    assert "pickle" not in said.err
    with pytest.raises(EyebrowError, match="did you mean gemma3"):
        models_command("gema3")


def test_a_narrow_terminal_keeps_every_column_but_the_family(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    models_command(quiet=True)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["model", "size", "download", "from", "here"]
    assert any("…" in line and line.endswith("no") for line in lines)
    assert len(lines) == 1 + sum(map(len, families().values()))
