"""One request from beginning to end: model, prompt, session, tokens. Everything here blocks and runs on the request's
own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from meadow.chat.constrain import Constraint
from meadow.chat.fetching import Fetches
from meadow.chat.generation import Choice, Run, measured_hops
from meadow.chat.models import Cancelled, LoadedModel, Models
from meadow.chat.request import Done, Finished, GenerationEvent, GenerationRequest, Started
from meadow.chat.sampling import Picker, settings_of
from meadow.chat.sessions import Kept, KeptSessions, can_crop, longest_mark, reuse
from meadow.chat.spec import EngineSpec
from meadow.chat.swarms import Swarms
from meadow.chat.templates import Prompt, build_prompt
from meadow.chat.tokenizer import StopTexts, TokenText
from meadow.chat.tools import ToolReader, checked_tools
from meadow.chat.view import Tell
from meadow.client.cache import RemoteCache
from meadow.errors import MeadowError

MAX_CHOICES = 16
MAX_STOPS = 16
MAX_STOP_LENGTH = 1000
_SWEEP_SECONDS = 5.0

Emit = Callable[[GenerationEvent], None]


class Engine:
    """Models in memory and sessions kept between turns. Thread-safe."""

    def __init__(self, spec: EngineSpec, swarms: Swarms, tell: Tell) -> None:
        self.sessions = KeptSessions(
            spec.sessions, spec.idle_seconds, on_change=lambda count: tell("sessions", count=count)
        )
        self.models = Models(spec, swarms, tell, on_drop=self.sessions.drop_model)
        self.fetches = Fetches(spec, tell)
        self._closing = threading.Event()
        threading.Thread(target=self._sweep, name="sweep", daemon=True).start()

    def generate(self, request: GenerationRequest, emit: Emit, cancelled: threading.Event) -> None:
        """Answer one request; ``emit`` gets its events, Done last. Setting ``cancelled`` ends it at the next token.

        Raises MeadowError; what was emitted before stays true.
        """
        check(request)
        try:
            if cancelled.is_set():
                raise Cancelled
            with self.models.use(request.source, cancelled) as loaded:
                answer(loaded, self.sessions, request, emit, cancelled)
        except Cancelled:
            for choice in range(request.n):
                emit(Finished(choice, "cancelled", 0))
            emit(Done(0, 0, 0, 0.0, 0.0))

    def close(self) -> None:
        """End what is kept."""
        self._closing.set()
        self.sessions.close()

    def _sweep(self) -> None:
        while not self._closing.wait(_SWEEP_SECONDS):
            self.sessions.sweep()


def check(request: GenerationRequest) -> None:
    """Raises MeadowError (code "bad_request") for what no model can do; the rest is checked where it is used."""
    if (request.messages is None) == (request.prompt is None):
        raise MeadowError("Give either messages or a prompt.", code="bad_request")
    if not 1 <= request.n <= MAX_CHOICES:
        raise MeadowError(f"n must be between 1 and {MAX_CHOICES}.", code="bad_request")
    if len(request.stop) > MAX_STOPS or any(not 1 <= len(stop) <= MAX_STOP_LENGTH for stop in request.stop):
        raise MeadowError(
            f"At most {MAX_STOPS} stop texts are possible, each with 1 to {MAX_STOP_LENGTH} characters.",
            code="bad_request",
        )


def answer(
    loaded: LoadedModel,
    sessions: KeptSessions,
    request: GenerationRequest,
    emit: Emit,
    cancelled: threading.Event,
) -> None:
    """Answer one request with a model that is loaded. As :meth:`Engine.generate`."""
    began = time.perf_counter()
    checked_tools(request.tools, request.tool_choice)
    # All tools stand in the prompt, also when one is asked for by name: so the session of the chat can go on.
    shown = () if request.tool_choice == "none" else checked_tools(request.tools, "auto")
    prompt = build_prompt(loaded.tokenizer, request, shown, context=loaded.context)
    if not all(0 <= token < loaded.vocabulary for token in prompt.token_ids):
        raise MeadowError("The prompt holds a token id that this model does not have.", code="bad_request")
    # A reproducible answer depends on its prompt alone, not on how earlier turns were cut into steps.
    conversation = None if request.reproducible else request.conversation
    kept = None if conversation is None else sessions.take(conversation, request.source, cancelled)
    resting: Kept | None = None
    cache: RemoteCache | None = None
    token_ids = list(prompt.token_ids)
    marks: tuple[tuple[int, int], ...] = ()
    runs: list[Run] = []
    try:
        if kept is not None:
            token_ids = continued(loaded, kept, prompt)
            held = longest_mark(kept, prompt.text or "")[0]
            marks = tuple(mark for mark in kept.marks if mark[0] <= held)
            cache = fitted(kept, token_ids)
        most = loaded.new_tokens(len(token_ids), request.max_tokens)
        choices = [_choice(loaded, request, prompt, len(token_ids), most, index, emit) for index in range(request.n)]
        # Rows of one batch may differ in the last bit from a row alone.
        groups = [[choice] for choice in choices] if request.reproducible else [choices]
        for number, group in enumerate(groups):
            run = Run(loaded, request, token_ids, cache, group, cancelled)
            runs.append(run)
            cache = None
            logits = run.prefill()
            if number == 0:
                emit(Started(len(token_ids), run.reused))
            run.finish(logits)
            for choice in group:
                emit(choice.finished())
        if conversation is not None and len(choices) == 1:
            resting = _rest(conversation, request, loaded, prompt, marks, runs[0], choices[0], token_ids)
        emit(_done(runs, choices, len(token_ids), began))
    finally:
        if cache is not None:
            cache.close()
        for run in runs:
            if resting is None or run.cache is not resting.cache:
                run.cache.close()
        if conversation is not None:
            sessions.done(conversation, resting, cancelled)


def continued(loaded: LoadedModel, kept: Kept, prompt: Prompt) -> list[int]:
    """The prompt's tokens, those of earlier turns as the model wrote them where the text says the same: a text can be
    cut into tokens in several ways, and the servers hold the model's."""
    if prompt.text is None or not prompt.templated:
        return list(prompt.token_ids)
    characters, tokens = longest_mark(kept, prompt.text)
    if not tokens:
        return list(prompt.token_ids)
    begin, rest = kept.token_ids[:tokens], prompt.text[characters:]
    if begin[-1] in loaded.ends(templated=True):
        rest = rest.removeprefix(loaded.tokenizer.name(begin[-1]))
    return [*begin, *loaded.tokenizer.encode_rest(rest)] if rest else begin


def fitted(kept: Kept, token_ids: list[int]) -> RemoteCache | None:
    """The kept session, rolled back to where the prompt leaves it; None, and closed, if it is of no use."""
    cache = kept.cache
    held = kept.token_ids[: cache.length]
    common = reuse(held, token_ids, can_crop=can_crop(cache))
    if not common or cache.session is None:
        cache.close()
        return None
    if common < cache.length:
        cache.crop(common)
    return cache


def _choice(
    loaded: LoadedModel,
    request: GenerationRequest,
    prompt: Prompt,
    prompt_length: int,
    most: int,
    index: int,
    emit: Emit,
) -> Choice:
    ends = frozenset(loaded.ends(templated=prompt.templated))
    functions = checked_tools(request.tools, request.tool_choice)
    forced = bool(functions) and request.tool_choice not in (None, "auto", "none")
    constraint = reader = None
    if forced:
        constraint = Constraint(loaded.grammars.tool_call(loaded.tools, functions))
    elif request.json_schema is not None:
        constraint = Constraint(loaded.grammars.schema(request.json_schema))
    if functions and (forced or constraint is None):
        reader = ToolReader(loaded.tools, [function["name"] for function in functions])
    opening = loaded.tokenizer.token(loaded.tools.open) if functions else None
    settings = settings_of(loaded.model, request, ends, prompt_length + most)
    return Choice(
        index,
        Picker(
            loaded.model,
            request,
            settings,
            choice=index,
            prompt_length=prompt_length,
            tokenizer=loaded.tokenizer,
            constraint=constraint,
        ),
        TokenText(loaded.tokenizer, () if opening is None else (opening,)),
        StopTexts(request.stop),
        ends,
        most,
        emit,
        constraint,
        reader,
    )


def _rest(
    conversation: str,
    request: GenerationRequest,
    loaded: LoadedModel,
    prompt: Prompt,
    marks: tuple[tuple[int, int], ...],
    run: Run,
    choice: Choice,
    token_ids: list[int],
) -> Kept | None:
    """The session as it is kept for the next turn; ``marks``: those of earlier turns that still hold."""
    if run.cache.session is None:
        return None
    everything = [*token_ids, *choice.token_ids]
    if prompt.text is None or not prompt.templated:
        return Kept(conversation, request.source, run.cache, everything, "", ())
    text = prompt.text
    marks = (*marks, (len(text), len(token_ids)))
    if choice.exact:
        text += str(loaded.tokenizer.mark(choice.shown))
        marks = (*marks, (len(text), len(everything)))
    return Kept(conversation, request.source, run.cache, everything, text, marks)


def _done(runs: list[Run], choices: list[Choice], prompt_tokens: int, began: float) -> Done:
    tokens = sum(len(choice.token_ids) for choice in choices)
    first, last = (runs[0].times or [began])[0], (runs[-1].times or [began])[-1]
    # From the first token on, as far as there are more: what the prompt took is another number.
    rate = (tokens - len(choices)) / (last - first) if last > first else tokens / max(last - began, 1e-9)
    return Done(
        prompt_tokens=prompt_tokens,
        completion_tokens=tokens,
        reused_tokens=runs[0].reused,
        tokens_per_second=round(rate, 2),
        first_token_seconds=round(first - began, 4),
        route=measured_hops(runs[0].cache),
        bytes_sent=sum(run.bytes_sent for run in runs),
        pass_seconds=round(runs[0].pass_seconds, 6),
        moved=next((run.moved for run in runs if run.moved is not None), None),
    )
