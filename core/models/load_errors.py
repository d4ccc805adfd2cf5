"""What cannot be loaded, found out before it is tried where that is cheap, and said in one line.

Files are looked at in the order in which they are needed: configuration, weights, tokenizer. What
is said names the file at fault.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import FAILED, EyebrowError, is_memory, reason
from .configuration import bad_value, no_permission, read_config
from .tokenizer_files import has_tokenizer, tokenizer_files
from .weight_errors import check_weight_files, damaged, readable_weights
from .weights import Size


def check_folder(
    folder: Path, name: str, allow_pickle: bool, trust_remote_code: bool
) -> dict[str, Any]:
    """The configuration of a saved model that, as far as its files tell, can be loaded.

    Raises `EyebrowError` for what is missing, damaged, of another kind, or to be trusted first.
    """
    _check_are_files(folder, name)
    config = read_config(folder)
    check_config(config, name, trust_remote_code)
    check_weight_files(folder, name, config, allow_pickle)
    if not has_tokenizer(folder):
        raise EyebrowError(
            "No tokenizer",
            f"{name}: {folder} holds no tokenizer; save it there with "
            "`tokenizer.save_pretrained`, next to the model",
        )
    check_readable(folder, name)
    return config


def check_config(config: dict[str, Any], name: str, trust_remote_code: bool) -> None:
    """Refuse what is no causal language model, and what brings code that was not trusted."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED,
    )

    kind = config.get("model_type")
    if not isinstance(kind, str):
        raise EyebrowError("No model there", f"{name}: its config.json names no model_type")
    if kind.startswith("eyebrow-"):
        return
    if "AutoModelForCausalLM" in (config.get("auto_map") or {}) and kind not in CAUSAL:
        if not trust_remote_code:
            raise _untrusted(name)
        return
    if kind not in CONFIG_MAPPING:
        raise EyebrowError(
            "Unknown kind of model",
            f"{name} is of type {kind!r}, which transformers {transformers.__version__} does not "
            "know; `pip install -U transformers` may help",
        )
    written = [str(name) for name in config.get("architectures") or ()]
    causal = {str(CAUSAL.get(kind, "")), *(a for a in written if a.endswith("CausalLM"))}
    is_masked = kind in MASKED and not config.get("is_decoder") and not causal & {*written}
    headed = [a for a in written if not a.endswith("Model")]  # GPT2Model: its head is tied
    is_other = bool(headed) and not any(a in causal or "LMHead" in a for a in headed)
    if kind not in CAUSAL or config.get("is_encoder_decoder") or is_masked or is_other:
        raise _not_causal(name, written[0] if written else kind)


def _untrusted(name: str) -> EyebrowError:
    return EyebrowError(
        "Code to be trusted",
        f"{name} is run by Python code of its own, which could do anything here; read it, then "
        "use --trust-remote-code",
    )


def _not_causal(name: str, kind: str) -> EyebrowError:
    return EyebrowError(
        "Not a causal language model",
        f"{name} is a {kind}; perplexity needs a model that predicts each token from those "
        "before it, such as gpt2 or smollm2",
    )


def check_weights(info: dict[str, Any], name: str) -> None:
    """Refuse a model some of whose weights were in no file, and so were made up at random.

    info: what `from_pretrained(..., output_loading_info=True)` says of it.
    """
    missing = sorted(info["missing_keys"])
    heads = ("lm_head", "embed_out", "predictions")
    if missing and all(any(head in key for head in heads) for key in missing):
        raise _not_causal(name, f"model without a language model's head ({missing[0]})")
    if missing:
        raise EyebrowError(
            "Damaged model",
            f"{name}: its files lack {len(missing)} of its weights, {missing[0]} among them; "
            "copy them anew",
        )


def check_tokenizer(tokenizer: Any, model: Any, name: str) -> None:
    """Refuse a tokenizer whose ids the model has no embedding for.

    Ids that were added for padding and the like may lie beyond: no text has them.
    """
    count = model.config.get_text_config().vocab_size
    added = set(tokenizer.get_added_vocab().values())
    ordinary = [i for i in tokenizer.get_vocab().values() if i not in added]
    used = [i for i in (tokenizer.bos_token_id, tokenizer.eos_token_id) if i is not None]
    largest = max([*ordinary, *used], default=-1)
    if largest >= count:
        raise EyebrowError(
            "Tokenizer does not fit",
            f"{name}: its tokenizer gives ids up to {largest:,}, the model knows {count:,}; "
            "they are not of one model",
        )
    if largest < 0:
        raise EyebrowError("No tokenizer", f"{name}: its tokenizer has no vocabulary")


def check_readable(folder: Path, name: str) -> None:
    """Refuse a configuration that is none, then weights and a tokenizer that cannot be opened."""
    _check_are_files(folder, name)
    read_config(folder)
    readable_weights(folder, name)
    for path in tokenizer_files(folder):
        try:
            path.open("rb").close()
        except PermissionError as error:
            raise no_permission(path) from error
        except OSError as error:
            raise _no_tokenizer(path, reason(error, named=False)) from error


def _check_are_files(folder: Path, name: str) -> None:
    """Refuse pipes and devices: to open one may wait for ever."""
    for path in sorted(folder.iterdir()):
        with suppress(OSError):
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise EyebrowError(
                    "Damaged model",
                    f"{name}: {path} is no file but a pipe or a device; remove it, or copy the "
                    "model anew",
                )


def check_size(model: Any, size: Size, name: str) -> None:
    """Refuse an empty model (on the device meta) far larger than its weights can be.

    What the files lack would be made up, and memory taken for it. size: of the weights in the
    files, none of them packed.
    """
    wanted = sum(parameter.numel() for parameter in model.parameters())
    held = size.floats + size.packed  # of what is no float, bytes: as many numbers at most
    if wanted > 2 * held:
        raise _other_shapes(name, f", which describes {wanted:,} numbers where they hold {held:,}")


def _other_shapes(name: str, more: str = "") -> EyebrowError:
    return EyebrowError(
        "Damaged model",
        f"{name}: its weights have other shapes than its config.json says{more}; copy both anew",
    )


def without_configuration(error: Exception, folder: Path, name: str) -> EyebrowError:
    """What building an empty model raises: its configuration cannot be."""
    if isinstance(error, ImportError) or "trust_remote_code" in str(error):
        return explained(error, name, ())
    return bad_value(folder, _wrong_value(error, folder))


def _wrong_value(error: Exception, folder: Path) -> str:
    """Of a configuration, told by the word that was not known, or by what was raised."""
    word = error.args[0] if isinstance(error, KeyError) and error.args else None
    word = word or (re.search(r"has no attribute '(\w+)'", str(error)) or [None, None])[1]
    for key, value in _flat(read_config(folder)):
        if word is not None and value == word:
            return f"{key} is {value!r}, which is not known"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = re.sub(r"^\w+(Error|Exception): ", "", lines[-1]) if lines else reason(error)
    return f"it describes no model that can be built ({said.rstrip('.')})"


def _flat(config: dict[str, Any]) -> Iterable[tuple[str, object]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{inner}", leaf) for inner, leaf in _flat(value))
        else:
            yield key, value


def without_tokenizer(error: BaseException, folder: Path, name: str) -> EyebrowError:
    """What the tokenizer's loader raises, in one line that names the file at fault."""
    if isinstance(error, ImportError) or "trust_remote_code" in str(error):
        return explained(error, name, ())
    files = tokenizer_files(folder)
    for path in files:
        if path.suffix == ".json":
            try:
                json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError):
                return _no_tokenizer(path, "it is no valid JSON")
    main = next((path for path in files if path.name == "tokenizer.json"), None)
    if main is None and "instantiate the backend tokenizer" in str(error):
        return EyebrowError(
            "No tokenizer",
            f"{name}: {folder} holds no vocabulary that can be read, such as tokenizer.json; copy "
            "it there from where the model came",
        )
    return _no_tokenizer(main or files[0], reason(error))


def _no_tokenizer(path: Path, why: str) -> EyebrowError:
    return EyebrowError(
        "No tokenizer", f"{path}: the tokenizer cannot be read ({why}); copy it anew"
    )


def explained(error: BaseException, name: str, files: Iterable[Path]) -> EyebrowError:
    """What loaders raise, in one line; files: those of the weights."""
    if "trust_remote_code" in str(error):
        return _untrusted(name)
    if "ignore_mismatched_sizes" in str(error):
        return _other_shapes(name)
    if isinstance(error, ImportError):
        title = "Out of memory" if is_memory(error) else "Library missing"
        return EyebrowError(title, f"{name}: {reason(error)}", FAILED)
    first = min(files, default=Path(name))
    kind = type(error).__name__
    if kind == "UnpicklingError" and "truncated" not in str(error):
        return EyebrowError(
            "Pickles refused", f"{name}: {first.name} holds more than weights and is not read"
        )
    if kind in ("SafetensorError", "UnpicklingError", "EOFError") or "EOF" in str(error):
        return damaged(first, name, f"cannot be read ({reason(error)})")
    return EyebrowError("Cannot load", f"{name}: {first.name}: {reason(error)}", FAILED)
