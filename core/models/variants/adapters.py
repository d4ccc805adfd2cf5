"""`BASE+ADAPTER`: an adapter that was trained beside a model, merged into its weights."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...errors import EyebrowError, reason

SETTINGS = "adapter_config.json"


def find_adapter(name: str) -> Path:
    """The folder of an adapter: a path, or an id that lies in the Hugging Face cache.

    Raises `EyebrowError` where there is none.
    """
    folder = Path(os.path.expanduser(name))  # Path's own raises for ~nobody
    if folder.is_dir():
        if not (folder / SETTINGS).is_file():
            raise EyebrowError("No adapter there", f"{name} holds no {SETTINGS}")
        return folder.resolve()
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            found = try_to_load_from_cache(name, SETTINGS)
        except HFValidationError as error:
            why = f"{name} is neither a folder nor an id of the Hub, owner/name"
            raise EyebrowError("No adapter there", why) from error
        if isinstance(found, str):
            return Path(found).parent
        raise EyebrowError(
            "No adapter there", f"{name} is not on this machine; fetch it with `hf download {name}`"
        )
    raise EyebrowError("No adapter there", f"{name} is no folder")


def merge(model: Any, adapter: str, name: str) -> Any:
    """`model` with the adapter merged into its weights; no second copy of them is made.

    Raises `EyebrowError` where peft is not here, or the adapter does not fit the model.
    """
    if find_spec("peft") is None:
        raise EyebrowError(
            "Not installed", f"{name}: adapters take peft: pip install 'eyebrow[peft]'"
        )
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, adapter).merge_and_unload().eval()
    except Exception as error:
        raise EyebrowError(
            "Adapter does not fit", f"{name}: {adapter} cannot be merged ({reason(error)})"
        ) from error
