"""Keeps the address book of the swarm that the node is in: those who answered before are contacted at each start."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from meadow.errors import MeadowError
from meadow.node.supervisor import Supervisor
from meadow.swarm.known import AddressBook

if TYPE_CHECKING:
    from meadow.swarm.node import SwarmNode

LOOK_SECONDS = 20.0


async def keep_address_book(supervisor: Supervisor, file: Path) -> None:
    """Until cancelled. A disk that takes nothing costs the book, not the node."""
    book = await asyncio.to_thread(AddressBook, file)
    met: SwarmNode | None = None
    while True:
        node = supervisor.node
        if node is not None and not node.died.done():
            with contextlib.suppress(MeadowError):
                if node is not met:
                    met = node
                    await node.meet(book.addresses(now=time.time()))
                await node.note_sessions()
                if book.note(node.answered):
                    await asyncio.to_thread(book.save)
        await asyncio.sleep(LOOK_SECONDS if met is not None else 1.0)
