"""Command line: the command that was typed is imported and run; a failure becomes one line and an exit code."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shlex
import sys
import traceback
from collections.abc import Sequence

from medkd import __version__
from medkd.commands import COMMANDS, Command
from medkd.errors import InputError, MedkdError, nearest, place_of

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 done; 1 a check or something unforeseen failed; 2 the user's input is wrong; 130 interrupted.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    # A name that is not UTF-8 is shown escaped, instead of stopping the run that mentions it.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    typed = shlex.join(["medkd", *words])
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except MedkdError as error:
        return _report(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _report(f"interrupted. To go on, type: {typed}", INTERRUPTED, debug=False)
    except BrokenPipeError:
        # The reader of a pipe has left (medkd list | head); pointing stdout nowhere keeps the interpreter's own flush
        # quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except ModuleNotFoundError as error:
        return _report(*_missing(error, typed), debug)
    except OSError as error:
        return _report(*_system(error, typed), debug)
    except Exception as error:
        return _report(_unforeseen(error, typed), FAILED, debug)


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
    return _call(COMMANDS[name], name, words[1:])


def _call(command: Command, name: str, words: list[str]) -> int:
    parser = command.parser(name)
    if {"-h", "--help"}.intersection(words):
        print(parser.format_help(), end="")
        return DONE
    # A mistake in what was typed is reported before anything heavy is imported.
    namespace = parser.parse_words(words)
    namespace.command = name
    return int(command.load().main(namespace))


def overview() -> str:
    """The text that ``medkd --help`` prints."""
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


def _report(what: str, status: int, debug: bool) -> int:
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
    """A refusal of the operating system that the user can remedy, such as a full disk."""
    if error.errno not in _SYSTEM:
        return _unforeseen(error, typed), FAILED
    name = next((str(name) for name in (error.filename2, error.filename) if name), "")
    what = (error.strerror or os.strerror(error.errno)).lower()
    return str(InputError(what, where=name, remedy=_SYSTEM[error.errno])), InputError.exit_code


_FULL = "Make room, then type the same again: it goes on where it stopped"
_FORBIDDEN = "Give a folder of your own with --out"
_SYSTEM = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL) | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST), _FORBIDDEN
)


def _unforeseen(error: Exception, typed: str) -> str:
    # Without the exception's own words: they name a library's variables, and may quote what a record holds.
    return str(
        InputError(
            "something failed that was not foreseen",
            where=place_of(error),
            remedy=f"Report that place; the whole of it is shown by: {typed} --debug",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
