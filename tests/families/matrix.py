"""What is promised about a split model, as a list of checks, each against the unsplit model of plain transformers.

``examine`` runs all of them on one family (or variant) of the zoo and says what came out: a family works when every
check passes, or it is refused with a sentence when it is loaded; anything else is a bug.
"""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from meadow.errors import UnsupportedModel
from meadow.models.checkpoint import open_checkpoint

from . import zoo
from .inprocess import Split, split
from .together import together

TWO, THREE = (2,), (1, 3)
NEW_TOKENS = 24  # of the greedy checks; the others make half as many
PASS, ROUNDED, REFUSED, BROKEN = "works", "works, rounded", "refused", "broken"
OK = "ok"
NOT_OFFERED = "n/a"  # plain transformers refuses or fails this on the unsplit model too
CLOSE = "tokens equal, logits within 1e-4"

# Tokens equal, but not every bit of the logits, and why.
ROUNDING: dict[str, str] = {
    "gemma4_text": "The unsplit model drops all but the last position of a prompt before the blocks that share keys "
    "and values; servers do not. Products of other shapes round differently (about 1e-7).",
}


@dataclass
class Outcome:
    """What one family showed. ``checks``: name -> "ok", "n/a", or what went wrong."""

    family: str
    status: str
    note: str = ""
    checks: dict[str, str] = field(default_factory=dict)
    extras: list[str] = field(default_factory=list)
    together: dict[str, str] = field(default_factory=dict)
    """How sessions share passes, why, and what is then wrong ("": nothing); see together.py."""
    distinct_tokens: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def prompt(length: int, rows: int = 1, seed: int = 0) -> torch.Tensor:
    """Token ids ``[rows, length]`` that avoid the special tokens."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, zoo.VOCAB - 2, (rows, length), generator=generator)


def plain(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The unsplit model, read from the same file: where weights lie in memory shows in the last bits of a product."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()


def decode(model: PreTrainedModel, tokens: torch.Tensor, **options: Any) -> Any:
    """``generate()`` with its logits: greedy unless told otherwise, seeded, and kept from repeating itself."""
    torch.manual_seed(7)
    defaults = {"max_new_tokens": NEW_TOKENS // 2, "do_sample": False, "repetition_penalty": 1.5, "pad_token_id": 0}
    return model.generate(tokens, return_dict_in_generate=True, output_logits=True, **(defaults | options))


def compare(ours: Any, theirs: Any) -> str:
    """What is equal: "ok" means tokens, and logits bit by bit."""
    if not torch.equal(ours.sequences, theirs.sequences):
        return "tokens differ"
    worst = max((a.double() - b.double()).abs().max().item() for a, b in zip(ours.logits, theirs.logits, strict=True))
    if worst == 0.0:
        return OK
    return CLOSE if worst <= 1e-4 else f"tokens equal, logits differ by {worst:.1e}"


def _same_generation(parts: Split, folder: Path, tokens: torch.Tensor, **options: Any) -> str:
    return _against(lambda: decode(plain(folder), tokens, **options), lambda: decode(parts.model, tokens, **options))


def _against(theirs: Callable[[], Any], ours: Callable[[], Any]) -> str:
    """What plain transformers cannot do is not asked of the split model."""
    try:
        expected = theirs()
    except (ValueError, TypeError, AttributeError, RuntimeError, NotImplementedError, IndexError, KeyError):
        return NOT_OFFERED
    return compare(ours(), expected)


def greedy(parts: Split, folder: Path) -> str:
    """24 greedy tokens, and the logits of every position of the prompt."""
    tokens = prompt(13)
    with torch.no_grad():
        # with a cache, as the split model always has one: without, a few families take another way to the same numbers
        whole, ours = plain(folder)(tokens, use_cache=True).logits, parts.model(tokens).logits
    if not torch.equal(whole, ours):
        return f"prompt logits differ by {(whole - ours).abs().max().item():.1e}"
    return _same_generation(parts, folder, tokens, max_new_tokens=NEW_TOKENS)


def padded_batch(parts: Split, folder: Path) -> str:
    """Two prompts of different length, the shorter one padded on the left."""
    tokens, mask = prompt(13, rows=2), torch.ones(2, 13, dtype=torch.long)
    tokens[1, :4], mask[1, :4] = 0, 0
    return _same_generation(parts, folder, tokens, attention_mask=mask)


def beams(parts: Split, folder: Path) -> str:
    """Search with three beams: the caches are reordered at every step."""
    return _same_generation(parts, folder, prompt(13), num_beams=3)


def sampling(parts: Split, folder: Path) -> str:
    """Seeded sampling of two sequences at once."""
    return _same_generation(parts, folder, prompt(13), do_sample=True, temperature=0.9, num_return_sequences=2)


def prompt_lookup(parts: Split, folder: Path) -> str:
    """Speculative decoding from the prompt: several positions at once, and roll-backs."""
    tokens = prompt(6).repeat(1, 4)  # something to look up
    return _same_generation(parts, folder, tokens, prompt_lookup_num_tokens=3, repetition_penalty=1.0)


def chunked_prefill(parts: Split, folder: Path) -> str:
    """The prompt in chunks of five."""
    return _same_generation(parts, folder, prompt(23), prefill_chunk_size=5)


def without_cache(parts: Split, folder: Path) -> str:
    """Everything computed anew for every token. Servers keep a cache all the same, so a family that masks differently
    without one may round differently."""
    return _same_generation(parts, folder, prompt(13), use_cache=False, max_new_tokens=3)


def turns(parts: Split, folder: Path) -> str:
    """Three turns of a chat over one cache."""

    def talk(model: PreTrainedModel) -> Any:
        tokens, cache = prompt(9), None
        name = "cache_params" if "cache_params" in inspect.signature(model.forward).parameters else "past_key_values"
        for turn in range(3):
            said = decode(model, tokens, max_new_tokens=6, **cache or {})
            held = said.get("past_key_values", said.get("cache_params"))
            cache = {name: held} if held is not None else None
            if not cache:
                raise ValueError("this family gives no cache back")
            tokens = torch.cat([said.sequences, prompt(4, seed=turn + 1)], dim=1)
        return said

    return _against(lambda: talk(plain(folder)), lambda: talk(parts.model))


def interleaved(parts: Split, folder: Path) -> str:
    """Two sessions whose steps alternate are the same two alone: no state leaks through the modules of a span."""

    def feed(model: PreTrainedModel, cache: Any, tokens: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            name = model.remote.cache_name
            mask = torch.ones(1, cache.length + tokens.shape[1], dtype=torch.long)
            return model(tokens, attention_mask=mask, use_cache=True, **{name: cache}).logits

    model = parts.model
    # the long one is past every length at which a tiny config's rotary embeddings change, the short one below
    long, short = prompt(30, seed=1), prompt(12, seed=2)
    pieces = {
        "long": [long[:, :22], *long[:, 22:].split(1, dim=1)],
        "short": [short[:, :3], *short[:, 3:].split(1, dim=1)],
    }
    alone: dict[str, list[torch.Tensor]] = {}
    for name, parts_of_it in pieces.items():
        cache = model.new_cache()
        alone[name] = [feed(model, cache, piece) for piece in parts_of_it]
        cache.close()
    caches = {name: model.new_cache() for name in pieces}
    together: dict[str, list[torch.Tensor]] = {name: [] for name in pieces}
    for step in range(max(map(len, pieces.values()))):
        for name in pieces:
            if step < len(pieces[name]):
                together[name].append(feed(model, caches[name], pieces[name][step]))
    for name in pieces:
        if not all(map(torch.equal, alone[name], together[name])):
            return f"the {name} session differs when another one runs between its steps"
    # and the second session of a process equals the first of a fresh one
    fresh = decode(split(folder, TWO).model, short)
    return compare(decode(model, short), fresh)


def bfloat16(parts: Split, folder: Path) -> str:
    """Greedy in bfloat16, converted at load: tokens, and on one machine even the logits."""
    tokens = prompt(13)
    theirs = plain(folder, torch.bfloat16)
    return _against(lambda: decode(theirs, tokens), lambda: decode(split(folder, TWO, torch.bfloat16).model, tokens))


def reads_everything(parts: Split, folder: Path) -> str:
    """The parts own all tensors of the checkpoint, and the spans own none twice."""
    every = set(open_checkpoint(folder, cache_dir=folder).tensors)
    unread = every - set(parts.read)
    return OK if not unread else f"{len(unread)} tensors belong to no part, among them {min(unread)}"


ON_TWO = (
    *(padded_batch, beams, sampling, prompt_lookup, chunked_prefill, without_cache, turns, interleaved, bfloat16),
    reads_everything,
)
CHECKS = ("2-way", "3-way", *(check.__name__ for check in ON_TWO))


def examine(family: str) -> Outcome:
    """Run every check on one family."""
    transformers_logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        outcome = Outcome(family, PASS)
        try:
            zoo.save(family, folder)
            tokens = decode(plain(folder), prompt(13), max_new_tokens=NEW_TOKENS).sequences[0, 13:]
            outcome.distinct_tokens = len(set(tokens.tolist()))
        except (AttributeError, ImportError) as error:
            # plain transformers cannot build or run it here; then Meadow must not load it either
            zoo.save_without_weights(family, folder)
            outcome.status, outcome.note = BROKEN, f"plain transformers fails ({type(error).__name__}), Meadow loads it"
        try:
            parts = split(folder, TWO)
        except UnsupportedModel as refusal:
            outcome.status, outcome.note = REFUSED, str(refusal)
        if outcome.status != PASS:
            return outcome
        outcome.checks["2-way"] = _shown(greedy, parts, folder)
        outcome.checks["3-way"] = _shown(lambda _, where: greedy(split(where, THREE), where), parts, folder)
        for check in ON_TWO:
            outcome.checks[check.__name__] = _shown(check, parts, folder)
        outcome.extras = sorted(parts.traffic.extras)
        outcome.together = together(folder).to_dict()
        good = {OK, NOT_OFFERED}
        if family in ROUNDING and CLOSE in outcome.checks.values():
            outcome.status, outcome.note = ROUNDED, ROUNDING[family]
            good.add(CLOSE)
        if outcome.together["wrong"]:
            outcome.checks["together"] = outcome.together["wrong"]
        problems = [
            f"{name}: {shown}"
            for name, shown in outcome.checks.items()
            if shown not in good and (name, shown) != ("without_cache", CLOSE)
        ]
        if problems:
            outcome.status, outcome.note = BROKEN, "; ".join(problems)
        return outcome


def _shown(check: Callable[[Split, Path], str], parts: Split, folder: Path) -> str:
    try:
        return check(parts, folder)
    except Exception as error:  # a check that raises is a result too, and the other checks still run
        return f"{type(error).__name__}: {error}"
