"""Answers that must fit a JSON schema or be a tool call: a grammar says which tokens may come next (llguidance)."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import llguidance.hf
import numpy
import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from transformers import LogitsProcessor

from meadow.chat.tokenizer import SharedTokenizer
from meadow.chat.tools import HERMES, MISTRAL, ToolFormat
from meadow.errors import MeadowError

MAX_SCHEMA = 256 << 10
"""Bytes of a schema as JSON."""
# As json.dumps writes, and as models have read it most: free white space would let a model fill its answer with it.
_JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# Without it, text that can only go on in one way is cut into tokens as a prompt is, and "<|end|>" in a schema ends it.
_OPTIONS = '%llguidance {"no_forcing": true}\n'
_ANY_OBJECT: dict[str, Any] = {"type": "object"}


class Grammars:
    """Makes matchers for one model's tokens. Thread-safe."""

    def __init__(self, tokenizer: SharedTokenizer, vocabulary: int, ends: Sequence[int]) -> None:
        """``vocabulary``: width of the logits; ``ends``: tokens that end an answer."""
        self._tokenizer, self._vocabulary, self._ends = tokenizer, vocabulary, list(ends)
        self._made: LLTokenizer | None = None
        self._lock = threading.Lock()

    def schema(self, schema: Mapping[str, Any]) -> LLMatcher:
        """An answer that is JSON and fits ``schema``; {} means any object. Raises MeadowError (code "bad_schema")."""
        return self._matcher(f"start: %json {_json(schema or _ANY_OBJECT)}\n", "The JSON schema")

    def tool_call(self, form: ToolFormat, functions: Sequence[Mapping[str, Any]]) -> LLMatcher:
        """An answer that is one call of one of these functions. Raises MeadowError (code "bad_schema")."""
        calls = [
            {
                "type": "object",
                "properties": {
                    "name": {"const": function["name"]},
                    form.arguments: function.get("parameters") or _ANY_OBJECT,
                },
                "required": ["name", form.arguments],
                "additionalProperties": False,
            }
            for function in functions
        ]
        # One rule for each function: a schema may have definitions of its own, to which its references point.
        names = [f"call{index}" for index in range(len(calls))]
        rules = "".join(f"{name}: %json {_json(call)}\n" for name, call in zip(names, map(_lifted, calls), strict=True))
        before, after = self._around(form)
        return self._matcher(f"start: {before}({' | '.join(names)}){after}\n{rules}", "The parameters of a tool")

    def _around(self, form: ToolFormat) -> tuple[str, str]:
        if form is MISTRAL:
            return f'{self._literal(form.open)} "[" ', ' "]"'
        if form is HERMES:
            return f'{self._literal(form.open)} "\\n" ', f' "\\n" {self._literal(form.close)}'
        return "", ""

    def _literal(self, text: str) -> str:
        """A text in a grammar; a control token of this name by its id, for no letters spell it."""
        token = self._tokenizer.token(text)
        if token is not None and token in self._tokenizer.hf.all_special_ids:
            return f"<[{token}]>"
        return json.dumps(text)

    def _matcher(self, grammar: str, what: str) -> LLMatcher:
        limits = LLParserLimits(verbose_errors=False)
        compiled = LLMatcher.grammar_from_lark(_OPTIONS + grammar)
        matcher = LLMatcher(self._tokens(), compiled, log_level=0, limits=limits)
        if matcher.is_error():
            # The library's own words can quote the schema; the kind of trouble is all that is of use.
            unknown = "Unimplemented" in matcher.get_error()
            why = "uses something that cannot be enforced" if unknown else "is no valid JSON schema, or too complex"
            raise MeadowError(f"{what} {why}. Simplify it.", code="bad_schema")
        return matcher

    def _tokens(self) -> LLTokenizer:
        with self._lock:
            if self._made is None:
                self._made = llguidance.hf.from_tokenizer(
                    self._tokenizer.hf, n_vocab=self._vocabulary, eos_token=self._ends or [0]
                )
            return self._made


class Constraint(LogitsProcessor):
    """Rules out the tokens that the grammar does not allow next. Belongs to one choice."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        bits = numpy.frombuffer(self._matcher.compute_bitmask(), dtype=numpy.uint8)
        if self._matcher.is_error():
            raise MeadowError("This JSON schema became too complex on the way. Simplify it.", code="bad_schema")
        allowed = torch.from_numpy(numpy.unpackbits(bits, count=scores.shape[-1], bitorder="little").astype(bool))
        return scores.masked_fill(~allowed.to(scores.device), float("-inf"))  # type: ignore[return-value]

    def take(self, token: int) -> bool:
        """The token was chosen; returns whether the answer is complete and nothing can follow."""
        if not self._matcher.consume_token(token):
            raise MeadowError("This JSON schema became too complex on the way. Simplify it.", code="bad_schema")
        return bool(self._matcher.is_stopped())


def _json(schema: Mapping[str, Any]) -> str:
    try:
        text = json.dumps({**schema, "x-guidance": _JSON_STYLE})
    except (TypeError, ValueError, RecursionError) as error:
        raise MeadowError("This JSON schema cannot be read.", code="bad_schema") from error
    if len(text) > MAX_SCHEMA:
        raise MeadowError("This JSON schema is too large. Simplify it.", code="bad_schema")
    return text


def _lifted(call: dict[str, Any]) -> dict[str, Any]:
    """References like "#/$defs/x" start at the top: definitions of the parameters' schema have to stand there."""
    definitions: dict[str, Any] = {}
    for key, schema in call["properties"].items():
        if isinstance(schema, Mapping):
            moved = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
            if moved:
                definitions |= moved
                rest = {name: value for name, value in schema.items() if name not in moved}
                call = {**call, "properties": {**call["properties"], key: rest}}
    return {**call, **definitions}
