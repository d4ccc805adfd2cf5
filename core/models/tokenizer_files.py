"""What turns text into ids: the digest of a tokenizer's files, without what ids do not depend on.

In: every file of vocabulary, merges and added tokens; normaliser, pre-tokeniser, post-processor;
every setting that is not known to be without effect; special tokens that the vocabulary file does
not have by itself, because a declared token is cut out of the text wherever it is spelled.

Out: the chat template; lengths, truncation and padding; and which of the special tokens is called
the beginning, the end or the padding, unless the tokenizer is told to put them around the text.
So SmolLM2 and SmolLM2-Instruct, whose texts have the same ids, have one digest, though the one
ends a document and the other a turn. Under `first_token = "scored"` a model is shown its own
beginning; that is in the digest of the model (see `identity`), by which scores are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .digests import content_digest, file_digest, remembered

RULE = 1  # counts up where the same files come to have another digest
_MAIN = ("tokenizer*", "*vocab*", "*.model", "*.spm", "*.tiktoken", "tekken.json")
_BESIDE = ("merges.txt", "added_tokens.json", "special_tokens_map.json", "tokenization*.py")
_WITHOUT_EFFECT = {
    *("chat_template", "default_chat_template", "response_schema", "use_default_system_prompt"),
    *("model_max_length", "max_length", "truncation", "truncation_side", "truncation_strategy"),
    *("stride", "padding", "padding_side", "pad_to_multiple_of", "pad_token_type_id"),
    *("name_or_path", "_name_or_path", "special_tokens_map_file", "tokenizer_file", "is_local"),
    *("local_files_only", "processor_class", "model_input_names", "return_token_type_ids"),
    *("clean_up_tokenization_spaces", "errors", "transformers_version", "_commit_hash"),
}
_ROLES = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")
_LISTS = ("additional_special_tokens", "extra_special_tokens")
_FLAGS = ("lstrip", "rstrip", "single_word", "normalized")


def tokenizer_files(folder: Path) -> list[Path]:
    """What of a saved model's files may be its tokenizer's, by name."""
    patterns = (*_MAIN, *_BESIDE)
    found = {file for pattern in patterns for file in folder.glob(pattern)}
    return sorted(file for file in found if not file.is_dir() and not file.is_fifo())


def has_tokenizer(folder: Path) -> bool:
    """Whether there is more than what only goes with a tokenizer."""
    return any(not path.is_dir() for pattern in _MAIN for path in folder.glob(pattern))


def tokenizer_digest(folder: Path) -> str:
    """16 hex digits: equal where ids mean the same and every text has the same ids.

    Raises OSError where a file cannot be read.
    """
    files = tokenizer_files(folder)

    def compute() -> str:
        return content_digest(_content(folder, files))

    return remembered(f"tokenizer {RULE} {folder.resolve()}", files, compute)


def ends(folder: Path) -> list[Any]:
    """The tokens declared as the beginning and the end of a text, as they are written."""
    declared = _declared(folder)
    return [_text(declared.get(f"{role}_token")) for role in ("bos", "eos")]


def _content(folder: Path, files: list[Path]) -> dict[str, Any]:
    """All that matters, by the name of its file or of what it is."""
    content: dict[str, Any] = {}
    for file in files:
        if file.name not in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            read = _read(file) if file.suffix == ".json" else None
            content[file.name] = file_digest(file) if read is None else read
    settings = _object(folder / "tokenizer_config.json")
    declared = _declared(folder)
    content["settings"] = {
        key: value
        for key, value in settings.items()
        if key not in _WITHOUT_EFFECT and key not in declared
    }
    old_map = _object(folder / "special_tokens_map.json")
    content["map"] = {key: value for key, value in old_map.items() if key not in declared}
    whole = _read(folder / "tokenizer.json")
    if isinstance(whole, dict):
        content["tokenizer.json"] = {
            key: value for key, value in whole.items() if key not in ("truncation", "padding")
        }
        own = whole.get("added_tokens")
    else:  # torn or not there: then the roles say how the other files are read
        broken = folder / "tokenizer.json"
        content["tokenizer.json"] = file_digest(broken) if broken.is_file() else None
        own = None
    content["roles"] = {
        role: _text(declared.get(f"{role}_token"))
        for role in _ROLES
        if own is None
        or role in ("unk", "sep", "cls", "mask")
        or (role != "pad" and settings.get(f"add_{role}_token"))
    }
    content["added"] = sorted({*_added(declared, own)})
    return content


def _declared(folder: Path) -> dict[str, Any]:
    """Special tokens by what they are called; the configuration goes before the old map."""
    both = _object(folder / "special_tokens_map.json") | _object(folder / "tokenizer_config.json")
    names = {*_LISTS, *(f"{role}_token" for role in _ROLES)}
    return {name: value for name, value in both.items() if name in names}


def _added(declared: Mapping[str, Any], own: Any) -> Iterator[str]:
    """Declared tokens that are not special in tokenizer.json already, in the same way."""
    known = {
        text: token
        for token in (own if isinstance(own, list) else ())
        if isinstance(token, dict) and token.get("special") and (text := _text(token)) is not None
    }
    for token in (token for value in declared.values() for token in _tokens(value)):
        text = _text(token)
        flags = [token.get(flag) for flag in _FLAGS] if isinstance(token, dict) else None
        same = text in known and flags in (None, [known[text].get(flag) for flag in _FLAGS])
        if text is not None and not same:
            yield json.dumps([text, flags])


def _tokens(value: Any) -> list[Any]:
    """One token, or several in a list or by name."""
    if isinstance(value, dict) and "content" not in value:
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _text(token: Any) -> str | None:
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def _read(file: Path) -> Any:
    """What a JSON file holds; None where it holds no JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _object(file: Path) -> dict[str, Any]:
    content = _read(file)
    return content if isinstance(content, dict) else {}
