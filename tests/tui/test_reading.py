"""What comes slowly is handed on as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue

import pytest
from eyebrow.tui.threads.reading import in_batches


def given(queue: Queue[int | None]) -> Iterator[int]:
    while (item := queue.get()) is not None:
        yield item


def test_nothing_waits_for_what_has_not_come() -> None:
    queue: Queue[int | None] = Queue()
    batches = in_batches(given(queue), 3, 0.001)
    for wanted in ([1], [2, 3], [4]):
        for item in wanted:
            queue.put(item)
        came: list[int] = []
        while len(came) < len(wanted):  # and nothing more is given
            came += next(batches)
        assert came == wanted
    queue.put(None)
    assert [*batches] == []


def test_no_more_than_asked_for_at_a_time() -> None:
    batches = [*in_batches(iter(range(10)), 3, 60.0)]
    assert [item for batch in batches for item in batch] == [*range(10)]
    assert max(map(len, batches)) <= 3


def test_an_error_comes_behind_what_came_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    batches = in_batches(broken(), 3, 0.001)
    assert next(batches) == [1]
    with pytest.raises(OSError, match="gone"):
        next(batches)
