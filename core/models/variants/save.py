"""A changed model as an ordinary folder, with a card that says what was done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FAILED, EyebrowError, reason
from ..spec import ModelSpec
from .spelling import PACKED, parse_variant

if TYPE_CHECKING:
    from ...results.damage import Damage

_DONE = {
    "bits": "Each parameter tensor was rounded to {steps:,} equal steps between its ends ({grain})",
    "prune": "{share:.3g} of each matrix was pruned, the numbers of smallest magnitude ({grain})",
}
_TAKEN_OUT = "{share:.3g} of the neurons of each MLP were taken out, those of smallest norm"


def check_place(folder: Path, spec: ModelSpec) -> None:
    """Raises `EyebrowError` where there is something already, and for what cannot be saved."""
    if spec.variant in PACKED:
        raise EyebrowError(
            "Cannot be saved",
            f"{spec.name}: packed weights are no ordinary checkpoint; save them with the library "
            "that packed them",
        )
    nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not nearest.is_dir():
        raise EyebrowError("Something is there", f"{nearest} is no folder; name another place")
    if nearest == folder and any(folder.iterdir()):
        raise EyebrowError(
            "Something is there", f"{folder} is not empty; name a folder that is, or is not there"
        )


def save_model(
    model: Any, tokenizer: Any, folder: Path, spec: ModelSpec, reference: str, row: Damage
) -> None:
    """Write `model` to `folder`. Raises `EyebrowError` where that cannot be done."""
    try:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(_card(spec, reference, row), encoding="utf-8")
    except OSError as error:
        raise EyebrowError("Cannot write", f"{folder}: {reason(error)}", FAILED) from error


def _card(spec: ModelSpec, reference: str, row: Damage) -> str:
    lines = [f"# {spec.name}", "", f"Made by eyebrow of `{spec.location}`.", ""]
    if spec.adapter:
        lines.append(f"The adapter `{spec.adapter}` was merged into the weights.")
    if spec.variant:
        variant = parse_variant(spec.variant)
        done = _TAKEN_OUT if variant.grain == "structured" else _DONE[variant.kind]
        said = done.format(
            steps=2 ** int(variant.amount) - 1 if variant.kind == "bits" else 0,
            share=variant.amount,
            grain=f"by {variant.grain}",
        )
        where = f", in {' and '.join(variant.parts)} alone" if variant.parts else ""
        lines.append(f"{said}{where}: `@{variant}`.")
        lines.append("The weights are stored unpacked, in the dtype they were changed in.")
    lines += [
        "",
        f"Over {row.tokens:,} tokens of {row.stories:,} stories, against {reference}:",
        "",
    ]
    lines += ["| perplexity | difference | mean KL (nats) | same top token |", "|---|---|---|---|"]
    kl = "–" if row.kl_mean is None else f"{row.kl_mean:.4g}"
    same = "–" if row.same_top is None else f"{row.same_top:.1%}"
    lines.append(f"| {row.perplexity:.2f} | {row.delta:+.2f} | {kl} | {same} |")
    return "\n".join(lines) + "\n"
