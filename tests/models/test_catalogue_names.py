"""Names of models and what they stand for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from eyebrow.core.errors import EyebrowError
from eyebrow.core.models.catalogue import POCKET, ModelSpec, families, find_family, find_models


def names(*asked: str) -> list[str]:
    return [spec.name for spec in find_models(asked)]


def test_a_family_is_all_its_sizes_in_order() -> None:
    members = families()["smollm2"]
    assert names("smollm2") == names("SmolLM2") == [m.name for m in members]
    sizes = [member.parameters or 0 for member in members]
    assert sizes == sorted(sizes)
    for family, listed in families().items():
        assert {member.family for member in listed} == {family}
    assert len({m.name for listed in families().values() for m in listed}) == sum(
        len(listed) for listed in families().values()
    )


def test_a_member_by_name_and_by_its_hub_id() -> None:
    (by_name,) = find_models(["smollm2-135m"])
    (by_id,) = find_models(["HuggingFaceTB/SmolLM2-135M"])
    assert by_name == by_id
    assert by_name.source == "hub"


def test_a_model_named_twice_comes_once() -> None:
    assert names("smollm2-135m", "smollm2", "smollm2-135m")[0] == "smollm2-135m"
    assert len(names("smollm2-135m", "smollm2", "smollm2-135m")) == len(names("smollm2"))


def test_a_hub_id_with_a_revision() -> None:
    (spec,) = find_models(["EleutherAI/pythia-14m#step1000"])
    assert (spec.location, spec.revision) == ("EleutherAI/pythia-14m", "step1000")
    assert spec.name == "EleutherAI/pythia-14m#step1000"
    assert spec.local_path is None
    assert spec.to_json()["local_path"] is None


def test_a_folder(tiny: Callable[[str], Path]) -> None:
    (spec,) = find_models([str(tiny("llama"))])
    assert (spec.name, spec.source, spec.local_path) == ("llama", "folder", tiny("llama"))


def test_two_folders_of_one_name_are_two_models(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    places = [tmp_path / step / "model" for step in ("step-100", "step-200")]
    for place in places:
        shutil.copytree(tiny("llama"), place)
    specs = find_models([str(place) for place in places] * 2)
    assert [spec.location for spec in specs] == [str(place) for place in places]
    assert len({spec.name for spec in specs}) == 2


def test_names_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(EyebrowError, match="No such model"):
        find_models(["no-such-thing"])
    (tmp_path / "notes").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text("{}")  # without weights
    with pytest.raises(EyebrowError, match=r"no config\.json, nor folders with one"):
        find_models([str(tmp_path)])
    with pytest.raises(EyebrowError, match="No such model"):
        find_models(["~nobody-of-this-name/model"])


@pytest.mark.parametrize(
    ("typed", "meant"), [("smolm2", "smollm2"), ("Pythia-1.4", "pythia-1.4b"), ("gpt2-sml", "gpt2")]
)
def test_a_slip_of_the_finger(typed: str, meant: str) -> None:
    with pytest.raises(EyebrowError, match=f"did you mean .*{meant}") as caught:
        find_models([typed])
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    with pytest.raises(EyebrowError, match=r"use one of pocket, .*olmo2"):
        find_family("zzz")


def test_checkpoints_come_in_the_order_of_their_numbers(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    run = tmp_path / "run7"
    places = ["step500", "step2000", "step10000/model", "final"]
    for place in reversed(places):
        shutil.copytree(tiny("llama"), run / place)
    shutil.copytree(tiny("llama"), run / ".cache" / "step1")
    (run / "logs").mkdir()
    specs = find_models([str(run)])
    assert [spec.name for spec in specs] == [f"run7/{place}" for place in places]
    assert [spec.local_path for spec in specs] == [run / place for place in places]
    assert {spec.family for spec in specs} == {"run7"}
    (size,) = {spec.parameters for spec in specs}
    assert size == find_models([str(tiny("llama"))])[0].parameters


def test_saved_models_of_several_sizes_come_by_size(
    tiny: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, kind in {"a": "wide", "b": "llama", "c1": "wide"}.items():
        shutil.copytree(tiny(kind), tmp_path / "sizes" / name)
    specs = find_models([str(tmp_path / "sizes")])
    assert [spec.name for spec in specs] == ["sizes/b", "sizes/c1", "sizes/a"]


def test_bundled_models_are_inside_the_package() -> None:
    for member in families()["pocket"]:
        assert (member.source, Path(member.location).parent) == ("bundled", POCKET)


def test_a_spec_that_was_not_fetched_is_not_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub's cache may hold the configuration without the weights, or half of them."""
    (tmp_path / "config.json").write_text("{}")
    found = SimpleNamespace(call=lambda *_, **__: str(tmp_path / "config.json"))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", found.call)
    spec = ModelSpec("x", "hub", "owner/x")
    assert spec.local_path is None
    (tmp_path / "model-00001-of-00002.safetensors").touch()
    assert spec.local_path is None
    (tmp_path / "pytorch_model.bin").touch()
    assert spec.local_path is None
    assert replace(spec, format="pickle").local_path == tmp_path
    (tmp_path / "model-00002-of-00002.safetensors").touch()
    assert spec.local_path == tmp_path


def test_torn_weights_do_not_stop_the_naming(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(tiny("llama"), torn)
    for content in (b"", b"\xff" * 40, json.dumps({}).encode()):
        (torn / "model.safetensors").write_bytes(content)
        (spec,) = find_models([str(torn)])
        assert spec.parameters is None
