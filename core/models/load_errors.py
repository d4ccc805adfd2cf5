"""What cannot be loaded, found out before it is tried where that is cheap, and said in one line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import FAILED, EyebrowError
from ..wording import in_words
from .wanted import pickles_only
from .weights import read_config, read_header, weight_files

_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "*.tiktoken", "tekken.json")


def check_folder(
    folder: Path, name: str, allow_pickle: bool, trust_remote_code: bool
) -> dict[str, Any]:
    """The configuration of a saved model that can, as far as its files tell, be loaded.

    Raises `EyebrowError` for what is missing, cut short, of another kind, or to be trusted first.
    """
    config = read_config(folder)
    check_config(config, name, trust_remote_code)
    weights = weight_files(folder)
    pickles = [path.name for path in weights if path.suffix != ".safetensors"]
    if not weights:
        raise EyebrowError("No weights", f"{name}: {folder} holds no model.safetensors", FAILED)
    if pickles and not allow_pickle:
        raise pickles_only(name, pickles)
    for path in weights:
        if path.suffix == ".safetensors":
            _check_safetensors(path, name)
    if not any(path for pattern in _TOKENIZERS for path in folder.glob(pattern)):
        raise EyebrowError(
            "No tokenizer",
            f"{name}: {folder} holds no tokenizer; save it there with "
            "`tokenizer.save_pretrained`, next to the model",
        )
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


def _check_safetensors(path: Path, name: str) -> None:
    """Its header says how long the file is: one that is cut short is told before it is read."""
    try:
        size = path.stat().st_size
        begin, tensors = read_header(path)
        wanted = begin + max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
    except EOFError as error:
        raise _damaged(path, name, f"is cut short at {in_words(size)}") from error
    except OSError as error:
        raise _damaged(path, name, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, name, "is no safetensors file") from error
    if size < wanted:
        raise _damaged(path, name, f"is cut short: {size:,} of {wanted:,} bytes")


def _damaged(path: Path, name: str, what: str) -> EyebrowError:
    place = path.resolve()  # in the cache a name is a link to its blob
    again = "it is then downloaded again" if place.parent.name == "blobs" else "and copy it anew"
    return EyebrowError(
        "Damaged model", f"{name}: {path.name} {what}; delete {place}, {again}", FAILED
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
            f"{name}: its files lack {len(missing)} of its weights, {missing[0]} among them",
            FAILED,
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


def without_tokenizer(error: Exception, name: str) -> EyebrowError:
    """What the tokenizer's loader raises, in one line."""
    if isinstance(error, ImportError) or "trust_remote_code" in str(error):
        return explained(error, name, ())
    said = next((line for line in str(error).splitlines() if line.strip()), repr(error)).strip()
    return EyebrowError("No tokenizer", f"{name}: its tokenizer cannot be read: {said}")


def explained(error: Exception, name: str, files: Iterable[Path]) -> EyebrowError:
    """What loaders raise, in one line: ImportError, SafetensorError, KeyError, ..."""
    said = next((line for line in str(error).splitlines() if line.strip()), repr(error)).strip()
    if "trust_remote_code" in str(error):
        return _untrusted(name)
    if "ignore_mismatched_sizes" in str(error):
        return EyebrowError(
            "Damaged model",
            f"{name}: its weights have other shapes than its config.json says; copy both anew",
            FAILED,
        )
    if isinstance(error, ImportError):
        return EyebrowError("Library missing", f"{name}: {said}", FAILED)
    if type(error).__name__ == "SafetensorError":
        return _damaged(max(files), name, f"cannot be read ({said})")
    if type(error).__name__ == "UnpicklingError":
        return EyebrowError(
            "Pickles refused", f"{name}: its pickle holds more than weights and is not read"
        )
    return EyebrowError("Cannot load", f"{name}: {said}", FAILED)
