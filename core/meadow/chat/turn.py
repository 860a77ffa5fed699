"""One turn of a chat as a command sees it, whoever computes it: this program or the node. Standard library only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from meadow.chat.request import Hop


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. None means what the model's generation_config.json says."""

    max_new_tokens: int = 256
    greedy: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """``token_ids`` are the new tokens, an end token included; ``tokens_per_second`` counts from the first one on.
    ``route`` is empty where it is not known."""

    text: str
    token_ids: list[int]
    tokens_per_second: float
    first_token_seconds: float
    stopped: bool
    route: list[Hop]


class Turns(Protocol):
    """A chat over several turns (:class:`meadow.chat.conversation.Conversation`, or one over a node)."""

    def answer(
        self, text: str, sampling: Sampling, *, on_token: Callable[[int, str], None], stop: threading.Event
    ) -> Answer:
        """One turn. ``on_token`` gets every token id with the text that became whole by it (often none).

        Setting ``stop`` ends the answer; what there is stays part of the conversation. After an error the turn is
        forgotten. Raises MeadowError.
        """
        ...

    def clear(self) -> None:
        """Begin anew."""
        ...

    def close(self) -> None:
        """No further turn will come."""
        ...

    def route(self) -> list[Hop]:
        """The servers of the last answer, as far as they are known."""
        ...
