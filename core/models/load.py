"""Load a model with its tokenizer onto a device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..errors import FAILED, DeviceLost, EyebrowError, contained
from ..machine.device import dtype_name, pick_device, pick_dtype
from ..machine.memory import check_memory, free_memory, weights_size
from ..scoring.recipe import Recipe
from ..scoring.trunk import is_device_error
from .catalogue import ModelSpec, find_models
from .configuration import is_quantised
from .gguf.place import SUFFIX, WEIGHTS
from .gguf.unpack import check_gguf_extra, unpacked_folder
from .hub.download import download, here
from .hub.transfer import Transfer
from .identity import Identity, identify, stamps
from .load_errors import (
    check_folder,
    check_size,
    check_tokenizer,
    check_weights,
    explained,
    without_configuration,
    without_tokenizer,
)
from .member import Member
from .ngrams.counted import parse_counted
from .options import LoadOptions
from .spread import spread
from .variants.packed import packed_bytes
from .variants.spelling import PACKED, parse_variant
from .weights import Size, size_of, weight_files


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that is ready: `model, tokenizer, device, dtype = load_model(...)` also works.

    positions: tokens it sees at once (None: no limit known). digest, tokenizer_digest: what it is
    (see `identity`).
    """

    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    name: str
    parameters: int
    digest: str
    revision: str
    positions: int | None
    family: str
    tokenizer_digest: str

    def __iter__(self) -> Iterator[Any]:
        return iter((self.model, self.tokenizer, self.device, self.dtype))

    @property
    def bytes(self) -> int:
        """What its weights take in memory."""
        return packed_bytes(self.model)

    @property
    def member(self) -> Member:
        """Its name in the store."""
        return Member(
            self.name,
            self.digest,
            self.family,
            self.revision,
            self.tokenizer_digest,
            self.parameters,
        )

    def recipe(self, wanted: Recipe) -> Recipe:
        """`wanted` with this model's device, dtype and number of positions."""
        return wanted.settled(self.device.type, dtype_name(self.dtype)).within(self.positions)


def load_model(
    name: str | ModelSpec,
    *,
    device: str = "auto",
    dtype: str = "auto",
    offline: bool = False,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> LoadedModel:
    """The model called `name`, in eval mode, on `device`; downloaded first where it must be.

    name: a member ("pocket-3m"), a folder, a Hugging Face id, an n-gram (`ngram:2:FILE`), or a
    `ModelSpec`. allow_pickle: take weights that are saved as pickles where there are no others.
    trust_remote_code: run Python code that comes with the model.
    Raises `EyebrowError` where there is no such model, its weights are larger than the memory
    that is free, or it cannot be loaded.
    """
    spec = name if isinstance(name, ModelSpec) else _only(name)
    return load(spec, LoadOptions(device, dtype, offline, allow_pickle, trust_remote_code))


def load(spec: ModelSpec, options: LoadOptions) -> LoadedModel:
    """See `load_model`."""
    where = pick_device(options.device)
    precision = pick_dtype(options.dtype, where)
    folder = here(spec, options.allow_pickle) or fetch(spec, options)
    config = check_folder(folder, spec.name, options.allow_pickle, options.trust_remote_code)
    size = weights_size(spec, folder)
    check_memory(spec, size, where, precision)
    before = stamps(folder, spec.adapter)
    identity = _beside(lambda at: identify(at, *spec.change), folder)
    try:
        with _quiet(), contained():
            empty = _empty(folder, spec.name, options.trust_remote_code)
            if not is_quantised(config):
                check_size(empty, size_of(folder), spec.name)
            over = None  # several GPUs
            if _is_too_large(size, precision, where):
                over = spread(empty, precision, where, spec.name)
            tokenizer, model = _open(folder, spec.name, precision, options, over)
            _lay_out(model)
            if over is None:
                model.to(where)
            model.eval()
            if where.type == "cpu" and not _is_snapshot(folder):
                _take_out_of_its_file(model)
            model = _changed(model, spec)
    except EyebrowError:
        raise
    except Exception as error:  # loaders raise what they like: ImportError, SafetensorError, ...
        if isinstance(error, torch.OutOfMemoryError):
            raise EyebrowError(
                "Out of memory", f"{spec.name} does not fit on {where}; use a smaller model", FAILED
            ) from error
        if is_device_error(error):
            raise DeviceLost.by(error) from error
        raise explained(error, spec.name, weight_files(folder)) from error
    known = identity.result()
    if stamps(folder, spec.adapter) != before:
        raise EyebrowError(
            "Changed meanwhile",
            f"{spec.name}: files in {folder} were written while it was loaded; ask again",
            FAILED,
        )
    is_packed = is_quantised(config) or spec.variant in PACKED  # fewer than they say
    return LoadedModel(
        model,
        tokenizer,
        where,
        precision,
        spec.name,
        (known.parameters if is_packed else None) or sum(p.numel() for p in model.parameters()),
        known.digest,
        revision_of(spec, folder),
        known.positions,
        spec.family,
        known.tokenizer,
    )


def check_same_tokens(reference: LoadedModel, other: LoadedModel) -> None:
    """Raises `EyebrowError` where two models do not have the same tokens."""
    if other.tokenizer_digest == reference.tokenizer_digest:
        return
    if other.tokenizer.get_vocab() != reference.tokenizer.get_vocab():
        raise EyebrowError(
            "Tokenizers differ",
            f"{other.name} and {reference.name} have different tokens, so they have no position in "
            "common; `eyebrow score` compares them by the byte",
        )


def _beside(work: Callable[[Path], Identity], folder: Path) -> Future[Identity]:
    """The work's outcome, done on a thread meanwhile; nobody waits for it where loading fails."""
    outcome: Future[Identity] = Future()

    def run() -> None:
        try:
            outcome.set_result(work(folder))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome


def _changed(model: Any, spec: ModelSpec) -> Any:
    """The model that `spec` speaks of, made of the one that lies there."""
    if spec.adapter:
        from .variants.adapters import merge

        model = merge(model, spec.adapter, spec.name)
    if spec.variant:
        from .variants.apply import change

        change(model, parse_variant(spec.variant))
    return model


def _lay_out(model: Any) -> None:
    """Numbers in the order of their axes: matrices that a GGUF file holds the other way round are
    loaded as a view across, which whoever goes through them piece by piece cannot flatten."""
    for parameter in model.parameters():
        if not parameter.is_contiguous():
            parameter.data = parameter.data.contiguous()


def _take_out_of_its_file(model: Any) -> None:
    """Copies of the weights: on the CPU they are the file's own pages while its dtype is theirs.

    A checkpoint that is rewritten in place would change under the model that was loaded from it.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


def _is_snapshot(folder: Path) -> bool:
    """Whether it lies in the Hugging Face cache, where a file is never written twice."""
    return folder.parent.name == "snapshots"


def _only(name: str) -> ModelSpec:
    found = find_models([name])
    if len(found) > 1:
        members = ", ".join(spec.name for spec in found)
        raise EyebrowError("A whole family", f"{name} is {len(found)} models: {members}; pick one")
    return found[0]


def _empty(folder: Path, name: str, trust_remote_code: bool) -> Any:
    """The model that the configuration describes, without weights and without memory for them."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if '"eyebrow-' in (folder / "config.json").read_text(encoding="utf-8"):
        from .ngrams import bigram, ngram  # noqa: F401  registers their model types

    try:
        config = AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_remote_code
        )
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise without_configuration(error, folder, name) from error


def _is_too_large(size: Size, dtype: torch.dtype, where: torch.device) -> bool:
    """For one GPU; elsewhere there is nothing to spread a model over."""
    return where.type == "cuda" and size.loaded(dtype.itemsize) > free_memory(where)


def _open(
    folder: Path,
    name: str,
    dtype: torch.dtype,
    options: LoadOptions,
    over: dict[str, str] | None = None,
) -> tuple[Any, Any]:
    """over: where each module goes, where that is not one device."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with contained():
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=options.trust_remote_code
            )
    except Exception as error:
        raise without_tokenizer(error, folder, name) from error
    packed: dict[str, Any] = {}
    if [file.suffix for file in weight_files(folder)] == [SUFFIX]:
        from transformers import GgufConfig

        check_gguf_extra(name)
        packed = {"gguf_file": WEIGHTS, "quantization_config": GgufConfig(dequantize=True)}
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        local_files_only=True,
        use_safetensors=None if options.allow_pickle or packed else True,
        trust_remote_code=options.trust_remote_code,
        output_loading_info=True,
        device_map=over,
        **packed,
    )
    model, info = loaded
    check_weights(info, name)
    check_tokenizer(tokenizer, model, name)
    return tokenizer, model


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers neither logs nor draws bars: what is wrong is raised."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(50)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def fetch(
    spec: ModelSpec,
    options: LoadOptions,
    progress: Callable[[Transfer], None] | None = None,
    *,
    stopped: Callable[[], bool] | None = None,
    held: int = 0,
) -> Path:
    """The folder of a model that is not here yet: downloaded (see `download`), counted, or taken
    out of a GGUF file. One too large for the memory is not downloaded.

    held: bytes that would be let go of for it.
    """
    if spec.source == "ngram":
        from .ngrams.count import counted_folder

        return counted_folder(parse_counted(spec.location))
    if spec.source == "gguf":
        return unpacked_folder(Path(spec.location), spec.name)
    if spec.source != "hub":
        raise EyebrowError("No model there", f"{spec.name}: {spec.location} holds no saved model")
    device = pick_device(options.device)
    dtype = pick_dtype(options.dtype, device)
    fits = partial(check_memory, spec, device=device, dtype=dtype, held=held)
    return download(spec, options, progress=progress, stopped=stopped, fits=fits)


def revision_of(spec: ModelSpec, folder: Path) -> str:
    """The commit of a Hub snapshot (its folder's name); what was asked for elsewhere."""
    return folder.name if _is_snapshot(folder) else spec.revision
