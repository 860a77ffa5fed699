"""The client's half of a model: the stock class with remote blocks.

Every block is a stand-in. The last one of a forward pass (the only one, for most families) hands the hidden states to
the cache's session and returns what comes back; embeddings, masks, final norm, head, sampling and ``generate()`` stay
the stock code. What a family passes to its blocks beside hidden states, and whether its decoder leaves them alone
between blocks, is found out once, when the model is loaded, by running the decoder over made-up tokens with the blocks
answered locally.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel

from meadow.client.cache import OpenSession, RemoteCache
from meadow.errors import UnsupportedModel
from meadow.models.parts import Part
from meadow.models.standin import FAILURES, RECOMPUTED, BlockList, BlockStandIn, untouched

Answer = Callable[[torch.Tensor], torch.Tensor]


@dataclass(slots=True)
class _Call:
    """What one forward pass of the decoder was asked."""

    cache: RemoteCache | None = None
    rows: int = 0
    count: int = 0
    keep: int = 0  # positions wanted back; 0: all
    positions: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    answer: Answer | None = None  # answers instead of the cache's session, while the model is being found out
    first: torch.Tensor | None = None
    extras: dict[int, dict[str, torch.Tensor]] = field(default_factory=dict)
    clean: bool = True


class RemoteBlock(BlockStandIn):
    """Stands in the place of block ``index``; the last one runs them all."""

    def __init__(self, original: nn.Module, index: int) -> None:
        super().__init__(original, index)
        object.__setattr__(self, "remote", None)  # the RemoteModel, set when the model is complete

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.hidden(args, kwargs)
        remote: RemoteModel = self.__dict__["remote"]
        call = remote.call
        if remote.lean:
            return self.wrap(remote.run(hidden))
        if self.index == 0:
            call.first = hidden
        elif call.first is None or not untouched(hidden, call.first):
            call.clean = False
        extras = {
            name: value
            for name, value in [*zip(self.names, args, strict=False), *kwargs.items()]
            if isinstance(value, torch.Tensor)
            and name not in RECOMPUTED
            and name not in (self.names[0], "hidden_states")
        }
        if extras:
            call.extras[self.index] = extras
        if self.index < remote.num_blocks - 1:
            return self.wrap(hidden)
        assert call.first is not None
        return self.wrap(remote.run(call.first))


class _Products(TorchDispatchMode):
    """Notices matrix products and convolutions."""

    seen = False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        self.seen |= any(word in func.name() for word in ("mm", "linear", "conv", "einsum"))
        return func(*args, **(kwargs or {}))


class _Current(threading.local):
    """The forward pass under way in this thread; several threads may generate with one model at once."""

    call = _Call()
    wanted = 0  # positions of logits that the caller of the model asked for; 0: all
    unasked: RemoteCache | None = None  # the cache of this pass, when its caller wants none


class RemoteModel:
    """Binds a loaded client part to sessions."""

    def __init__(self, part: Part, open_session: OpenSession) -> None:
        """:raises UnsupportedModel: the decoder computes something between its blocks."""
        self.model = part.model
        self.open_session = open_session
        self.num_blocks = part.layout.num_blocks
        self.weight_bytes = part.nbytes
        self.decoder = part.decoder
        self.blocks: BlockList = part.blocks
        self.text_config = part.model.config.get_text_config(decoder=True)
        self._current = _Current()
        self.lean = False
        self.returns_part = False
        self._products = False
        self.row_axis, self.position_axis = 0, 1

        for block in self.blocks:
            object.__setattr__(block, "remote", self)
        self._top_takes = inspect.signature(inspect.unwrap(type(part.model).forward)).parameters
        self._decoder_names = tuple(inspect.signature(inspect.unwrap(type(self.decoder).forward)).parameters)[1:]
        self.cache_name = "cache_params" if "cache_params" in self._top_takes else "past_key_values"
        self._find_out()
        self.model.register_forward_pre_hook(self._before_model, with_kwargs=True)
        self.decoder.register_forward_pre_hook(self._before_decoder, with_kwargs=True)
        self.decoder.register_forward_hook(self._after_decoder)

    @property
    def call(self) -> _Call:
        """What the forward pass of this thread was asked."""
        return self._current.call

    @call.setter
    def call(self, call: _Call) -> None:
        self._current.call = call

    def new_cache(self, expected_length: int | None = None) -> RemoteCache:
        """An empty cache; its session opens with the first step."""
        return RemoteCache(self.text_config, self.open_session, expected_length)

    # -- one forward pass ---------------------------------------------------------------------------------------------

    def _before_model(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        """Note how many positions of logits are wanted, so that only their hidden states travel back."""
        wanted = kwargs.get("logits_to_keep", 0)
        self._current.wanted = wanted if isinstance(wanted, int) else 0

    def _before_decoder(self, module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        kwargs = {**dict(zip(self._decoder_names, args, strict=False)), **kwargs}
        if kwargs.get("output_hidden_states") or kwargs.get("output_attentions"):
            raise ValueError("Hidden states and attentions of the blocks stay on the servers and cannot be returned.")
        tokens = kwargs.get("input_ids")
        embeds = kwargs.get("inputs_embeds")
        shape = (tokens if tokens is not None else embeds).shape  # type: ignore[union-attr]
        if embeds is not None and embeds.requires_grad:
            raise ValueError("Remote blocks do not compute gradients; call the model under torch.no_grad().")
        cache = kwargs.get(self.cache_name)
        if cache is None:
            cache = kwargs[self.cache_name] = self.new_cache(expected_length=int(shape[1]))
            use_cache = kwargs.get("use_cache")
            if use_cache is False or (use_cache is None and not getattr(self.text_config, "use_cache", True)):
                self._current.unasked = cache
        elif not isinstance(cache, RemoteCache):
            raise ValueError(
                f"Remote blocks keep their cache on the servers: pass a cache from model.new_cache(), "
                f"not a {type(cache).__name__}."
            )
        mask = kwargs.get("attention_mask")
        if mask is not None and not isinstance(mask, torch.Tensor):
            raise ValueError("Only a 2-D attention mask can be sent to remote blocks.")
        if "logits_to_keep" in kwargs:
            kwargs["logits_to_keep"] = 0  # some decoders drop positions between blocks by it
        count = int(shape[1])
        wanted, self._current.wanted = self._current.wanted, 0
        keep = min(wanted, count) if wanted and self.returns_part else count
        self.call = _Call(cache, int(shape[0]), count, keep, kwargs.get("position_ids"), mask)
        return (), kwargs

    def _after_decoder(self, module: nn.Module, args: tuple, output: Any) -> None:
        """Servers cannot do without a cache; a caller that asked for none must not get it back and go on with it."""
        cache, self._current.unasked = self._current.unasked, None
        if cache is not None:
            cache.close()
            if getattr(output, self.cache_name, None) is cache:
                setattr(output, self.cache_name, None)

    def run(self, hidden: torch.Tensor) -> torch.Tensor:
        """Answer for all blocks."""
        call, self.call = self.call, _Call()
        if call.answer is not None:
            self.call = call
            return call.answer(hidden)
        assert call.cache is not None
        if not call.clean:
            raise UnsupportedModel("This model computes between its blocks; it cannot be split.")
        output = call.cache.step(
            hidden,
            rows=call.rows,
            count=call.count,
            keep=call.keep,
            positions=call.positions,
            mask=call.mask,
            extras=call.extras or None,
        )
        return output.to(hidden.device)

    # -- finding out, at load -----------------------------------------------------------------------------------------

    def _find_out(self) -> None:
        rows, count = 2, 5
        with torch.no_grad():
            noise: dict[str, torch.Tensor] = {}

            def whole(hidden: torch.Tensor) -> torch.Tensor:
                self._learn_axes(tuple(hidden.shape), rows, count)
                generator = torch.Generator().manual_seed(0)
                noise["all"] = torch.randn(hidden.shape, generator=generator).to(hidden.device, hidden.dtype)
                return noise["all"]

            try:
                all_positions, extras = self._try(rows, count, whole)
            except FAILURES as error:
                raise UnsupportedModel(
                    f"{type(self.model).__name__} does not run with the cache and the arguments that other models take "
                    f"({type(error).__name__}), so it cannot be split."
                ) from error
            self.lean = not extras
            if self.lean:
                self.blocks.show([self.blocks[self.num_blocks - 1]])

            def last(hidden: torch.Tensor) -> torch.Tensor:
                return noise["all"].narrow(self.position_axis, count - 1, 1)

            try:
                one_position, _ = self._try(rows, count, last)
            except RuntimeError:
                return  # what follows the blocks needs all positions
            # A product over one position rounds differently from one over all, so bits would change if the decoder has
            # one behind its blocks; and so does a head with a bias, which sees whether it got a slice.
            head = self.model.get_output_embeddings() or nn.Identity()
            self.returns_part = (
                not self._products
                and torch.equal(all_positions[:, -1:], one_position)
                and torch.equal(head(all_positions[:, -1:]), head(one_position))
            )

    def _try(self, rows: int, count: int, answer: Answer) -> tuple[torch.Tensor, bool]:
        cache = self.new_cache()
        self.call = call = _Call(rows=rows, count=count, answer=answer)
        arguments = {
            "input_ids": torch.zeros(rows, count, dtype=torch.long, device=self.model.device),
            self.cache_name: cache,
            "use_cache": True,
        }
        signature = inspect.signature(inspect.unwrap(type(self.decoder).forward)).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in signature.values()):
            arguments = {name: value for name, value in arguments.items() if name in signature}

        def counted(hidden: torch.Tensor) -> torch.Tensor:
            products.seen = False  # those in front of the blocks do not matter
            return answer(hidden)

        call.answer = counted
        with _Products() as products:
            output = self.decoder(**arguments)
        self._products = products.seen
        if not call.clean:
            raise UnsupportedModel(
                f"{type(self.model).__name__} computes something between its blocks, so they cannot be remote."
            )
        self.call = _Call()
        return output[0], bool(call.extras)

    def _learn_axes(self, shape: tuple[int, ...], rows: int, count: int) -> None:
        self.position_axis = shape.index(count, 0, 3) if count in shape[:3] else 1
        self.row_axis = next((a for a, size in enumerate(shape) if size == rows and a < self.position_axis), 0)


class RemoteGeneration:
    """Mixed into the stock class in front of it: ``generate()`` gets caches whose states live on servers."""

    remote: RemoteModel

    def new_cache(self, expected_length: int | None = None) -> RemoteCache:
        """An empty cache, for ``generate(..., past_key_values=cache)`` over several turns.

        :param expected_length: how many positions the session will probably reach, a hint for the servers.
        """
        return self.remote.new_cache(expected_length)

    def _prepare_cache_for_generation(
        self,
        generation_config: Any,
        model_kwargs: dict,
        generation_mode: Any,
        batch_size: int,
        max_cache_length: int,
    ) -> None:
        """Called by ``generate()`` in place of the stock method that makes a local cache."""
        name = self.remote.cache_name
        given = model_kwargs.get(name)
        if generation_config.cache_implementation not in (None, "dynamic"):
            raise ValueError(
                f"cache_implementation={generation_config.cache_implementation!r} cannot be chosen here: "
                "the cache lives on the servers."
            )
        if given is not None:
            if not isinstance(given, RemoteCache):
                raise ValueError(
                    f"Remote blocks keep their cache on the servers: pass a cache from model.new_cache(), "
                    f"not a {type(given).__name__}."
                )
            given._is_user_defined = True  # type: ignore[attr-defined]
        elif generation_config.use_cache is not False:
            model_kwargs[name] = given = self.new_cache(expected_length=max_cache_length)
        if generation_config.is_assistant and given is not None:
            given.activate_past_recording()


def bind(part: Part, open_session: OpenSession) -> PreTrainedModel:
    """Make a loaded client part (with :class:`RemoteGeneration` mixed in) use ``open_session``."""
    part.model.remote = RemoteModel(part, open_session)  # type: ignore[assignment]
    return part.model
