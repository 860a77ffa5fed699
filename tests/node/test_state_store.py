"""Followers of the state: whoever joins at any time, is slow, or comes back, ends with the tree that the node has."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
import state_events as make
from hypothesis import given, settings
from hypothesis import strategies as st
from state_events import A, online

from meadow.chat.request import Hop
from meadow.node import events as e
from meadow.node.changes import REMEMBERED, Item, StateStore, merge
from meadow.node.state import State
from meadow.node.state_json import to_json


def joined(tree: Any, item: Item) -> Any:
    """What a client does with one item."""
    _, kind, data = item
    return data if kind == "state" else merge(tree, data)


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


def answers(count: int) -> list[e.Event]:
    return [e.AnswerAsked(f"r{i}", "m", at=float(i)) for i in range(count)]


class Client:
    """One who follows, reads when told to, goes away and comes back with the number of the last item."""

    def __init__(self, store: StateStore) -> None:
        self.tree: Any = None
        self.items: list[Item] = []
        self._store = store
        self._following: AsyncGenerator[Item, None] | None = None
        self._next: asyncio.Task[Item] | None = None

    async def read(self) -> None:
        """Take the next item if there is one by now."""
        if self._following is None:
            self._following = self._store.follow(self.items[-1][0] if self.items else None)
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._following))
        for _ in range(5):
            await asyncio.sleep(0)
        if self._next.done():
            self._take()

    async def leave(self) -> None:
        """Without a word; what is on its way is lost."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
        if self._following is not None:
            await self._following.aclose()
        self._following = self._next = None

    async def finish(self) -> None:
        """Take all that is left, up to the end."""
        try:
            while True:
                await self.read()
                if self._next is not None:
                    await asyncio.wait([self._next])
                    self._take()
        except StopAsyncIteration:
            return

    def _take(self) -> None:
        assert self._next is not None
        item, self._next = self._next.result(), None
        self.items.append(item)
        self.tree = joined(self.tree, item)


ACTIONS = st.lists(
    make.EVENTS | st.tuples(st.sampled_from(["read", "leave"]), st.integers(0, 2)),
    max_size=60,
)


@given(ACTIONS)
@settings(max_examples=120)
def test_followers_end_with_the_same_tree_wherever_they_joined_and_came_back(actions: list[Any]) -> None:
    async def story() -> None:
        store = StateStore(interval=0.0)
        clients = [Client(store) for _ in range(3)]
        for action in actions:
            if isinstance(action, tuple):
                await getattr(clients[action[1]], action[0])()
            else:
                store.apply(action)
        store.close()
        for client in clients:
            await client.finish()
            assert client.tree == to_json(store.state)
            numbers = [number for number, _, _ in client.items]
            assert numbers == sorted(set(numbers)), "the numbers grow, and nothing is told twice"
            await client.leave()
        assert store.followers == 0

    asyncio.run(story())


@given(make.SEQUENCES, st.integers(0, 40), make.SEQUENCES)
@settings(max_examples=100)
def test_any_number_to_go_on_from_gives_the_same_tree(before: Any, back: int, after: Any) -> None:
    """Numbers that were never given out, from the future, or from another run, begin with the whole tree."""

    async def story() -> None:
        store = StateStore(seq=100, interval=0.0)
        trees = {}
        for event in before:
            store.apply(event)
            number, tree = store.current()
            trees[number] = tree
        number = store.seq + 5 - back
        async with aclosing(store.follow(number)) as items:
            for event in after:
                store.apply(event)
            store.close()
            tree = trees.get(number)
            async for item in items:
                assert item[1] == "state" or tree is not None, "a patch for a tree that nobody was given"
                tree = joined(tree, item)
        assert tree == to_json(store.state)

    asyncio.run(story())


async def test_a_number_from_before_a_restart_is_unknown() -> None:
    first = StateStore()
    for event in answers(50):
        first.apply(event)
    old, _ = first.current()
    second = StateStore()
    assert second.seq > old - 50 and second.seq < 2**53
    second.apply(online())
    async with aclosing(second.follow(old)) as items:
        assert (await anext(items))[1] == "state"


async def test_coming_back_soon_costs_a_patch_only() -> None:
    store = StateStore(interval=0.0)
    store.apply(online())
    number, tree = store.current()
    store.apply(e.ServerSessions(A, 1))
    async with aclosing(store.follow(number)) as items:
        item = await anext(items)
    assert item[1] == "patch" and item[2]["servers"] == {A: {"sessions": 1}}
    assert merge(tree, item[2]) == to_json(store.state)


async def test_coming_back_after_long_begins_with_the_tree() -> None:
    store = StateStore(interval=0.0)
    number, _ = store.current()
    for event in answers(REMEMBERED + 1):
        store.apply(event)
        store.current()
    async with aclosing(store.follow(number)) as items:
        assert (await anext(items))[1] == "state"


async def test_thousands_of_events_come_as_a_few_patches() -> None:
    store = StateStore(interval=0.02)
    store.apply(e.AnswerAsked("r", at=0.0))
    items: list[Item] = []
    tree: Any = None

    async def read() -> None:
        nonlocal tree
        async for item in store.follow():
            items.append(item)
            tree = joined(tree, item)

    reader = asyncio.create_task(read())
    await until(lambda: bool(items))
    loop = asyncio.get_running_loop()
    began = loop.time()
    for i in range(5000):
        store.apply(e.AnswerGrew("r", 1, at=float(i)))
        if i % 50 == 0:
            await asyncio.sleep(0)
    took = loop.time() - began
    store.close()
    await reader
    assert tree == to_json(store.state)
    assert tree["chats"]["r"]["tokens"] == 5000
    # One at the start, one at most for each interval that the events took, and the last.
    assert len(items) <= 3 + took / 0.02


def trees_in_memory() -> int:
    gc.collect()
    return sum(type(thing) is State for thing in gc.get_objects())


async def test_a_follower_that_does_not_read_costs_nothing_but_its_last_tree() -> None:
    store = StateStore(interval=0.0)
    slow = store.follow()
    tree = joined(None, await anext(slow))
    before = trees_in_memory()
    for i in range(1000):
        store.apply(e.NodeListens(f"http://127.0.0.1:{i}"))
    assert trees_in_memory() <= before + 1, "trees that nobody was sent are not kept"
    item = await anext(slow)
    assert item[1] == "patch" and joined(tree, item) == to_json(store.state)
    await slow.aclose()


async def test_what_changed_back_is_not_told() -> None:
    store = StateStore(interval=0.0)
    items = store.follow()
    await anext(items)
    store.apply(e.ProblemSeen("x", "It went wrong."))
    store.apply(e.ProblemGone("x"))
    store.close()
    assert [item async for item in items] == []


async def test_a_cancelled_follower_is_forgotten() -> None:
    store = StateStore()

    async def read() -> None:
        async for _ in store.follow():
            pass

    readers = [asyncio.create_task(read()) for _ in range(10)]
    await until(lambda: store.followers == 10)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert all(reader.cancelled() for reader in readers)
    await until(lambda: store.followers == 0)
    store.apply(online())


async def test_closing_ends_followers_after_the_last_change_even_when_more_happens() -> None:
    store = StateStore(interval=60.0)  # nobody waits for it at the end
    ends: list[Any] = []

    async def read() -> None:
        tree: Any = None
        async for item in store.follow():
            tree = joined(tree, item)
            store.apply(e.ProblemSeen("more", "It goes on.", at=float(len(ends))))
        ends.append(tree)

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await until(lambda: store.followers == 3)
    store.apply(e.NodeStops())
    store.close()
    async with asyncio.timeout(20):
        await asyncio.gather(*readers)
    assert [tree["node"]["stopping"] for tree in ends] == [True] * 3


async def test_who_comes_after_the_end_gets_the_tree() -> None:
    store = StateStore()
    store.close()
    assert [item async for item in store.follow()] == [(store.seq, "state", to_json(store.state))]


async def test_an_event_that_changes_nothing_is_not_counted() -> None:
    store = StateStore(seq=7)
    store.apply(online())
    store.apply(online())
    assert store.seq == 8


@pytest.mark.full
async def test_a_long_day() -> None:
    """Two hundred thousand events, ten followers who come and go: nothing grows."""
    store = StateStore(interval=0.001)
    stop = asyncio.Event()

    async def visit(number: int) -> None:
        after: int | None = None
        tree: Any = None
        while not stop.is_set():
            async with aclosing(store.follow(after)) as items:
                async for item in items:
                    after, tree = item[0], joined(tree, item)
                    if item[0] % 13 == number:
                        break

    visitors = [asyncio.create_task(visit(number)) for number in range(10)]
    sizes = []
    for i in range(200_000):
        kind = i % 4
        name = f"r{i // 4}"
        if kind == 0:
            store.apply(e.AnswerAsked(name, "m", at=float(i)))
        elif kind < 3:
            store.apply(e.AnswerGrew(name, 1, at=float(i)))
        else:
            store.apply(e.AnswerDone(name, 5, 2, 0, 100, (Hop(f"peer-{i}", A, 0, 4),), at=float(i)))
        if i % 500 == 0:
            await asyncio.sleep(0)
        if i % 20_000 == 19_999:
            gc.collect()
            sizes.append(len(gc.get_objects()))
    stop.set()
    store.close()
    await asyncio.gather(*visitors)
    assert sizes[-1] < 1.5 * sizes[1]
