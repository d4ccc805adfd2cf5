"""The commands and their options, by typer."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from ..errors import DONE, USAGE, EyebrowError
from .output import emit, silence

# Name, where its function is, and what the list of commands says of it: the first line of its
# help. A command's module is imported when it is named, the others' are not.
COMMANDS = {
    "open": ("screen:open_", "Read stories on the screen, every token coloured by its surprise."),
    "score": (
        "score:score",
        "Score stories without the screen: perplexity and bits per byte of every model.",
    ),
    "tokens": (
        "text:tokens",
        "The tokens, words or sentences of a text with their surprise, one row each.",
    ),
    "next": ("text:next_", "The tokens most likely to come next, likeliest first."),
    "sample": ("sample:sample", "Continue a prompt, token by token."),
    "corpus": (
        "corpus:corpus",
        "Windowed perplexity of one long text, as a community computes it.",
    ),
    "compare": (
        "compare:compare",
        "Compare two models on the same stories: where, on what kind of text, and by how much.",
    ),
    "endings": (
        "endings:endings",
        "Of two endings of one story, how often the right one is less surprising.",
    ),
    "damage": ("damage:damage", "Quantise a model, prune it, see what breaks first."),
    "report": (
        "report:report",
        "Write a report on the scores of a store: findings, tables, charts, and stories in colour.",
    ),
    "config": (
        "config:config",
        "Print the settings in force as the file that would set them, with their defaults.",
    ),
    "models": ("models:models", "Every family of models, and what is on this machine."),
    "doctor": (
        "doctor:doctor",
        "Device, terminal, versions and caches, and for each problem what to mend.",
    ),
}


def function_of(name: str) -> Callable[..., int]:
    """The function of a command; imports its module."""
    module, _, function = COMMANDS[name][0].partition(":")
    found: Callable[..., int] = getattr(import_module(f".{module}", __package__), function)
    return found


def _only_listed() -> None:
    """Stands in the list for a command that is not named on this command line."""


def _app(arguments: Sequence[str]) -> typer.Typer:
    """The program, with those commands in full that the arguments name."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    )
    app.callback(invoke_without_command=True)(root)
    for name, (_, summary) in COMMANDS.items():
        if name in arguments:
            app.command(name)(function_of(name))
        else:
            app.command(name, help=summary)(_only_listed)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        emit(f"eyebrow {version('eyebrow')}")
        raise typer.Exit(DONE)


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
    if context.invoked_subcommand is not None:
        return DONE
    from .bundled import open_bundled

    return open_bundled()


# Older typers stand on click, newer ones bring their own copy; this class is in both.
_USAGE_ERROR: Any = typer.BadParameter.__mro__[2]


def run(arguments: Sequence[str]) -> int | None:
    """Run the command that `arguments` name; returns its exit code.

    Raises `EyebrowError` for bad usage, and what the command raises.
    """
    try:
        return _app(arguments)(args=list(arguments), prog_name="eyebrow", standalone_mode=False)  # type: ignore[no-any-return]
    except _USAGE_ERROR as error:
        raise EyebrowError("Bad usage", _advice(error, arguments), USAGE) from error
    except SystemExit:  # nobody reads the help any more
        silence(sys.stdout)
        return DONE
    except typer.Abort as error:
        raise KeyboardInterrupt from error


def _advice(error: Any, arguments: Sequence[str]) -> str:
    first = arguments[0] if arguments else ""
    if first not in COMMANDS and os.path.exists(first):  # unlike Path's, of any name at all
        return f"{first} is no command; to open it: `eyebrow open {shlex.quote(first)}`"
    where = getattr(getattr(error, "ctx", None), "command_path", "eyebrow")
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"
