"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from .commands import doctor, models, score, screen, text
from .commands.output import complain, emit
from .errors import DONE, FAILED, INTERRUPTED, USAGE, EyebrowError

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
    return screen.open_bundled() if context.invoked_subcommand is None else DONE


# Older typers stand on click, newer ones bring their own copy; this class is in both.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point: runs a command and returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ␣ gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(
            args=None if arguments is None else list(arguments),
            prog_name="eyebrow",
            standalone_mode=False,
        )
    except EyebrowError as error:
        complain(error.title, error.message)
        return error.exit_code
    except _USAGE_ERROR as error:
        complain("Bad usage", _advice(error))
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        if os.environ.get("EYEBROW_DEBUG"):
            raise
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        complain("It failed", f"{reason} (EYEBROW_DEBUG=1 shows where)")
        return FAILED
    if code == INTERRUPTED:
        complain("Interrupted", "nothing is left half done")
    return int(code or DONE)


def _advice(error: Any) -> str:
    where = getattr(getattr(error, "ctx", None), "command_path", "eyebrow")
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


if __name__ == "__main__":
    sys.exit(main())
