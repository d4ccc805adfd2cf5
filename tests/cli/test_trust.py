"""`eyebrow doctor --audit`."""

from __future__ import annotations

from typing import Any

from .conftest import BIGRAM


def test_an_audit_passes_and_says_what_it_compared(cli: Any) -> None:
    done = cli("doctor", "--audit", "-m", BIGRAM, "--limit", "4", "--json", "--quiet")
    assert done.code == 0
    found = done.json
    checks = found["checks"] if isinstance(found, dict) else found
    assert len(checks) >= 6
    assert all(check["passed"] for check in checks)


def test_stories_without_an_audit_are_bad_usage(cli: Any) -> None:
    done = cli("doctor", "stories.txt")
    assert done.code == 2
    assert done.err.count("\n") == 1
