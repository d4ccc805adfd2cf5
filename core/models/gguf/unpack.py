"""A GGUF file as a model's folder: its configuration and tokenizer taken out, a link to itself.

Weights stay in the file and are dequantised whenever the model is loaded. What the file says of
context and BOS is what counts.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import FAILED, EyebrowError, contained, reason
from ...files import atomic_folder
from ..headers import Damaged
from .header import Header, read_gguf
from .place import WEIGHTS, gguf_folder


def check_gguf_extra(name: str) -> None:
    """Raises `EyebrowError` where what reads GGUF files is not installed."""
    missing = [each for each in ("gguf", "accelerate") if find_spec(each) is None]
    if missing:
        raise EyebrowError(
            "Not installed",
            f"{name}: GGUF files take the package {missing[0]}: pip install 'eyebrow[gguf]'",
        )


def unpacked_folder(file: Path, name: str) -> Path:
    """The folder that stands for `file`, made now if it was not before.

    Raises `EyebrowError` where the file is damaged or of a kind that cannot be read, the extra is
    missing, or the cache cannot be written to.
    """
    folder = gguf_folder(file)
    if (folder / "config.json").is_file():
        return folder
    header = checked_header(file, name)
    check_gguf_extra(name)
    try:
        with atomic_folder(folder) as draft:
            (draft / WEIGHTS).symlink_to(file)
            _take_out(file, draft, header, name)
    except OSError as error:
        raise EyebrowError(
            "Cannot keep the tokenizer", f"{folder}: {reason(error, named=False)}", FAILED
        ) from error
    return folder


def checked_header(file: Path, name: str) -> Header:
    """The file's header. Raises `EyebrowError` where there is none."""
    try:
        return read_gguf(file)
    except Damaged as error:
        raise EyebrowError(
            "Damaged model", f"{name}: {file.name} {error}; delete {file}, and copy it anew"
        ) from error


def _take_out(file: Path, folder: Path, header: Header, name: str) -> None:
    from transformers import AutoConfig, AutoTokenizer
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity(50)
    try:
        with contained():
            config = AutoConfig.from_pretrained(file.parent, gguf_file=file.name)
            tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    except Exception as error:
        kind = header.fields.get("general.architecture", "unknown")
        raise EyebrowError(
            "Unknown kind of model",
            f"{name}: a GGUF file of architecture {kind!r} cannot be read ({reason(error)}); "
            "`pip install -U transformers` may help",
        ) from error
    finally:
        logging.set_verbosity(level)
    _put_bos(tokenizer, header)
    tokenizer.save_pretrained(folder)
    config.save_pretrained(folder)


def _put_bos(tokenizer: Any, header: Header) -> None:
    """In front of every text where the file says so, and only there."""
    wanted = header.fields.get("tokenizer.ggml.add_bos_token")
    bos = tokenizer.bos_token_id
    if wanted is None or bos is None:
        return
    has = tokenizer("a")["input_ids"][:1] == [bos]
    if wanted and not has:
        from tokenizers.processors import TemplateProcessing

        token = tokenizer.bos_token
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{token} $A", special_tokens=[(token, bos)]
        )
    elif has and not wanted:
        from tokenizers.processors import ByteLevel

        tokenizer.backend_tokenizer.post_processor = ByteLevel(trim_offsets=False)
