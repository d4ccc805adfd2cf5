"""Models damaged in place, restored to the last bit, and known by their names."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from eyebrow.core import EyebrowError
from eyebrow.core.machine.products import WidenedProducts
from eyebrow.core.models.catalogue import POCKET, find_models
from eyebrow.core.models.identity import identify
from eyebrow.core.models.load import load_model
from eyebrow.core.models.variants import quantise
from eyebrow.core.models.variants.apply import change, damaged, needed_bytes
from eyebrow.core.models.variants.half import in_bfloat16
from eyebrow.core.models.variants.originals import Files, OtherModel
from eyebrow.core.models.variants.parts import chosen
from eyebrow.core.models.variants.save import save_model
from eyebrow.core.models.variants.spelling import Variant, parse_variant
from eyebrow.core.results.damage import Damage
from torch.nn.utils import prune
from transformers.pytorch_utils import Conv1D

Tiny = Callable[[str], Path]
Bits = dict[str, torch.Tensor]
TABLES = (torch.nn.Embedding, torch.nn.Linear)
SHAPES = ("llama", "gpt2", "neox", "opt", "capped")


def bits_of(model: Any) -> Bits:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def same(one: Bits, other: Bits) -> bool:
    kinds = {2: torch.int16, 4: torch.int32}
    return all(
        torch.equal(one[n].view(kinds[one[n].itemsize]), other[n].view(kinds[one[n].itemsize]))
        for n in one
    )


def textbook(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """As it is written on a blackboard, the whole tensor at once."""
    low, high = weight.min(), weight.max()
    if low == high:
        return weight.clone()
    scale = (high - low) / (2**bits - 1)
    return torch.round((weight - low) / scale) * scale + low


@pytest.mark.parametrize("bits", range(1, 33))
def test_rounding_is_the_textbooks_bit_for_bit(
    bits: int, opened: Callable[[str], tuple[Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "PIECE", 1000)  # tensors are worked on in several pieces
    model, _ = opened("llama")
    before = bits_of(model)
    wanted = {name: textbook(value, bits) for name, value in before.items()}
    own = copy.deepcopy(model)
    with damaged(model, Variant("bits", bits), OtherModel(own)):
        assert same(bits_of(model), wanted)
    assert same(bits_of(model), before)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_channels_and_groups_have_ends_of_their_own(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "PIECE", 50)
    torch.manual_seed(0)
    weight = torch.randn(7, 20)
    weight[3] = 0.5  # one value alone
    rows, groups, across = weight.clone(), weight.clone(), weight.clone()
    quantise.round_rows(rows, bits)
    quantise.round_rows(groups, bits, group=8)
    quantise.round_rows(across, bits, across=True)
    assert torch.equal(rows, torch.stack([textbook(row, bits) for row in weight]))
    parts = [torch.cat([textbook(part, bits) for part in row.split(8)]) for row in weight]
    assert torch.equal(groups, torch.stack(parts)), "what is left over is a group too"
    columns = torch.stack([textbook(row, bits) for row in weight.t()])
    assert torch.equal(across, columns.t())


def test_a_single_number_is_left_alone() -> None:
    for grain in ("tensor", "channel", "group2"):
        model = torch.nn.Module()
        model.scale = torch.nn.Parameter(torch.tensor(1.5))
        change(model, Variant("bits", 4.0, grain))
        assert model.scale.item() == 1.5
        assert needed_bytes(model, Variant("bits", 4.0, grain)) == 1 + 8


def test_matrices_that_lie_across_are_put_in_order(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As GPT-2's come out of a GGUF file."""
    from transformers import AutoModelForCausalLM

    read, name = AutoModelForCausalLM.from_pretrained, f"{tiny('gpt2')}@"
    wanted = [load_model(name + each, device="cpu").model for each in ("bits4", "prune0.3")]

    def across(*given: Any, **named: Any) -> Any:
        model, info = read(*given, **named)
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.data = parameter.data.t().contiguous().t()
        return model, info

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", across)
    for each, other in zip(("bits4", "prune0.3"), wanted, strict=True):
        assert same(bits_of(load_model(name + each, device="cpu").model), bits_of(other))


def test_half_precision_is_widened_and_rounded_once() -> None:
    weight = torch.randn(50, 20).bfloat16()
    wanted = textbook(weight.float(), 4).bfloat16()
    quantise.round_tensor(weight, 4)
    assert torch.equal(weight, wanted)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("end", ["well", "error", "cancel"])
def test_what_was_damaged_is_restored_from_its_files(
    shape: str, dtype: str, end: str, tiny: Tiny, tmp_path: Path
) -> None:
    loaded = load_model(str(tiny(shape)), dtype=dtype, device="cpu")
    before = bits_of(loaded.model)
    raised: type[BaseException] | None = {"error": RuntimeError, "cancel": KeyboardInterrupt}.get(
        end
    )
    with Files(loaded.model, tiny(shape), tmp_path) as files:
        for variant in ("bits2", "prune0.5", "bits3:channel", "bits4:group5"):
            expected = pytest.raises(raised) if raised else nullcontext()
            with expected, damaged(loaded.model, parse_variant(variant), files):
                assert not same(bits_of(loaded.model), before)
                if raised:
                    raise raised
            assert same(bits_of(loaded.model), before), variant
        with in_bfloat16(loaded.model, files):
            assert {p.dtype for p in loaded.model.parameters()} == {torch.bfloat16}
        assert same(bits_of(loaded.model), before)
        assert files.spilled == 0, "nothing had to be written aside"


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_widened_products_are_those_of_bfloat16(
    shape: str, opened: Callable[[str], tuple[Any, Any]]
) -> None:
    model = copy.deepcopy(opened(shape)[0]).bfloat16()
    ids = torch.arange(1, 33)[None]
    with torch.inference_mode():
        own = model(ids).logits.double()
        with WidenedProducts():
            widened = model(ids).logits.double()
        exact = opened(shape)[0](ids).logits.double()
    assert model(ids).logits.dtype == torch.bfloat16
    off, apart = (own - exact).norm(), (widened - own).norm()
    assert off > 0
    assert apart < 0.5 * off, "they are much nearer to each other than to float32"


def test_an_error_in_the_midst_of_damaging_is_undone_too(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eyebrow.core.models.variants import apply

    model = load_model(str(tiny("llama")), device="cpu").model
    before, calls = bits_of(model), []

    def third_fails(weight: torch.Tensor, bits: int) -> None:
        calls.append(weight)
        if len(calls) == 3:
            raise KeyboardInterrupt
        quantise.round_tensor(weight, bits)

    monkeypatch.setattr(apply, "round_tensor", third_fails)
    with Files(model, tiny("llama"), tmp_path) as files:
        with pytest.raises(KeyboardInterrupt), damaged(model, parse_variant("bits1"), files):
            pytest.fail("nothing is measured of half a variant")
        assert same(bits_of(model), before)


def test_what_is_in_no_file_is_written_aside(tiny: Tiny, tmp_path: Path) -> None:
    model = load_model(str(tiny("llama")), device="cpu").model
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(1.5)  # as an adapter would
    before = bits_of(model)
    with Files(model, tiny("llama"), tmp_path) as files:
        assert files.spilled == model.model.layers[0].mlp.up_proj.weight.nbytes
        with damaged(model, parse_variant("bits1"), files):
            pass
        assert same(bits_of(model), before)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changed_meanwhile_is_not_read(tiny: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("llama"), tmp_path / "own")
    model = load_model(str(folder), device="cpu").model
    with Files(model, folder, tmp_path) as files:
        (folder / "model.safetensors").write_bytes(b"another")
        with pytest.raises(EyebrowError, match="written to meanwhile"):
            files.restore(chosen(model, parse_variant("bits1")))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_pruning_is_torchs(share: float, tiny: Tiny) -> None:
    plain = load_model(str(tiny("llama")), device="cpu").model
    pruned = load_model(f"{tiny('llama')}@prune{share:g}", device="cpu").model
    for name, layer in plain.model.layers.named_modules():
        if isinstance(layer, torch.nn.Linear):
            prune.l1_unstructured(layer, "weight", share)
            assert torch.equal(layer.weight, pruned.model.layers.get_submodule(name).weight)
    assert torch.equal(plain.lm_head.weight, pruned.lm_head.weight), "the output layer is whole"


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_are_a_partition_of_the_matrices(shape: str, tiny: Tiny) -> None:
    model = load_model(str(tiny(shape)), device="cpu").model
    found = {
        part: set(chosen(model, parse_variant(f"bits4:{part}")))
        for part in ("embeddings", "attention", "mlp", "norms")
    }
    names = {name for name, p in model.named_parameters() if p.ndim > 1}
    matrices = [found[part] & names for part in ("embeddings", "attention", "mlp")]
    if shape != "opt":  # it projects between two widths beside its layers
        assert set.union(*matrices) == names
    assert sum(map(len, found.values())) == len(set.union(*found.values())), "nothing twice"
    first = set(chosen(model, parse_variant("bits4:layers0")))
    second = set(chosen(model, parse_variant("bits4:layers1")))
    both = set(chosen(model, parse_variant("bits4:layers0-1")))
    assert first | second == both
    assert not first & second
    assert set(chosen(model, parse_variant("bits4:mlp:layers1"))) == found["mlp"] & second


def test_bytes_are_what_packing_would_take(tiny: Tiny) -> None:
    model = load_model(str(tiny("llama")), device="cpu").model
    sizes = [p.numel() for p in model.parameters()]
    buffers = sum(b.nbytes for b in model.buffers())
    whole = needed_bytes(model, parse_variant("bits4")) - buffers
    assert whole == sum(-(-n // 2) + 8 for n in sizes)
    assert needed_bytes(model, parse_variant("bits32")) - buffers == sum(4 * n + 8 for n in sizes)
    across = load_model(str(tiny("gpt2")), device="cpu").model
    grown, tensors = (needed_bytes(across, parse_variant(t)) for t in ("bits4:channel", "bits4"))
    ends = sum(m.nf - 1 for m in across.modules() if isinstance(m, Conv1D))
    tables = {id(m.weight): len(m.weight) for m in across.modules() if type(m) in TABLES}
    assert grown - tensors == 8 * (ends + sum(rows - 1 for rows in tables.values()))
    dense = sum(p.nbytes for p in model.parameters())
    assert needed_bytes(model, parse_variant("prune0.5")) - buffers == dense


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("bits4", "bits4"),
        ("BITS4:group64", "bits4:group64"),
        ("bits4:mlp:channel", "bits4:channel:mlp"),
        ("bits4:layers3-3", "bits4:layers3"),
        ("prune.25", "prune0.25"),
        ("prune0.1234567", "prune0.1234567"),
        ("prune0.0000001", "prune0.0000001"),
        ("prune0.2:structured", "prune0.2:structured"),
        ("int8", "int8"),
    ],
)
def test_one_spelling(text: str, spelled: str) -> None:
    assert str(parse_variant(text)) == spelled
    assert parse_variant(spelled) == parse_variant(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bit4", "did you mean bits4"),
        ("bits0", "0 bits; use 1 to 32"),
        ("bits33", "use 1 to 32"),
        ("bits4:atention", "did you mean attention"),
        ("bits4:groop64", "did you mean group64"),
        ("bits4:layers5-3", "the first comes first"),
        ("bits4:channel:group64", "channel or group64; leave one of them out"),
        ("prune1.5", "between 0 and 1"),
        ("prune0", "between 0 and 1"),
        ("int7", "did you mean int8 or int4"),
        ("int8:mlp", "takes no part"),
        ("", "use bits1 to bits32"),
    ],
)
def test_what_is_no_variant_is_told_in_a_line(text: str, said: str) -> None:
    with pytest.raises(EyebrowError, match=said) as caught:
        find_models([f"pocket-3m@{text}"])
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 2


def test_a_part_that_is_not_there(tiny: Tiny) -> None:
    with pytest.raises(EyebrowError, match="no layers7"):
        load_model(f"{tiny('llama')}@bits4:layers7", device="cpu")


def test_a_variant_is_a_model_of_its_own() -> None:
    plain, four, other = find_models(["pocket-3m", "pocket-3m@bits4", "pocket-3m@BITS4:mlp"])
    assert [one.name for one in (four, other)] == ["pocket-3m@bits4", "pocket-3m@bits4:mlp"]
    assert four.family == "pocket@bits4", "no fit of a family has a part in both"
    folder = POCKET / "pocket-3m"
    digests = {identify(folder, *one.change).digest for one in (plain, four, other)}
    assert len(digests) == 3
    assert identify(folder, *four.change).tokenizer == identify(folder).tokenizer
    loaded = load_model(four)
    assert loaded.digest == identify(folder, *four.change).digest
    assert loaded.member.name == "pocket-3m@bits4"
    (again,) = find_models([four.place])
    assert (again.change, again.location) == (four.change, four.location)
    assert [one.name for one in find_models(["pocket@bits4"])][-1] == "pocket-3m@bits4"


def test_a_path_is_what_it_says(tmp_path: Path, tiny: Tiny) -> None:
    odd = shutil.copytree(tiny("llama"), tmp_path / "a+b@bits4")
    (spec,) = find_models([str(odd)])
    assert (spec.variant, spec.adapter, spec.name) == ("", "", "a+b@bits4")
    (changed,) = find_models([f"{odd}@bits8"])
    assert (changed.variant, changed.location) == ("bits8", str(odd))


def test_an_extra_that_is_absent_is_named(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from eyebrow.core.models.gguf import unpack
    from eyebrow.core.models.variants import adapters, packed, structure

    for module in (packed, structure, adapters, unpack):
        monkeypatch.setattr(module, "find_spec", lambda _: None)
    (tmp_path / "adapter_config.json").write_text("{}")
    (spec,) = find_models([str(tiny("llama"))])
    for variant, extra in (
        ("int8", "quant"),
        ("int4", "quant"),
        ("nf4", "nf4"),
        ("prune0.2:structured", "prune"),
    ):
        with pytest.raises(EyebrowError, match=rf"eyebrow\[{extra}\]"):
            load_model(replace(spec, variant=variant), device="cpu")
    with pytest.raises(EyebrowError, match=r"eyebrow\[peft\]"):
        load_model(replace(spec, adapter=str(tmp_path)), device="cpu")
    with pytest.raises(EyebrowError, match=r"eyebrow\[gguf\]"):
        unpack.check_gguf_extra("some.gguf")


@pytest.mark.parametrize("kind", ["int8", "int4", "nf4"])
def test_a_model_without_linear_layers_is_not_packed(kind: str, tiny: Tiny) -> None:
    with pytest.raises(EyebrowError, match=r"no linear layers .*@bits8:channel"):
        load_model(f"{tiny('gpt2')}@{kind}", device="cpu")


def test_packed_by_torchao() -> None:
    pytest.importorskip("torchao", reason="the extra quant is not installed")
    plain = load_model("pocket-3m", device="cpu")
    packed = load_model("pocket-3m@int8", device="cpu")
    assert packed.bytes < 0.6 * plain.bytes
    assert packed.parameters == plain.parameters
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        far = (packed.model(ids).logits - plain.model(ids).logits).abs().max()
    assert 0 < float(far) < 2.0
    with pytest.raises(EyebrowError, match="@int4 takes a CUDA device"):
        load_model("pocket-3m@int4", device="cpu")


def test_nf4_takes_a_cuda_device() -> None:
    pytest.importorskip("bitsandbytes", reason="the extra nf4 is not installed")
    with pytest.raises(EyebrowError, match="takes a CUDA device"):
        load_model("pocket-3m@nf4", device="cpu")


@pytest.mark.parametrize("shape", ["llama", "neox"])
def test_whole_neurons_are_taken_out(shape: str, tiny: Tiny, tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning", reason="the extra prune is not installed")
    loaded = load_model(f"{tiny(shape)}@prune0.25:structured", device="cpu")
    assert loaded.model.config.intermediate_size == 36
    loaded.model.save_pretrained(tmp_path / "saved")
    loaded.tokenizer.save_pretrained(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"), device="cpu")
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        assert torch.equal(again.model(ids).logits, loaded.model(ids).logits)


def test_the_card_says_that_neurons_were_taken_out(tiny: Tiny, tmp_path: Path) -> None:
    (spec,) = find_models([f"{tiny('llama')}@prune0.125:structured"])
    own = load_model(str(tiny("llama")), device="cpu")
    ends = (1.0, 2.0)
    row = Damage("llama", 3, 40, 99.0, 12.0, ends, 1.0, ends, *[None] * 7, bytes=1000)
    save_model(own.model, own.tokenizer, tmp_path / "saved", spec, "llama", row)
    card = (tmp_path / "saved" / "README.md").read_text()
    assert "0.125 of the neurons of each MLP were taken out" in card
    assert "smallest magnitude" not in card


def test_a_pruned_checkpoint_with_its_old_sizes_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("llama"), tmp_path / "pruned")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    with pytest.raises(EyebrowError, match="other shapes than its config"):
        load_model(str(folder), device="cpu")


def test_a_whole_pickled_model_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save({"model": 1}, tmp_path / "pruned.pth")
    with pytest.raises(EyebrowError, match="save_pretrained"):
        find_models([str(tmp_path / "pruned.pth")])


@pytest.mark.parametrize(
    "name", ["pocket-200k+g3/", "pocket-200k+-a/b.", "pocket-200k+~nobody-of-this-name"]
)
def test_what_can_be_no_adapter_is_told(name: str) -> None:
    with pytest.raises(EyebrowError, match=r"neither a folder nor an id|is no folder"):
        find_models([name])


def test_an_adapter_is_merged(tiny: Tiny, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="the extra peft is not installed")
    base = load_model(str(tiny("llama")), device="cpu")
    adapted = peft.get_peft_model(
        base.model, peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    )
    adapted.save_pretrained(tmp_path / "tuned")
    ids = torch.arange(1, 9)[None]
    with torch.inference_mode():
        wanted = adapted(ids).logits
    name = f"{tiny('llama')}+{tmp_path / 'tuned'}"
    merged = load_model(name, device="cpu")
    assert merged.name == "llama+tuned"
    with torch.inference_mode():
        assert torch.allclose(merged.model(ids).logits, wanted, atol=1e-5)
    assert merged.digest not in (base.digest, load_model(name + "@bits8", device="cpu").digest)
    with pytest.raises(EyebrowError, match="is no folder"):
        find_models([f"{tiny('llama')}+nowhere"])
