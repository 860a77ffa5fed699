"""Can others reach this node? It asks peers to dial back, and decides by the majority of several answers.

Whoever is asked dials one fresh TCP connection to the address from which the asker is *seen* to be connected, at the
port that it announces, and says whether a libp2p node answered there. The asker names nothing but the port, so nobody
can be made to knock on the doors of somebody else; and it is rate limited for each peer, each address and in all. A
connection that p2pd has already would prove nothing: it also exists where only one side could dial.

A single peer can lie, and many peers of one network are one voice, so the verdict needs a majority of several.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from meadow.errors import MeadowError
from meadow.swarm.addresses import dialable, is_private
from meadow.swarm.streams import MessageReader, MessageWriter, StreamLimits, read_message, write_message

if TYPE_CHECKING:
    from meadow.swarm.node import SwarmNode

DIAL_BACK_PROTOCOL: Final = "meadow/1/dialback"
LIMITS: Final = StreamLimits(message_bytes=2, idle=20.0, per_peer=1, pending_per_peer=1, total=16)
ASKED: Final = 6
"""How many peers are asked at most."""
VOICES: Final = 2
"""How many networks must have answered for a verdict."""
LOWEST_PORT: Final = 1024
"""Lower ports belong to other services, which Meadow never knocks at."""
_DIAL_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 12.0
# Every libp2p node says this first to whoever connects (multistream-select; a length, then the line).
_GREETING: Final = b"\x13/multistream/1.0.0\n"


class Answer(Enum):
    """What a peer said after dialling back; as it is on the wire."""

    NO = b"\x00"
    YES = b"\x01"
    REFUSED = b"\x02"
    """It would not try: too many have asked, or it does not dial such an address."""


class Reach(StrEnum):
    """Whether others can open connections to this node."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    """Too few peers could be asked, or they do not agree."""
    LOCAL = "local"
    """It listens for this machine only; nobody was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out, in plain words: ``text`` is so, ``remedy`` ("" when there is nothing to do) helps.

    ``yes`` and ``no`` are voices: networks whose peers could, and could not, dial back.
    """

    reach: Reach
    text: str
    remedy: str = ""
    yes: int = 0
    no: int = 0


def decide(answers: Iterable[tuple[str, Answer]], *, voices: int = VOICES) -> Verdict:
    """The verdict from ``(network of the peer, its answer)``. Peers of one network together have one voice.

    Whoever refused has none. A verdict needs ``voices`` of them and more than half of all; a tie decides nothing.
    """
    said: dict[str, Counter[Answer]] = {}
    for network, answer in answers:
        if answer is not Answer.REFUSED:
            said.setdefault(network, Counter())[answer] += 1
    yes = sum(1 for counted in said.values() if counted[Answer.YES] > counted[Answer.NO])
    no = sum(1 for counted in said.values() if counted[Answer.NO] > counted[Answer.YES])
    if yes + no < voices:
        return Verdict(
            Reach.UNKNOWN,
            "Too few other peers could be asked whether they can reach this node.",
            "This is looked at again by itself; when more peers are in the swarm, the answer will be known.",
            yes,
            no,
        )
    if 2 * yes > yes + no:
        return Verdict(Reach.REACHABLE, "Other peers can reach this node.", "", yes, no)
    if 2 * no > yes + no:
        return Verdict(
            Reach.UNREACHABLE,
            "Other peers cannot reach this node: a router or a firewall keeps their connections out.",
            "Forward the TCP port of host_maddrs in your router to this computer and allow it in the firewall. Without "
            "that, this node can chat, but hosts blocks only for those whom it reaches itself, or through a relay.",
            yes,
            no,
        )
    return Verdict(
        Reach.UNKNOWN,
        "Some peers can reach this node and some cannot.",
        "This is looked at again by itself. If it stays so, look at the firewall and the router.",
        yes,
        no,
    )


def only_local() -> Verdict:
    """The verdict for a node that listens on the loopback interface alone, or not at all."""
    return Verdict(
        Reach.LOCAL,
        "This node listens for this machine only, so no other machine can reach it.",
        "To host blocks for others, let it listen: `meadow settings host_maddrs='[\"/ip4/0.0.0.0/tcp/31337\"]'`",
    )


def network_of(host: str) -> str:
    """Which network an IP address counts to: /16 for public IPv4, /32 for public IPv6, else the address itself."""
    address = ipaddress.ip_address(host)
    if not address.is_global:
        return str(address)
    return str(ipaddress.ip_network(f"{host}/{16 if address.version == 4 else 32}", strict=False))


def host_of(maddr: str) -> str | None:
    """The IP address in a plain TCP multiaddr; None for names, relayed connections and everything else."""
    parts = maddr.split("/")
    if len(parts) < 5 or parts[1] not in ("ip4", "ip6") or parts[3] != "tcp" or "p2p-circuit" in parts:
        return None
    try:
        return str(ipaddress.ip_address(parts[2]))
    except ValueError:
        return None


class DialBudget:
    """How often we dial back, whoever asks: bounded for a peer, for an address, in all, and at one time. Pure."""

    def __init__(
        self, *, every: float = 30.0, per_host: int = 4, per_minute: int = 30, at_once: int = 4, known: int = 4096
    ) -> None:
        """``every``: seconds between two for one peer; ``per_host`` and ``per_minute``: within a minute."""
        self._every, self._per_host, self._per_minute, self._at_once = every, per_host, per_minute, at_once
        self._known = known
        self._peers: OrderedDict[str, float] = OrderedDict()
        self._recent: list[tuple[float, str]] = []
        self._now_dialling = 0

    def take(self, peer_id: str, host: str, now: float) -> bool:
        """Whether this one may be dialled now (seconds on any steady clock); if so, :meth:`done` must follow."""
        self._recent = [(at, other) for at, other in self._recent if now - at < 60.0]
        last = self._peers.get(peer_id)
        if (
            (last is not None and now - last < self._every)
            or self._now_dialling >= self._at_once
            or len(self._recent) >= self._per_minute
            or sum(1 for _, other in self._recent if other == host) >= self._per_host
        ):
            return False
        self._peers[peer_id] = now
        self._peers.move_to_end(peer_id)
        while len(self._peers) > self._known:
            self._peers.popitem(last=False)
        self._recent.append((now, host))
        self._now_dialling += 1
        return True

    def done(self) -> None:
        """A dial has ended."""
        self._now_dialling -= 1


class _Seen(Protocol):
    allow_private: bool

    async def seen_at(self, peer_id: str) -> list[str]: ...


class DialBack:
    """Answers peers that ask whether they can be reached."""

    def __init__(self, node: _Seen, budget: DialBudget | None = None) -> None:
        self._node, self._budget = node, budget or DialBudget()

    async def serve(self, peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
        """The stream handler: two bytes, the port; one byte back (:class:`Answer`)."""
        asked = await read_message(reader, limit=2)
        answer = await self._try(peer_id, int.from_bytes(asked, "big")) if len(asked) == 2 else Answer.REFUSED
        write_message(writer, answer.value)
        writer.finish()

    async def _try(self, peer_id: str, port: int) -> Answer:
        if port < LOWEST_PORT:
            return Answer.REFUSED
        host = target(await self._node.seen_at(peer_id), port, allow_private=self._node.allow_private)
        if host is None or not self._budget.take(peer_id, host, asyncio.get_running_loop().time()):
            return Answer.REFUSED
        try:
            return Answer.YES if await dial(host, port) else Answer.NO
        finally:
            self._budget.done()


def target(seen: Sequence[str], port: int, *, allow_private: bool) -> str | None:
    """Which host to dial: where the peer is connected from, as far as such an address may be dialled at all."""
    for maddr in seen:
        host = host_of(maddr)
        if host is not None:
            kind = "ip6" if ":" in host else "ip4"
            if dialable([f"/{kind}/{host}/tcp/{port}"], allow_private=allow_private):
                return host
    return None


async def dial(host: str, port: int, *, timeout: float = _DIAL_SECONDS) -> bool:
    """Whether a libp2p node answers a fresh TCP connection. Nothing is sent, and 20 bytes are read at most."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(host, port, limit=64)
            return await reader.readexactly(len(_GREETING)) == _GREETING
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.transport.abort()


async def ask(node: SwarmNode, peer_id: str, port: int) -> Answer:
    """What one connected peer says. Whoever cannot be asked, or talks nonsense, has refused."""
    writer: MessageWriter | None = None
    try:
        reader, writer = await node.open_stream(peer_id, (), DIAL_BACK_PROTOCOL)
        write_message(writer, port.to_bytes(2, "big"))
        return Answer(await read_message(reader, limit=1, timeout=_ANSWER_SECONDS))
    except (MeadowError, ValueError):
        return Answer.REFUSED
    finally:
        if writer is not None:
            writer.close()


async def check(node: SwarmNode) -> Verdict:
    """Ask several peers now. Raises SwarmError when p2pd does not answer."""
    ports = announced_ports(node.own_addresses())
    if not ports:
        return only_local()
    seen = await node.connected()
    networks = widest(
        {peer_id: network for peer_id, maddrs in seen.items() if (network := _network(maddrs)) is not None}
    )
    asked = choose(networks, random.Random())
    answers = await asyncio.gather(*(ask(node, peer_id, ports[0]) for peer_id in asked))
    return decide((networks[peer_id], answer) for peer_id, answer in zip(asked, answers, strict=True))


def widest(networks: dict[str, str]) -> dict[str, str]:
    """Of peers and their networks: those out on the Internet, else all.

    Who sits in the same house reaches this node past the router, and knows nothing of those outside.
    """
    outside = {peer_id: network for peer_id, network in networks.items() if "/" in network}
    return outside or networks


def choose(networks: dict[str, str], rng: random.Random, *, most: int = ASKED) -> list[str]:
    """Whom to ask, of peers and their networks: one of each network first, in random order."""
    peers = sorted(networks)
    rng.shuffle(peers)
    turn: Counter[str] = Counter()
    ranked = []
    for peer_id in peers:
        ranked.append((turn[networks[peer_id]], peer_id))
        turn[networks[peer_id]] += 1
    return [peer_id for _, peer_id in sorted(ranked, key=lambda one: one[0])][:most]


def announced_ports(addresses: Iterable[str]) -> list[int]:
    """The ports at which others may find a node with these addresses; none if it is there for its machine alone."""
    ports = []
    for address in addresses:
        parts = address.split("/")
        host = host_of(address)
        loopback = host is not None and is_private(address) and ipaddress.ip_address(host).is_loopback
        if "p2p-circuit" in parts or loopback:
            continue
        with suppress(ValueError, IndexError):
            ports.append(int(parts[4]))
    return ports


def _network(maddrs: Sequence[str]) -> str | None:
    hosts = [host for maddr in maddrs if (host := host_of(maddr)) is not None]
    return network_of(hosts[0]) if hosts else None
