"""A chat over several turns with a distributed model: chat template, streaming, stopping, and the cache between turns.

Everything here blocks and belongs to one thread; only ``stop`` may be set from elsewhere.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel, StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from meadow.errors import MeadowError, UnsupportedModel
from meadow.models.checkpoint import Checkpoint

_TOKENIZER_FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
)


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
class Hop:
    """One server of the route and the blocks ``[start, end)`` that it computed."""

    peer_id: str
    server_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answer:
    """``token_ids`` are the new tokens, an end token included; ``tokens_per_second`` counts from the first one on."""

    text: str
    token_ids: list[int]
    tokens_per_second: float
    first_token_seconds: float
    stopped: bool
    route: list[Hop]


class _Stream(BaseStreamer, StoppingCriteria):
    """Hears every token as it is chosen, hands on text as soon as it is whole characters, and ends when told to."""

    def __init__(self, tokenizer: Any, on_token: Callable[[int, str], None], stop: threading.Event) -> None:
        self.token_ids: list[int] = []
        self.times: list[float] = []
        self._tokenizer = tokenizer
        self._on_token = on_token
        self._stop = stop
        self._window = 0  # text of tokens from here on is decoded anew with every token: decoding all is quadratic
        self._shown = 0  # tokens whose text was handed on
        self._is_prompt = True

    def put(self, value: torch.Tensor) -> None:
        if self._is_prompt:
            self._is_prompt = False
            return
        for token in value.flatten().tolist():
            self.times.append(time.perf_counter())
            self.token_ids.append(token)
            self._on_token(token, self._new_text(final=False))

    def end(self) -> None:
        """Part of the streamer's interface; :meth:`rest` is asked for explicitly, also after an error."""

    def rest(self) -> str:
        """What was held back because it might have been half a character."""
        return self._new_text(final=True)

    @property
    def text(self) -> str:
        """The whole answer so far."""
        return self._decode(self.token_ids)

    def _decode(self, token_ids: list[int]) -> str:
        return str(self._tokenizer.decode(token_ids, skip_special_tokens=True))

    def _new_text(self, *, final: bool) -> str:
        before = self._decode(self.token_ids[self._window : self._shown])
        text = self._decode(self.token_ids[self._window :])
        if not final and (len(text) <= len(before) or text.endswith("\ufffd")):
            return ""
        self._window, self._shown = self._shown, len(self.token_ids)
        return text[len(before) :]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._stop.is_set(), dtype=torch.bool, device=input_ids.device)


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The model's own tokenizer; never runs code that came with a model. Raises UnsupportedModel when there is none."""
    path = checkpoint.file("tokenizer.json")
    if path is None:
        raise UnsupportedModel(
            f"{checkpoint.name} has no tokenizer.json, so Meadow cannot turn text into its tokens. "
            "Look for a version of the model that has one."
        )
    for name in _TOKENIZER_FILES:
        checkpoint.file(name)
    try:
        return AutoTokenizer.from_pretrained(str(path.parent), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError) as error:
        raise UnsupportedModel(
            f"The tokenizer of {checkpoint.name} cannot be loaded ({type(error).__name__})."
        ) from error


class Conversation:
    """The turns so far, and the session that holds their KV cache."""

    def __init__(self, model: PreTrainedModel, tokenizer: Any, *, system: str | None = None, raw: bool = False) -> None:
        """``raw`` continues the text as it is, without the chat template."""
        self._model: Any = model
        self._tokenizer = tokenizer
        self._templated = not raw and bool(getattr(tokenizer, "chat_template", None))
        self._system = system
        self._turns: list[dict[str, str]] = []
        self._text = ""  # instead of the turns, where there is no template
        self._cache: Any = None
        self._cached: list[int] = []
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._turns = [{"role": "system", "content": self._system}] if self._system and self._templated else []
        self._text = self._system or "" if not self._templated else ""
        self._drop_cache()

    def close(self) -> None:
        """Tell the servers that this session is over."""
        self._drop_cache()

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
        ids = self._tokens(text)
        self._check_length(len(ids), sampling.max_new_tokens)
        if self._cache is None or ids[: len(self._cached)] != self._cached or len(ids) <= len(self._cached):
            # A template that rewrites earlier turns: recompute. Rolling back is not possible for every family.
            self._drop_cache()
            self._cache = self._model.new_cache(expected_length=len(ids) + sampling.max_new_tokens)
        stream = _Stream(self._tokenizer, on_token, stop or threading.Event())
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
        input_ids = torch.tensor([ids], device=self._model.device)
        begin = time.perf_counter()
        try:
            with torch.no_grad():
                self._model.generate(
                    input_ids,
                    attention_mask=torch.ones_like(input_ids),
                    past_key_values=self._cache,
                    generation_config=self._settings(sampling),
                    streamer=stream,
                    stopping_criteria=StoppingCriteriaList([stream]),
                )
        except BaseException:
            self._drop_cache()  # where the servers are with it is not known
            raise
        if rest := stream.rest():
            on_token(stream.token_ids[-1], rest)
        self._cached = (ids + stream.token_ids)[: self._cache.length]
        self._remember(text, stream.text)
        count, times = len(stream.token_ids), stream.times
        if count > 1:
            rate = (count - 1) / max(times[-1] - times[0], 1e-9)
        else:
            rate = count / max(time.perf_counter() - begin, 1e-9)
        return Answer(
            text=stream.text,
            token_ids=stream.token_ids,
            tokens_per_second=round(rate, 2),
            first_token_seconds=round((times[0] if times else time.perf_counter()) - begin, 4),
            stopped=stop is not None and stop.is_set(),
            route=self.route(),
        )

    def route(self) -> list[Hop]:
        """The servers of the session; empty before the first answer."""
        session = self._cache.session if self._cache is not None else None
        hops = session.route if session is not None else []
        return [Hop(hop.server.peer_id, hop.server.server_id, hop.start, hop.end) for hop in hops]

    def _tokens(self, text: str) -> list[int]:
        if self._templated:
            turns = [*self._turns, {"role": "user", "content": text}]
            try:
                prompt = self._tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
            except Exception as error:  # the template is a program that came with the model and can raise anything
                raise UnsupportedModel(
                    f"The chat template of this model fails ({type(error).__name__}). Try it without: --raw."
                ) from error
            ids = self._tokenizer(prompt, add_special_tokens=False)["input_ids"]
        else:
            ids = self._tokenizer(self._text + text)["input_ids"]
        if not ids:
            raise MeadowError("The prompt is empty. Write something.", code="empty_prompt")
        return list(ids)

    def _check_length(self, count: int, new: int) -> None:
        limit = getattr(self._model.config.get_text_config(decoder=True), "max_position_embeddings", None)
        if isinstance(limit, int) and count + new > limit:
            raise MeadowError(
                f"The conversation has {count} tokens; with {new} more it exceeds the {limit} that the model can hold. "
                "Begin a new one (/clear), or ask for fewer (--max-new-tokens).",
                code="too_long",
            )

    def _settings(self, sampling: Sampling) -> Any:
        settings = copy.deepcopy(self._model.generation_config)
        settings.max_length = None
        settings.max_new_tokens = sampling.max_new_tokens
        chosen = {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        if sampling.greedy:
            settings.do_sample = False
            settings.temperature = settings.top_p = settings.top_k = None
            return settings
        for name, value in chosen.items():
            if value is not None:
                settings.do_sample = True
                setattr(settings, name, value)
        return settings

    def _remember(self, text: str, answer: str) -> None:
        if self._templated:
            self._turns += [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        else:
            self._text += text + answer

    def _drop_cache(self) -> None:
        if self._cache is not None:
            self._cache.close()
        self._cache, self._cached = None, []
