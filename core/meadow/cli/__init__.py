"""The ``meadow`` command: ``arguments`` says what can be asked, one file per command does it, ``output`` prints it.

Nothing heavy is imported before it is needed, so that ``meadow --help`` is instant. Sits on top: may import everything
below it, nothing imports it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from meadow.cli.arguments import parse
from meadow.cli.ending import leave
from meadow.cli.output import Output
from meadow.errors import MeadowError


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP arrived: leave as after Ctrl+C, cleaning up on the way."""


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    raise Terminated


def entry() -> NoReturn:
    """The command as a process."""
    status = main()
    leave(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0 done, 1 an error that was explained, 2 bad usage, 130/143 stopped."""
    options = parse(sys.argv[1:] if argv is None else argv)
    output = Output(json_lines=options.json)
    signal.signal(signal.SIGTERM, _terminate)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, _terminate)
    try:
        return options.command(options, output)
    except MeadowError as error:
        if options.debug:
            raise
        output.error(error.code, str(error))
        return 1
    except Terminated:
        return 143
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output is gone; there is nobody to tell.
        sys.stderr.close()
        return 1
    except Exception as error:  # the last stop before the person: no traceback, but the way to get one
        if options.debug:
            raise
        output.error(
            "internal",
            f"Meadow made a mistake ({type(error).__name__}). Run it again with --debug and report what it shows.",
        )
        return 1
    finally:
        output.finish()
