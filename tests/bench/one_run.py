"""One contender, once, in a process of its own; `python -m bench` starts it.

Prints one JSON object: seconds and scored tokens of all texts, nats of each, peak memory in
bytes of the process (of the device where it is a GPU).
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from .contenders import CONTENDERS
from .texts import read_texts


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("what", help="a contender, float64 or matmul")
    asked.add_argument("folder", type=Path)
    asked.add_argument("--dtype", default="float32")
    asked.add_argument("--device", default="cpu")
    asked.add_argument("--texts", type=int, default=24)
    asked.add_argument("--batch", type=int, default=0)
    options = asked.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)

    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = getattr(torch, "float64" if options.what == "float64" else options.dtype)
    model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=dtype)
    model = model.to(options.device).eval()
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    texts = read_texts(options.texts)
    tokens = sum(len(tokenizer(text).input_ids) - 1 for text in texts)
    if options.what == "matmul":
        seconds, nats = matrix_products(model, tokens), []
    else:
        score = float64 if options.what == "float64" else CONTENDERS[options.what]
        more = {"batch": options.batch} if options.batch else {}
        score(model, tokenizer, texts[:2], **more)  # what is set up once is no part of it
        _wait(options.device)
        begin = time.perf_counter()
        nats = score(model, tokenizer, texts, **more)
        _wait(options.device)
        seconds = time.perf_counter() - begin
    found = {"seconds": seconds, "tokens": tokens, "nats": nats, "peak": _peak(options.device)}
    sys.stdout.flush()
    os.write(1, json.dumps(found).encode() + b"\n")


def float64(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[float]:
    """What every contender is held against: the plain loop in double precision."""
    found = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids.to(model.device)
        with torch.no_grad():
            logits = model(ids).logits[0, :-1].double()
        chosen = torch.log_softmax(logits, dim=-1).gather(1, ids[0, 1:, None])
        found.append(-chosen.sum().item())
    return found


ROWS = 1024  # tokens in a batch of the matrix products


def matrix_products(model: Any, tokens: int) -> float:
    """Seconds that the products with the model's matrices take for so many tokens, and no more.

    Every linear layer is applied to a batch of `ROWS` tokens as often as it takes; attention,
    norms, activations, the softmax and all copies are left out. No program that computes these
    logits with these products is quicker.
    """
    layers = [one for one in model.modules() if isinstance(one, torch.nn.Linear)]
    widths = {one.in_features for one in layers}
    weight = layers[0].weight
    rows = {n: torch.randn(ROWS, n, dtype=weight.dtype, device=weight.device) for n in widths}
    with torch.no_grad():
        for once in (True, False):
            _wait(weight.device.type)
            begin = time.perf_counter()
            for _ in range(1 if once else max(3, tokens // ROWS)):
                for layer in layers:
                    torch.nn.functional.linear(rows[layer.in_features], layer.weight)
            _wait(weight.device.type)
            seconds = time.perf_counter() - begin
    return seconds * tokens / (ROWS * max(3, tokens // ROWS))


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def _peak(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
