"""The front desk.

Reads what was typed, imports the one command it names, and turns failures into a line and an exit code.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence

from medkd import __version__
from medkd.commands import COMMANDS, Command
from medkd.errors import InputError, MedkdError, nearest

DONE, FAILED, INTERRUPTED = 0, 1, 130
_DOTTED = re.compile(r"--[A-Za-z]\w*(\.\w+)+(=.*)?", re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done; 1 a check failed, or something that nobody foresaw; 2 the user's input is wrong; 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    typed = shlex.join(["medkd", *words])
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except MedkdError as error:
        return _say(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _say(f"interrupted. To go on, type: {typed}", INTERRUPTED, debug=False)
    except BrokenPipeError:
        # The reader of a pipe has left (medkd list | head); pointing stdout nowhere keeps the interpreter's own flush
        # quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except ModuleNotFoundError as error:
        return _say(*_missing(error, typed), debug)
    except OSError as error:
        return _say(*_system(error, typed), debug)
    except Exception as error:
        return _say(_unforeseen(error, typed), FAILED, debug)


def _run(words: list[str]) -> int:
    name = words[0] if words else ""
    if name in ("", "-h", "--help"):
        print(overview())
        return DONE if name else InputError.exit_code
    if name == "--version":
        print(f"medkd {__version__}")
        return DONE
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        raise InputError(
            f"unknown {kind} '{name}'",
            where="medkd",
            remedy=nearest(name, ["--help", "--version"] if kind == "option" else COMMANDS),
        )
    status = _call(COMMANDS[name], name, words[1:])
    return DONE if status is None else status


def _call(command: Command, name: str, words: list[str]) -> int | None:
    parser = command.parser(name)
    if {"-h", "--help"}.intersection(words):
        print(parser.format_help(), end="")
        return DONE
    module, _, title = command.code.partition(":")
    overrides: list[str] = []
    if command.calls == "overrides":
        words, overrides = take_overrides(words)
    # A slip in what was typed is told before anything heavy is imported.
    namespace = parser.parse_words(words) if command.calls != "argv" else None
    function: Callable[..., int | None] = getattr(importlib.import_module(module), title)
    if namespace is None:
        return function([name, *words])
    if command.calls == "keywords":
        return function(**{key: value for key, value in vars(namespace).items() if key != "debug"})
    return function(namespace, overrides) if command.calls == "overrides" else function(namespace)


def take_overrides(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Set the dotted options apart from the others: what is left, and a ``STAGE.KEY=VALUE`` each.

    Raises:
        InputError: a dotted option has no value.

    >>> take_overrides(["ecg_lead", "--teacher.epochs", "3", "--fast", "--student.rate=-0.5"])
    (['ecg_lead', '--fast'], ['teacher.epochs=3', 'student.rate=-0.5'])
    """
    left: list[str] = []
    overrides: list[str] = []
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if not _DOTTED.fullmatch(word):
            left.append(word)
        elif "=" in word:
            overrides.append(word[2:])
        elif waiting and not waiting[-1].startswith("--"):
            overrides.append(f"{word[2:]}={waiting.pop()}")
        else:
            raise InputError(f"option '{word}' has no value", remedy=f"Write {word} VALUE")
    return left, overrides


def overview() -> str:
    """What ``medkd --help`` prints."""
    width = max(map(len, COMMANDS)) + 2
    lines = "\n".join(f"  {name:<{width}}{command.summary}" for name, command in COMMANDS.items())
    return (
        "usage: medkd COMMAND ...\n\n"
        "Train on everything, deploy on one modality, say whether it helped. Research use; not a medical device.\n\n"
        f"commands:\n{lines}\n\n"
        "options:\n"
        "  --help     this text; after a command, that command's\n"
        "  --version  the version\n"
        "  --debug    after a command: show the traceback of a failure\n\n"
        "exit codes: 0 done, 1 a check failed, 2 the input is wrong, 130 interrupted\n\n"
        "example:\n  medkd distill ecg_lead --cohort demo_ecg --out runs/demo"
    )


def _say(what: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    print(f"medkd: {' '.join(what.split())}", file=sys.stderr)
    return status


def _missing(error: ModuleNotFoundError, typed: str) -> tuple[str, int]:
    from medkd.extras import remedy_for

    package = (error.name or "").partition(".")[0]
    if package in ("", "medkd"):
        return _unforeseen(error, typed), FAILED
    return str(InputError(f"package '{package}' is not installed", remedy=remedy_for(package))), InputError.exit_code


def _system(error: OSError, typed: str) -> tuple[str, int]:
    """What the machine refuses and its user can mend."""
    if error.errno not in _SYSTEM:
        return _unforeseen(error, typed), FAILED
    name = next((str(name) for name in (error.filename2, error.filename) if name), "")
    what = (error.strerror or os.strerror(error.errno)).lower()
    return str(InputError(what, where=name, remedy=_SYSTEM[error.errno])), InputError.exit_code


_ROOM, _OWN = "Make room, then type the same again: it goes on where it stopped", "Give a folder of your own with --out"
_SYSTEM = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _ROOM) | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST), _OWN
)


def _unforeseen(error: Exception, typed: str) -> str:
    first = next(iter(str(error).strip().splitlines()), "").rstrip(".")
    what = type(error).__name__ + (f": {first}" if first else "")
    return str(InputError(what, remedy=f"This was not foreseen; see more with: {typed} --debug"))


if __name__ == "__main__":
    sys.exit(main())
