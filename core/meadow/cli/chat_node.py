"""``meadow chat`` through a running node: its API answers, and nothing of the chat is stored there.

The turns live here. They go along with every request; a random key, new for each chat, lets the node keep the session
on the servers open, so that only what is new travels (``prompt_cache_key``, docs/api.md).
"""

from __future__ import annotations

import argparse
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from meadow.chat.request import Hop
from meadow.chat.turn import Answer, Sampling
from meadow.cli import talk
from meadow.cli.chat_model import Asked, coming, find, not_up, place
from meadow.cli.output import Output, plain
from meadow.cli.remote import Remote
from meadow.errors import MeadowError

_WAIT_SECONDS = 120.0
_LOOK_SECONDS = 0.5


def run(node: Remote, options: argparse.Namespace, prompt: str | None, output: Output) -> bool:
    """One answer to ``prompt``, or a chat. False, with nothing done: the model is a folder that the node does not
    serve. Raises MeadowError."""
    output.event("starting", text="asking the node")
    model = wait_for(node, options.model, output)
    if model is None:
        return False
    output.event("ready", model=model.name, verification=None, node=node.url)
    output.clear()
    conversation = NodeConversation(node, model.ask, system=options.system)
    if prompt is not None:
        talk.answer_once(conversation, prompt, talk.sampling_of(options), output)
    else:
        output.note(f"Chat with {plain(model.name)} through the node. The servers of the route can read along.")
        talk.chat(conversation, talk.sampling_of(options), output)
    return True


def wait_for(node: Remote, wanted: str | None, output: Output) -> Asked | None:
    """The model, when every block of it is served; waits while the node is still bringing it up. None for a folder
    that it does not serve. Raises MeadowError."""
    deadline = time.monotonic() + _WAIT_SECONDS
    folder = None if wanted is None else place(wanted)
    default = node.get("/api/settings")["values"].get("chat.default_model") if wanted is None else None
    while True:
        state = node.state()
        listed = node.get("/v1/models")["data"]
        found = find(wanted or default, folder, listed, state)
        if found is not None and found.ready:
            return found
        if not coming(state, folder) or time.monotonic() > deadline:
            if found is None and folder is not None and Path(folder).is_dir():
                return None
            raise not_up(wanted or default, found, listed, state)
        output.progress("Waiting until the model is up")
        time.sleep(_LOOK_SECONDS)


class NodeConversation:
    """The turns of one chat that a node answers (:class:`meadow.chat.turn.Turns`)."""

    def __init__(self, node: Remote, model: str, *, system: str | None = None) -> None:
        self._node, self._model, self._system = node, model, system
        self._turns: list[dict[str, str]] = []
        self._key = ""
        self._route: list[Hop] = []
        self.clear()

    def clear(self) -> None:
        """Begin anew; the node gives the old session up when it has rested for some minutes."""
        self._turns = [{"role": "system", "content": self._system}] if self._system else []
        self._key = secrets.token_hex(16)
        self._route = []

    def close(self) -> None:
        """Nothing is held open here between turns."""

    def answer(
        self,
        text: str,
        sampling: Sampling,
        *,
        on_token: Callable[[int, str], None] = lambda token, text: None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """As :meth:`meadow.chat.turn.Turns.answer`. The route of an answer that was stopped is that of the turn before,
        whose session it went on with, or not known."""
        stop = stop or threading.Event()
        turns = [*self._turns, {"role": "user", "content": text}]
        heard = _Heard(on_token)
        try:
            complete = self._node.stream("/v1/chat/completions", self._body(turns, sampling), heard.take, stop)
        except MeadowError as error:
            if error.code == "bad_template":
                raise MeadowError(f"{error} With --raw the chat goes without the template.", code=error.code) from None
            raise
        self._turns = [*turns, {"role": "assistant", "content": heard.text}]
        if complete:
            self._route = heard.route
        return Answer(
            text=heard.text,
            token_ids=heard.token_ids,
            tokens_per_second=heard.tokens_per_second,
            first_token_seconds=heard.first_token_seconds,
            stopped=stop.is_set(),
            route=list(self._route),
        )

    def route(self) -> list[Hop]:
        """The servers of the last complete answer."""
        return list(self._route)

    def _body(self, turns: list[dict[str, str]], sampling: Sampling) -> dict[str, Any]:
        body = {
            "model": self._model,
            "messages": turns,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_token_ids": True,
            "prompt_cache_key": self._key,
            "max_completion_tokens": sampling.max_new_tokens,
            "temperature": 0 if sampling.greedy else sampling.temperature,
            "top_p": None if sampling.greedy else sampling.top_p,
            "top_k": None if sampling.greedy else sampling.top_k,
            "seed": sampling.seed,
        }
        return {name: value for name, value in body.items() if value is not None}


class _Heard:
    """What came of one answer so far. Its speed is measured here until the node says it."""

    def __init__(self, on_token: Callable[[int, str], None]) -> None:
        self._on_token = on_token
        self._pieces: list[str] = []
        self._began = time.monotonic()
        self._first = self._last = 0.0
        self._journey: Mapping[str, Any] | None = None
        self.token_ids: list[int] = []

    def take(self, chunk: Mapping[str, Any]) -> None:
        """One chunk of the stream."""
        self._journey = chunk.get("meadow") or self._journey
        for choice in chunk.get("choices", ()):
            text, token_ids = choice["delta"].get("content") or "", choice.get("token_ids") or []
            self._pieces.append(text)
            if token_ids:
                self._last = time.monotonic()
                self._first = self._first or self._last
            self.token_ids.extend(token_ids)
            for number, token in enumerate(token_ids, start=1):
                self._on_token(token, text if number == len(token_ids) else "")

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def route(self) -> list[Hop]:
        hops = self._journey["route"] if self._journey else ()
        return [Hop(hop["peer_id"], hop["server_id"], hop["start"], hop["end"]) for hop in hops]

    @property
    def tokens_per_second(self) -> float:
        """From the first token on."""
        if self._journey:
            return float(self._journey["tokens_per_second"])
        seconds = self._last - self._first
        return round((len(self.token_ids) - 1) / seconds, 2) if seconds > 0 else 0.0

    @property
    def first_token_seconds(self) -> float:
        """How long the first token took; 0 if none came."""
        if self._journey:
            return float(self._journey["first_token_seconds"])
        return round(self._first - self._began, 4) if self._first else 0.0
