"""Finding each other on the local network: what is announced, what is believed, and that it works over loopback."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from private_helpers import PrivateSwarm

from meadow.swarm.identity import Identity
from meadow.swarm.localnet import LocalNetwork, announce, read
from meadow.swarm.membership import Membership

LAN = ("/ip4/192.168.1.7/tcp/31337", "/ip4/127.0.0.1/tcp/31337")


def heard(said) -> dict[bytes, bytes | None]:
    return {key.encode(): value.encode() for key, value in said.fields.items()}


def test_a_public_swarm(tmp_path: Path) -> None:
    peer = Identity.temporary(tmp_path).peer_id
    said = announce(peer, LAN, None)
    assert said is not None and said.addresses == ("192.168.1.7",) and said.port == 31337
    assert read(heard(said), said.addresses, said.port, None) == [f"/ip4/192.168.1.7/tcp/31337/p2p/{peer}"]


def test_a_private_swarm_shows_strangers_nothing_to_know_it_by(tmp_path: Path) -> None:
    swarm, peer = PrivateSwarm.new(tmp_path), Identity.temporary(tmp_path).peer_id
    bare = swarm.bare()
    one, two = (announce(peer, LAN, bare) for _ in range(2))
    assert one is not None and two is not None
    assert not set(one.fields.values()) & set(two.fields.values()) - {"1"}
    told = "".join(one.fields.values())
    assert peer not in told and bare.swarm_id.hex() not in told and swarm.owner.public_key.hex() not in told
    assert read(heard(one), one.addresses, one.port, bare) == [f"/ip4/192.168.1.7/tcp/31337/p2p/{peer}"]
    for other in (None, PrivateSwarm.new(tmp_path).bare(), replace(bare, secret=os.urandom(32))):
        assert read(heard(one), one.addresses, one.port, other) == []


def test_a_node_that_nobody_can_reach_announces_nothing(tmp_path: Path) -> None:
    peer = Identity.temporary(tmp_path).peer_id
    assert announce(peer, LAN[1:], None) is None
    assert announce(peer, ["/dns4/example.org/tcp/1"], None) is None


@pytest.mark.parametrize("host", ["8.8.8.8", "224.0.0.1", "0.0.0.0", "nonsense", "2001:4860:4860::8888", ""])
def test_nobody_sends_us_out_into_the_world(tmp_path: Path, host: str) -> None:
    fields = {b"v": b"1", b"p": Identity.temporary(tmp_path).peer_id.encode()}
    assert read(fields, [host], 80, None) == []
    assert len(read(fields, ["10.0.0.1", host], 80, None)) == 1
    assert read(fields, ["10.0.0.1"], 0, None) == [] and read(fields, ["10.0.0.1"], None, None) == []


MEMBER = Membership(b"o" * 32, b"s" * 32)


@settings(max_examples=500)
@given(
    st.dictionaries(
        st.sampled_from([b"v", b"p", b"s", b"t", b"m", b"x"]),
        st.one_of(st.none(), st.just(b"1"), st.binary(max_size=300)),
    ),
    st.lists(st.text(max_size=40), max_size=6),
    st.one_of(st.none(), st.integers(-5, 70000)),
)
def test_nonsense_is_no_peer(fields, hosts, port) -> None:
    for membership in (None, MEMBER):
        assert read(fields, hosts, port, membership) == []


async def test_two_nodes_find_each_other_and_a_third_does_not(tmp_path: Path) -> None:
    """Over loopback only; the addresses told are of another network, and nobody dials here."""
    swarm = PrivateSwarm.new(tmp_path)
    found: dict[str, asyncio.Queue[list[str]]] = {name: asyncio.Queue() for name in "abc"}
    peers = {name: Identity.temporary(tmp_path).peer_id for name in "abc"}
    networks = [
        LocalNetwork(
            peers[name], swarm.bare() if name != "c" else None, found[name].put_nowait, interfaces=["127.0.0.1"]
        )
        for name in "abc"
    ]
    try:
        for network in networks:
            assert await network.start(LAN)
        assert await asyncio.wait_for(found["a"].get(), 20) == [f"/ip4/192.168.1.7/tcp/31337/p2p/{peers['b']}"]
        assert await asyncio.wait_for(found["b"].get(), 20) == [f"/ip4/192.168.1.7/tcp/31337/p2p/{peers['a']}"]
        assert found["c"].empty()
    finally:
        await asyncio.gather(*(network.close() for network in networks))
