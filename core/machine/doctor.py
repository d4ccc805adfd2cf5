"""What is on this machine, and what has to be mended for eyebrow to work well.

Facts come in sections of names and values; a problem stops something from working, a hint says
what could be better. Nothing here raises: what cannot be found out is None, or a problem.
"""

from __future__ import annotations

import locale
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import EyebrowError, reason
from ..wording import many

PACKAGES = ("torch", "transformers", "textual", "plotext", "datasets", "numpy", "pyarrow")
SMALLEST = (60, 16)  # columns and lines under which the screen only says what it needs
SPARE_DISK = 1 << 30  # bytes free under which downloads and the store are in danger

_ASIDE = "move or remove it; scores that it held are made anew with the next `score`"

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """What is wrong, and what to do."""

    what: str
    mend: str


@dataclass(slots=True)
class Report:
    """sections: title → name → value. problems must be mended, hints may be."""

    sections: dict[str, Facts] = field(default_factory=dict)
    problems: list[Advice] = field(default_factory=list)
    hints: list[Advice] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What `eyebrow doctor --json` prints."""
        return {
            "eyebrow": metadata.version("eyebrow"),
            **self.sections,
            "problems": [asdict(advice) for advice in self.problems],
            "hints": [asdict(advice) for advice in self.hints],
        }

    def mend(self, what: str, mend: str) -> None:
        self.problems.append(Advice(what, mend))

    def hint(self, what: str, mend: str) -> None:
        self.hints.append(Advice(what, mend))


def examine(
    store: Path,
    environ: Mapping[str, str] = os.environ,
    colours: Callable[[Mapping[str, str]], str] | None = None,
) -> Report:
    """Look at everything. `colours` tells the colour depth of the terminal, as the screen does."""
    report = Report()
    report.sections["device"] = _device(report)
    report.sections["terminal"] = _terminal(report, environ, colours)
    report.sections["versions"] = _versions(report)
    report.sections["caches"] = _caches(report, store)
    report.sections["stories and models"] = _contents(report)
    return report


def _device(report: Report) -> Facts:
    try:
        import torch

        from .device import dtype_name, pick_device, pick_dtype
    except Exception as error:  # a broken torch fails in many ways
        report.mend(f"torch cannot be imported ({reason(error)})", "install torch again")
        return {"used": None}
    used = pick_device()
    cards = [_card(torch, n) for n in range(torch.cuda.device_count())]
    driver = _driver()
    if driver and not cards:
        report.mend(
            f"there is an NVIDIA driver ({driver}), but torch {torch.__version__} sees no GPU",
            "install a torch with CUDA that fits the driver, or check CUDA_VISIBLE_DEVICES",
        )
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "used": str(used),
        "dtype": dtype_name(pick_dtype("auto", used)),
        "cuda devices": cards,
        "cuda of torch": torch.version.cuda,
        "nvidia driver": driver,
        "mps": torch.backends.mps.is_available(),
        "cpu": platform.processor() or platform.machine(),
        "cpu cores": len(affinity(0)) if affinity else os.cpu_count(),
        "cpu threads of torch": torch.get_num_threads(),
    }


def _card(torch: Any, number: int) -> str:
    """`cuda:0 NVIDIA H200, 138.2 of 139.8 GiB free`."""
    shape = torch.cuda.get_device_properties(number)
    try:
        free, total = (size / 2**30 for size in torch.cuda.mem_get_info(number))
        memory = f"{free:.1f} of {total:.1f} GiB free"
    except RuntimeError as error:  # someone else may hold all of it
        memory = f"{shape.total_memory / 2**30:.1f} GiB, not usable: {reason(error)}"
    return f"cuda:{number} {shape.name}, {memory}"


def _driver() -> str | None:
    """The version of the NVIDIA driver, None where there is none."""
    if shutil.which("nvidia-smi") is None:
        return None
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None
    return said[0] if said else None


def _terminal(
    report: Report,
    environ: Mapping[str, str],
    colours: Callable[[Mapping[str, str]], str] | None,
) -> Facts:
    size = _size()
    term = environ.get("TERM", "")
    encoding = locale.getpreferredencoding(False)
    ssh = bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))
    depth = colours(environ) if colours else None
    if size:  # without a terminal there is nothing to mend about it
        if term in ("", "dumb", "unknown"):
            report.mend(f"TERM is {term or 'not set'}", "set it, such as TERM=xterm-256color")
        if encoding.lower().replace("-", "") != "utf8":
            report.mend(f"the locale's encoding is {encoding}", "use UTF-8, such as LC_ALL=C.UTF-8")
        if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
            report.mend(
                f"the terminal has {size[0]}x{size[1]} cells",
                f"make it {SMALLEST[0]}x{SMALLEST[1]} or larger",
            )
        if depth in ("16", "256") and not environ.get("COLORTERM"):
            passing = "ssh does not forward COLORTERM; " if ssh else ""
            report.hint(
                f"{depth} colours are used",
                f"{passing}if the terminal can do more, export COLORTERM=truecolor",
            )
    return {
        "TERM": term or None,
        "COLORTERM": environ.get("COLORTERM"),
        "size": f"{size[0]}x{size[1]}" if size else None,
        "colours": depth,
        "ssh": ssh,
        "tmux": bool(environ.get("TMUX")),
        "encoding": encoding,
    }


def _size() -> tuple[int, int] | None:
    """Columns and lines of the terminal; None where none of the three streams is one."""
    for stream in (sys.__stderr__, sys.__stdout__, sys.__stdin__):
        try:
            if stream is not None:
                columns, lines = os.get_terminal_size(stream.fileno())
                return columns, lines
        except (OSError, ValueError):
            continue
    return None


def _versions(report: Report) -> Facts:
    from packaging.requirements import Requirement

    wanted = {}
    for line in metadata.requires("eyebrow") or []:
        requirement = Requirement(line)
        if requirement.marker is None:
            wanted[requirement.name] = requirement.specifier
    facts: Facts = {"python": platform.python_version(), "eyebrow": metadata.version("eyebrow")}
    for name in PACKAGES:
        try:
            facts[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            facts[name] = None
            report.mend(f"{name} is missing", f"pip install '{name}{wanted.get(name, '')}'")
            continue
        if name in wanted and not wanted[name].contains(facts[name], prereleases=True):
            report.mend(f"{name} {facts[name]} does not fit", f"pip install '{name}{wanted[name]}'")
    return facts


def _caches(report: Report, store: Path) -> Facts:
    from huggingface_hub.constants import HF_HUB_CACHE

    place, hub = _existing(store), Path(HF_HUB_CACHE)
    writable = os.access(place, os.W_OK | os.X_OK) and place.is_dir()
    if not writable:
        report.mend(
            f"scores cannot be kept in {store}", "name another folder with --store, or --no-store"
        )
    free = _free(place)
    for name, folder in (("scores", place), ("models", _existing(hub))):
        left = _free(folder)
        if left is not None and left < SPARE_DISK:
            report.mend(
                f"{left / 1e9:.1f} GB are free where {name} are kept ({folder})",
                "make room, or move it: XDG_CACHE_HOME for scores, HF_HOME for models",
            )
            break
    return {
        "store": str(store),
        "kept bytes": _kept(report, store),
        "store writable": writable,
        "hugging face": str(hub),
        "free bytes": free,
    }


def _kept(report: Report, folder: Path) -> int:
    """Bytes of scores; parts that are damaged are set aside and told."""
    from ..results.store import Store

    store = Store(folder, lambda said: report.hint(said, _ASIDE))
    try:
        before = len(report.hints)
        store.mend()
        aside = sum(1 for _ in store.layout.damaged.glob("*"))
        if aside and len(report.hints) == before:
            held = f"{store.layout.damaged} holds {many(aside, 'file')} of what was set aside"
            report.hint(held, _ASIDE)
        return store.size()
    except EyebrowError as error:
        report.mend(error.message, "or update eyebrow")
    except OSError as error:
        report.hint(f"{folder} cannot be read: {reason(error, named=False)}", "look at that disk")
    return 0


def _existing(path: Path) -> Path:
    """The path itself or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _free(path: Path) -> int | None:
    try:
        return shutil.disk_usage(path).free
    except OSError:
        return None


def _contents(report: Report) -> Facts:
    from ..models.catalogue import families
    from ..stories import bundled_stories

    try:
        stories = len(bundled_stories())
    except (OSError, ValueError, KeyError):
        stories = 0
    if not stories:
        report.mend("the bundled stories are missing", "install eyebrow again")
    try:
        known = families()
    except EyebrowError as error:
        report.mend(error.message, "correct or remove that file")
        known = {}
    here, missing = [], []
    for members in known.values():
        for spec in members:
            if spec.local_path:
                here.append(spec.name)
            elif spec.source == "bundled":
                missing.append(spec.name)
    if missing:
        report.mend(f"bundled models are missing: {', '.join(missing)}", "install eyebrow again")
    return {"bundled stories": stories, "models here": here}
