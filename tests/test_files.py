"""The one way to write a file: whole or not at all, and what killed programs leave is cleared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from eyebrow.core import EyebrowError
from eyebrow.core.files import STALE, atomic, clear_left_over, write_atomically

BEGUN = """
import sys, time
from pathlib import Path
from eyebrow.core.files import atomic
with atomic(Path(sys.argv[1])) as draft:
    draft.write_text("half")
    print("begun", flush=True)
    time.sleep(600)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_whole(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_bytes(b"before")
    with atomic(place) as draft:
        draft.write_bytes(b"after")
        assert place.read_bytes() == b"before"
    assert place.read_bytes() == b"after"
    assert names(tmp_path) == ["a.txt"]


def test_what_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "a.txt"
    write_atomically(place, b"before")

    def full(_: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EyebrowError, match="no space left on device"):
        write_atomically(place, b"after")
    assert place.read_bytes() == b"before"
    assert names(tmp_path) == ["a.txt"]


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("n" * 255), b"x")
    assert names(tmp_path) == ["n" * 255]


def test_names_never_meet(tmp_path: Path) -> None:
    """They tell the machine, the process and chance: no number of a process alone."""
    found = set()
    for _ in range(50):
        with atomic(tmp_path / "a.txt") as draft:
            draft.touch()
            found.add(draft.name)
    assert len(found) == 50
    parts = re.fullmatch(r"\.eyebrow-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part", found.pop())
    assert parts is not None
    assert int(parts[2]) == os.getpid()


def test_what_a_killed_program_began_is_cleared_by_the_next_writer(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BEGUN, str(tmp_path / "a.txt")], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        (draft,) = tmp_path.iterdir()
        clear_left_over(tmp_path)
        assert names(tmp_path) == [draft.name], "it is still being written"
        child.send_signal(signal.SIGKILL)
        child.wait()
    write_atomically(tmp_path / "b.txt", b"b")
    assert names(tmp_path) == ["b.txt"]


def test_what_another_machine_began_is_cleared_when_it_is_old(tmp_path: Path) -> None:
    draft = tmp_path / ".eyebrow-00000000-1-00000000.part"
    draft.touch()
    (tmp_path / ".eyebrow-mine").touch()
    clear_left_over(tmp_path)
    assert draft.exists()
    os.utime(draft, (time.time() - STALE - 5,) * 2)
    clear_left_over(tmp_path)
    assert names(tmp_path) == [".eyebrow-mine"]


def test_a_link_stays_one_and_rights_stay(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("before")
    (tmp_path / "real.md").chmod(0o640)
    (tmp_path / "link.md").symlink_to("real.md")
    write_atomically(tmp_path / "link.md", b"after")
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "real.md").read_bytes() == b"after"
    assert (tmp_path / "real.md").stat().st_mode & 0o777 == 0o640


def test_what_a_killed_program_left_behind_a_link_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real" / "text.txt")
    killed = "import os, sys, pathlib\nfrom eyebrow.core.files import atomic\n"
    killed += "with atomic(pathlib.Path(sys.argv[1])) as draft:\n"
    killed += "    draft.write_bytes(b'half')\n    os._exit(9)\n"
    subprocess.run([sys.executable, "-c", killed, link], check=False)
    assert len(list((tmp_path / "real").iterdir())) == 1
    write_atomically(link, b"whole")
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["text.txt"]
