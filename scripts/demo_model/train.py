"""Trains the demo model from scratch on the text of topics.toml, then asks it what it has never seen.

    nice python scripts/demo_model/train.py --out resources/demo-model

One thread, fixed seeds, about ten minutes. The state is saved now and then (--state); started again with the same
arguments, the script goes on from there and ends with the same bytes as if it had never stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, from any folder

from scripts.demo_model.check import held_out_questions, report  # noqa: E402
from scripts.demo_model.text import Message, Text, normalise  # noqa: E402

SEED = 20261
VOCABULARY = 2048
CONTEXT = 2048
LONGEST = 640  # tokens; longer dialogues are cut, so that the cost of a batch stays bounded
BATCH_TOKENS = 640
POOL = 512  # dialogues that are sorted by length together, which keeps padding below a tenth
QUESTION_WEIGHT = 0.05  # of the loss: reading questions helps to understand them, writing them is no goal
CUT_SHARE, CUT_LENGTH = 0.85, 10  # so many dialogues have their answers cut to so many tokens: see `encode`
PEAK_RATE, WARM_UP = 1.5e-3, 120
SPECIAL = {"pad": "<|pad|>", "system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>", "end": "<|end|>"}
TEMPLATE = (
    "{%- for message in messages %}"
    "{%- if message['role'] not in ['system', 'user', 'assistant'] %}"
    "{{- raise_exception('This model knows the roles system, user and assistant only.') }}"
    "{%- endif %}"
    "{{- '<|' + message['role'] + '|>' + (message['content'] | trim) + '<|end|>' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}"
)


@dataclass(frozen=True)
class Example:
    """Token ids of one dialogue and the weight of each one in the loss."""

    ids: list[int]
    weights: list[float]


def make_tokenizer(text: Text) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: every input has a form, also one in a script that the text never uses."""
    rng = random.Random(SEED)
    lines = [message.content for _ in range(12_000) for message in text.dialogue(rng)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL.values()),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL["pad"],
        eos_token=SPECIAL["end"],
        extra_special_tokens=[SPECIAL["system"], SPECIAL["user"], SPECIAL["assistant"]],
        chat_template=TEMPLATE,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Six blocks, so that two or three servers have something to share; nearly all parameters are in them."""
    torch.manual_seed(SEED)
    ends = tokenizer.convert_tokens_to_ids(SPECIAL["end"])
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=640,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=ends,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=256, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
    )
    return model


def encode(messages: list[Message], tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> Example:
    """The same ids as the chat template gives.

    Answers repeat and are soon known by heart; what takes practice is to choose the right one, and its first tokens
    show that. So in most dialogues the answers are cut short (the end that follows a cut is not learned): three times
    the questions in the same time.
    """
    ids: list[int] = []
    weights: list[float] = []
    end = tokenizer.convert_tokens_to_ids(SPECIAL["end"])
    cut = rng.random() < CUT_SHARE
    for message in messages:
        body = tokenizer.encode(message.content, add_special_tokens=False)
        learned = [1.0 if message.role == "assistant" else QUESTION_WEIGHT] * (len(body) + 1)
        if message.role == "assistant" and cut and len(body) > CUT_LENGTH:
            body = body[:CUT_LENGTH]
            learned = [*learned[:CUT_LENGTH], 0.0]
        ids += [tokenizer.convert_tokens_to_ids(SPECIAL[message.role]), *body, end]
        weights += [0.0, *learned]
    return Example(ids[:LONGEST], weights[:LONGEST])


def batches(text: Text, tokenizer: PreTrainedTokenizerFast, start: int) -> Iterator[list[Example]]:
    """Batches number `start`, `start` + 1, ... of the endless stream. Each pool has a seed of its own."""
    count = pool = 0
    while True:
        rng = random.Random(f"{SEED}/{pool}")
        examples = sorted((encode(text.dialogue(rng), tokenizer, rng) for _ in range(POOL)), key=lambda e: len(e.ids))
        groups: list[list[Example]] = [[]]
        for example in examples:
            if groups[-1] and len(example.ids) * (len(groups[-1]) + 1) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(example)
        rng.shuffle(groups)
        for group in groups:
            if count >= start:
                yield group
            count += 1
        pool += 1


def loss_of(model: LlamaForCausalLM, batch: list[Example]) -> torch.Tensor:
    """Weighted cross entropy per token. Padding is on the right, where causal attention never looks."""
    length = max(len(example.ids) for example in batch)
    ids = torch.tensor([example.ids + [0] * (length - len(example.ids)) for example in batch])
    weights = torch.tensor([example.weights + [0.0] * (length - len(example.ids)) for example in batch])[:, 1:]
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids[:, :-1], use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def rate(step: int, steps: int) -> float:
    """Learning rate: a short warm-up, then half a cosine down to nothing."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP)))


def train(text: Text, tokenizer: PreTrainedTokenizerFast, steps: int, state: Path) -> LlamaForCausalLM:
    """Trains for `steps` batches, from `state` if that file is there."""
    model = make_model(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05, fused=True)
    first = 0
    if state.exists():
        saved: dict[str, Any] = torch.load(state, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["step"]
        print(f"going on from step {first}", flush=True)
    model.train()
    began, recent, tokens = time.monotonic(), [], 0
    for step, batch in zip(range(first, steps), batches(text, tokenizer, first), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        recent.append(loss.item())
        tokens += sum(len(example.ids) for example in batch)
        if (step + 1) % 50 == 0:
            seconds = time.monotonic() - began
            left = seconds / (step + 1 - first) * (steps - step - 1)
            print(f"step {step + 1}/{steps}  loss {sum(recent) / len(recent):.4f}  {tokens / seconds:.0f} tokens/s  "
                  f"{left:.0f} s left", flush=True)  # fmt: skip
            recent.clear()
        if (step + 1) % 200 == 0 and step + 1 < steps:
            state.parent.mkdir(parents=True, exist_ok=True)
            part = state.with_suffix(".part")
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, part)
            part.replace(state)  # a stop in the middle of writing leaves the older state whole
    return model.eval()


def main() -> int:
    parser = argparse.ArgumentParser(description="Train the demo model and ask it questions it has never seen.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo-model", help="folder for the result")
    parser.add_argument("--steps", type=int, default=3000, help="batches to train on (default %(default)s)")
    parser.add_argument("--state", type=Path, help="file for the state of a run (default: beside --out)")
    arguments = parser.parse_args()
    state = arguments.state or arguments.out.with_name(arguments.out.name + ".training.pt")

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    questions = held_out_questions()
    text = Text.load(avoid=frozenset(normalise(ask) for group in questions.values() for q in group for ask in q.ask))
    tokenizer = make_tokenizer(text)
    model = train(text, tokenizer, arguments.steps, state).to(torch.bfloat16)

    shutil.rmtree(arguments.out, ignore_errors=True)
    model.save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)
    state.unlink(missing_ok=True)
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(json.dumps({"parameters": parameters, "bytes": size, "steps": arguments.steps}))
    return report(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
