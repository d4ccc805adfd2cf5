"""What may import what, read from fresh processes and from the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eyebrow.core.commands.line import COMMANDS, function_of

HEAVY = ("torch", "transformers")
LIGHT = [  # what the process that draws, and a start of the command line, need of core
    "eyebrow.core",
    "eyebrow.core.engine.client",
    "eyebrow.core.engine.pool",
    "eyebrow.core.machine.gpus",
    "eyebrow.core.engine.damage_messages",
    "eyebrow.core.engine.messages",
    "eyebrow.core.models.catalogue",
    "eyebrow.core.models.identity",
    "eyebrow.core.results.compare.reading",
    "eyebrow.core.results.compare.table",
    "eyebrow.core.results.endings",
    "eyebrow.core.results.store",
    "eyebrow.core.scoring.recipe",
    "eyebrow.core.scoring.scores",
    "eyebrow.core.stories",
]


def brought_in(statement: str) -> set[str]:
    """Top-level modules in a fresh process after `statement`."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_light_rooms_bring_in_no_torch() -> None:
    found = brought_in("\n".join(f"import {name}" for name in LIGHT))
    assert "eyebrow" in found
    assert not found & {*HEAVY, "textual"}


def test_asking_for_stories_or_models_brings_in_no_torch() -> None:
    asked = """
from eyebrow.core import EyebrowError, Recipe, Story, open_stories
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.stories import bundled_stories
assert len(list(bundled_stories())) > 0
for spec in find_models(["pocket", "smollm2", "owner/name"]):
    spec.to_json()
"""
    assert not brought_in(asked) & {*HEAVY, "textual", "datasets"}


def test_the_face_of_core_is_free() -> None:
    assert not brought_in("import eyebrow.core") & {*HEAVY, "numpy", "pyarrow", "textual"}


def test_the_face_of_core_hands_on_what_it_names() -> None:
    assert "torch" in brought_in(
        "import eyebrow.core as core\n"
        "assert set(core.__all__) == set(dir(core))\n"
        "for name in core.__all__: assert getattr(core, name) is not None, name"
    )


# What a start is given, as counts: time is what a busy machine makes of them. Raise them for a
# reason; `python -m bench.start` says what it costs.
MODULES_AT_FIRST_PAINT = 124  # of ours
LATER = (*HEAVY, "numpy", "pyarrow", "scipy", "plotext", "sentencex", "datasets", "typer")


def test_the_first_paint_has_a_budget() -> None:
    """As `run` makes the app, to the first frame with stories in it."""
    painting = """
import asyncio, sys
from eyebrow.core.commands import bundled
from eyebrow.core.engine.pool import Pool
from eyebrow.core.engine.messages import Settings
from eyebrow.core.models.catalogue import find_models
from eyebrow.core.scoring.recipe import Recipe
from eyebrow.core.stories import open_stories
from eyebrow.tui import run
from eyebrow.tui.app import EyebrowApp
from eyebrow.tui.threads.mailbox import Mailbox

mailbox = Mailbox()
engine = Pool(Settings(), mailbox.put)  # not started
app = EyebrowApp(open_stories(), find_models(["pocket"]), Recipe(), engine, mailbox, None)
found = []

def _display(screen, renderable):
    if not found and renderable is not None:
        found.extend(sys.modules)

async def paint():
    async with app.run_test() as pilot:
        await pilot.pause()

app._display = _display
asyncio.run(paint())
ours = sorted(name for name in found if name.startswith("eyebrow"))
print(len(ours), *{name.partition(".")[0] for name in found}, file=sys.stderr)
print(*(name.removeprefix("eyebrow.") for name in ours), file=sys.stderr)
"""
    run = subprocess.run([sys.executable, "-c", painting], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, ours = run.stderr.splitlines()[-2:]
    count, *packages = first.split()
    assert "tui.views.explore.screen" in ours.split()
    assert not {*packages} & {*LATER}
    assert int(count) <= MODULES_AT_FIRST_PAINT, ours


def test_help_and_version_import_no_command() -> None:
    for said in ("--help", "--version"):
        code = f"""
import sys
from eyebrow.core.commands import line
line.run(["{said}"])
commands = [name for name in sys.modules if name.startswith("eyebrow.core.commands.")]
assert sorted(commands) == ["eyebrow.core.commands.line", "eyebrow.core.commands.output"], commands
"""
        assert not brought_in(code) & {*HEAVY, "numpy", "pyarrow", "textual"}


def test_the_list_of_commands_says_what_their_help_says() -> None:
    for name, (_, summary) in COMMANDS.items():
        told = (function_of(name).__doc__ or "").partition("\n\n")[0]
        assert " ".join(told.split()) == summary, name


def test_every_module_of_core_imports(repo: Path) -> None:
    names = [f"eyebrow.{'.'.join(path.with_suffix('').parts)}" for path in modules(repo, "core")]
    names = [name.removesuffix(".__init__") for name in names]
    assert len(names) > 20
    found = brought_in("\n".join(f"import {name}" for name in names))
    assert "textual" not in found


def test_no_drawing_module_imports_torch(repo: Path) -> None:
    names = [f"eyebrow.{'.'.join(path.with_suffix('').parts)}" for path in modules(repo, "tui")]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    assert not brought_in("\n".join(f"import {name}" for name in names)) & {*HEAVY}


def modules(repo: Path, folder: str) -> Iterator[Path]:
    """Paths relative to the repository."""
    return (path.relative_to(repo) for path in sorted((repo / folder).rglob("*.py")))


def imported(tree: ast.AST) -> Iterator[str]:
    """Every absolute name imported anywhere in a module, functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize(
    ("folder", "never"),
    [("core", ("textual", "plotext", "rich", "eyebrow")), ("tui", (*HEAVY, "eyebrow"))],
)
def test_what_is_written_in_the_sources(repo: Path, folder: str, never: tuple[str, ...]) -> None:
    """Late imports too; and inside the packages imports are relative (`eyebrow`)."""
    for path in modules(repo, folder):
        tree = ast.parse((repo / path).read_text(encoding="utf-8"))
        wrong = {name for name in imported(tree) if name.partition(".")[0] in never}
        assert not wrong, path
