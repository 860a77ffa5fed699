"""Eight people chat while servers, p2pd and connections die at random: the node stays, and what it says is true."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx2
import psutil
import pytest
from live_node import MODEL, LiveNode, is_up, live_node

STREAMS = 8
QUESTIONS = ("How does Meadow work?", "What is a swarm?", "What is a block?", "What is a span?")


@pytest.fixture
def node() -> Iterator[LiveNode]:
    with live_node() as running:
        running.wait_until_up()
        yield running


class Chatter(threading.Thread):
    """Streams one answer after the other until told to end; hangs up in the middle when told so."""

    def __init__(self, node: LiveNode, number: int) -> None:
        super().__init__(name=f"chatter-{number}", daemon=True)
        self.over = threading.Event()
        self.hang_up = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.defect: BaseException | None = None
        self._node, self._random = node, random.Random(number)

    def run(self) -> None:
        with httpx2.Client(base_url=self._node.url, trust_env=False, timeout=90) as client:
            while not self.over.is_set():
                try:
                    self.outcomes[self._one(client)] += 1
                except BaseException as error:
                    self.defect = error
                    return

    def _one(self, client: httpx2.Client) -> str:
        self.hang_up.clear()
        question = self._random.choice(QUESTIONS)
        body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": question}], "max_tokens": 60}
        headers = {"authorization": f"Bearer {self._node.token}"}
        with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as answer:
            if answer.status_code != 200:
                error = httpx2.Response(answer.status_code, content=answer.read()).json()["error"]
                assert error["message"] and "Traceback" not in error["message"]
                time.sleep(0.2)
                return str(error["code"])
            last = ""
            for line in answer.iter_lines():
                if self.hang_up.is_set():
                    return "hung up"
                last = line or last
            # Either the whole answer, or an error object as the last word: never just silence.
            assert last == "data: [DONE]" or '"error"' in last, last
            return "done" if last == "data: [DONE]" else "error in stream"


def harm(node: LiveNode, chatters: list[Chatter], dice: random.Random) -> str:
    """One accident."""
    kind = dice.choice(["server", "server", "p2pd", "connection", "connection", "engine"])
    if kind == "connection":
        dice.choice(chatters).hang_up.set()
        return kind
    word = {"server": "meadow.server.process", "p2pd": "p2pd", "engine": "meadow.chat.process"}[kind]
    victims = node.processes(word)
    if victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            dice.choice(victims).kill()
    return kind


@pytest.mark.parametrize("seconds", [pytest.param(8, id="short"), pytest.param(60, id="a-minute")])
@pytest.mark.full
@pytest.mark.timeout(400)
def test_accidents_at_random(node: LiveNode, seconds: int) -> None:
    node.ask("What is a swarm?")
    before = psutil.Process(node.process.pid).memory_info().rss
    chatters = [Chatter(node, number) for number in range(STREAMS)]
    for chatter in chatters:
        chatter.start()
    dice, accidents = random.Random(7), Counter[str]()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(dice.uniform(0.5, 2.5))
        accidents[harm(node, chatters, dice)] += 1
        assert node.process.poll() is None, "the node died"
        node.state()
    # Whoever goes on asking gets whole answers again.
    before_calm = [chatter.outcomes["done"] for chatter in chatters]
    deadline = time.monotonic() + 120
    while not all(c.outcomes["done"] > done or c.defect for c, done in zip(chatters, before_calm, strict=True)):
        assert time.monotonic() < deadline, [chatter.outcomes for chatter in chatters]
        time.sleep(0.2)
    for chatter in chatters:
        chatter.over.set()
    for chatter in chatters:
        chatter.join(120)
        assert not chatter.is_alive() and chatter.defect is None, chatter.defect
    # Everything heals by itself, and the tree says what is true.
    state = node.wait_for(
        lambda s: is_up(s) and [v["status"] for v in s["servers"].values()] == ["online"] * 2 and not s["chats"], 180
    )
    assert len(node.processes("meadow.server.process")) == 2
    assert len(node.processes("meadow.chat.process")) == 1
    assert len(node.processes("p2pd")) == 2, "the swarm of the node, and that of the demo"
    assert state["swarm"]["status"] == "joined" and state["demo"]["status"] == "ready"
    node.ask("How does Meadow work?")
    total = sum((chatter.outcomes for chatter in chatters), Counter())
    print(f"accidents {dict(accidents)}, outcomes {dict(total)}")
    grown = psutil.Process(node.process.pid).memory_info().rss - before
    print(f"the node grew by {grown / 1e6:.1f} MB")
    assert grown < 64e6
