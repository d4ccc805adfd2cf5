"""What reaches a user when something cannot be done: a title, one clear line, an exit code."""

from __future__ import annotations

DONE, FAILED, USAGE, PARTLY, INTERRUPTED = 0, 1, 2, 3, 130

STOPPED = "Download stopped"  # the title where the user did it


class EyebrowError(Exception):
    """Something the user can mend.

    `title` names the kind ("No such model"), `message` is one line that says what is wrong and
    what to do. `exit_code` is what the command line leaves with (2: bad usage or input).
    """

    def __init__(self, title: str, message: str, exit_code: int = USAGE) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        self.message = message
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[EyebrowError], tuple[str, str, int]]:
        return type(self), (self.title, self.message, self.exit_code)
