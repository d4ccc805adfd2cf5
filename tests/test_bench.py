"""The benchmark measures what it says: every contender gives the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import one_run


@pytest.fixture(scope="module")
def pocket(repo: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = repo / "core" / "models" / "pocket" / "pocket-50k"
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    return model, AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    "name", ["eyebrow", "eyebrow --top 0", "notebook loop", "labels=", "minicons", "lm-eval"]
)
def test_it_scores_what_the_others_score(pocket: tuple[Any, Any], name: str) -> None:
    if name in ("minicons", "lm-eval"):
        pytest.importorskip(name.replace("-", "_"))
    model, tokenizer = pocket
    texts = one_run.read_texts(3)
    exact = one_run.float64(model, tokenizer, texts)
    assert one_run.CONTENDERS[name](model, tokenizer, texts) == pytest.approx(exact, rel=1e-5)
