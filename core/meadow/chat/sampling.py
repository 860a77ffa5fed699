"""How one choice picks its next token: the model's own processors and warpers (transformers'), penalties, a grammar,
and a random stream of its own."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from meadow.chat.constrain import Constraint
from meadow.chat.request import GenerationRequest, TokenLogprob
from meadow.chat.tokenizer import SharedTokenizer
from meadow.errors import MeadowError

MAX_TOP_LOGPROBS = 64


def settings_of(model: Any, request: GenerationRequest, ends: Collection[int], length: int) -> Any:
    """The ``GenerationConfig`` that ``generate()`` would use for this request. Raises MeadowError ("bad_request")."""
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    _check("temperature", temperature, 0.0, 100.0)
    _check("top_p", top_p, 0.0, 1.0)
    _check("top_k", top_k, -1, math.inf)
    chosen: dict[str, Any] = {"num_beams": 1, "guidance_scale": None, "max_length": length}
    if temperature == 0:
        chosen["do_sample"] = False
    elif temperature is not None or top_p is not None or top_k is not None:
        chosen["do_sample"] = True
        named = {"temperature": temperature, "top_p": top_p, "top_k": None if top_k is None else max(0, top_k)}
        chosen |= {name: value for name, value in named.items() if value is not None}
    try:
        settings, _ = model._prepare_generation_config(None, **chosen)
    except ValueError as error:
        raise MeadowError(
            "This model's config.json and generation_config.json contradict each other about sampling. Choose another "
            "version of it.",
            code="unsupported_model",
        ) from error
    settings.guidance_scale = settings.watermarking_config = None  # a second pass; a mark in the text
    settings.eos_token_id = sorted(ends) or None
    return settings


def _check(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise MeadowError(f"{name} must be between {low:g} and {high:g}.", code="bad_request")


class Penalties(LogitsProcessor):
    """OpenAI's frequency and presence penalty, over what this choice has written so far."""

    def __init__(self, frequency: float, presence: float, start: int) -> None:
        """``start``: where the answer begins in ``input_ids``."""
        _check("frequency_penalty", frequency, -2.0, 2.0)
        _check("presence_penalty", presence, -2.0, 2.0)
        self._frequency, self._presence, self._start = frequency, presence, start

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        tokens, counts = input_ids[0, self._start :].unique(return_counts=True)
        penalised = scores.clone()
        penalised[0, tokens] -= self._frequency * counts + self._presence
        return penalised  # type: ignore[return-value]


class Picker:
    """Chooses the tokens of one choice."""

    def __init__(
        self,
        model: Any,
        request: GenerationRequest,
        settings: Any,
        *,
        choice: int,
        prompt_length: int,
        tokenizer: SharedTokenizer,
        constraint: Constraint | None,
    ) -> None:
        """``settings``: from :func:`settings_of`; each Picker needs its own constraint."""
        device = model.device
        self._sample = bool(settings.do_sample)
        self._tokenizer = tokenizer
        self._logprobs = request.logprobs
        if request.logprobs is not None and not 0 <= request.logprobs <= MAX_TOP_LOGPROBS:
            raise MeadowError(f"logprobs must be between 0 and {MAX_TOP_LOGPROBS}.", code="bad_request")
        self._generator = torch.Generator(device=device).manual_seed(stream_seed(request.seed, choice))
        own = LogitsProcessorList()
        penalties = Penalties(request.frequency_penalty, request.presence_penalty, prompt_length)
        if request.frequency_penalty or request.presence_penalty:
            own.append(penalties)
        if constraint is not None:
            own.append(constraint)  # before top_k and top_p, which might leave only what it rules out
        model._prepare_special_tokens(settings, True, device=device, batch_size=1)
        try:
            self._process = model._get_logits_processor(
                settings,
                input_ids_seq_length=prompt_length,
                logits_processor=own,
                device=device,
                model_kwargs={"attention_mask": None},
            )
        except (ValueError, TypeError) as error:
            raise MeadowError(
                "The model's generation_config.json, or the sampling settings, cannot be used.", code="bad_request"
            ) from error

    def pick(self, tokens: torch.Tensor, logits: torch.Tensor) -> tuple[int, TokenLogprob | None]:
        """The next token after ``tokens`` (``[1, length]``), given ``logits`` (``[1, vocabulary]``)."""
        logits = logits.to(copy=True, dtype=torch.float32)
        scores = self._process(tokens, logits.clone() if self._logprobs is not None else logits)
        if self._sample:
            chances = torch.softmax(scores, dim=-1)
            token = int(torch.multinomial(chances, 1, generator=self._generator))
        else:
            token = int(scores.argmax(dim=-1))
        return token, None if self._logprobs is None else self._logprob(token, logits[0])

    def _logprob(self, token: int, logits: torch.Tensor) -> TokenLogprob:
        """Of the model's own distribution, before penalties, temperature and the rest."""
        assert self._logprobs is not None
        values = torch.log_softmax(logits, dim=-1)
        best = torch.topk(values, min(self._logprobs, values.numel()))
        top = tuple(
            (int(index), self._tokenizer.name(int(index)), float(value))
            for value, index in zip(best.values, best.indices, strict=True)
        )
        return TokenLogprob(token, self._tokenizer.name(token), float(values[token]), top)


def stream_seed(seed: int | None, choice: int) -> int:
    """The seed of one choice's random stream. That of choice 0 is the request's own, so that it draws what
    ``torch.manual_seed`` and ``generate()`` would."""
    if seed is None:
        return int.from_bytes(os.urandom(7), "little")
    if choice == 0:
        return seed & (1 << 63) - 1
    return int.from_bytes(hashlib.sha256(f"{seed}/{choice}".encode()).digest()[:7], "little")
