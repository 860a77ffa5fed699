"""Fetching the part of a model that chats need, without getting it into memory.

Each runs on a thread of its own beside the answers. What was fetched stays, whatever ends it, and is used next time.
"""

from __future__ import annotations

import threading
import traceback

from meadow.chat.spec import EngineSpec
from meadow.chat.tokenizer import load_tokenizer
from meadow.chat.view import Tell
from meadow.errors import MeadowError
from meadow.models.checkpoint import Progress, open_checkpoint
from meadow.models.fingerprint import check_cancel
from meadow.models.hub_token import read_hub_token
from meadow.models.parts import client_tensors


class Fetches:
    """Thread-safe. Tells ``fetching``, ``fetch_progress``, and at last ``fetched`` or ``fetch_failed``."""

    def __init__(self, spec: EngineSpec, tell: Tell) -> None:
        self._spec, self._tell = spec, tell
        self._cancels: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def start(self, model: str) -> None:
        """Fetch it; harmless while that is being done."""
        with self._lock:
            if model in self._cancels:
                return
            cancel = self._cancels[model] = threading.Event()
            self._tell("fetching", model=model)
        threading.Thread(target=self._run, args=(model, cancel), name="fetch", daemon=True).start()

    def cancel(self, model: str) -> None:
        """End that; harmless when it is over."""
        with self._lock:
            if (cancel := self._cancels.get(model)) is not None:
                cancel.set()

    def _run(self, model: str, cancel: threading.Event) -> None:
        try:
            self._fetch(model, cancel)
            error = None
        except MeadowError as caught:
            error = caught if caught.code != "cancelled" else None  # somebody wanted that
        except Exception as caught:
            traceback.print_exc()
            error = MeadowError(
                f"This model could not be fetched ({type(caught).__name__}), which is a mistake of Meadow's. "
                "Please report it.",
                code="internal",
            )
        with self._lock:  # told in it, so that the next one cannot say that it begins before this one has ended
            del self._cancels[model]
            if error is None:
                self._tell("fetched", model=model)
            else:
                self._tell("fetch_failed", model=model, code=error.code, message=str(error))

    def _fetch(self, model: str, cancel: threading.Event) -> None:
        def report(progress: Progress) -> None:
            self._tell(
                "fetch_progress",
                model=model,
                done=progress.done,
                total=progress.total,
                rate=progress.rate,
                seconds_left=progress.seconds_left,
            )

        checkpoint = open_checkpoint(
            model, token=read_hub_token(self._spec.hub_token_file), cache_dir=self._spec.cache_dir
        )
        check_cancel(cancel)
        load_tokenizer(checkpoint)
        check_cancel(cancel)
        checkpoint.fetch(client_tensors(checkpoint), progress=report, cancel=cancel)
