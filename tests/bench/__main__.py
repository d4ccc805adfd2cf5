"""Every contender in turn, round after round, and a table of it.

    python -m bench                     from tests/: 135M and pocket-3m, both dtypes, on this CPU
    python -m bench --shapes smollm2-1.7b --device cuda --texts 2000 --dtypes bfloat16

Each run is a process of its own, so that peak memory is its own. A row's rate is the median of
its rounds; the share is that of the matrix products alone, measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .contenders import BATCHES, CONTENDERS, NEEDS
from .shapes import NAMES, make

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "eyebrow" / "bench"


def main() -> None:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    asked.add_argument("--shapes", default="smollm2-135m,pocket-3m", help=", ".join(NAMES))
    asked.add_argument("--dtypes", default="float32,bfloat16")
    asked.add_argument("--device", default="cpu")
    asked.add_argument("--texts", type=int, default=24)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", default="", help=", ".join(CONTENDERS))
    asked.add_argument("--json", type=Path, help="everything measured, into this file")
    options = asked.parse_args()
    wanted = options.only.split(",") if options.only else list(CONTENDERS)
    unknown = {*wanted} - {*CONTENDERS} | {*options.shapes.split(",")} - {*NAMES}
    if unknown:
        asked.error(f"not known: {', '.join(sorted(unknown))}")
    absent = [one for one in wanted if one in NEEDS and not find_spec(NEEDS[one])]
    for name in absent:
        print(
            f"{name} is not installed and left out: pip install 'eyebrow[bench]'", file=sys.stderr
        )
    there = [one for one in wanted if one not in absent]

    machine = _machine(options.device)
    print(*(f"- {key}: {value}" for key, value in machine.items()), sep="\n", end="\n\n")
    everything = []
    for shape in options.shapes.split(","):
        folder = make(shape, CACHE)
        exact = _run("float64", folder, "float64", options)
        for dtype in options.dtypes.split(","):
            found = measure(there, folder, dtype, options)
            print(table(shape, dtype, found, exact["nats"]), flush=True)
            everything.append({"shape": shape, "dtype": dtype, "exact": exact, "runs": found})
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "measured": everything}, indent=1))


Runs = dict[str, list[dict[str, Any]]]


def measure(names: list[str], folder: Path, dtype: str, options: argparse.Namespace) -> Runs:
    """Runs of each contender, and of the matrix products, in turn."""
    batches = {name: _best_batch(name, folder, dtype, options) for name in names}
    found: Runs = {name: [] for name in (*names, "matmul")}
    for _ in range(options.rounds):
        for name, runs in found.items():
            runs.append(_run(name, folder, dtype, options, batches.get(name, 0)))
    return found


def table(shape: str, dtype: str, found: Runs, exact: list[float]) -> str:
    """Markdown: rate, share of the limit, peak memory, largest deviation of a text's total."""
    rates = {
        name: statistics.median(r["tokens"] / r["seconds"] for r in runs)
        for name, runs in found.items()
    }
    limit = rates.pop("matmul")
    tokens = found["matmul"][0]["tokens"]
    lines = [
        f"{shape}, {dtype}: {len(exact)} texts, {tokens:,} tokens; "
        f"matrix products alone {limit:,.0f} tokens/s",
        "",
        "| | tokens/s | eyebrow is × | of the limit | peak GB | worst total |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, rate in rates.items():
        worst = max(
            abs(own - true) / true
            for run in found[name]
            for own, true in zip(run["nats"], exact, strict=True)
        )
        peak = max(run["peak"] for run in found[name]) / 1e9
        ratio = rates.get("eyebrow", rate) / rate
        figures = (f"{rate:,.0f}", f"{ratio:.2f}", f"{rate / limit:.0%}", f"{peak:.2f}")
        lines.append(f"| {name} | {' | '.join(figures)} | {worst:.1e} |")
    return "\n".join(lines) + "\n"


def _best_batch(name: str, folder: Path, dtype: str, options: argparse.Namespace) -> int:
    """Of what takes a number of texts at once, the quickest that fits; 0 for what takes none."""
    if name not in NEEDS:
        return 0
    seconds = {}
    for batch in BATCHES:
        run = _run(name, folder, dtype, options, batch, may_fail=True)
        if run:
            seconds[batch] = run["seconds"]
    return min(seconds, key=lambda batch: seconds[batch])


def _run(
    name: str,
    folder: Path,
    dtype: str,
    options: argparse.Namespace,
    batch: int = 0,
    may_fail: bool = False,
) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.one_run", name, str(folder), "--dtype", dtype]
    command += ["--device", options.device, "--texts", str(options.texts), "--batch", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    if done.returncode:
        if may_fail:
            return {}
        sys.exit(f"{name} on {folder.name} in {dtype} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _machine(device: str) -> dict[str, str]:
    import torch
    import transformers

    if device.startswith("cuda"):
        processor = torch.cuda.get_device_name(device)
    else:
        known = Path("/proc/cpuinfo")
        names = known.read_text().split("model name\t: ")[1:] if known.exists() else []
        processor = names[0].splitlines()[0] if names else platform.processor()
        processor += f", {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
    return {
        "machine": processor,
        "date": time.strftime("%Y-%m-%d"),
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, "
        f"Python {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    main()
