"""One member of a swarm: p2pd, the DHT, and streams to and from other members. Start reading here.

A node process makes one with :meth:`SwarmNode.create`. A server process of the same node joins in with
:meth:`SwarmNode.attach`: the same peer id and connections, but no DHT of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from meadow.errors import DaemonDied, NoPeers, ServerLost, SwarmError
from meadow.swarm import hardening
from meadow.swarm.addresses import dialable, is_private, is_tcp_address, split_peer, without_peer
from meadow.swarm.identity import Identity, is_peer_id
from meadow.swarm.membership import Membership
from meadow.swarm.reachability import DIAL_BACK_PROTOCOL, DialBack
from meadow.swarm.reachability import LIMITS as DIAL_BACK_LIMITS
from meadow.swarm.records import (
    LIFE_SECONDS,
    MAX_ADDRESSES,
    RENEW_SECONDS,
    ModelRecord,
    Record,
    ServerRecord,
    SignedRecord,
    bucket_keys,
    decode_record,
    is_gone,
    model_keys,
    sign_record,
    storage_keys,
    storage_subkey,
)
from meadow.swarm.rundir import local_socket, private_run_dir, public_marker, socket_prefix
from meadow.swarm.streams import MessageReader, MessageWriter, StreamLimits, connect_unix
from meadow.wire.limits import FINGERPRINT, MAX_BLOCKS

hardening.install()  # before hivemind is used by anything below

from hivemind.dht.node import DHTNode  # noqa: E402

from meadow.swarm.contacts import DIAL_SECONDS, Contacts  # noqa: E402
from meadow.swarm.daemon import Daemon  # noqa: E402
from meadow.swarm.dht import MAX_SKEW_SECONDS, Heard, RecordGate, SwarmClock, dht_id, node_id_of  # noqa: E402
from meadow.swarm.gate import Gate, PeerRules, gate_file  # noqa: E402
from meadow.swarm.link import LIMITS as LINK_LIMITS  # noqa: E402
from meadow.swarm.link import LINK_PROTOCOL, LinkServer  # noqa: E402
from meadow.swarm.listener import StreamHandler, StreamListener  # noqa: E402
from meadow.swarm.store import RecordStore  # noqa: E402

logger = logging.getLogger(__name__)

FIND_SECONDS = 12.0
"""No search takes longer; less than what those who wait for one allow (client.swarm.FIND_SECONDS)."""
ENOUGH_SECONDS = 5.0
"""After so long what has been heard is enough: a peer that is slow or dead costs time, not what others answered."""
REJOIN_SECONDS = 120.0
NEWS_SECONDS = 20.0
NEWS_PEERS = 3
NEWS_PROTOCOL = "meadow/1/news"
MODEL_BACKERS = 4
_LEAVE_SECONDS = 3.0
_PING_SECONDS = 3.0


class SwarmNode:
    """See the module's text. Use from one asyncio loop only."""

    def __init__(
        self,
        daemon: Daemon,
        identity: Identity | None,
        *,
        allow_private: bool,
        membership: Membership | None = None,
        rules: PeerRules | None = None,
    ) -> None:
        """Use :meth:`create` or :meth:`attach`."""
        self.peer_id = daemon.peer_id
        self.daemon_maddr = f"/unix{daemon.control_path}"
        self.addresses: list[str] = []
        self.died = daemon.died
        self.allow_private = allow_private
        self.clock = SwarmClock()
        self.gate = Gate(
            daemon.peer_id,
            lambda: self.clock(),
            membership,
            rules,
            file=gate_file(daemon.control_path),
            owned=identity is not None,
        )
        self._daemon = daemon
        self._identity = identity
        self._dht: DHTNode | None = None
        self._store_of_others = RecordStore(self.clock)
        self._listener: StreamListener | None = None
        self._protocols: set[str] = set()
        self._contacts: Contacts | None = None
        self._announced: dict[tuple[type, str], Record] = {}
        self._last_expiry: dict[tuple[type, str], float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._passing: set[asyncio.Task[None]] = set()
        self._closed = False

    @classmethod
    async def create(
        cls,
        *,
        identity: Identity,
        run_dir: Path,
        initial_peers: Sequence[str] = (),
        host_maddrs: Sequence[str] = ("/ip4/127.0.0.1/tcp/0",),
        announce_maddrs: Sequence[str] = (),
        client_only: bool = False,
        allow_private: bool | None = None,
        must_join: bool = True,
        succeeds: SwarmNode | None = None,
        membership: Membership | None = None,
        rules: PeerRules | None = None,
    ) -> SwarmNode:
        """Start p2pd and join a swarm, or start a new one when there are no initial peers.

        ``client_only`` accepts no connections and keeps no records for others. ``allow_private`` says whether
        addresses in private networks that stand in other peers' records may be dialled; by default they may in a swarm
        that lives in one: if neither an initial peer nor this node itself has a public address. With ``must_join``
        false it is fine that no initial peer answers: the node is alone then, and tries again with every
        :meth:`rejoin`. ``succeeds`` is the node of the same identity whose p2pd has died: what it kept for others and
        its view of the time go on. ``membership`` makes it a member of a private swarm, which answers nobody else;
        ``rules`` say whom it deals with at all. Raises NoPeers when no initial peer answers, SwarmError when an
        address is malformed or p2pd does not start.
        """
        check_addresses(initial_peers, (*host_maddrs, *announce_maddrs))
        peers = [_parse_peer(address) for address in initial_peers]
        directory = await asyncio.to_thread(private_run_dir, run_dir)
        daemon = await Daemon.start(
            identity_path=identity.path,
            run_dir=directory,
            host_maddrs=host_maddrs,
            announce_maddrs=announce_maddrs,
            listen=not client_only,
        )
        self = cls(daemon, identity, allow_private=bool(allow_private), membership=membership, rules=rules)
        self.gate.on_change.append(self._send_away)
        if succeeds is not None and succeeds.peer_id == self.peer_id:
            self.clock, self._store_of_others = succeeds.clock, succeeds._store_of_others
            # Records are replaced only by later ones, also by those of a new daemon.
            self._last_expiry = succeeds._last_expiry
        try:
            if allow_private is None:
                own = [] if client_only else [without_peer(address) for address in await daemon.listen_addresses()]
                seen = [*own, *announce_maddrs, *(address for address, _ in peers)]
                self.allow_private = all(is_private(without_peer(address)) for address in seen)
            if not self.allow_private:
                public_marker(daemon.control_path).touch(mode=0o600)
            await self._join(peers, client_only, must_join)
        except BaseException:
            await self.close()
            raise
        return self

    async def _join(self, peers: list[tuple[str, str]], client_only: bool, must_join: bool) -> None:
        assert self._identity is not None
        if self.peer_id != self._identity.peer_id:
            raise SwarmError("p2pd runs under another identity than expected. Check the identity file.")
        self.addresses = await self._daemon.listen_addresses()
        self._dht = await DHTNode.create(
            p2p=self._daemon.p2p,
            node_id=node_id_of(self._daemon.p2p.peer_id.to_bytes()),
            record_validator=RecordGate(self.clock, self._store_of_others),
            authorizer=self.gate,
            client_mode=client_only,
            wait_timeout=_PING_SECONDS,
            # Caches would serve records of servers that have left, and keep what nobody verified for us.
            cache_locally=False,
            cache_nearest=0,
            cache_on_store=False,
            cache_refresh_before_expiry=0,
            reuse_get_requests=False,
        )
        self._contacts = Contacts(
            self._daemon, self._dht, peers, self._store_of_others, allow_private=self.allow_private
        )
        if not await self.rejoin() and self._contacts.initial and must_join:
            tried = ", ".join(f"{address}/p2p/{peer_id}" for address, peer_id in self._contacts.initial)
            raise NoPeers(
                f"None of the initial peers answers: {tried}. Check that they run and can be reached from here, "
                "or start a new swarm."
            )
        self._tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._rejoin())]
        if not client_only:
            await self.add_stream_handler(LINK_PROTOCOL, LinkServer().serve, limits=LINK_LIMITS)
            await self.add_stream_handler(DIAL_BACK_PROTOCOL, DialBack(self).serve, limits=DIAL_BACK_LIMITS)
        if self.gate.is_private:
            await self.add_stream_handler(NEWS_PROTOCOL, _meet, limits=StreamLimits(per_peer=4, total=64))
            self._tasks.append(asyncio.create_task(self._hand_on()))

    @classmethod
    async def attach(cls, daemon_maddr: str) -> SwarmNode:
        """Join the node whose ``daemon_maddr`` this is, from another process (a server). Only streams work.

        Raises DaemonDied when that node's p2pd does not run.
        """
        daemon = await Daemon.attach(daemon_maddr)
        self = cls(daemon, None, allow_private=not public_marker(daemon.control_path).exists())
        try:
            self.addresses = await daemon.listen_addresses()
        except BaseException:
            await self.close()
            raise
        return self

    # Streams

    async def open_stream(
        self, peer_id: str, addresses: Iterable[str], protocol: str, *, timeout: float = DIAL_SECONDS
    ) -> tuple[MessageReader, MessageWriter]:
        """Open a stream to ``protocol`` at a peer, dialling its ``addresses`` if there is no connection yet.

        Only addresses that may be dialled are (see :func:`addresses.dialable`). For our own peer id the stream goes
        through a local socket. Raises ServerLost when the peer cannot be reached or does not serve the protocol,
        ServerTimeout when it does not answer within ``timeout`` seconds, DaemonDied when p2pd has ended.
        """
        if peer_id == self.peer_id:
            return await self._open_local(protocol)
        self.gate.must_admit(peer_id)
        allowed = dialable([without_peer(address) for address in addresses], allow_private=self.allow_private)
        deadline = asyncio.get_running_loop().time() + timeout
        if allowed:
            await self._daemon.connect(peer_id, allowed, timeout=timeout)
        left = max(0.1, deadline - asyncio.get_running_loop().time())
        reader, writer = await self._daemon.open_stream(peer_id, protocol, timeout=left)
        left = max(0.1, deadline - asyncio.get_running_loop().time())
        await self.gate.enter(peer_id, protocol, reader, writer, timeout=left)
        return reader, writer

    async def _open_local(self, protocol: str) -> tuple[MessageReader, MessageWriter]:
        try:
            return await connect_unix(local_socket(self._daemon.run_dir, self.peer_id, protocol))
        except OSError as error:
            raise ServerLost("No server of this node answers under this name.", code="unreachable") from error

    async def add_stream_handler(
        self, protocol: str, handler: StreamHandler, *, limits: StreamLimits | None = None, certified: bool = True
    ) -> None:
        """Call ``handler(peer_id, reader, writer)`` for every stream that is opened to ``protocol``.

        The peer id is proven by libp2p; for streams from this node itself it is our own. The handler reads with
        ``streams.read_message``; the stream is closed when it returns. ``limits`` hold for this protocol. In a private
        swarm only members get as far as the handler; with ``certified`` false holders of the secret without a
        certificate, too. Raises SwarmError when another process of this node has taken the name.
        """
        if self._listener is None:
            path = f"{socket_prefix(self._daemon.run_dir)}{random.randbytes(4).hex()}.sock"
            listener = StreamListener(self.peer_id, path, self.gate)
            await listener.start()
            self._listener = listener
        local_path = local_socket(self._daemon.run_dir, self.peer_id, protocol)
        await self._listener.add(protocol, handler, limits or StreamLimits(), local_path, certified=certified)
        try:
            await self._daemon.serve(protocol, self._listener.path)
        except BaseException:
            await self._listener.remove(protocol, local_path)
            raise
        self._protocols.add(protocol)

    async def remove_stream_handler(self, protocol: str) -> None:
        """Accept no new streams for ``protocol``."""
        if self._listener is not None and protocol in self._protocols:
            self._protocols.discard(protocol)
            await self._listener.remove(protocol, local_socket(self._daemon.run_dir, self.peer_id, protocol))
            with suppress(SwarmError):
                await self._daemon.stop_serving(protocol, self._listener.path)

    async def connected(self) -> dict[str, list[str]]:
        """The members that we have a connection to, and the address at its other end, as seen from here."""
        seen = await self._daemon.connections()
        return {peer: maddrs for peer, maddrs in seen.items() if is_peer_id(peer) and self.gate.admits(peer)}

    async def seen_at(self, peer_id: str) -> list[str]:
        """Where a connected peer is connected from."""
        return (await self._daemon.connections()).get(peer_id, [])

    # Records

    async def publish(self, record: Record) -> SignedRecord:
        """Make a record known, and keep it known (renewed every 20 s) until it is withdrawn or published anew.

        ``expires`` is set here, and addresses are filled in when there are none. An entry in the index of models is
        only stored while few others say the same. Raises SwarmError when nobody, not even this node, could store it, or
        when our clock is so wrong that others would not believe it; it is then tried again with the next renewal.
        """
        self._need_dht()
        self._check_clock()
        if isinstance(record, ServerRecord) and not record.addresses:
            record = replace(record, addresses=self.own_addresses())
        self._announced[type(record), record.server_id] = record
        if isinstance(record, ModelRecord) and not await self._is_needed(record):
            return self.sign(record)
        return await self._store(record)

    async def withdraw(self, record: Record) -> None:
        """Take a published record back at once: a newer one that says "gone" replaces it everywhere."""
        known = self._announced.pop((type(record), record.server_id), record)
        if isinstance(known, ServerRecord):
            await self._store(replace(known, state="gone", addresses=()))
        elif (type(record), record.server_id) in self._last_expiry:
            await self._store(replace(known, gone=True))

    def sign(self, record: Record) -> SignedRecord:
        """Sign a record of our own without publishing it; it expires after its usual life."""
        if self._identity is None:
            raise SwarmError("Only the node itself can sign; a server process cannot.")
        which = type(record), record.server_id
        # Strictly later than anything signed before, whatever the clock does: the later expiry wins.
        expires = max(self.clock() + LIFE_SECONDS, self._last_expiry.get(which, 0.0) + 0.001)
        self._last_expiry[which] = expires
        return sign_record(replace(record, expires=expires), self._identity)

    def own_addresses(self) -> tuple[str, ...]:
        """Where this node can be dialled, as it stands in records: without the peer id."""
        return tuple(without_peer(address) for address in self.addresses)[:MAX_ADDRESSES]

    async def find_servers(self, fingerprint: bytes, num_blocks: int) -> list[SignedRecord]:
        """All servers known for a model: one verified record for each (peer, server), the newest, none that is gone."""
        if len(fingerprint) != FINGERPRINT or not 0 < num_blocks <= MAX_BLOCKS:
            raise ValueError("a model has a fingerprint of 32 bytes and between 1 and 1024 blocks")
        found = [
            signed
            for signed in await self._find(bucket_keys(fingerprint, 0, num_blocks))
            if isinstance(signed.record, ServerRecord) and signed.record.fingerprint == fingerprint
        ]
        if self._contacts is not None:
            self._contacts.found(signed.server for signed in found)
        return found

    async def find_models(self) -> list[ModelRecord]:
        """The models that are up: several entries for one model mean several servers that vouch for it."""
        found = await self._find(model_keys())
        return [signed.record for signed in found if isinstance(signed.record, ModelRecord)]

    async def _find(self, keys: list[bytes]) -> list[SignedRecord]:
        """The newest valid record of each kind and server under these keys, none that is gone.

        Asked are the DHT, and beside it peers that answered us before, so that a DHT full of liars hides nobody whom
        we know. Raises SwarmError when nobody answers.
        """
        dht = self._need_dht()
        assert self._contacts is not None
        await self._contacts.seek()
        heard = Heard()
        with heard.listening():
            searching = asyncio.ensure_future(dht.get_many(keys, sufficient_expiration_time=float("inf")))
            asking = asyncio.ensure_future(self._contacts.ask([dht_id(key) for key in keys]))
        both = {searching, asking}
        try:
            await asyncio.wait(both, timeout=ENOUGH_SECONDS)
            if not heard.answers:
                await asyncio.wait(both, timeout=FIND_SECONDS - ENOUGH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            results = await asyncio.gather(*both, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        if not searching.cancelled():
            for answer in searching.result().values():
                for entry in (answer.value if answer is not None else {}).values():
                    # Every record passed the gate on its way in (dht.RecordGate); only its place is decided here.
                    heard.add(decode_record(entry.value, now=None, verify=False))
        elif not heard.answers:
            raise SwarmError("The swarm does not answer. Check the network connection and try again.")
        now = self.clock()
        found = [
            signed
            for signed in heard.newest.values()
            if signed.record.expires > now and not is_gone(signed.record) and self.gate.admits(signed.record.peer_id)
        ]
        if not found:
            self._check_clock()
        return found

    async def _store(self, record: Record) -> SignedRecord:
        dht = self._need_dht()
        signed = self.sign(record)
        keys = storage_keys(signed.record)
        subkeys = [storage_subkey(signed.record)] * len(keys)
        try:
            async with asyncio.timeout(FIND_SECONDS):
                stored = await dht.store_many(
                    keys, [signed.encoded] * len(keys), signed.record.expires, subkeys=subkeys
                )
        except TimeoutError as error:
            raise SwarmError("The swarm does not answer. Check the network connection and try again.") from error
        finally:
            for key in keys:  # whoever knows us can ask us about ourselves
                self._store_of_others.put(dht_id(key), subkeys[0], signed.encoded, signed.record.expires)
        if not any(stored.values()):
            self._check_clock()
            raise SwarmError("Nobody in the swarm could keep our record. Check the clock and the network connection.")
        return signed

    def _check_clock(self) -> None:
        if (off := self.clock.too_wrong) is not None:
            way = "behind" if off > 0 else "ahead of"
            raise SwarmError(
                f"This computer's clock is {abs(off):.0f} s {way} that of the swarm; at most {MAX_SKEW_SECONDS:.0f} s "
                "are fine. Set the clock, then try again."
            )

    def _need_dht(self) -> DHTNode:
        if self.died.done():
            raise DaemonDied("The libp2p daemon (p2pd) has ended. Restart the node.")
        if self._dht is None:
            raise SwarmError("Records are published and found by the node, not by its server processes.")
        return self._dht

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS * random.uniform(0.9, 1.0))
            await asyncio.gather(*map(self._renew_one, list(self._announced)))

    async def _renew_one(self, which: tuple[type, str]) -> None:
        record = self._announced[which]
        try:
            if isinstance(record, ModelRecord) and not await self._is_needed(record):
                return
            if self._announced.get(which) is record:  # not withdrawn in the meantime
                await self._store(record)
        except SwarmError as error:
            logger.info("a record could not be renewed: %s", error.code)
        except Exception:
            logger.exception("a record could not be renewed")  # a defect, but the other records stay alive

    async def _is_needed(self, record: ModelRecord) -> bool:
        """Whether this entry in the index is among the few that keep a popular model listed.

        All backers of a model make the same choice, by a hash; when one of those chosen goes silent, its entry
        expires and the next one steps in. Only entries with the same claim count, so that nobody can silence the
        backers of a model with entries that say something else.
        """
        others = [other for other in await self.find_models() if other.claim == record.claim]
        rivals = {storage_subkey(other) for other in others} - {storage_subkey(record)}
        rank = sum(1 for rival in rivals if rival < storage_subkey(record))
        return rank < MODEL_BACKERS

    # Staying in touch

    async def _hand_on(self) -> None:
        """Meet a few members of a private swarm again and again: each meeting hands on who was sent away."""
        while True:
            await asyncio.sleep(NEWS_SECONDS * random.uniform(0.8, 1.2))
            await self.hand_on()

    async def hand_on(self) -> None:
        """Meet a few members now."""
        known = list(self._need_dht().protocol.routing_table.peer_id_to_uid)
        for peer in random.sample(known, min(len(known), NEWS_PEERS)):
            with suppress(SwarmError):
                _, writer = await self.open_stream(peer.to_base58(), (), NEWS_PROTOCOL)
                writer.close()

    def known_peers(self) -> list[str]:
        """Peers that the DHT has met lately, in no order."""
        return [peer.to_base58() for peer in self._need_dht().protocol.routing_table.peer_id_to_uid]

    async def _rejoin(self) -> None:
        """Contact the initial peers again and again, so that a swarm that was cut in two grows together."""
        while True:
            await asyncio.sleep(REJOIN_SECONDS * random.uniform(0.8, 1.2))
            with suppress(SwarmError):
                await self.rejoin()

    async def note_sessions(self) -> None:
        """Count servers that any process of this node talks to among those that have :attr:`answered`."""
        if self._contacts is not None:
            await self._contacts.note_sessions()

    @property
    def answered(self) -> dict[str, float]:
        """Full addresses of peers that have answered us, and when (Unix seconds)."""
        return {} if self._contacts is None else dict(self._contacts.answered)

    async def meet(self, maddrs: Iterable[str]) -> int:
        """Get to know peers at these full addresses, now and with every :meth:`rejoin`. Raises NoPeers, DaemonDied."""
        self._need_dht()
        assert self._contacts is not None
        news = [self._contacts.also(_parse_peer(address)) for address in maddrs]
        return await self.rejoin() if any(news) else 0

    async def rejoin(self) -> int:
        """Contact the initial peers, and some servers that are known, now. Returns how many have answered.

        Raises DaemonDied.
        """
        self._need_dht()
        assert self._contacts is not None
        answered = await self._contacts.meet()
        self._need_dht()
        return answered

    @property
    def neighbours(self) -> int:
        """How many other members of the DHT are known whose last call was answered."""
        return 0 if self._contacts is None else self._contacts.neighbours

    async def look_up_addresses(self, *, timeout: float = 10.0) -> bool:
        """Ask p2pd where this node can be dialled now (networks change); True when that has changed.

        Also a sign of life: raises ServerTimeout when p2pd does not answer, DaemonDied when it has ended.
        """
        addresses = await self._daemon.listen_addresses(timeout=timeout)
        changed = set(addresses) != set(self.addresses)
        if changed:
            self.addresses = addresses
        return changed

    def kill(self) -> None:
        """End a p2pd that does not answer any more; ``died`` tells when it is gone."""
        self._daemon.kill()

    def _send_away(self) -> None:
        """The gate has changed: whoever is connected and not wanted any more is disconnected, in all processes."""

        async def look() -> None:
            with suppress(SwarmError):
                for peer_id in await self._daemon.connected_peers():
                    if is_peer_id(peer_id) and not self.gate.admits(peer_id):
                        await self._daemon.disconnect(peer_id)

        if self._dht is not None:
            for peer in list(self._dht.protocol.routing_table.peer_id_to_uid):
                self._dht.protocol.look_at_gate(peer)
        task = asyncio.ensure_future(look())
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def clean_up_after(self, pid: int, protocols: Iterable[str] = ()) -> None:
        """Remove what a dead process of this node left: its sockets, and its names at p2pd, which others may take."""
        for path in await asyncio.to_thread(lambda: list(self._daemon.run_dir.glob(f"{pid}-*.sock"))):
            for protocol in protocols:
                with suppress(SwarmError):
                    await self._daemon.stop_serving(protocol, str(path))
            with suppress(OSError):
                path.unlink()
        for protocol in protocols:
            with suppress(OSError):
                os.unlink(local_socket(self._daemon.run_dir, self.peer_id, protocol))

    async def close(self) -> None:
        """Withdraw what was published, end p2pd, remove the sockets. Bounded in time; doing it twice is harmless."""
        if self._closed:
            return
        self._closed = True
        tasks = [*self._tasks, *self._passing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._contacts is not None:
            await self._contacts.close()
        if not self.died.done():
            with suppress(SwarmError, TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await asyncio.gather(*map(self.withdraw, list(self._announced.values())), return_exceptions=True)
            for protocol in list(self._protocols):
                await self.remove_stream_handler(protocol)
        if self._listener is not None:
            await self._listener.close()
        if self._dht is not None:
            self._dht.is_alive = False
            self._dht.protocol.stop_background()
        await self._daemon.stop()
        self.gate.forget()

    async def __aenter__(self) -> SwarmNode:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _meet(peer_id: str, reader: MessageReader, writer: MessageWriter) -> None:
    """Nothing more is said: the proof that comes before has handed on what is news."""


def check_addresses(initial_peers: Iterable[str], host_maddrs: Iterable[str]) -> None:
    """Raises NoPeers or SwarmError when one of them is malformed."""
    for address in host_maddrs:
        if not is_tcp_address(address):
            raise SwarmError("A listen address must look like /ip4/127.0.0.1/tcp/0 (TCP only).")
    for address in initial_peers:
        _parse_peer(address)


def _parse_peer(address: str) -> tuple[str, str]:
    try:
        return split_peer(address)
    except ValueError as error:
        raise NoPeers(
            "An initial peer must look like /ip4/HOST/tcp/PORT/p2p/PEER_ID; check the addresses you gave."
        ) from error


__all__ = ["SwarmNode", "check_addresses"]
