"""How fast the network is: kept over restarts, and told in the records of what is served here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from supervising import eventually, supervised

from meadow.node.linkprobe import AGE_SECONDS, LinkBook, LinkProbe
from meadow.swarm.identity import Identity
from meadow.swarm.link import Link, Typical
from meadow.swarm.node import SwarmNode

DEMO = Path(__file__).parents[2] / "resources" / "demo-model"


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def test_figures_are_kept_and_old_ones_do_not_count(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "links" / "one.json"
    book = LinkBook(clock=clock)
    book.add("a", Link(1e6, 2e6, 0.01))
    clock.now += AGE_SECONDS / 2
    book.add("b", Link(3e6, None, 0.01))
    book.save(path)
    again = LinkBook(clock=clock)
    again.load(path)
    assert again.typical == book.typical == Typical(1e6, 2e6, 1)
    clock.now += AGE_SECONDS / 2 + 1
    assert again.typical == Typical(3e6, 0.0, 0)
    clock.now += AGE_SECONDS
    assert again.typical == Typical()
    for number in range(100):
        clock.now += 1
        book.add(f"peer {number}", Link(5e6, 5e6, 0.01))
    book.save(path)
    assert len(json.loads(path.read_text())) == 32 and book.typical == Typical(5e6, 5e6, 32)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"\xff", b"[" * 70000, b'{"a": 1}', b'{"a": [1e6, 1e6, 0.1]}', b'{"a": [1e6, 1e6, 0.1, NaN]}',
        b'{"a": ["1", 1e6, 0.1, 1e9]}', b'{"a": [1e99, 1e6, 0.1, 1e9]}', b'{"a": [-1, 1e6, 0.1, 1e9]}',
        b'{"a": [true, 1e6, 0.1, 1e9]}', b'{"a": [1e6, 1e6, Infinity, 1e9]}',
    ],
)  # fmt: skip
def test_a_damaged_file_says_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(content)
    book = LinkBook(clock=Clock())
    book.load(path)
    assert book.typical == Typical()


async def test_it_is_measured_with_peers_and_stands_in_the_records(home: Path) -> None:
    async with supervised(home) as watched:
        await watched.serve(DEMO, "0000000a", 0, 2)
        await watched.supervisor.join()
        online = await watched.until("online", server_id="0000000a")
        told: list[Typical] = []
        probe = LinkProbe(watched.supervisor, home / "links" / "one.json", told.append)
        assert not await probe.measure() and told == [], "nobody else is there"

        other = await SwarmNode.create(
            identity=Identity.temporary(home), run_dir=home / "other", initial_peers=watched.supervisor.addresses
        )
        try:

            async def record() -> Any:
                found = await other.find_servers(bytes.fromhex(online["fingerprint"]), online["num_blocks"])
                return found[0].server if found else None

            before = await eventually(record)
            assert before.throughput > 0 and before.prefill > 0 and before.uplink == before.downlink == 0.0
            await eventually(lambda: other.peer_id in watched.supervisor.node.known_peers())
            assert await probe.measure()
            assert told[0].peers == 1 and told[0].up > 0 and told[0].down > 0

            async def linked() -> bool:
                seen = await record()
                return (seen.uplink, seen.downlink, seen.state) == (int(told[0].up), int(told[0].down), "online")

            await eventually(linked)
            kept = LinkBook()
            kept.load(home / "links" / "one.json")
            assert kept.typical == told[0]
            speeds = watched.supervisor.paths.cache / "speeds.json"
            assert len(json.loads(speeds.read_text())) == 1, "what the server measured is kept as well"
        finally:
            await other.close()
