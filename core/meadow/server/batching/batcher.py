"""How the steps of several sessions are computed together on one loaded span.

At load, a self-test looks for the best way that is right for this model, and every pass takes each session on the best
way that is proven for its length: packed, lockstep, or alone. What is not a plain step (beams, padding, tensors from
the client, sessions that asked for reproducible answers) always runs alone. While serving, one packed row in a thousand
is computed alone as well; if the two differ, packing ends, loudly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from meadow.models.standin import FAILURES
from meadow.server.batching import kernels
from meadow.server.batching.interfaces import Attention, stock_attention
from meadow.server.batching.lockstep import Lockstep
from meadow.server.batching.packed import Unsupported, packed
from meadow.server.batching.request import Answer, Request, answer
from meadow.server.batching.rotary import length_dependent
from meadow.server.batching.snapshot import Saved
from meadow.server.batching.trial import Rejected, Trial, difference
from meadow.server.span import Span, StepOutput

log = logging.getLogger(__name__)

MOST = 32
"""Sessions in one pass."""
CANARY = 1000
"""Packed rows between two that are computed alone as well."""
_STRIKES = 3
"""Passes that failed although each of their steps went through alone, after which packing is given up."""

PACKED, LOCKSTEP, ALONE = "packed", "lockstep", "alone"


@dataclass(frozen=True, slots=True)
class Mode:
    """How sessions share passes, for the server's state.

    ``reason``: a sentence for people. ``longest``: sessions of more positions than this use the next best way; 0: no
    limit. ``difference``: the largest difference to one by one that the self-test saw, as a fraction of the update.
    """

    name: str
    reason: str
    longest: int = 0
    difference: float = 0.0


class Batcher:
    """Runs steps on one span; belongs to one thread. ``on_change`` is called on it when the mode changes."""

    def __init__(self, span: Span, *, on_change: Callable[[Mode], None] | None = None) -> None:
        """Measure the kernels and test the ways of batching; takes up to a few seconds."""
        self._span = span
        self._on_change = on_change or (lambda mode: None)
        self._attention = Attention(span)
        self._rotary = length_dependent(span)
        self.kernel = kernels.choose(span, self._attention)
        self._lockstep: Lockstep | None = None
        self._takes_back = False
        self._packs_to = 0
        self._until_canary, self._strikes = CANARY, 0
        with torch.inference_mode():
            self.mode = self._examined()
        log.info("sessions are computed %s: %s", self.mode.name, self.mode.reason)

    @property
    def most(self) -> int:
        """How many sessions may share a pass."""
        return 1 if self.mode.name == ALONE else MOST

    def run(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request, in their order. The others are what they would be without a step that failed; it
        leaves its cache as it was before, if it shared the pass, and unusable if it ran alone."""
        answers: dict[int, Answer] = {}
        lanes: dict[tuple[str, int, int], list[int]] = {}
        for index, request in enumerate(requests):
            lanes.setdefault((self._way(request), request.cache.start, request.cache.end), []).append(index)
        for (way, _, _), members in lanes.items():
            chosen = [requests[index] for index in members]
            if len(chosen) == 1 or way == ALONE:
                found = self._alone(chosen)
            elif way == PACKED:
                found = self._packed(chosen)
            else:
                found = self._in_lockstep(chosen)
            answers.update(zip(members, found, strict=True))
        return [answers[index] for index in range(len(requests))]

    # -- ways ---------------------------------------------------------------------------------------------------------

    def _way(self, request: Request) -> str:
        if self.mode.name == ALONE or not request.plain:
            return ALONE
        if request.cache.length + request.hidden.shape[self._span.position_axis] <= self._packs_to:
            return PACKED
        return LOCKSTEP if self._lockstep is not None else ALONE

    def _alone(self, requests: Sequence[Request]) -> list[Answer]:
        return [
            answer(self._span, request)
            if request.reproducible or self.kernel == self._attention.stock
            else self._on_kernel(lambda r: [answer(self._span, r[0])], [request])[0]
            for request in requests
        ]

    def _on_kernel(self, run: Callable[[Sequence[Request]], list[Answer]], requests: Sequence[Request]) -> list[Answer]:
        if self.kernel == self._attention.stock:
            return run(requests)
        with kernels.standing_in(stock_attention(None, self.kernel)):
            return run(requests)

    def _in_a_row(self, requests: Sequence[Request]) -> list[Answer]:
        caches = [request.cache for request in requests]
        hidden = [request.hidden for request in requests]
        outputs = packed(self._span, self._attention, self._rotary, caches, hidden, self.kernel)
        return [StepOutput(output) for output in outputs]

    def _in_lockstep(self, requests: Sequence[Request]) -> list[Answer]:
        """A step that fails is taken back and done again alone: what failed may be the company."""
        assert self._lockstep is not None
        saved = [Saved(request.cache) for request in requests] if self._takes_back else []
        answers = self._on_kernel(self._lockstep.run, requests)
        return self._once_more(requests, answers, saved) if saved else answers

    def _once_more(
        self, requests: Sequence[Request], answers: Sequence[Answer], saved: Sequence[Saved]
    ) -> list[Answer]:
        """Failed steps alone; who fails again is left as before the pass."""
        found = list(answers)
        for index, one in enumerate(answers):
            if isinstance(one, Exception):
                saved[index].restore()
                found[index] = self._alone([requests[index]])[0]
                if isinstance(found[index], Exception):
                    saved[index].restore()
        return found

    def _packed(self, requests: Sequence[Request]) -> list[Answer]:
        saved = [Saved(request.cache) for request in requests]
        watched = self._watched(len(requests))
        wanted = None
        if watched is not None:
            wanted = self._alone([requests[watched]])[0]
            saved[watched].restore()
        try:
            answers = self._in_a_row(requests)
        except Exception as error:
            for one in saved:
                one.restore()
            answers = self._alone(requests)
            for one, outcome in zip(saved, answers, strict=True):
                if isinstance(outcome, Exception):
                    one.restore()
            if isinstance(error, Unsupported) or not any(isinstance(one, Exception) for one in answers):
                log.warning("a packed pass failed; its steps went through one by one", exc_info=error)
                self._strikes += 1
                if isinstance(error, Unsupported) or self._strikes >= _STRIKES:
                    self._give_up(f"packed passes fail ({type(error).__name__})")
            return answers
        if watched is not None and not self._same(wanted, answers[watched], requests[watched]):
            for one in saved:
                one.restore()
            self._give_up("a packed pass gave another result than the same step alone")
            return self._alone(requests)
        return answers

    def _watched(self, rows: int) -> int | None:
        """The row of this pass that is checked, if any."""
        self._until_canary -= rows
        if self._until_canary > 0:
            return None
        watched = -self._until_canary % rows
        self._until_canary = CANARY
        return watched

    def _same(self, wanted: Answer | None, got: Answer, request: Request) -> bool:
        if not isinstance(wanted, StepOutput) or not isinstance(got, StepOutput):
            return isinstance(wanted, Exception)  # what fails alone is no witness
        tolerance = self._tolerance
        return difference(got.hidden, wanted.hidden, request.hidden.to(self._span.device)) <= tolerance

    # -- finding out --------------------------------------------------------------------------------------------------

    def _examined(self) -> Mode:
        span = self._span
        if span.takes_carry:
            return Mode(ALONE, "Its blocks hand each other more than hidden states.")
        try:
            trial = Trial(span, self._alone)
        except (*FAILURES, Rejected) as error:
            return Mode(ALONE, f"It cannot be tried without a client ({type(error).__name__}).")
        self._tolerance = trial.tolerance
        reasons = []
        try:
            if trial.picks_positions:
                return Mode(
                    ALONE,
                    "It attends to the positions of the highest scores; rounding, which is another with others in a "
                    "pass, may decide between two that are nearly equal.",
                )
            try:
                if not trial.plain:
                    raise Rejected("it caches more than keys and values")
                worst, _ = trial.judge(self._in_a_row)
                self._packs_to = trial.lengths.most
            except (*FAILURES, Rejected) as error:
                reasons.append(f"not packed: {_words(error)}")
            else:
                longest = trial.lengths.most if trial.lengths.most < 1 << 31 else 0
                if longest:
                    self._try_lockstep(trial)
                return Mode(PACKED, "All steps in one row give what they give alone.", longest, worst)
            accepted = self._try_lockstep(trial)
            if isinstance(accepted, float):
                return Mode(LOCKSTEP, f"In lockstep; {reasons[0]}.", 0, accepted)
            return Mode(ALONE, f"One by one; {reasons[0]}; not in lockstep: {accepted}.")
        finally:
            trial.close()

    def _try_lockstep(self, trial: Trial) -> float | str:
        """The worst difference, or why not."""
        lockstep: Lockstep | None = None
        try:
            lockstep = Lockstep(self._span)
            worst, _ = trial.judge(lambda requests: self._on_kernel(lockstep.run, requests))
        except (*FAILURES, Rejected) as error:
            if lockstep is not None:
                lockstep.remove()
            return _words(error)
        self._lockstep, self._takes_back = lockstep, trial.takes_back()
        if not self._takes_back:
            log.warning("a step that fails in lockstep cannot be taken back exactly; its session will end")
        return worst

    def _give_up(self, why: str) -> None:
        """No more packing on this server."""
        self._packs_to = 0
        name = ALONE if self._lockstep is None else LOCKSTEP
        self.mode = Mode(name, f"Packing was given up while serving: {why}.")
        log.error("sessions are computed %s from now on: %s", name, why)
        self._on_change(self.mode)


def _words(error: BaseException) -> str:
    if isinstance(error, Rejected | Unsupported) or (isinstance(error, ValueError) and type(error) is ValueError):
        return str(error)[:120]
    return f"its code does what a row of several sessions does not have ({type(error).__name__})"
