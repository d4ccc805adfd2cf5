"""A saved model's config.json: read, and looked at before anything is built from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import EyebrowError, reason

# What a model has any number of, but none below 1. A list gives one for each layer.
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_COUNTS = (
    *_LAYERS,
    *("vocab_size", "hidden_size", "n_embd", "head_dim"),
    *("num_attention_heads", "n_head", "num_key_value_heads"),
    *("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"),
)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a saved model.

    Raises `EyebrowError` where there is none, where it cannot be read, and for values that no
    model can have.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise EyebrowError("No model there", f"{folder} holds no config.json") from error
    except PermissionError as error:
        raise no_permission(path) from error
    except OSError as error:
        raise _damaged(path, f"cannot be read ({reason(error, named=False)})") from error
    except json.JSONDecodeError as error:
        raise _damaged(path, f"cannot be read: line {error.lineno} is not valid JSON") from error
    except UnicodeDecodeError as error:
        raise _damaged(path, "cannot be read: it is not UTF-8") from error
    except ValueError as error:  # Python turns no number of 5,000 digits into an int
        raise _damaged(path, "cannot be read: a number in it is too long") from error
    except RecursionError as error:
        raise _damaged(path, "cannot be read: it is nested too deep") from error
    if not isinstance(config, dict):
        raise _damaged(path, "holds no configuration")
    _check_values(config, path)
    return config


def positions(folder: Path) -> int | None:
    """How many tokens the model sees at once, from its configuration; None if it does not say."""
    config = read_config(folder)
    config = config.get("text_config") or config
    for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"):
        if isinstance(config.get(name), int):
            return int(config[name])
    return None


def layer_count(folder: Path) -> int:
    """How many layers the model has, from its configuration; 0 if it does not say."""
    config = read_config(folder)
    config = config.get("text_config") or config
    return next((config[name] for name in _LAYERS if isinstance(config.get(name), int)), 0)


def is_quantised(config: Mapping[str, Any]) -> bool:
    """Whether the weights are packed: fewer bits than a float has, with scales beside them."""
    return bool(config.get("quantization_config"))


def check_layers(config: dict[str, Any], folder: Path, tensors: int) -> None:
    """Refuse more layers than there are tensors: building them would take for ever.

    tensors: how many the model's weights hold, at most.
    """
    for where, part in _parts(config):
        for name in _LAYERS:
            if isinstance(part.get(name), int) and part[name] > tensors:
                raise bad_value(
                    folder,
                    f"{where}{name} is {part[name]:,}, and its weights are {tensors:,} tensors",
                )


def bad_value(folder: Path, what: str) -> EyebrowError:
    """A configuration that can be read and describes no model."""
    return EyebrowError(
        "Bad configuration", f"{folder / 'config.json'}: {what}; mend it, or copy it anew"
    )


def no_permission(path: Path) -> EyebrowError:
    """A file that belongs to others."""
    return EyebrowError(
        "No permission", f"{path} may not be read by this user; change its permissions"
    )


def _damaged(path: Path, what: str) -> EyebrowError:
    return EyebrowError("Damaged model", f"{path} {what}; copy it anew")


def _check_values(config: dict[str, Any], path: Path) -> None:
    wrong = next(_wrong(config), None)
    if wrong is not None:
        raise bad_value(path.parent, wrong)


def _wrong(config: dict[str, Any]) -> Iterator[str]:
    for name in ("text_config", "auto_map"):
        if not isinstance(config.get(name) or {}, dict):
            yield f"{name} is {_short(config[name])}; it must be an object"
    written = config.get("architectures") or []
    if not isinstance(written, list) or not all(isinstance(kind, str) for kind in written):
        yield f"architectures is {_short(written)}; it must be a list of names"
    for where, part in _parts(config):
        for name in _COUNTS:
            value = part.get(name)
            if value is None or isinstance(value, list):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                yield f"{where}{name} is {_short(value)}; it must be a whole number above 0"


def _parts(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The configuration, and that of the language model in one of several models."""
    yield "", config
    inner = config.get("text_config")
    if isinstance(inner, dict):
        yield "text_config.", inner


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"
