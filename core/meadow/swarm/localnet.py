"""Finding peers on the local network (mDNS), with the ``zeroconf`` library: p2pd has no flag for it.

A node of a public swarm announces its peer id. One of a private swarm announces a random salt and what only members can
make of it: a tag to recognise the swarm by, and its peer id under a mask; so a stranger on the network sees that some
Meadow listens here, which anybody sees who tries the port, but not which swarm, and nothing to follow it by from one
start to the next. What is found is only ever another address to try: who answers has to prove itself as everybody.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from meadow.swarm.addresses import is_private, is_tcp_address, without_peer
from meadow.swarm.identity import KEY_BYTES, is_peer_id, key_from_peer_id, peer_id_from_key
from meadow.swarm.membership import Membership
from meadow.swarm.proof import derive, equal

if TYPE_CHECKING:
    from zeroconf import Zeroconf

logger = logging.getLogger(__name__)

SERVICE = "_meadow._tcp.local."
MAX_FOUND = 64
MAX_ADDRESSES = 4
_SALT_BYTES = 8
_TAG_BYTES = 8
_ASK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """What one node says about itself: text fields, IP addresses and a port."""

    fields: dict[str, str]
    addresses: tuple[str, ...]
    port: int


def announce(
    peer_id: str, maddrs: Iterable[str], membership: Membership | None, *, salt: bytes | None = None
) -> Announcement | None:
    """What to announce; None for a node that other machines cannot reach."""
    reachable: dict[int, list[str]] = {}
    for maddr in map(without_peer, maddrs):
        if is_tcp_address(maddr) and maddr.startswith(("/ip4/", "/ip6/")):
            _, _, host, _, number = maddr.split("/")
            if not ipaddress.ip_address(host).is_loopback:
                reachable.setdefault(int(number), []).append(host)
    if not reachable:
        return None
    port, hosts = max(reachable.items(), key=lambda item: len(item[1]))
    if membership is None:
        fields = {"v": "1", "p": peer_id}
    else:
        salt = os.urandom(_SALT_BYTES) if salt is None else salt
        key = _key(membership)
        fields = {"v": "1", "s": salt.hex(), "t": _tag(key, salt).hex(), "m": _masked(key, salt, peer_id).hex()}
    return Announcement(fields, tuple(hosts[:MAX_ADDRESSES]), port)


def read(
    fields: Mapping[bytes, bytes | None], hosts: Sequence[str], port: int | None, membership: Membership | None
) -> list[str]:
    """The full addresses to try, from what somebody announced; empty when it is not our swarm, or nonsense.

    Only addresses of private networks count: nobody on this one can send us out into the world.
    """
    peer_id = _peer_of(fields, membership)
    if peer_id is None or port is None or not 0 < port < 65536:
        return []
    found = []
    for host in hosts[:MAX_ADDRESSES]:
        with suppress(ValueError):
            address = ipaddress.ip_address(host)
            maddr = f"/ip{address.version}/{address}/tcp/{port}"
            if is_tcp_address(maddr) and is_private(maddr) and not address.is_multicast and not address.is_unspecified:
                found.append(f"{maddr}/p2p/{peer_id}")
    return found


def _peer_of(fields: Mapping[bytes, bytes | None], membership: Membership | None) -> str | None:
    values = {key: value or b"" for key, value in fields.items() if key in (b"v", b"p", b"s", b"t", b"m")}
    if values.get(b"v") != b"1" or any(len(value) > 128 for value in values.values()):
        return None
    try:
        if membership is None:
            peer_id = values.get(b"p", b"").decode("ascii")
            return peer_id if is_peer_id(peer_id) else None
        salt, tag, mask = (bytes.fromhex(values.get(name, b"").decode("ascii")) for name in (b"s", b"t", b"m"))
        key = _key(membership)
        if len(salt) != _SALT_BYTES or len(mask) != KEY_BYTES or not equal(tag, _tag(key, salt)):
            return None
        return peer_id_from_key(_xor(mask, _pad(key, salt)))
    except ValueError:
        return None


def _key(membership: Membership) -> bytes:
    return derive(membership.secret, "local network") + membership.swarm_id


def _tag(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, b"tag" + salt, "sha256")[:_TAG_BYTES]


def _pad(key: bytes, salt: bytes) -> bytes:
    return hmac.digest(key, b"peer" + salt, "sha256")


def _masked(key: bytes, salt: bytes, peer_id: str) -> bytes:
    return _xor(key_from_peer_id(peer_id), _pad(key, salt))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


class LocalNetwork:
    """Announces this node, and calls ``found`` with the addresses of each peer of the same swarm that appears."""

    def __init__(
        self,
        peer_id: str,
        membership: Membership | None,
        found: Callable[[list[str]], None],
        *,
        interfaces: Sequence[str] | None = None,
    ) -> None:
        """``interfaces``: IP addresses of those to use; None: all."""
        self._peer_id, self._membership, self._found = peer_id, membership, found
        self._interfaces = interfaces
        self._seen: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._zeroconf: Any = None
        self._browser: Any = None
        self._loop = asyncio.get_running_loop()

    async def start(self, maddrs: Iterable[str]) -> bool:
        """Begin; False when this machine has no network that takes part, which is no error."""
        from zeroconf import InterfaceChoice, IPVersion
        from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

        said = announce(self._peer_id, maddrs, self._membership)
        try:
            self._zeroconf = AsyncZeroconf(
                interfaces=InterfaceChoice.All if self._interfaces is None else list(self._interfaces),
                ip_version=IPVersion.V4Only,
            )
            if said is not None:
                name = os.urandom(6).hex()
                await self._zeroconf.async_register_service(
                    AsyncServiceInfo(
                        SERVICE,
                        f"{name}.{SERVICE}",
                        port=said.port,
                        properties=said.fields,
                        server=f"{name}.local.",  # not the name of the machine
                        addresses=[_packed(host) for host in said.addresses],
                    )
                )
            self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])
        except OSError as error:
            logger.info("the local network cannot be used: %s", type(error).__name__)
            await self.close()
            return False
        return True

    async def close(self) -> None:
        """Say goodbye and stop. Harmless when nothing was started."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        zeroconf, self._zeroconf, browser, self._browser = self._zeroconf, None, self._browser, None
        if browser is not None:
            await browser.async_cancel()
        if zeroconf is not None:
            with suppress(OSError):
                await zeroconf.async_unregister_all_services()
                await zeroconf.async_close()

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: Any) -> None:
        from zeroconf import ServiceStateChange

        if state_change is ServiceStateChange.Removed:
            self._seen.discard(name)
        elif name not in self._seen and len(self._seen) < MAX_FOUND:
            self._seen.add(name)
            task = self._loop.create_task(self._look(zeroconf, service_type, name))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        from zeroconf.asyncio import AsyncServiceInfo

        info = AsyncServiceInfo(service_type, name)
        if await info.async_request(zeroconf, _ASK_SECONDS * 1000):
            maddrs = read(info.properties, info.parsed_addresses(), info.port, self._membership)
            if maddrs and not maddrs[0].endswith(f"/p2p/{self._peer_id}"):
                self._found(maddrs)


def _packed(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
