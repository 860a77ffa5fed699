"""The address book: who answered before is found again, though nobody else tells of them any more."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from meadow.swarm.identity import Identity, peer_id_from_key
from meadow.swarm.known import FORGET_SECONDS, MOST, AddressBook

NOW = 1_800_000_000.0


def peer(number: int) -> str:
    return f"/ip4/192.0.2.{number}/tcp/4001/p2p/{peer_id_from_key(bytes([number]) * 32)}"


def test_who_answers_often_comes_first_and_the_silent_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "swarms" / "public.peers.json"
    for start in range(3):
        book = AddressBook(file)
        book.note({peer(1): NOW + start} | ({peer(2): NOW} if start == 0 else {}))
        book.note({peer(1): NOW + start + 0.5})
        book.save()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert AddressBook(file).addresses(now=NOW + 9) == [peer(1), peer(2)]
    assert AddressBook(file).addresses(now=NOW + FORGET_SECONDS + 1) == [peer(1)]
    book = AddressBook(file)
    assert book.note({peer(3): NOW}) and not book.note({peer(3): NOW + 1})


def test_it_does_not_grow_and_old_friends_stay(tmp_path: Path) -> None:
    book = AddressBook(tmp_path / "b.json")
    book.note({peer(200): NOW})
    book.save()
    book = AddressBook(tmp_path / "b.json")
    book.note({peer(200): NOW})
    book.note({peer(number): NOW + number for number in range(1, 100)})
    found = book.addresses(now=NOW + 200)
    assert len(found) == MOST and found[0] == peer(200)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"peers": [["x", 1.0, 1]]}', '{"peers": [["/ip4/1.2.3.4/tcp/1", NaN, 1]]}']
)
def test_a_damaged_book_is_an_empty_one(tmp_path: Path, text: str) -> None:
    file = tmp_path / "b.json"
    file.write_text(text)
    file.chmod(0o600)
    assert AddressBook(file).addresses(now=NOW) == []


async def test_a_known_peer_brings_a_node_back_without_initial_peers(swarm, tmp_path: Path) -> None:
    first = await swarm.node()
    identity = Identity.temporary(swarm.home)
    before = await swarm.node(*first.addresses, identity=identity)
    book = AddressBook(tmp_path / "b.json")
    assert book.note(before.answered)
    book.save()
    await before.close()
    again = await swarm.node(identity=identity)
    assert again.neighbours == 0
    assert await again.meet(AddressBook(tmp_path / "b.json").addresses(now=max(before.answered.values()))) == 1
    assert again.neighbours == 1
