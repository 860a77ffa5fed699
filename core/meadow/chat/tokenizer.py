"""A model's own tokenizer: loaded without running code that came with it, used by several threads, and decoded token by
token into whole characters."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from typing import Any

from transformers import AutoTokenizer
from transformers.utils.chat_template_utils import (
    _get_control_token_patterns,
    encode_marked_chat,
    mark_control_tokens,
)

from meadow.errors import MeadowError, UnsupportedModel
from meadow.models.checkpoint import Checkpoint

_TOKENIZER_FILES = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
)
_HALF = "\ufffd"
_CHARACTERS = 8
"""More than a token has on average in any language; a text of fewer for each token of the limit is simply tokenised."""
_CUT = 256
"""Characters, and so tokens, of a word that may be cut in two."""
_CHARACTER_BYTES = 4
"""A character has at most so many bytes in UTF-8, so at most so many tokens can be parts of one."""


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


class SharedTokenizer:
    """A transformers tokenizer for several threads: encoding sets options on the one object behind it."""

    def __init__(self, hf: Any) -> None:
        self.hf = hf
        self.template: str | None = _default_template(hf)
        self._lock = threading.Lock()
        self._control: Any = None

    def encode(self, text: str) -> list[int]:
        """Text that is to be continued as it is: with the tokens that this tokenizer puts in front (BOS), and with
        control tokens where their names stand in it."""
        with self._lock:
            return list(self.hf(text)["input_ids"])

    def mark(self, value: Any) -> Any:
        """Strings in JSON data, with every control token that a person typed marked as text (see ``encode_marked``)."""
        if self._control is None:
            self._control = _get_control_token_patterns(self.hf._get_control_tokens(self.template or ""))[0]
        return self._marked(value)

    def _marked(self, value: Any) -> Any:
        # Also the keys: templates write the arguments of calls and the parameters of tools out as JSON.
        if isinstance(value, dict):
            return {self._marked(key): self._marked(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._marked(item) for item in value]
        return mark_control_tokens(value, self._control)

    def encode_marked(self, text: str) -> list[int]:
        """A rendered template: its own control tokens become tokens, marked ones stay the letters they are.

        Raises MeadowError (code "control_token") for the rare tokenizer that cannot spell such a name in letters.
        """
        with self._lock:
            try:
                return list(encode_marked_chat(self.hf, text))
            except ValueError as error:
                raise MeadowError(
                    "The text contains the name of a control token that this model's tokenizer cannot write as plain "
                    "text. Take it out.",
                    code="control_token",
                ) from error

    def encode_rest(self, text: str) -> list[int]:
        """As ``encode_marked``, for text that stands behind other text: nothing is put in front of it."""
        with_break, line_break = self.encode_marked("\n" + text), self.encode_marked("\n")
        if with_break[: len(line_break)] == line_break:
            return with_break[len(line_break) :]
        return self.encode_marked(text)

    def exceeds(self, text: str, limit: int, *, marked: bool) -> bool:
        """Whether ``text`` has more than ``limit`` tokens, for certain; False: it must be tokenised to know.

        Of a text that is much too long only as much is tokenised as shows that. The tokens of its beginning are those
        of the whole, but for a few at the cut.
        """
        encode = self.encode_marked if marked else self.encode
        size = limit * _CHARACTERS
        while size < len(text):
            cut = text.rfind(" ", size - _CUT, size)
            if len(encode(text[: size if cut < 0 else cut])) > limit + _CUT:
                return True
            size *= 4  # its tokens are unusually long
        return False

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text without control tokens."""
        return str(self.hf.decode(list(token_ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def name(self, token_id: int) -> str:
        """What one token adds on its own, a control token by its name; half a character gives U+FFFD."""
        return str(self.hf.decode([token_id], skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def token(self, name: str) -> int | None:
        """The id of an added token, if there is one of this name."""
        found = self.hf.added_tokens_encoder.get(name)
        return found if isinstance(found, int) else None


class TokenText:
    """Text of tokens as they come: handed on as soon as it is whole characters."""

    def __init__(self, tokenizer: SharedTokenizer, spelled: Collection[int] = ()) -> None:
        """``spelled``: control tokens whose names belong to the text."""
        self._tokenizer = tokenizer
        self._spelled = frozenset(spelled)
        self._ids: list[int] = []
        self._window = 0  # text of tokens from here on is decoded anew with every token: decoding all is quadratic
        self._shown = 0  # tokens whose text was handed on

    def add(self, token_id: int) -> str:
        """The text that became whole by this token; often none."""
        if token_id in self._spelled:
            text = self.rest() + self._tokenizer.name(token_id)
            self._ids.clear()
            self._window = self._shown = 0
            return text
        self._ids.append(token_id)
        text = self._text(len(self._ids))
        if not text.endswith(_HALF):
            return self._show(len(self._ids), text)
        # What cannot become a character any more is shown, however many more bytes like it follow.
        ready = len(self._ids) - (_CHARACTER_BYTES - 1)
        if ready > self._shown:
            earlier = self._text(ready)
            if text.startswith(earlier):
                return self._show(ready, earlier)
        return ""

    def rest(self) -> str:
        """What was held back because it might have been half a character."""
        return self._show(len(self._ids), self._text(len(self._ids)))

    def _text(self, end: int) -> str:
        """Text of the tokens up to ``end`` that were not shown yet. The shown ones before them decide about spaces."""
        before = self._tokenizer.decode(self._ids[self._window : self._shown])
        return self._tokenizer.decode(self._ids[self._window : end])[len(before) :]

    def _show(self, end: int, text: str) -> str:
        if text:
            self._window, self._shown = self._shown, end
        return text


class StopTexts:
    """Finds texts that end an answer, also across tokens, and holds back what may be the beginning of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found = False

    def add(self, text: str) -> str:
        """More text; returns what may be shown. Afterwards ``found`` says whether the answer ends there."""
        text = self._held + text
        self._held = ""
        if not self._stops or self.found:
            return "" if self.found else text
        at = min((place for stop in self._stops if (place := text.find(stop)) >= 0), default=-1)
        if at >= 0:
            self.found = True
            return text[:at]
        held = max(overlap(text, stop) for stop in self._stops)
        if held:
            self._held = text[-held:]
            return text[:-held]
        return text

    def rest(self) -> str:
        """What was held back, at the end of an answer that no stop text ended."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """How many of the last characters of ``text`` are a proper beginning of ``stop``."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0


def _default_template(hf: Any) -> str | None:
    """The chat template's text. Some models have several by name; "tool_use" is for requests with tools, and a plain
    one does for all here."""
    template = getattr(hf, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("tool_use") or template.get("default")
    return template if isinstance(template, str) and template else None
