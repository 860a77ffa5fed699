"""kill -9 at random moments while answers stream: nothing is corrupt, nothing that was acknowledged is lost (D1).

The promise about running text is "all but the last second". A machine that is busy for a moment may stop the killed
process itself for longer, so what is checked here is that text which was shown more than three seconds before the kill
is there; a store that only writes at the end of an answer, or that loses pieces, fails.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from chats_children import Children, text_of

from meadow.node.chats.store import ChatStore

SLACK = 3.0  # seconds


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=[pytest.mark.full, pytest.mark.timeout(1800)])])
def test_a_killed_node_loses_nothing_that_it_acknowledged(tmp_path: Path, kills: int) -> None:
    file = tmp_path / "chats.db"
    source = random.Random(kills)
    children = Children()
    interrupted = finished = asked = unopened = shown = 0
    try:
        for round in range(kills):
            begin = time.monotonic()
            children.start("stream", file=str(file), round=round, chats=3)
            # Also while it starts: opening the file marks what the last kill cut off.
            lifetime = source.choice((source.uniform(0, 0.1), source.uniform(0.1, 1.5), source.uniform(0.1, 1.5)))
            if round % 10 == 9:
                lifetime = SLACK + source.uniform(0.5, 1.5)
            time.sleep(max(0.0, lifetime - (time.monotonic() - begin)))
            killed_at = time.monotonic()
            children.kill()
            assert children.status() == -9, children.lines
            told = children.lines
            unopened += not any("opened" in line for line in told)
            store = ChatStore(file)
            assert store.check() == []
            questions, answers = _acknowledged(told)
            for line in questions.values():
                message = store.message(line["chat"], line["question"])
                assert (message.content, message.state) == (line["content"], "complete")
                answer = store.message(line["chat"], line["answer"])
                whole = "".join(text_of(line["content"], 400))
                assert whole.startswith(answer.content)
                if line["answer"] in answers:
                    assert (answer.content, answer.state) == (whole, "complete")
                    assert answer.answer is not None and answer.answer.route and answer.answer.tokens_per_second == 6.5
                    finished += 1
                elif answer.state == "complete":  # it was stored, and killed before it could say so
                    assert answer.content == whole
                else:
                    assert answer.state == "interrupted"
                    interrupted += 1
                    least = [
                        line["length"]
                        for line in told
                        if line.get("shown") == answer.id and line["at"] < killed_at - SLACK
                    ]
                    shown += bool(least)
                    assert len(answer.content) >= max(least, default=0)
            asked += len(questions)
            for line in told:
                if "chat" in line:
                    assert store.chat(line["chat"]).model == "m"
            store.close()
    finally:
        children.close()
    print(f"{kills} kills: {asked} questions, {finished} finished and {interrupted} interrupted answers, all as told;"
          f" {unopened} killed before the file was open, {shown} with text older than {SLACK:.0f} s")  # fmt: skip
    assert finished and interrupted > kills and shown


def _acknowledged(told: list[dict[str, Any]]) -> tuple[dict[int, dict[str, Any]], set[int]]:
    """What was sent by the id of the question, and the ids of the answers that ended."""
    questions = {line["question"]: line for line in told if "question" in line}
    return questions, {line["ended"] for line in told if "ended" in line}
