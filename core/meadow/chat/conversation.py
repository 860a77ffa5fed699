"""A chat over several turns within one program: what ``meadow chat`` and ``meadow demo`` are made of.

The same prompts, sessions and token loop as in the engine process, without the process. Everything here blocks and
belongs to one thread; only ``stop`` may be set from elsewhere.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from transformers import PreTrainedModel

from meadow.chat.engine import answer
from meadow.chat.models import LoadedModel
from meadow.chat.request import Delta, Done, GenerationEvent, GenerationRequest, Hop
from meadow.chat.sessions import KeptSessions
from meadow.chat.turn import Answer, Sampling

_KEY = "chat"


class Conversation:
    """The turns so far, and the session that holds their KV cache."""

    def __init__(self, model: PreTrainedModel, tokenizer: Any, *, system: str | None = None, raw: bool = False) -> None:
        """``raw`` continues the text as it is, without the chat template."""
        self._loaded = LoadedModel("", model, tokenizer)
        self._sessions = KeptSessions(1, math.inf)
        self._templated = not raw and self._loaded.tokenizer.template is not None
        self._system = system
        self._turns: list[dict[str, str]] = []
        self._text = ""  # instead of the turns, where there is no template
        self._route: tuple[Hop, ...] = ()
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._turns = [{"role": "system", "content": self._system}] if self._system and self._templated else []
        self._text = self._system or "" if not self._templated else ""
        self.close()

    def close(self) -> None:
        """Tell the servers that this session is over."""
        self._sessions.close()
        self._route = ()

    def answer(
        self,
        text: str,
        sampling: Sampling,
        *,
        on_token: Callable[[int, str], None] = lambda token, text: None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """One turn. ``on_token`` gets every token id with the text that became whole by it (often none).

        Setting ``stop`` ends the answer at the next token; what there is stays part of the conversation. After an error
        the turn is forgotten and the next one begins a new session. Raises MeadowError.
        """
        stop = stop or threading.Event()
        turns = [*self._turns, {"role": "user", "content": text}]
        request = GenerationRequest(
            model="",
            messages=tuple(turns) if self._templated else None,
            prompt=None if self._templated else self._text + text,
            max_tokens=sampling.max_new_tokens,
            temperature=0.0 if sampling.greedy else sampling.temperature,
            top_p=None if sampling.greedy else sampling.top_p,
            top_k=None if sampling.greedy else sampling.top_k,
            seed=sampling.seed,
            conversation=_KEY,
        )
        pieces: list[str] = []
        token_ids: list[int] = []
        done: list[Done] = []

        def hear(event: GenerationEvent) -> None:
            if isinstance(event, Delta):
                pieces.append(event.text)
                token_ids.extend(event.token_ids)
                for number, token in enumerate(event.token_ids, start=1):
                    on_token(token, event.text if number == len(event.token_ids) else "")
            elif isinstance(event, Done):
                done.append(event)

        answer(self._loaded, self._sessions, request, hear, stop)
        written = "".join(pieces)
        if self._templated:
            self._turns = [*turns, {"role": "assistant", "content": written}]
        else:
            self._text += text + written
        self._route = done[0].route
        return Answer(
            text=written,
            token_ids=token_ids,
            tokens_per_second=done[0].tokens_per_second,
            first_token_seconds=done[0].first_token_seconds,
            stopped=stop.is_set(),
            route=list(self._route),
        )

    def route(self) -> list[Hop]:
        """The servers of the last answer; empty before the first one."""
        return list(self._route)
