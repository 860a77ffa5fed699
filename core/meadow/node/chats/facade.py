"""The store on a thread of its own, for code on the event loop.

    await store(ChatStore.message, chat_id, message_id)

A call that is cancelled before its turn does nothing; one that has begun runs to its end, and nobody waits for it. So a
transaction is never cut in half, and who is cancelled does not know which of the two it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from meadow.errors import DiskFull, MeadowError
from meadow.node.chats.errors import StoreUnusable
from meadow.node.chats.store import ChatStore
from meadow.node.chats.upgrade import set_aside

P = ParamSpec("P")
T = TypeVar("T")


class AsyncChatStore:
    """Belongs to one event loop. The node runs also without its conversations: a file that cannot be opened is tried
    again with every call, so all is well as soon as there is room, or the right file."""

    def __init__(
        self,
        file: Path,
        open_store: Callable[[Path], ChatStore] = ChatStore,
        *,
        on_problem: Callable[[MeadowError | None], None] = lambda error: None,
    ) -> None:
        """``on_problem`` is called on the loop when ``problem`` comes, changes its code, or goes."""
        self.file = file
        self._on_problem = on_problem
        self.problem: MeadowError | None = None
        """Why the file could not be used the last time; None when it could."""
        self._open_store = open_store
        self._store: ChatStore | None = None
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chats")

    async def open(self) -> None:
        """Open the file now. Raises what ``ChatStore`` raises; later calls try again."""
        await self._run(self._opened)

    async def __call__(self, method: Callable[Concatenate[ChatStore, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``method`` of the store, on its thread. Raises what it raises, or why the file cannot be opened."""
        return await self._run(lambda: method(self._opened(), *args, **kwargs))

    async def set_aside(self) -> Path:
        """Rename the file and begin with an empty one; the new name. Only a person decides this."""

        def work() -> Path:
            if self._store is not None:
                self._store.close()
                self._store = None
            aside = set_aside(self.file)
            self._opened()
            return aside

        return await self._run(work)

    async def close(self) -> None:
        """Close the file after all that was asked. Harmless when called again."""
        if self._closed:
            return

        def work() -> None:
            self._closed = True
            if self._store is not None:
                self._store.close()
                self._store = None

        try:
            await asyncio.shield(self._run(work))
        finally:
            self._thread.shutdown(wait=False)

    def _opened(self) -> ChatStore:
        if self._closed:
            raise StoreUnusable("Meadow is stopping; conversations are closed.")
        if self._store is None:
            self._store = self._open_store(self.file)
        return self._store

    async def _run(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()

        def remember(problem: MeadowError | None) -> None:
            changed = (self.problem and self.problem.code) != (problem and problem.code)
            self.problem = problem
            if changed:
                self._on_problem(problem)

        def explained() -> T:
            # Told from the thread, so that it is known whether or not somebody still waits.
            before = self._store.commits if self._store is not None else 0
            try:
                result = work()
            except (StoreUnusable, DiskFull) as error:
                if not self._closed:
                    loop.call_soon_threadsafe(remember, error)
                raise
            # On a full disk all can be read, so only a write shows that there is room again.
            written = self._store is not None and self._store.commits > before
            if self.problem is not None and not self._closed and (written or not isinstance(self.problem, DiskFull)):
                loop.call_soon_threadsafe(remember, None)
            return result

        try:
            return await asyncio.wrap_future(self._thread.submit(explained))
        except RuntimeError as error:
            if self._closed:
                raise StoreUnusable("Meadow is stopping; conversations are closed.") from error
            raise
