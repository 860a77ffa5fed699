"""The tree is true for real processes: one server of a supervisor, whatever is killed, as a follower sees it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from supervising import Watched, eventually, supervised

from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.child_events import from_child
from meadow.node.state import State
from meadow.node.state_json import to_json

A = "0000000a"


class Tree:
    """What a node would show after everything that its supervisor has told."""

    def __init__(self, watched: Watched, *begin: e.Event) -> None:
        self._watched = watched
        self._heard = 0
        self.state = reduce(apply, begin, State())
        self.shown: list[tuple[str, str]] = []
        """Each state and reason of sharing, in order."""

    async def until(self, condition: Callable[[State], Any]) -> None:
        def look() -> bool:
            while not condition(self.state):
                if self._heard == len(self._watched.events):
                    return False
                self._hear(self._watched.events[self._heard])
                self._heard += 1
            return True

        await eventually(look, what=lambda: f"{to_json(self.state)} after {self._watched.events}")

    def _hear(self, event: dict[str, Any]) -> None:
        translated = from_child(event)
        assert translated is not None, f"the tree does not know {event}"
        self.state = apply(self.state, translated)
        now = self.state.share.state.value, self.state.share.reason.value
        if not self.shown or self.shown[-1] != now:
            self.shown.append(now)


@pytest.mark.full
async def test_a_server_and_p2pd_are_killed_and_come_back(home: Path, tiny_chat_model: Path) -> None:
    async with supervised(home) as watched:
        model = str(tiny_chat_model)
        node = Tree(watched, e.ShareOn(model), e.ServerAdded(A, model, 0, 2))
        await watched.serve(tiny_chat_model, A, 0, 2)
        await watched.supervisor.join()
        await node.until(lambda s: s.share.state == "sharing")
        assert node.state.share.text == f"Sharing blocks 0:2 of {tiny_chat_model.name}, 0 sessions now."
        server = node.state.servers[A]
        assert (server.start, server.end, server.num_blocks, server.status) == (0, 2, 4, "online")
        assert server.throughput and server.dtype == "float32" and server.phase is None and not node.state.problems
        assert node.state.node.peer_id == watched.supervisor.peer_id and node.state.swarm.addresses
        reasons = [reason for _, reason in node.shown]
        assert reasons.index("loading") < reasons.index("measuring") < reasons.index("joining") < len(reasons) - 1

        node.shown.clear()
        child = watched.supervisor.servers[A].kept.child
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        await node.until(lambda s: s.servers[A].restarts == 1)
        assert node.state.servers[A].last_failure and node.state.problems[f"server:{A}"].code == "server_died"
        await node.until(lambda s: s.share.state == "sharing")
        assert node.shown[0] == ("problem", "server_restarting") and not node.state.problems

        node.shown.clear()
        assert watched.supervisor.node is not None
        os.kill(watched.supervisor.node._daemon.p2p._child.pid, signal.SIGKILL)
        await node.until(lambda s: s.swarm.status == "rejoining")
        assert node.state.problems["swarm"].code == "p2pd_died" and node.state.servers[A].status == "rejoining"
        await node.until(lambda s: s.share.state == "sharing" and s.swarm.status == "joined")
        assert node.shown[0] == ("starting", "looking_for_swarm") and "swarm" not in node.state.problems
        assert node.state.node.totals.rejoins == 1 and node.state.servers[A].restarts == 1

        node.state = apply(node.state, e.ShareFinishing(60.0))
        await watched.supervisor.stop_server(A, drain_seconds=5)
        await node.until(lambda s: not s.servers)
        assert (node.state.share.state, node.state.share.reason) == ("off", "turned_off")
