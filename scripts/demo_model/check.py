"""Asks the demo model the questions of held_out.toml: `python scripts/demo_model/check.py [FOLDER]`.

With --chat it answers what you type instead.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

LONGEST_ANSWER = 200  # tokens; an answer that has not ended by then counts as wrong, it loops


@dataclass(frozen=True)
class Question:
    """What the user says, turn after turn, and what the last answer must contain ("a|b": one of these)."""

    ask: tuple[str, ...]
    expect: tuple[str, ...]

    def answered_by(self, answer: str) -> bool:
        return all(any(word in answer for word in words.split("|")) for words in self.expect)


def held_out_questions() -> dict[str, list[Question]]:
    """The groups of held_out.toml: quick, dev and final."""
    entries = tomllib.loads((Path(__file__).parent / "held_out.toml").read_text(encoding="utf-8"))
    return {name: [Question(tuple(e["ask"]), tuple(e["expect"])) for e in group] for name, group in entries.items()}


class Demo:
    """The model in `folder`, whole, in plain transformers, answering greedily."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)

    def answer(self, history: list[dict[str, str]]) -> tuple[str, bool]:
        """The answer to the last message of `history`, and whether the model ended it by itself."""
        prompt = self.tokenizer.apply_chat_template(
            history, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        ids = self.model.generate(**prompt, do_sample=False, max_new_tokens=LONGEST_ANSWER)[0]
        new = ids[prompt["input_ids"].shape[1] :]
        ended = bool(new[-1] == self.model.generation_config.eos_token_id)
        return self.tokenizer.decode(new, skip_special_tokens=True), ended

    def converse(self, ask: tuple[str, ...]) -> tuple[str, bool]:
        """The last answer of a whole conversation, and whether every answer ended by itself."""
        history: list[dict[str, str]] = []
        answer, ended = "", True
        for question in ask:
            history.append({"role": "user", "content": question})
            answer, ends = self.answer(history)
            ended = ended and ends
            history.append({"role": "assistant", "content": answer})
        return answer, ended


def report(folder: Path) -> int:
    """Prints every miss and the share of right answers in each group; 0 if nine in ten are right and none loops."""
    demo = Demo(folder)
    passed = True
    for name, questions in held_out_questions().items():
        right = endless = 0
        for question in questions:
            answer, ended = demo.converse(question.ask)
            endless += not ended
            if ended and question.answered_by(answer):
                right += 1
            else:
                print(f"  MISS {' / '.join(question.ask)!r} -> {answer!r}")
        print(f"{name}: {right} of {len(questions)} right ({right / len(questions):.0%}), {endless} without an end")
        passed = passed and endless == 0 and right >= 0.9 * len(questions)
    return 0 if passed else 1


def chat(folder: Path) -> int:
    """A conversation on the terminal; ends with the input."""
    demo = Demo(folder)
    history: list[dict[str, str]] = []
    for line in sys.stdin:
        history.append({"role": "user", "content": line.strip()})
        answer, _ = demo.answer(history)
        history.append({"role": "assistant", "content": answer})
        print(f"{answer}\n", flush=True)
    return 0


def main() -> int:
    resources = Path(__file__).resolve().parents[2] / "resources" / "demo-model"
    parser = argparse.ArgumentParser(description="Ask the demo model what it has never seen.")
    parser.add_argument("folder", type=Path, nargs="?", default=resources)
    parser.add_argument("--chat", action="store_true", help="answer lines from standard input instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    return chat(arguments.folder) if arguments.chat else report(arguments.folder)


if __name__ == "__main__":
    sys.exit(main())
