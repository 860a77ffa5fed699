"""What the API can ask about the swarms of this home. All but ``swarms`` and ``in_use`` may block on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meadow.errors import MeadowError
from meadow.swarm.book import Entry, SwarmBook
from meadow.swarm.invitation import format_link, parse_link

VISIBLE = (
    "A private swarm answers nobody who cannot prove to belong to it, and nobody else can read its records or use its "
    "servers. Still, whoever can reach an address can see that a Meadow peer listens there, its peer id, and the "
    "addresses of other peers of the swarm; and whoever watches the network sees who talks to whom, when and how much. "
    "Members can read what is asked through their servers. To hide the rest, run the swarm inside a VPN."
)


class SwarmControl:
    """``in_use``: the id of the private or joined swarm that the node is in; None for that of the settings."""

    visible = VISIBLE

    def __init__(self, book: SwarmBook, in_use: Callable[[], str | None]) -> None:
        self._book, self.in_use = book, in_use

    async def swarms(self) -> tuple[list[Entry], str | None]:
        """All of them, and the id of the one chosen."""
        entries = await asyncio.to_thread(self._book.entries)
        current = await asyncio.to_thread(self._book.current)
        return entries, None if current is None else current.id

    def find(self, swarm_id: str) -> Entry:
        """Raises UnknownSwarm."""
        return self._book.find(swarm_id)

    def new(self, name: str, *, by_invitation: bool) -> Entry:
        """Found one and choose it. Raises SwarmError."""
        entry = self._book.new(name, by_invitation=by_invitation)
        self._book.use(entry.id)
        return entry

    def join(self, link: str) -> Entry:
        """Take an invitation and choose its swarm. Raises BadLink."""
        entry = self._book.join(parse_link(link))
        self._book.use(entry.id)
        return entry

    def use(self, swarm_id: str | None) -> None:
        """Choose one; None: that of the settings. Raises UnknownSwarm."""
        self._book.use(swarm_id)

    def invite(self, swarm_id: str, note: str) -> tuple[str, bool]:
        """A link, and whether it works once only. Raises SwarmError."""
        invitation = self._book.invite(swarm_id, (), note=note)
        try:
            return format_link(invitation), bool(invitation.token)
        except ValueError as error:
            raise MeadowError("The addresses of this swarm do not fit into a link.", code="unsupported") from error

    def revoke(self, swarm_id: str, peer_id: str) -> None:
        """Send a member away; the node's duties tell the others. Raises SwarmError."""
        self._book.revoke(swarm_id, peer_id)

    def leave(self, swarm_id: str) -> None:
        """Forget one that the node is not in. Raises SwarmError."""
        if self.in_use() == swarm_id:
            raise MeadowError(
                "The node is in this swarm now. Choose another, start the node anew, then leave it.", code="conflict"
            )
        self._book.leave(swarm_id)
