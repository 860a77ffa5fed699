"""The chat engine process: what the node spawns to generate text.

    python -m meadow.chat.process     first line on standard input: an EngineSpec; then commands, one JSON a line

``messages.py`` says which commands and events there are. Each request has a thread of its own while it runs; so many
run at a time, a bounded number more waits. Nothing that people write is ever printed or logged.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from meadow.chat.messages import to_message
from meadow.chat.request import GenerationRequest
from meadow.chat.spec import EngineSpec
from meadow.errors import MeadowError
from meadow.platform.parent import Parent

if TYPE_CHECKING:
    from meadow.chat.engine import Engine
    from meadow.chat.swarms import Swarms

_STOP_SECONDS = 1.0


class Requests:
    """Requests that run or wait, each to be cancelled by its id."""

    def __init__(self, parent: Parent[EngineSpec], engine: Engine) -> None:
        spec = parent.spec
        self._parent, self._engine = parent, engine
        self._most = spec.concurrency + spec.waiting
        self._cancels: dict[str, threading.Event] = {}
        self._pool = ThreadPoolExecutor(max_workers=spec.concurrency, thread_name_prefix="request")

    def start(self, request_id: str, fields: Mapping[str, Any]) -> None:
        """Run a request as soon as there is a thread for it."""
        if len(self._cancels) >= self._most:
            self._fail(request_id, MeadowError("Too many requests wait already. Try again later.", code="busy"))
            return
        cancelled = self._cancels[request_id] = threading.Event()
        self._pool.submit(self._run, request_id, dict(fields), cancelled)

    def cancel(self, request_id: str) -> None:
        """End a request at its next token; one that is over stays so."""
        if (cancelled := self._cancels.get(request_id)) is not None:
            cancelled.set()

    def close(self) -> None:
        """End all."""
        for cancelled in list(self._cancels.values()):
            cancelled.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, request_id: str, fields: dict[str, Any], cancelled: threading.Event) -> None:
        try:
            request = GenerationRequest.from_json(fields)
            self._engine.generate(request, lambda event: self._parent.tell(**to_message(event, request_id)), cancelled)
        except MeadowError as error:
            self._fail(request_id, error)
        except MemoryError:
            self._fail(request_id, MeadowError("There is not enough memory for this request.", code="memory"))
        except Exception as error:  # one request must not end the others
            log(error)
            kind = type(error).__name__
            message = (
                "There is not enough GPU memory for this request."
                if kind == "OutOfMemoryError"
                else f"The request failed ({kind}), which is a mistake of Meadow's. Please report it."
            )
            code = "memory" if kind == "OutOfMemoryError" else "internal"
            self._fail(request_id, MeadowError(message, code=code))
        finally:
            self._cancels.pop(request_id, None)

    def _fail(self, request_id: str, error: MeadowError) -> None:
        self._parent.tell("failed", id=request_id, code=error.code, message=str(error))


def log(error: BaseException) -> None:
    """Where it went wrong, for the log. Without the error's own words: they may quote what somebody wrote."""
    frames = traceback.format_list(traceback.extract_tb(error.__traceback__))
    sys.stderr.write(f"{type(error).__name__}\n{''.join(frames)}")
    sys.stderr.flush()


def serve(parent: Parent[EngineSpec], engine: Engine, swarms: Swarms) -> None:
    """Obey commands until told to stop."""
    requests = Requests(parent, engine)
    parent.serving = True
    parent.tell("ready")
    while True:
        command = parent.commands.get()
        match command["command"]:
            case "generate":
                fields = {name: value for name, value in command.items() if name not in ("command", "id")}
                requests.start(command["id"], fields)
            case "cancel":
                requests.cancel(command["id"])
            case "ping":
                parent.tell("pong")
            case "records":
                swarms.answered(command)
            case "attach" | "detach":
                swarms.obey(command)
            case "leave":
                threading.Thread(target=_leave, args=(parent, engine, swarms, command["swarm"]), daemon=True).start()
            case "forget":
                engine.sessions.forget(command["conversation"])
            case "load":
                engine.models.load((command.get("swarm", ""), command["model"]))
            case "fetch":
                engine.fetches.start(command["model"])
            case "cancel_download":
                engine.fetches.cancel(command["model"])
                engine.models.cancel(command["model"])
            case "unload":
                engine.models.unload((command.get("swarm", ""), command["model"]))
            case "stop":
                requests.close()
                engine.close()
                return


def _leave(parent: Parent[EngineSpec], engine: Engine, swarms: Swarms, swarm: str) -> None:
    """Beside the commands: the last tokens of requests that were cancelled are waited for."""
    engine.models.leave(swarm)
    swarms.leave(swarm)
    parent.tell("left", swarm=swarm)


def main() -> int:
    """Generate until told to stop. Returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = Parent(EngineSpec.from_json)
    spec = parent.spec
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import torch
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        if spec.threads is not None:
            torch.set_num_threads(spec.threads)
        from meadow.chat.engine import Engine
        from meadow.chat.swarms import Swarms
        from meadow.server.process import check_device

        check_device(spec.device)
        swarms = Swarms(parent.tell)
        serve(parent, Engine(spec, swarms, parent.tell), swarms)
    except MeadowError as error:
        parent.tell("error", code=error.code, message=str(error))
        return 1
    except Exception as error:  # the process ends here; the parent says so, the log has the details
        log(error)
        parent.tell(
            "error",
            code="internal",
            message=f"The chat engine failed ({type(error).__name__}), which is a mistake of Meadow's. "
            "If it happens again, report it with its log.",
        )
        return 1
    # The words that end sessions leave on the loop's thread; nothing else here is worth waiting for.
    threading.Thread(target=swarms.close, daemon=True).start()
    threading.Event().wait(_STOP_SECONDS) if swarms.is_attached else None
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # threads that still compute a step are not waited for
