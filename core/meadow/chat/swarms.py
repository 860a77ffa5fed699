"""The swarms of the node, each seen through a p2pd of its own: a name, a view, and a thread that attaches it.

The joined swarm has the name "". A view is made with the first word about its swarm, and ends when the node leaves it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from meadow.chat.view import SwarmView, Tell
from meadow.errors import MeadowError

_ATTACH_TRIES = 3
Command = Mapping[str, Any]


class Swarms:
    """See the module's text. Thread-safe."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._views: dict[str, tuple[SwarmView, queue.SimpleQueue[Command | None]]] = {}
        self._lock = threading.Lock()

    def view(self, name: str = "") -> SwarmView:
        """The swarm of this name."""
        return self._entry(name)[0]

    def obey(self, command: Command) -> None:
        """Attach or detach, in the order of the commands and beside everything else: a p2pd that does not answer must
        keep neither "cancel" waiting nor another swarm."""
        self._entry(command.get("swarm", ""))[1].put(command)

    def answered(self, command: Command) -> None:
        """The node's answer to a question of one of the views."""
        self.view(command.get("swarm", "")).lookups.answered(command)

    def leave(self, name: str) -> None:
        """End all streams in this swarm and forget it. Blocks for a moment: last words leave first."""
        with self._lock:
            view, commands = self._views.pop(name, (None, None))
        if view is not None and commands is not None:
            commands.put(None)
            view.close()

    def close(self) -> None:
        """Leave all."""
        closing = [threading.Thread(target=self.leave, args=(name,), daemon=True) for name in list(self._views)]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

    @property
    def is_attached(self) -> bool:
        """Whether there is a p2pd to say goodbye through."""
        with self._lock:
            return any(view.is_attached for view, _ in self._views.values())

    def _entry(self, name: str) -> tuple[SwarmView, queue.SimpleQueue[Command | None]]:
        with self._lock:
            if name not in self._views:
                tell = self._tell if not name else _naming(self._tell, name)
                entry = self._views[name] = SwarmView(tell), queue.SimpleQueue()
                threading.Thread(target=_attach_all, args=(*entry, tell), name="attach", daemon=True).start()
            return self._views[name]


def _naming(tell: Tell, swarm: str) -> Callable[..., None]:
    return lambda event, **fields: tell(event, swarm=swarm, **fields)


def _attach_all(view: SwarmView, commands: queue.SimpleQueue[Command | None], tell: Tell) -> None:
    while (command := commands.get()) is not None:
        if command["command"] == "detach":
            view.detach()
            continue
        for attempt in range(_ATTACH_TRIES):
            try:
                view.attach(command["daemon_maddr"], command.get("initial_peers") or ())
                tell("attached")
                break
            except (MeadowError, TimeoutError) as error:
                if attempt == _ATTACH_TRIES - 1:
                    # The node sees its p2pd die, too, and will say where the next one is.
                    code = error.code if isinstance(error, MeadowError) else "p2pd_died"
                    tell("problem", code=code, message="The chat engine could not reach the node's p2pd.")
            except RuntimeError:  # its loop was closed: the swarm was left meanwhile
                return
