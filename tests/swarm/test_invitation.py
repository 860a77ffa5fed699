"""Invitation links: one spelling each, and nothing else gets through, whatever is pasted."""

from __future__ import annotations

import random
import resource
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meadow.swarm.identity import peer_id_from_key
from meadow.swarm.invitation import MAX_LINK, BadLink, Invitation, format_link, parse_link

OWNER = peer_id_from_key(b"o" * 32)
PEER = f"/ip4/192.0.2.7/tcp/31337/p2p/{OWNER}"
OTHER = f"/dns4/peer.example.org/tcp/4001/p2p/{peer_id_from_key(b'q' * 32)}"
SECRET, TOKEN = bytes(range(32)), bytes(range(16))
PUBLIC = Invitation("public", "Our street", (PEER,))
SHARED = Invitation("secret", "Oak & Fern = friends? 100% #1", (PEER, OTHER), OWNER, SECRET)
INVITED = Invitation("invitation", "Wäldchen 森", (PEER,), OWNER, SECRET, TOKEN)


@pytest.mark.parametrize("invitation", [PUBLIC, SHARED, INVITED])
def test_round_trip(invitation: Invitation) -> None:
    link = format_link(invitation)
    assert link.isascii() and len(link) <= MAX_LINK
    assert parse_link(link) == invitation
    assert parse_link(f"  {link}\n") == invitation
    assert parse_link(link.replace("meadow://", "MEADOW://")) == invitation


def test_secrets_stay_out_of_what_is_printed_by_accident() -> None:
    assert "AAEC" not in repr(INVITED) and repr(SECRET) not in repr(INVITED)
    with pytest.raises(BadLink) as caught:
        parse_link(format_link(SHARED) + "&x=1")
    assert "AAEC" not in str(caught.value)


def test_ids() -> None:
    assert PUBLIC.swarm_id == "" and len(SHARED.swarm_id) == 32 and SHARED.swarm_id != INVITED.swarm_id


@pytest.mark.parametrize(
    "change",
    [
        ("v=1", "v=01"),
        ("v=1&", ""),
        ("k=secret", "k=Secret"),
        ("k=secret", "k=public"),
        ("k=secret", "k=invitation"),
        ("&s=", "&s=x"),
        ("&s=", "&S="),
        ("&o=", "&o=1"),
        ("n=Oak", "n=%00"),
        ("n=Oak", "n=%E2%80%AE"),
        ("n=Oak", "n=%FF"),
        ("n=Oak", "n=" + "a" * 65),
        ("n=Oak", "n=%2"),
        ("n=Oak", "n=<b>"),
        ("n=Oak", "n=a&n=b"),
        ("/tcp/", "/udp/"),
        ("/p2p/", "/p3p/"),
        ("192.0.2.7", "192.0.2.777"),
        ("&p=", "&&p="),
        ("meadow://join?", "meadow://join/?"),
        ("meadow://join?", "https://join?"),
    ],
)
def test_anything_else_is_refused(change: tuple[str, str]) -> None:
    link = format_link(SHARED)
    assert change[0] in link
    with pytest.raises(BadLink):
        parse_link(link.replace(*change, 1))


def test_too_many_and_the_same_twice() -> None:
    link = format_link(PUBLIC)
    with pytest.raises(BadLink):
        parse_link(link + f"&p={PEER}")
    many = "".join(f"&p=/ip4/192.0.2.{number}/tcp/1/p2p/{OWNER}" for number in range(9))
    with pytest.raises(BadLink):
        parse_link(link + many)
    with pytest.raises(BadLink):
        parse_link(format_link(SHARED)[:-1])
    with pytest.raises(BadLink, match="newer"):
        parse_link(link.replace("v=1", "v=2"))


def survives(text: str) -> None:
    began = time.thread_time()
    try:
        found = parse_link(text)
    except BadLink:
        pass
    else:
        assert parse_link(format_link(found)) == found
    assert time.thread_time() - began < 1.0


ALPHABET = st.sampled_from(
    [*"meadowjoinv1k?&=%:/+", "p=", "meadow://join?", "&s=", "&o=", PEER, "%C3", "\x00", "é", "\n"]
)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(ALPHABET, max_size=60).map("".join),
    st.builds(
        lambda link, at, cut, put: link[: at % len(link)] + put + link[at % len(link) + cut :],
        st.sampled_from([format_link(one) for one in (PUBLIC, SHARED, INVITED)]),
        st.integers(0, 2000),
        st.integers(0, 5),
        st.text(max_size=4),
    ),
)


@settings(max_examples=300)
@given(TEXTS)
@example("meadow://join?" + "p=" * 1000)
@example("meadow://join?" + "%" * 2000)
@example("meadow://join?v=" + "1" * 2000)
def test_whatever_is_pasted(text: str) -> None:
    survives(text)


def mutants(count: int) -> None:
    """Good links with pieces cut out, put in, doubled and exchanged."""
    chance = random.Random(5)
    links = [format_link(one) for one in (PUBLIC, SHARED, INVITED)]
    pieces = [*"&=%:/+?v1k", "p=", "&s=", "&o=", "&t=", PEER, "%C3", "%00", "\x00", "\u202e", "k=invitation", "A" * 43]
    for _ in range(count):
        text = chance.choice(links)
        for _ in range(chance.randint(1, 4)):
            at, to = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
            piece = chance.choice(pieces) if chance.random() < 0.7 else text[at:to]
            text = text[:at] + piece + text[at if chance.random() < 0.5 else min(to, at + 40) :]
        survives(text)


def test_fuzz() -> None:
    mutants(5000)


@pytest.mark.full
def test_fuzz_100_000() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mutants(100_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 << 10


def test_long_text_costs_nothing() -> None:
    for size in (MAX_LINK + 1, 1 << 20, 1 << 26):
        survives("meadow://join?" + "a" * size)


def test_documented_grammar() -> None:
    assert format_link(PUBLIC) == f"meadow://join?v=1&k=public&n=Our%20street&p={PEER}"
