"""Run the command line: arguments in, exit code out, every error as a sentence."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from knowledge.cli.arguments import arranged, from_environment
from knowledge.cli.plain_lines import plain_call
from knowledge.cli.render.streams import OutputClosedError, OutputFailedError, clean_streams
from knowledge.cli.render.terminal import complain
from knowledge.cli.session import Exit, Interrupted
from knowledge.errors import KnowledgeError, PathNotFoundError, UsageError

INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141


class Terminated(BaseException):
    """SIGTERM arrived."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments:
        Without the program's name; default those of the process.

    Returns
    -------
    int
        The exit code: 0 done, 1 failed, 2 usage, 3 not found, 4 some files failed, 5 embedding
        provider, 6 locked, 7 damaged store, 8 model mismatch, 130 and 143 on signals.
    """
    as_program = arguments is None
    arguments = arranged([*from_environment(), *(sys.argv[1:] if as_program else arguments or ())])
    flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json, debug = "--json" in flags, "--debug" in flags
    _handle_sigterm()
    hooks = threading.excepthook, sys.unraisablehook
    _report_threads(debug=debug)
    with clean_streams():
        try:
            code = _run(arguments, json=json, debug=debug)
            sys.stdout.flush()
        except (OutputClosedError, BrokenPipeError):
            _write_to_nowhere()  # whoever read our output has seen enough
            return BROKEN_PIPE
        except (OutputFailedError, OSError) as error:
            why = (error.strerror if isinstance(error, OSError) else "") or error
            with contextlib.suppress(OutputFailedError):
                complain(f"error [failed]: the output cannot be written: {why}\n")
            _write_to_nowhere()
            return KnowledgeError.exit_code
        except (Interrupted, KeyboardInterrupt):  # while an error was reported
            return INTERRUPTED
        except Terminated:
            return TERMINATED
        finally:
            if not as_program:  # else they hold until the process ends
                threading.excepthook, sys.unraisablehook = hooks
    return code


def _write_to_nowhere() -> None:
    """Let both streams go nowhere: Python flushes them once more at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _report_threads(*, debug: bool) -> None:
    """Report what ends a thread or a destructor in a sentence, with ``--debug`` as a traceback."""

    def report(kind: type[BaseException], error: BaseException | None) -> None:
        if debug:
            import traceback

            trace = traceback.format_exception(error) if error else [kind.__name__]
            complain(_masked("".join(trace)))
        elif not issubclass(kind, KnowledgeError):
            said = _masked(f"warning: unexpected {kind.__name__} beside the work: {error}")
            complain(f"{' '.join(said.split())} (--debug shows more)\n")

    threading.excepthook = lambda ended: report(ended.exc_type, ended.exc_value)
    if not debug:
        sys.unraisablehook = lambda _: None


def _run(arguments: Sequence[str], *, json: bool, debug: bool) -> int:
    try:
        call = plain_call(arguments)
        if call is None:
            from knowledge.cli.app import run_parsed

            return run_parsed(arguments)
        call()
    except Exit as ended:
        return ended.code
    except KnowledgeError as error:
        if debug:
            _show_traceback()
        _show(error, json=json)
        return error.exit_code
    except (Interrupted, KeyboardInterrupt):
        # The terminal has written ^C on the line where the cursor stood.
        start = "\n" if sys.stderr.isatty() else ""
        complain(f"{start}interrupted\n")
        return INTERRUPTED
    except Terminated:
        complain("terminated\n")
        return TERMINATED
    except Exception as error:  # noqa: BLE001  shown as a sentence, with --debug in full
        if debug:
            _show_traceback()
        told = _told(error)
        _show(told, json=json)
        return told.exit_code
    return 0


def _told(error: Exception) -> KnowledgeError:
    """Return what nobody foresaw as an error of ours: of the arguments, the system, or a bug."""
    if isinstance(error, UnicodeEncodeError):
        return UsageError("an argument contains bytes that are not valid UTF-8")
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return UsageError("this user has no home folder", hint="Set HOME, or write whole paths.")
    if isinstance(error, FileNotFoundError) and not error.filename and _is_nowhere():
        return PathNotFoundError(
            "the working directory was deleted", hint="Change to a folder that is there."
        )
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename else ""
        return KnowledgeError(f"{named}{error.strerror}")
    return KnowledgeError(
        f"unexpected {type(error).__name__}: {error}",
        hint="This is a bug. Run again with --debug and report the output.",
    )


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _show_traceback() -> None:
    """Print the current traceback."""
    import traceback

    complain(_masked(traceback.format_exc()))


def _masked(text: str) -> str:
    """Return what a library says without secrets: servers' messages may echo a key."""
    from knowledge.cli.masking import masked

    return masked(text)


def _show(error: KnowledgeError, *, json: bool) -> None:
    from knowledge.cli.errors import show_error

    show_error(error, json=json)


def _handle_sigterm() -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:
        return  # not in the main thread: whoever runs us there handles signals
