"""Multiaddrs as Meadow uses them: TCP only, parsed strictly, because they come from strangers and are dialled.

p2pd's QUIC is inside known holes (quic-go 0.40.0), so nothing but TCP is announced, accepted or dialled.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from meadow.swarm.identity import key_from_peer_id

MAX_ADDRESS_CHARS = 160
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
_HOST_KINDS = ("ip4", "ip6", "dns", "dns4", "dns6")


def is_tcp_address(text: str) -> bool:
    """Whether ``text`` is ``/HOST/tcp/PORT``, perhaps with ``/p2p/ID``, or that of a relay and ``/p2p-circuit``."""
    if not isinstance(text, str) or len(text) > MAX_ADDRESS_CHARS or not text.startswith("/"):
        return False
    parts = text.split("/")[1:]
    if len(parts) < 4 or parts[2] != "tcp" or not _valid_host(parts[0], parts[1]) or not _valid_port(parts[3]):
        return False
    rest = parts[4:]
    if rest[:1] == ["p2p"] and len(rest) >= 2:
        try:
            key_from_peer_id(rest[1])
        except ValueError:
            return False
        return rest[2:] in ([], ["p2p-circuit"])
    return not rest


def _valid_host(kind: str, host: str) -> bool:
    if kind not in _HOST_KINDS:
        return False
    if kind.startswith("dns"):
        return len(host) <= 100 and _HOST_NAME.fullmatch(host) is not None
    try:
        return (ipaddress.IPv4Address(host) if kind == "ip4" else ipaddress.IPv6Address(host)) is not None
    except ValueError:
        return False


def _valid_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536


def is_private(address: str) -> bool:
    """Whether a valid address leads to this machine or a private network; names count as public."""
    _, kind, host, *_ = address.split("/")
    if kind.startswith("dns"):
        return host == "localhost"
    return not ipaddress.ip_address(host).is_global


def dialable(addresses: Iterable[str], *, allow_private: bool) -> list[str]:
    """The addresses of a peer's record that may be dialled: TCP, with a port, and public unless the swarm is local.

    A stranger's record must not be able to make this machine knock on doors inside its own network.
    """
    return [
        address
        for address in addresses
        if is_tcp_address(address) and address.split("/")[4] != "0" and (allow_private or not is_private(address))
    ]


def without_peer(address: str) -> str:
    """``/ip4/1.2.3.4/tcp/5/p2p/ID`` -> ``/ip4/1.2.3.4/tcp/5``; relayed addresses stay whole."""
    return address if address.endswith("/p2p-circuit") else address.split("/p2p/")[0]


def split_peer(address: str) -> tuple[str, str]:
    """``(address without the peer, peer id)`` of a full multiaddr ``/HOST/tcp/PORT/p2p/ID``. Raises ValueError."""
    if not is_tcp_address(address) or "/p2p/" not in address or address.endswith("/p2p-circuit"):
        raise ValueError("not an address of the form /ip4/HOST/tcp/PORT/p2p/PEER_ID")
    bare, peer_id = address.split("/p2p/")
    return bare, peer_id
