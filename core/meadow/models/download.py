"""Getting ranges of one file through drops, stalls and lies: try again, but never without a bound."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final, TypeVar

from meadow.errors import DownloadError
from meadow.models.answers import BadAnswer
from meadow.models.fingerprint import check_cancel
from meadow.models.ranges import Ranges, plan_requests

T = TypeVar("T")
Read = Callable[[int, int], Generator[tuple[int, bytes]]]

_COMMIT_BYTES: Final = 32 << 20
_COMMIT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``attempts`` in a row without ``progress_bytes`` between them are given up; waits double from ``first_wait``
    seconds.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 10.0
    progress_bytes: int = 1 << 20

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures; a little random, so that many clients do not come back at once."""
        return min(self.longest_wait, self.first_wait * 2 ** (failures - 1)) * random.uniform(0.75, 1.25)


DEFAULT_POLICY: Final = RetryPolicy()


class Retry:
    """Counts failures and waits between them."""

    def __init__(self, host: str, what: str, policy: RetryPolicy, cancel: threading.Event | None) -> None:
        self._host, self._what, self._policy = host, what, policy
        self._cancel = cancel or threading.Event()
        self._failures = 0
        self._since = 0

    def received(self, count: int) -> None:
        """``count`` useful bytes came: enough of them and earlier failures are forgiven."""
        self._since += count
        if self._since >= self._policy.progress_bytes:
            self._failures = self._since = 0

    def failed(self, error: BadAnswer) -> None:
        """Wait, or raise DownloadError when there were too many failures."""
        self._failures += 1
        if self._failures >= self._policy.attempts:
            raise DownloadError(
                f"{self._what[:1].upper()}{self._what[1:]} could not be fetched: {self._host} {error}, "
                f"{self._failures} times in a row. What was downloaded is kept. Check your connection, or try again "
                "later."
            ) from error
        self._cancel.wait(self._policy.wait(self._failures))
        check_cancel(self._cancel)

    def call(self, ask: Callable[[], T]) -> T:
        """The answer to a question that is asked as a whole."""
        while True:
            try:
                return ask()
            except BadAnswer as error:
                self.failed(error)


def fetch_ranges(
    wanted: Ranges,
    read: Read,
    write: Callable[[int, memoryview], None],
    commit: Callable[[Ranges], None],
    count: Callable[[int, int], None],
    retry: Retry,
    cancel: threading.Event | None = None,
) -> None:
    """Get all of ``wanted``, and store nothing else.

    ``read(start, end)`` yields (offset, data) and may yield more than was asked for (a server without ranges);
    ``write(offset, data)`` stores bytes; ``commit(ranges)`` makes bytes count that were written; ``count(received,
    useful)`` hears about every piece. Whatever is raised, everything good that was received has been committed.
    """
    left, fresh, since = wanted, Ranges(), time.monotonic()
    while left:
        start, end = plan_requests(left).spans[0]
        last = left.spans[-1][1]
        answer = read(start, end)
        try:
            for offset, data in answer:
                check_cancel(cancel)
                useful, left_after = left.take(offset, offset + len(data))
                for low, high in useful:
                    write(low, memoryview(data)[low - offset : high - offset])
                left, fresh = left_after, fresh.union(useful)
                count(len(data), useful.size)
                retry.received(useful.size)
                if fresh.size >= _COMMIT_BYTES or time.monotonic() - since >= _COMMIT_SECONDS:
                    commit(fresh)
                    fresh, since = Ranges(), time.monotonic()
                if offset + len(data) >= last:
                    break
        except BadAnswer as error:
            if error.spoiled:
                count(0, -fresh.size)
                left, fresh = left.union(fresh), Ranges()
            retry.failed(error)
        finally:
            answer.close()
            if fresh:
                commit(fresh)
            fresh, since = Ranges(), time.monotonic()
