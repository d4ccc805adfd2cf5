"""The commands and their options, by typer."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from ..errors import DONE, USAGE, EyebrowError
from . import (
    compare,
    config,
    corpus,
    damage,
    doctor,
    endings,
    models,
    report,
    sample,
    score,
    screen,
    text,
)
from .bundled import open_bundled
from .output import emit, silence

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
app.command("open")(screen.open_)
app.command("score")(score.score)
app.command("tokens")(text.tokens)
app.command("next")(text.next_)
app.command("sample")(sample.sample)
app.command("corpus")(corpus.corpus)
app.command("compare")(compare.compare)
app.command("endings")(endings.endings)
app.command("damage")(damage.damage)
app.command("report")(report.report)
app.command("config")(config.config)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        emit(f"eyebrow {version('eyebrow')}")
        raise typer.Exit(DONE)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")
    ] = False,
) -> int:
    """See where a language model is surprised by a story.

    Without a command: the bundled stories and models on the screen.

    \b
    Example:
      eyebrow
      eyebrow open stories.txt -m smollm2
      eyebrow score stories.txt -m pocket --json
    """
    return open_bundled() if context.invoked_subcommand is None else DONE


# Older typers stand on click, newer ones bring their own copy; this class is in both.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def run(arguments: Sequence[str]) -> int | None:
    """Run the command that `arguments` name; returns its exit code.

    Raises `EyebrowError` for bad usage, and what the command raises.
    """
    try:
        return app(args=list(arguments), prog_name="eyebrow", standalone_mode=False)  # type: ignore[no-any-return]
    except _USAGE_ERROR as error:
        raise EyebrowError("Bad usage", _advice(error, arguments), USAGE) from error
    except SystemExit:  # nobody reads the help any more
        silence(sys.stdout)
        return DONE
    except typer.Abort as error:
        raise KeyboardInterrupt from error


def _advice(error: Any, arguments: Sequence[str]) -> str:
    first = arguments[0] if arguments else ""
    if first not in _names() and os.path.exists(first):  # unlike Path's, of any name at all
        return f"{first} is no command; to open it: `eyebrow open {shlex.quote(first)}`"
    where = getattr(getattr(error, "ctx", None), "command_path", "eyebrow")
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


def _names() -> set[str]:
    return {command.name or "" for command in app.registered_commands}
