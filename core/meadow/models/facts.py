"""What must be known of a model before anything of it is loaded: how large its blocks are, and what they cache.

    python -m meadow.models.facts MODEL [--revision REV] [--cache-dir DIR] [--hub-token-file FILE]

Prints JSON lines: progress, then facts or error. Reads the config and the headers of the weight files, and no weights;
from a hub only these few bytes are fetched. Run as a process of its own by the node, which has no torch. Cache sizes
are not guessed from names in the config: the model's own code runs over a few positions on torch's meta device, where
tensors have shapes and no memory.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO

from meadow.errors import MeadowError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from meadow.models.checkpoint import Checkpoint
    from meadow.models.layout import Layout

# A state that does not grow with the context is spread over the positions of a short chat, as the server's budget
# does it (meadow.server.measure).
_CHAT = 512
_MANY = 65


def model_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """JSON values: ``name``, ``fingerprint`` (hex), ``num_blocks``, ``dtype`` (the checkpoint's own), ``hidden_size``,
    ``context`` (tokens; None: the config says nothing), ``chat_part_bytes`` (embeddings, norm and head as stored),
    ``chat_part_missing_bytes``, ``indivisible`` ranges, and for every block

    - ``numbers``: how many numbers take the dtype that is computed in, ``kept_bytes``: bytes of those that keep theirs;
    - ``cache_numbers``, ``cache_kept_bytes``: the same for what one position of one row leaves in the KV cache.

    Raises MeadowError.
    """
    from meadow.models.layout import indivisible_ranges
    from meadow.models.parts import block_tensors, client_tensors, default_dtype, layout_of

    layout = layout_of(checkpoint.config)
    names = block_tensors(checkpoint)
    kept_in_float32 = _kept_in_float32(checkpoint)
    weights = [_weights(checkpoint, of_block, kept_in_float32) for of_block in names]
    caches = cache_costs(checkpoint, layout)
    chat_part = client_tensors(checkpoint)
    text_config = checkpoint.config.get_text_config(decoder=True)
    context = getattr(text_config, "max_position_embeddings", None)
    return {
        "name": checkpoint.name,
        "hub_id": checkpoint.hub_id,
        "fingerprint": checkpoint.fingerprint.hex(),
        "num_blocks": layout.num_blocks,
        "dtype": str(default_dtype(checkpoint.config)).removeprefix("torch."),
        "hidden_size": int(text_config.hidden_size),
        "context": context if isinstance(context, int) and context > 0 else None,
        "chat_part_bytes": sum(checkpoint.tensors[tensor].nbytes for tensor in chat_part),
        "chat_part_missing_bytes": checkpoint.missing(chat_part),
        "numbers": [numbers for numbers, _ in weights],
        "kept_bytes": [kept for _, kept in weights],
        "cache_numbers": [numbers for numbers, _ in caches],
        "cache_kept_bytes": [kept for _, kept in caches],
        "indivisible": [list(span) for span in indivisible_ranges(checkpoint.config, layout.num_blocks)],
        "missing_bytes": [checkpoint.missing(of_block) for of_block in names],
    }


def _kept_in_float32(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Parts of names of modules that stay in float32 whatever the rest computes in (routers of experts, mostly)."""
    from meadow.models.layout import causal_lm_class

    cls: Any = causal_lm_class(checkpoint.config)
    kept = {*(cls._keep_in_fp32_modules or ()), *(cls._keep_in_fp32_modules_strict or ())}
    return tuple(name.replace("*", "") for name in kept)


def _weights(checkpoint: Checkpoint, names: Iterable[str], kept_in_float32: tuple[str, ...]) -> tuple[int, int]:
    numbers = kept = 0
    for name in names:
        info = checkpoint.tensors[name]
        count = info.nbytes // info.dtype.itemsize
        if not info.dtype.is_floating_point:
            kept += info.nbytes
        elif any(part in name for part in kept_in_float32):
            kept += 4 * count
        else:
            numbers += count
    return numbers, kept


def cache_costs(checkpoint: Checkpoint, layout: Layout) -> list[tuple[float, float]]:
    """For every block what one position of one row costs in the cache: numbers of the dtype, bytes of fixed kinds."""
    import torch

    from meadow.models.parts import on_meta

    # bfloat16: the kernels that compute experts in one go take no float32, not even for shapes only.
    model = on_meta(checkpoint.config, torch.bfloat16)
    try:
        runs = [_cached(model, positions) for positions in (1, 2, _MANY)]
    except Exception:  # the model's own code: on meta it may fail in any way, and we know a way out
        runs = []
    if not runs or not any(map(sum, runs[0])):  # or it does not use the cache that it is given
        return [(_attention_numbers(model.config), 0.0)] * layout.num_blocks
    slots = layout.slots_per_block
    costs = []
    for block in range(layout.num_blocks):
        own = range(block * slots, (block + 1) * slots)
        numbers, kept = (
            sum(_per_position(*(run[slot][kind] for run in runs)) for slot in own if slot < len(runs[0]))
            for kind in (0, 1)
        )
        costs.append((numbers, kept))
    return costs


def _per_position(one: int, two: int, many: int) -> float:
    """What a further position adds, at most: some caches grow with each one, some now and then; the rest is state."""
    growth = max(two - one, (many - one) / (_MANY - 1), 0.0)
    return growth + max(0.0, one - growth) / _CHAT


def _cached(model: PreTrainedModel, positions: int) -> list[tuple[int, int]]:
    """What each layer of the cache holds after so many positions: numbers of the dtype, bytes of other kinds."""
    import torch
    from transformers import DynamicCache

    from meadow.models.layout import argument_names

    cache = DynamicCache(config=model.config)
    family: Any = type(model)
    name = "cache_params" if "cache_params" in argument_names(family) else "past_key_values"  # mamba's own name
    with torch.no_grad():
        model(input_ids=torch.zeros(1, positions, dtype=torch.long, device="meta"), use_cache=True, **{name: cache})
    sizes = []
    for layer in cache.layers:
        numbers = kept = 0
        for tensor in _tensors(vars(layer).values()):
            if tensor.dtype == torch.bfloat16:
                numbers += tensor.numel()
            else:
                kept += tensor.nbytes
        sizes.append((numbers, kept))
    return sizes


def _tensors(values: Iterable[Any]) -> Iterator[torch.Tensor]:
    import torch

    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            yield from _tensors(value.values())
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _attention_numbers(config: Any) -> float:
    """Keys and values of plain attention, where the model could not be tried."""
    config = config.get_text_config(decoder=True)
    hidden = int(config.hidden_size)
    heads = getattr(config, "num_attention_heads", None)
    groups = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None)
    if isinstance(heads, int) and isinstance(groups, int):
        return 2.0 * groups * (width if isinstance(width, int) else hidden // heads)
    return 2.0 * hidden


def main(argv: list[str] | None = None) -> int:
    """Print the facts, or the error that keeps them from being known. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m meadow.models.facts")
    parser.add_argument("model")
    parser.add_argument("--revision")
    parser.add_argument("--cache-dir")
    parser.add_argument("--fetch", metavar="START:END", help="fetch what these blocks need, instead")
    parser.add_argument("--hub-token-file")
    options = parser.parse_args(argv)
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not garble the answer
    from meadow.models.checkpoint import Progress, open_checkpoint
    from meadow.models.hub_token import read_hub_token

    def report(progress: Progress) -> None:
        left = progress.seconds_left
        tell(results, "progress", done=progress.done, total=progress.total, rate=progress.rate, seconds_left=left)

    try:
        checkpoint = open_checkpoint(
            options.model,
            revision=options.revision,
            token=read_hub_token(options.hub_token_file),
            cache_dir=options.cache_dir,
            progress=report,
        )
        if options.fetch is not None:
            from meadow.models.parts import span_tensors

            start, _, end = options.fetch.partition(":")
            names = span_tensors(checkpoint, int(start), int(end))
            if checkpoint.missing(names):
                checkpoint.fetch(names, progress=report)
            tell(results, "fetched")
            return 0
        tell(results, "facts", **model_facts(checkpoint))
    except MeadowError as error:
        tell(results, "error", code=error.code, message=str(error))
        return 1
    return 0


def tell(results: TextIO, event: str, **fields: Any) -> None:
    """One line for whoever started this process."""
    results.write(json.dumps({"event": event, **fields}) + "\n")
    results.flush()


if __name__ == "__main__":
    sys.exit(main())
