"""Client parts of models (embeddings, norm, head) in the engine's memory: loaded once, a few kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from meadow.chat.constrain import Grammars
from meadow.chat.spec import EngineSpec
from meadow.chat.swarms import Swarms
from meadow.chat.tokenizer import SharedTokenizer, load_tokenizer
from meadow.chat.tools import tool_format
from meadow.chat.view import SwarmView, Tell
from meadow.client.auto import AutoDistributedModelForCausalLM
from meadow.client.cache import RemoteCache
from meadow.client.opener import SessionOpener
from meadow.errors import MeadowError
from meadow.models.checkpoint import Checkpoint, Progress, open_checkpoint
from meadow.models.fingerprint import check_cancel
from meadow.models.hub_token import read_hub_token
from meadow.models.parts import DTYPES, default_dtype, layout_of
from meadow.swarm.routing import uncovered
from meadow.wire.tensors import dtype_name

_MOST_NEW_TOKENS = 4096
_HINTED_TOKENS = 512
_LEAVE_SECONDS = 2.0
Source = tuple[str, str]


class LoadedModel:
    """One model, ready to generate from several threads at a time."""

    def __init__(self, name: str, model: Any, hf_tokenizer: Any) -> None:
        """``model``: from :class:`AutoDistributedModelForCausalLM`."""
        self.name = name
        self.model = model
        self.tokenizer = SharedTokenizer(hf_tokenizer)
        self.tools = tool_format(self.tokenizer.template)
        config = model.config.get_text_config(decoder=True)
        limit = getattr(config, "max_position_embeddings", None)
        self.context: int | None = limit if isinstance(limit, int) and limit > 0 else None
        self.vocabulary = int(config.vocab_size)
        self.grammars = Grammars(self.tokenizer, self.vocabulary, sorted(self.ends(templated=True)))
        opener: SessionOpener = model.opener
        self._openers = {False: opener, True: _reproducible(opener)}

    def ends(self, *, templated: bool) -> set[int]:
        """Tokens that end an answer: what the model's settings say, as ``generate()`` has it. Some settings forget the
        token that ends a turn, which the tokenizer then names."""
        eos = self.model.generation_config.eos_token_id
        ends = set(eos if isinstance(eos, (list, tuple)) else [eos]) - {None}
        own = self.tokenizer.hf.eos_token_id
        if ends and templated and isinstance(own, int):
            ends.add(own)
        return ends

    def new_tokens(self, prompt: int, wanted: int | None) -> int:
        """How many tokens an answer may have. Raises MeadowError (code "too_long")."""
        room = _MOST_NEW_TOKENS if self.context is None else self.context - prompt
        if wanted is not None and wanted < 1:
            raise MeadowError("max_tokens must be at least 1.", code="bad_request")
        if room < (wanted or 1) and self.context is not None:
            asked = "" if wanted is None else f", and {wanted} more were asked for"
            raise MeadowError(
                f"The prompt has {prompt} tokens{asked}; this model can hold {self.context} in all. Shorten it, ask "
                "for fewer, or begin a new chat.",
                code="too_long",
            )
        return min(room, _MOST_NEW_TOKENS) if wanted is None else wanted

    def new_cache(self, expected_length: int, *, reproducible: bool) -> RemoteCache:
        """An empty cache; its session opens with the first step."""
        return RemoteCache(self.model.remote.text_config, self._openers[reproducible], expected_length)

    @staticmethod
    def expected_length(prompt: int, new: int) -> int:
        """A hint for the servers: few answers are as long as they may be, and a server refuses what cannot fit."""
        return prompt + min(new, _HINTED_TOKENS)


class _Entry:
    """A model that is being loaded, or is there, or failed."""

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.cancel = threading.Event()
        self.loaded: LoadedModel | None = None
        self.error: MeadowError | None = None
        self.users = 0
        self.wanted = 0  # those that wait for it


class Models:
    """At most ``spec.models`` of each swarm in memory, beside those in use. Thread-safe.

    A model is meant by ``source``: the name of its swarm, and its own.
    """

    def __init__(self, spec: EngineSpec, swarms: Swarms, tell: Tell, on_drop: Callable[[Source], None]) -> None:
        """``on_drop`` hears which model leaves memory."""
        self._spec, self._swarms, self._tell = spec, swarms, tell
        self._on_drop = on_drop
        self._entries: OrderedDict[Source, _Entry] = OrderedDict()
        self._lock = threading.Condition()

    @contextmanager
    def use(self, source: Source, cancelled: threading.Event) -> Iterator[LoadedModel]:
        """The model, loaded if need be; it stays while the body runs. When all who wait for it are ``cancelled``, so
        is the loading. Raises MeadowError."""
        entry = self._enter(source)
        try:
            yield self._wait(entry, cancelled)
        finally:
            with self._lock:
                entry.users -= 1
                self._lock.notify_all()
            self._trim()

    def load(self, source: Source) -> None:
        """Get a model into memory, without waiting."""
        entry = self._enter(source)
        with self._lock:
            entry.users -= 1
            entry.wanted += 1  # until unload, nobody's impatience ends this

    def unload(self, source: Source) -> None:
        """End its loading, or drop it when nobody uses it."""
        with self._lock:
            entry = self._entries.get(source)
            if entry is None or entry.users:
                return
            entry.cancel.set()
            dropped = entry.ready.is_set()
            if dropped:
                del self._entries[source]
        if dropped:
            self._dropped(source)

    def cancel(self, name: str) -> None:
        """End the loading of a model of the joined swarm; answers that wait for it end, too. One that is loaded stays,
        and so do the answers that it writes."""
        with self._lock:
            entry = self._entries.get(("", name))
            if entry is not None and not entry.ready.is_set():
                entry.cancel.set()

    def leave(self, swarm: str) -> None:
        """Drop all models of a swarm. Waits a little for the last tokens of requests, which the caller has cancelled,
        so that their sessions are closed, too."""

        def unused() -> bool:
            return not any(entry.users for source, entry in self._entries.items() if source[0] == swarm)

        with self._lock:
            for source, entry in self._entries.items():
                if source[0] == swarm:
                    entry.cancel.set()
            self._lock.wait_for(unused, timeout=_LEAVE_SECONDS)
            dropped = [source for source in self._entries if source[0] == swarm]
            for source in dropped:
                del self._entries[source]
        for source in dropped:
            self._dropped(source)

    def _enter(self, source: Source) -> _Entry:
        with self._lock:
            entry = self._entries.get(source)
            if entry is None or entry.cancel.is_set():
                entry = self._entries[source] = _Entry()
                threading.Thread(target=self._load, args=(source, entry), name="load", daemon=True).start()
            self._entries.move_to_end(source)
            entry.users += 1
            return entry

    def _wait(self, entry: _Entry, cancelled: threading.Event) -> LoadedModel:
        with self._lock:
            entry.wanted += 1
        try:
            while not entry.ready.wait(0.1):
                if cancelled.is_set():
                    raise Cancelled
        finally:
            with self._lock:
                entry.wanted -= 1
                if not entry.wanted and not entry.ready.is_set():
                    entry.cancel.set()
        if entry.error is not None:
            raise entry.error
        assert entry.loaded is not None
        return entry.loaded

    def _load(self, source: Source, entry: _Entry) -> None:
        name = source[1]
        self._tell("loading", model=name)
        try:
            entry.loaded = self._loaded(source, entry.cancel)
            self._tell("loaded", model=name)
        except MeadowError as error:
            entry.error = error
        except MemoryError:
            entry.error = MeadowError(
                "There is not enough memory for the client part of this model. Close something.", code="memory"
            )
        except Exception as error:  # one model that cannot be loaded must not end the chats with others
            entry.error = MeadowError(
                f"This model could not be loaded ({type(error).__name__}), which is a mistake of Meadow's. "
                "Please report it.",
                code="internal",
            )
        if entry.error is not None:
            with self._lock:
                if self._entries.get(source) is entry:
                    del self._entries[source]  # the next one tries again
            if entry.error.code == "cancelled":  # somebody wanted that
                self._tell("unloaded", model=name)
            else:
                self._tell("load_failed", model=name, code=entry.error.code, message=str(entry.error))
        entry.ready.set()
        self._trim()

    def _loaded(self, source: Source, cancel: threading.Event) -> LoadedModel:
        swarm, name = source
        view = self._swarms.view(swarm)

        def report(progress: Progress) -> None:
            self._tell(
                "progress",
                model=name,
                done=progress.done,
                total=progress.total,
                rate=progress.rate,
                seconds_left=progress.seconds_left,
            )

        token = read_hub_token(self._spec.hub_token_file)
        checkpoint = open_checkpoint(name, token=token, cache_dir=self._spec.cache_dir, progress=report)
        check_cancel(cancel)
        tokenizer = load_tokenizer(checkpoint)
        checkpoint.compute_fingerprint(progress=report, cancel=cancel)
        model = AutoDistributedModelForCausalLM.from_pretrained(
            checkpoint,
            swarm=view,  # type: ignore[arg-type]
            dtype=_served_dtype(view, checkpoint),
            device=self._spec.device,
            progress=report,
            cancel=cancel,
        )
        return LoadedModel(name, model, tokenizer)

    def _trim(self) -> None:
        with self._lock:
            dropped: list[Source] = []
            # Each swarm for itself: a small model of the demo must not push out one that took minutes to load.
            for swarm in {source[0] for source in self._entries}:
                all_of_it = [item for item in self._entries.items() if item[0][0] == swarm]
                idle = [source for source, entry in all_of_it if entry.ready.is_set() and not entry.users]
                dropped += idle[: max(0, len(all_of_it) - self._spec.models)]
            for source in dropped:
                del self._entries[source]
        for source in dropped:
            self._dropped(source)

    def _dropped(self, source: Source) -> None:
        self._on_drop(source)
        self._tell("unloaded", model=source[1])


def _served_dtype(view: SwarmView, checkpoint: Checkpoint) -> torch.dtype:
    """The dtype in which all blocks are served; the checkpoint's own if it is one of them, or if none is."""
    own = default_dtype(checkpoint.config)
    num_blocks = layout_of(checkpoint.config).num_blocks
    online = [
        signed for signed in view.find_servers(checkpoint.fingerprint, num_blocks) if signed.server.state == "online"
    ]
    for dtype in (own, *DTYPES.values()):
        same = [signed for signed in online if signed.server.dtype == dtype_name(dtype)]
        if not uncovered(same, 0, num_blocks):
            return dtype
    return own


class Cancelled(Exception):
    """A request was taken back while it waited."""


def _reproducible(opener: SessionOpener) -> SessionOpener:
    """An opener like this one whose sessions run alone, uncut, on stock kernels (SESSION.md rule 13)."""
    other = SessionOpener(
        opener.swarm,
        fingerprint=opener.fingerprint,
        name=opener.name,
        num_blocks=opener.num_blocks,
        dtype=opener.dtype,
        indivisible=opener.indivisible,
        reproducible=True,
    )
    other.row_axis, other.position_axis = opener.row_axis, opener.position_axis
    return other
