"""A model's files from the Hugging Face Hub: those that are needed, going on where it broke off.

huggingface_hub lists them, names the addresses, knows the token and lays out the cache. The bytes
are fetched here, since it starts a broken-off file anew and tells of progress only every ten
megabytes. They go to where it would put them (`blobs/<etag>`), by plain HTTP, and it makes the
snapshot out of them at the end: until then the model is not on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...errors import FAILED, INTERRUPTED, STOPPED, EyebrowError
from ...wording import in_words, share_in_words
from ..options import LoadOptions
from ..spec import ModelSpec
from ..weights import Size
from .download_errors import explained, is_network, is_passing, not_here
from .transfer import Transfer
from .wanted import File, wanted_files

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

TRIES = 4  # in a row that bring nothing
TELL_AFTER = 0.2  # seconds between two reports
SPEED_OVER = 5.0  # seconds that the speed is taken over
_BLOCK = 1 << 20
_T = TypeVar("_T")
DEFAULTS = LoadOptions()


def here(spec: ModelSpec, allow_pickle: bool = False) -> Path | None:
    """The folder of a model that is on this machine with all its weights, else None."""
    known = replace(spec, format="pickle") if allow_pickle else spec
    folder = known.local_path
    if folder is None or spec.source != "hub":
        return folder
    weights = [*folder.glob("*.safetensors"), *folder.glob("*.bin")]
    return folder if all(path.exists() for path in weights) else None  # not: link to nothing


def download(
    spec: ModelSpec,
    options: LoadOptions = DEFAULTS,
    *,
    progress: Callable[[Transfer], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    fits: Callable[[Size], None] | None = None,
) -> Path:
    """The folder of a Hub model, its files fetched; small ones first, then the weights.

    progress: told at most five times a second. stopped: asked between two chunks; where it says
    yes, or ctrl-C comes, `EyebrowError` with exit code 130 is raised and what has come is kept.
    fits: called with the size of the model before anything large is fetched; may raise.
    Raises `EyebrowError` for whatever the Hub or the network have against it.
    """
    from huggingface_hub import constants

    if options.offline or constants.HF_HUB_OFFLINE:
        if folder := here(spec, options.allow_pickle):
            return folder
        raise not_here(spec.location, spec.revision)
    with explained(spec.location, spec.revision):
        run = _Download(spec, progress or (lambda _: None), stopped or (lambda: False))
        try:
            run.go_on()
            info = run.patiently(run.listing)
            if fits:
                fits(_size(spec, info))
            trusted = options.trust_remote_code
            run.expect(wanted_files(spec.location, info, options.allow_pickle, trusted))
            run.fetch("config.json")
            _look_at(run.blob("config.json"), spec, trusted)
            for file in run.files:
                run.fetch(file)
            return run.snapshot()
        except KeyboardInterrupt:
            raise run.broken_off("Interrupted") from None


def _size(spec: ModelSpec, info: ModelInfo) -> Size:
    """As far as it is known before the files are here."""
    listed = info.safetensors
    if listed and listed.parameters:
        return Size.of_counts(listed.parameters, spec.parameters)
    return Size.of_floats(spec.parameters or (listed.total if listed else 0))


def _look_at(config: Path, spec: ModelSpec, trust_remote_code: bool) -> None:
    """Refuse by its configuration what could not be loaded, before its weights are fetched."""
    from ..load_errors import check_config

    with config.open(encoding="utf-8") as file:
        try:
            content = json.load(file)
        except ValueError:
            return  # loading will say so
    if isinstance(content, dict):
        check_config(content, spec.name, trust_remote_code)


class _Download:
    """One model's files on their way."""

    def __init__(
        self, spec: ModelSpec, tell: Callable[[Transfer], None], stopped: Callable[[], bool]
    ) -> None:
        from huggingface_hub import HfApi, constants
        from huggingface_hub.file_download import repo_folder_name
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        self.spec, self.stopped = spec, stopped
        self.api = HfApi()
        self.headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        self.cache = Path(constants.HF_HUB_CACHE).expanduser()
        folder = repo_folder_name(repo_id=spec.location, repo_type="model")
        self.blobs = self.cache / folder / "blobs"
        self.locks = self.cache / ".locks" / folder
        self.files: dict[str, File] = {}
        self.commit = ""
        self.meter = _Meter(tell)

    def listing(self) -> ModelInfo:
        from huggingface_hub import constants

        info = self.api.model_info(
            self.spec.location,
            revision=self.spec.revision or None,
            files_metadata=True,
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        self.commit = info.sha or self.spec.revision or "main"
        return info

    def expect(self, files: Sequence[File]) -> None:
        """These files are to come; refused where the disk has no room for them."""
        self.files = {file.name: file for file in files}
        self.meter.total = sum(file.size for file in self._different())
        self._count()
        self.meter.tell()
        missing = self.meter.total - self.meter.done
        at = next(path for path in (self.blobs, *self.blobs.parents) if path.exists())
        if missing > (free := shutil.disk_usage(at).free):
            raise EyebrowError(
                "Disk is full",
                f"{self.spec.name} has {in_words(missing)} to come, {in_words(free)} are free "
                f"under {self.cache}; make room, or set HF_HOME to a larger disk",
                FAILED,
            )

    def blob(self, name: str) -> Path:
        return self.blobs / self.files[name].etag

    def _part(self, file: File) -> Path:
        return self.blobs / f"{file.etag}.incomplete"

    def _different(self) -> list[File]:
        """The files without those of another name and the same content."""
        return list({file.etag: file for file in self.files.values()}.values())

    def _count(self) -> None:
        """Set the meter to what lies on the disk."""
        self.meter.done = 0
        for file in self._different():
            for path in (self.blobs / file.etag, self._part(file)):
                if path.exists():
                    self.meter.done += min(path.stat().st_size, file.size)
                    break

    def fetch(self, name: str) -> None:
        """One file, whole and checked, into its blob."""
        file, blob = self.files[name], self.blob(name)
        if blob.exists():
            return
        self.blobs.mkdir(parents=True, exist_ok=True)
        with self._alone(file):
            self._count()  # another process may have been at it
            if blob.exists():
                return
            part = _Part(self._part(file), file)
            self._complete(file, part)
            if part.digest.hexdigest() != file.etag:
                part.path.unlink()
                raise EyebrowError(
                    "Damaged download",
                    f"{name} of {self.spec.location} is not what the Hub says it is (checksum); "
                    "what came is thrown away, ask again",
                    FAILED,
                )
            os.replace(part.path, blob)

    def _complete(self, file: File, part: _Part) -> None:
        idle = 0
        while part.size != file.size:
            before = part.size
            try:
                self._stream(file, part)
                error = None
            except Exception as broken:
                if not is_passing(broken):
                    raise
                error = broken
            idle = 0 if part.size > before else idle + 1
            if part.size != file.size and idle >= TRIES:
                raise error or EyebrowError(
                    "Cut short",
                    f"the Hub sends only {part.size:,} of the {file.size:,} bytes of {file.name} "
                    f"of {self.spec.location}; the part is kept, ask again later",
                    FAILED,
                )
            if part.size != file.size:
                self.wait(2.0**idle / 2)

    def _stream(self, file: File, part: _Part) -> None:
        """What is missing of a file, as far as it comes."""
        from huggingface_hub import constants, get_session, hf_hub_url
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

        url = hf_hub_url(self.spec.location, file.name, revision=self.commit)
        ranged = {"Range": f"bytes={part.size}-"} if part.size else {}
        limit = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with (
            get_session().stream("GET", url, headers=self.headers | ranged, timeout=limit) as got,
            part.path.open("ab") as out,
        ):
            if got.status_code == 416:  # its end is where the file ends for this server
                return
            hf_raise_for_status(got)
            if part.size and got.status_code == 200:  # a server that knows no ranges
                part.empty()
                self._count()
            for chunk in got.iter_bytes():
                self.go_on()
                if part.size + len(chunk) > file.size:
                    raise OSError(f"the Hub sends more of {file.name} than there is")
                out.write(chunk)
                part.add(chunk)
                self.meter.add(len(chunk))

    def snapshot(self) -> Path:
        """Have huggingface_hub make the snapshot; all that is large lies there already."""
        from huggingface_hub import snapshot_download
        from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

        self.go_on()
        self.meter.tell()
        return Path(
            snapshot_download(  # type: ignore[call-overload]
                self.spec.location,
                revision=self.spec.revision or None,
                allow_patterns=list(self.files),
                tqdm_class=partial(tqdm, disable=True),
            )
        )

    def patiently(self, ask: Callable[[], _T]) -> _T:
        """Ask again where the server is busy; not where it cannot be reached."""
        for idle in range(1, TRIES):
            try:
                return ask()
            except Exception as error:
                if not is_passing(error) or is_network(error):
                    raise
            self.wait(2.0**idle / 2)
        return ask()

    @contextmanager
    def _alone(self, file: File) -> Iterator[None]:
        """No other process fetches the file meanwhile; huggingface_hub takes the same lock."""
        from filelock import FileLock, Timeout

        self.locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.locks / f"{file.etag}.lock", mode=0o664)
        while True:
            self.go_on()
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                self._count()
                self.meter.tell()
            except NotImplementedError:  # a file system without locks
                break
        try:
            yield
        finally:
            lock.release()

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.go_on()
            time.sleep(0.05)

    def go_on(self) -> None:
        """Raises where the download is to stop."""
        if self.stopped():
            raise self.broken_off(STOPPED)

    def broken_off(self, title: str) -> EyebrowError:
        kept = share_in_words(self.meter.done, self.meter.total) if self.meter.total else "nothing"
        return EyebrowError(
            title,
            f"{self.spec.name}: {kept} of the download are here and kept; ask again to go on",
            INTERRUPTED,
        )


class _Part:
    """The part of a file that has come, and its hash so far."""

    def __init__(self, path: Path, file: File) -> None:
        self.path, self.file = path, file
        self.digest, self.size = file.digest(), 0
        if path.exists():
            with path.open("rb") as there:
                for block in iter(partial(there.read, _BLOCK), b""):
                    self.add(block)
        if self.size > file.size:
            self.empty()

    def add(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.size += len(chunk)

    def empty(self) -> None:
        os.truncate(self.path, 0)
        self.digest, self.size = self.file.digest(), 0


class _Meter:
    """Bytes done of a total, their speed over the last seconds, and when to tell of it."""

    def __init__(self, tell: Callable[[Transfer], None]) -> None:
        self._tell = tell
        self.done = self.total = self._come = 0
        self._told = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        self.done += count
        self._come += count
        if time.monotonic() - self._told >= TELL_AFTER:
            self.tell()

    def tell(self) -> None:
        now = self._told = time.monotonic()
        self._samples.append((now, self._come))
        while now - self._samples[0][0] > SPEED_OVER and len(self._samples) > 2:
            self._samples.popleft()
        (begin, before) = self._samples[0]
        speed = (self._come - before) / (now - begin) if now > begin else 0.0
        self._tell(Transfer(self.done, self.total, speed))
