"""What the Hugging Face Hub answers and what the network does, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import FAILED, EyebrowError, reason
from ...wording import listed

_NAMED = 12  # revisions that are told by name
PASSING = (408, 429, 500, 502, 503, 504)  # answers of a server that is better asked again


@contextmanager
def explained(location: str, revision: str) -> Iterator[None]:
    """Turns what listing and fetching the files of `location` raise into an `EyebrowError`."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError

    level = _hush()
    try:
        yield
    except EyebrowError:
        raise
    except HFValidationError as error:
        raise EyebrowError(
            "No such model", f"{location} is no name on the Hugging Face Hub: {reason(error)}"
        ) from error
    except Exception as error:  # the client's, the network's, the disk's
        raise _told(error, location, revision, constants.ENDPOINT) from error
    finally:
        _hush(level)


def is_passing(error: BaseException) -> bool:
    """Whether it is worth asking again: the network broke off, or the server is busy."""
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return _status(error) in PASSING
    return is_network(error)


def is_network(error: BaseException | None) -> bool:
    """Whether the network raised it, whichever library huggingface_hub speaks through."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    module = type(error).__module__.partition(".")[0]
    return not isinstance(error, HfHubHTTPError | OfflineModeIsEnabled) and (
        isinstance(error, ConnectionError | TimeoutError)
        or module in ("httpx", "httpx2", "httpcore", "httpcore2")
    )


def not_here(location: str, revision: str = "") -> EyebrowError:
    """A model that is not in the cache, and no network to be used."""
    known = _cached_revisions(location) if revision else []
    if known:
        return EyebrowError(
            "Not on this machine",
            f"{location}#{revision} is not in the cache, and offline is on; of its revisions "
            f"there are {_some(known)}",
        )
    return EyebrowError(
        "Not on this machine",
        f"{location} is not in the cache, and offline is on; download it where there is a "
        "network, or name a local folder",
    )


def _cached_revisions(location: str) -> list[str]:
    """Branches and tags of a model that lie in the cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=location, repo_type="model")
    refs = Path(constants.HF_HUB_CACHE).expanduser() / folder / "refs"
    return sorted(path.relative_to(refs).as_posix() for path in refs.rglob("*") if path.is_file())


def _hub_revisions(location: str) -> list[str]:
    """Branches and tags of a model on the Hub, [] where it does not say."""
    from huggingface_hub import HfApi

    try:
        refs = HfApi().list_repo_refs(location)
    except Exception:  # what is wrong with the model itself is about to be told
        return []
    return [ref.name for ref in (*refs.branches, *refs.tags)]


def _some(names: list[str]) -> str:
    """`main, step1000 and step2000`; of many the first and how many more."""
    more = len(names) - _NAMED
    return listed(names[:_NAMED]) if more <= 0 else f"{', '.join(names[:_NAMED])} and {more:,} more"


def _told(error: Exception, location: str, revision: str, endpoint: str) -> EyebrowError:
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    status = _status(error)
    causes = (error, error.__cause__, error.__context__)
    if isinstance(error, GatedRepoError):
        page = f"{endpoint}/{location}"
        return EyebrowError(
            "Gated model",
            f"{location} wants its terms accepted: do so on {page} and log in with `hf auth login`"
            if status == 401
            else f"{location} does not let your account in: ask for access on {page}, or log in "
            "as another with `hf auth login`",
        )
    if isinstance(error, RevisionNotFoundError):
        known = _hub_revisions(location)
        page = f"its commits are on {endpoint}/{location}/commits/main"
        return EyebrowError(
            "No such revision",
            f"{location} has no revision {revision!r}; "
            + (f"there are {_some(known)}, and {page}" if known else page),
        )
    if isinstance(error, RepositoryNotFoundError):
        return EyebrowError(
            "No such model",
            f"the Hub knows no {location}, or it is private; check the spelling, or log in with "
            "`hf auth login`",
        )
    if isinstance(error, DisabledRepoError):
        return EyebrowError("No such model", f"{location} was taken off the Hub")
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        return not_here(location, revision)
    if isinstance(error, HfHubHTTPError) and status in (401, 403):
        return EyebrowError(
            "Not let in",
            f"the Hub refuses the token for {location} ({status}); log in anew with "
            "`hf auth login`, or unset HF_TOKEN",
        )
    if status == 429:
        return EyebrowError(
            "Hub is busy",
            f"{location}: the Hub wants fewer requests; try again in some minutes, or log in "
            "with `hf auth login`",
            FAILED,
        )
    if isinstance(error, HfHubHTTPError):
        return EyebrowError(
            "Download failed",
            f"{location}: {endpoint} answered {status}; what has come is kept, try again later",
            FAILED,
        )
    if network := next((cause for cause in causes if is_network(cause)), None):
        return EyebrowError(
            "No connection",
            f"{location}: {endpoint} cannot be reached or fell silent ({reason(network)}); "
            "check the network and ask again: what has come is kept",
            FAILED,
        )
    return EyebrowError("Download failed", f"{location}: {reason(error)}", FAILED)


def _status(error: BaseException) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _hush(level: int = 50) -> int:
    """Set how loud huggingface_hub logs (50: not at all); returns how loud it was."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(level)
    return int(before)
