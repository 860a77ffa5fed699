"""The token loop of one request: stock model code over remote blocks, for several requests at a time.

``generate()`` itself cannot serve here: it draws from the global random stream, and several requests run at once. What
surrounds a step (inputs, positions, logits processors) is still the model's own code, so greedy tokens equal those of
``generate()``.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from meadow.chat.constrain import Constraint
from meadow.chat.models import LoadedModel
from meadow.chat.request import Delta, Finished, GenerationRequest, Hop, Moved, TokenLogprob, ToolCall
from meadow.chat.sampling import Picker
from meadow.chat.tokenizer import StopTexts, TokenText
from meadow.chat.tools import ToolReader
from meadow.client.cache import RemoteCache
from meadow.errors import DaemonDied, MeadowError, Refused, ServerLost, ServerTimeout

_LOST = frozenset(
    "unknown_session evicted stale_epoch gap window position log_dropped internal draining bad_answer "
    "bad_step cannot_roll_back closed".split()
)
"""Refusals that end a session which may well be opened anew."""


def session_is_lost(error: MeadowError) -> bool:
    """Whether a new session can go on where this error ended one."""
    if isinstance(error, (ServerLost, ServerTimeout, DaemonDied)):
        return True
    return isinstance(error, Refused) and error.code in _LOST


@dataclass(slots=True)
class _Pending:
    """A token whose text was not shown yet; ``start``: where its text begins in the answer."""

    token: int
    start: int
    logprob: TokenLogprob | None


@dataclass(eq=False)
class Choice:
    """One answer that is being written."""

    index: int
    picker: Picker
    text: TokenText
    stops: StopTexts
    ends: frozenset[int]
    most: int
    emit: Callable[[Delta], None]
    constraint: Constraint | None = None
    reader: ToolReader | None = None
    token_ids: list[int] = field(default_factory=list)
    shown: str = ""
    reason: str | None = None
    calls: tuple[ToolCall, ...] = ()
    exact: bool = True
    """Whether ``shown`` is the text of ``token_ids``: not after a stop text, nor when calls were taken out."""
    _length: int = 0
    _pending: list[_Pending] = field(default_factory=list)

    def take(self, tokens: torch.Tensor, logits: torch.Tensor) -> int:
        """Choose the next token; ``reason`` is set when the answer is complete by it."""
        token, logprob = self.picker.pick(tokens, logits)
        self.token_ids.append(token)
        if token in self.ends:
            self._pending.append(_Pending(token, 0, None))
            self.finish("stop")
            return token
        complete = self.constraint is not None and self.constraint.take(token)
        text = self.text.add(token)
        self._pending.append(_Pending(token, self._length, logprob))
        self._length += len(text)
        self._show(self.stops.add(text))
        if self.stops.found or complete:
            self.finish("stop")
        elif len(self.token_ids) >= self.most:
            self.finish("length")
        return token

    def finish(self, reason: str) -> None:
        """The answer ends here."""
        self.reason = reason
        rest = ""
        if not self.stops.found:
            text = self.text.rest()
            self._length += len(text)
            rest = self.stops.add(text)
        if self.stops.found:
            self.exact = False
            self.reason = "stop" if reason == "length" else reason
        else:
            rest += self.stops.rest()
        self._show(rest, last=True)

    def finished(self) -> Finished:
        """What is said at the end."""
        return Finished(self.index, self.reason or "stop", len(self.token_ids), self.calls)

    def _show(self, text: str, *, last: bool = False) -> None:
        """Hand on text, and the tokens that begin in it."""
        if self.reader is not None:
            text = self.reader.add(text)
            if last:
                more, self.calls = self.reader.finish()
                text += more
            if self.calls:
                self.exact = False
                self.reason = "tool_calls" if self.reason == "stop" else self.reason
        self.shown += text
        if not text and not last:
            return
        everything = last and not self.stops.found
        ready = [one for one in self._pending if everything or one.start < len(self.shown)]
        self._pending = self._pending[len(ready) :]
        if text or ready:
            logprobs = tuple(one.logprob for one in ready if one.logprob is not None)
            self.emit(Delta(self.index, text, tuple(one.token for one in ready), logprobs))


class Run:
    """Some choices of one request over one session. All rows have the same length at any time, for all begin with
    the same prompt and each step adds a token to each."""

    def __init__(
        self,
        loaded: LoadedModel,
        request: GenerationRequest,
        prompt: list[int],
        cache: RemoteCache | None,
        choices: list[Choice],
        cancelled: threading.Event,
    ) -> None:
        """``cache``: a session that holds the first positions of the prompt, or None."""
        self._loaded, self._request, self._cancelled = loaded, request, cancelled
        self._model: Any = loaded.model
        self._choices = choices
        self._most = max(choice.most for choice in choices)
        self._tokens = torch.tensor([prompt], device=self._model.device)
        self._prompt_length = len(prompt)
        self.cache = cache if cache is not None else self._new_cache()
        self.reused = self.cache.length
        self.bytes_before = _bytes_sent(self.cache)
        self._bytes_lost = 0
        self._rebuilt = False
        self.moved: Moved | None = None
        self._passes_before = _passes(self.cache)
        self._steps = 0
        self.times: list[float] = []
        """When the first and the last token were chosen so far, in seconds of ``time.perf_counter``."""
        takes = inspect.signature(inspect.unwrap(type(self._model).forward)).parameters
        self._takes_mask, self._takes_positions = "attention_mask" in takes, "position_ids" in takes
        self._keeps_logits = "logits_to_keep" in takes

    @property
    def bytes_sent(self) -> int:
        """Bytes that left for the first server for these choices."""
        return self._bytes_lost + _bytes_sent(self.cache) - self.bytes_before

    @property
    def pass_seconds(self) -> float:
        """From here through all servers and back for a new token, on average; 0: unknown."""
        count, seconds = (now - before for now, before in zip(_passes(self.cache), self._passes_before, strict=True))
        return seconds / count if count > 0 else 0.0

    def prefill(self) -> torch.Tensor:
        """Take the prompt through the blocks; logits ``[1, vocabulary]``. Raises MeadowError."""
        logits = self._step()
        # A new session may have begun with what the servers still held of an earlier one.
        self.reused = self.reused or getattr(self.cache.session, "reused", 0)
        return logits

    def finish(self, logits: torch.Tensor) -> None:
        """Write all choices to their end, from the logits of :meth:`prefill`. Raises MeadowError."""
        rows = list(self._choices)
        if len(rows) > 1:
            self.cache.batch_repeat_interleave(len(rows))
            self._tokens = self._tokens.repeat(len(rows), 1)
            logits = logits.repeat(len(rows), 1)
        while True:
            if self._cancelled.is_set():
                for choice in rows:
                    choice.finish("cancelled")
                return
            new = [choice.take(self._tokens[row : row + 1], logits[row : row + 1]) for row, choice in enumerate(rows)]
            self.times = [*self.times[:1], time.perf_counter()]
            self._tokens = torch.cat([self._tokens, torch.tensor(new, device=self._tokens.device)[:, None]], dim=1)
            open_rows = [row for row, choice in enumerate(rows) if choice.reason is None]
            if not open_rows:
                return
            if len(open_rows) < len(rows):
                kept = torch.tensor(open_rows, device=self._tokens.device)
                self.cache.batch_select_indices(kept)
                self._tokens, rows = self._tokens[kept], [rows[row] for row in open_rows]
            logits = self._step()

    def _step(self) -> torch.Tensor:
        """Logits for the next token of each row. A session that was lost is opened anew, once, from all tokens."""
        try:
            logits = self._forward(self._tokens)
            self._steps += 1
            if self._steps > 1 and self._steps & (self._steps - 1) == 0:
                # After 2, 4, 8, ... steps: some few questions however long the answer is, the last one half way.
                ask_figures(self.cache)
            return logits
        except MeadowError as error:
            if self._rebuilt or not session_is_lost(error):
                raise
        began, left = time.monotonic(), hops_of(self.cache)
        logits = self._again()
        took = hops_of(self.cache)
        self.moved = Moved(
            round(time.monotonic() - began, 4),
            tuple(hop for hop in left if hop not in took),
            tuple(hop for hop in took if hop not in left),
        )
        return logits

    def _again(self) -> torch.Tensor:
        """The same logits over a new session."""
        self._rebuilt = True
        self._bytes_lost = self.bytes_sent
        self.cache.close()
        self.cache, self.bytes_before, self.reused = self._new_cache(), 0, 0
        self._passes_before = (0, 0.0)
        if not self._request.reproducible:
            return self._forward(self._tokens)
        # The same steps as before, so that every bit comes out the same.
        logits = torch.empty(0)
        for end in range(self._prompt_length, self._tokens.shape[1] + 1):
            logits = self._forward(self._tokens[:, :end])
        return logits

    def _forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take what the servers do not hold yet of ``tokens`` through the model."""
        first = tokens.shape[1] == self._prompt_length
        inputs: dict[str, Any] = {self._model.remote.cache_name: self.cache, "use_cache": True}
        if self._takes_mask:
            inputs["attention_mask"] = None  # all ones, and cheaper not to be said
        if self._takes_positions:
            everything = {"attention_mask": torch.ones_like(tokens)}
            inputs["position_ids"] = self._model._prepare_position_ids_for_generation(tokens, everything)
        if self._keeps_logits:
            inputs["logits_to_keep"] = 1
        with torch.no_grad():
            prepared = self._model.prepare_inputs_for_generation(
                tokens, next_sequence_length=tokens.shape[1] - self.cache.length, is_first_iteration=first, **inputs
            )
            logits: torch.Tensor = self._model(**prepared, return_dict=True).logits[:, -1]
        return logits

    def _new_cache(self) -> RemoteCache:
        expected = self._loaded.expected_length(self._prompt_length, self._most)
        return self._loaded.new_cache(expected, reproducible=self._request.reproducible)


def hops_of(cache: RemoteCache) -> tuple[Hop, ...]:
    """The route of a session; empty where there is none, as in tests within one process."""
    return tuple(
        Hop(hop.server.peer_id, hop.server.server_id, hop.start, hop.end) for hop in getattr(cache.session, "route", ())
    )


def ask_figures(cache: RemoteCache) -> None:
    """Let the servers say what steps take there."""
    ask = getattr(cache.session, "ask_figures", None)
    if ask is not None:
        ask()


def measured_hops(cache: RemoteCache) -> tuple[Hop, ...]:
    """The route, with what the servers have said of their time."""
    hops = hops_of(cache)
    if not hops:
        return ()
    figures = zip(hops, cache.session.figures, strict=True)  # type: ignore[union-attr]
    return tuple(
        replace(hop, step_seconds=round(step, 6), queue_seconds=round(wait, 6)) for hop, (step, wait) in figures
    )


def _passes(cache: RemoteCache) -> tuple[int, float]:
    return getattr(cache.session, "passes", 0), getattr(cache.session, "pass_seconds", 0.0)


def _bytes_sent(cache: RemoteCache) -> int:
    return int(getattr(cache.session, "bytes_sent", 0))
