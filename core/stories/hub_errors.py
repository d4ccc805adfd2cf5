"""What datasets, huggingface_hub and the network raise, said in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import FAILED, EyebrowError, reason


@contextmanager
def explained(source: str, split: str) -> Iterator[None]:
    """Turns whatever reading a dataset raises into an `EyebrowError`."""
    try:
        yield
    except EyebrowError:
        raise
    except Exception as error:  # whatever a remote file, its reader or the network raises
        raise _error(error, source, split) from error


def _error(error: Exception, source: str, split: str) -> EyebrowError:
    from datasets import config
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

    if isinstance(error, DatasetGenerationError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    said = reason(error, named=False)
    causes = [error, error.__cause__, error.__context__]
    if isinstance(error, DatasetNotFoundError):
        if "gated" in said:
            return EyebrowError(
                "No access",
                f"{source} is gated: ask for access on https://huggingface.co/datasets/{source}, "
                "then run hf auth login",
            )
        return EyebrowError(
            "No such dataset",
            f"{source} is no file or folder here and no dataset on the Hugging Face Hub; check "
            "the name, and run hf auth login if it is private",
        )
    if any(_is_network(cause) for cause in causes):
        if config.HF_HUB_OFFLINE:
            why = "offline is on, and it is neither in the cache nor a file or folder here"
        else:
            # Of datasets' own words nothing is new but the name of an exception.
            because = "" if said.startswith("Couldn't reach") else f" ({said})"
            why = f"the Hugging Face Hub cannot be reached{because}; check the network"
        return EyebrowError("No connection", f"{source}: {why}", FAILED)
    if re.match(r"(Bad split|Unknown split|Unrecognized instruction|Requested slice)", said):
        return EyebrowError("Bad split", f"{source} has no split {split!r}: {said}")
    if said.startswith("Config name is missing") or "BuilderConfig" in said:
        configs = re.search(r"\[.*\]", str(error))
        return EyebrowError(
            "Which configuration?",
            f"choose one of {source.partition(':')[0]}'s with owner/name:config: "
            f"{configs[0] if configs else said}",
        )
    if isinstance(error, FileNotFoundError):
        return EyebrowError("No stories", f"{source} holds no data files that can be read: {said}")
    return EyebrowError("Cannot read the dataset", f"{source}: {said}", FAILED)


def _is_network(error: BaseException | None) -> bool:
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, ConnectionError | TimeoutError) or (
        module in ("httpx", "httpx2", "httpcore", "aiohttp", "requests", "urllib3")
    )
