"""``meadow doctor``, without its checks: what a check is, how all are made, and the report that may be shown around.

A check finds out one thing and says what is wrong and what to do. Each has its own time limit, and one that fails,
hangs or has a defect never keeps the others from being made. The checks are in ``doctor_machine`` and
``doctor_swarm``; here nothing touches the machine.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar

from meadow.errors import MeadowError

T = TypeVar("T")
_MAX_TEXT = 400


class Status(StrEnum):
    """How good or bad it is. WARN: Meadow works, but not as well as it could."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: ``what`` is so, ``do`` this about it. ``details`` are JSON values, for programs."""

    status: Status
    what: str
    do: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to find out, in ``limit`` seconds at most. ``find`` may raise anything."""

    name: str
    title: str
    limit: float
    find: Callable[[], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Result:
    """A check that was made, and how long it took."""

    name: str
    title: str
    finding: Finding
    seconds: float


def ok(what: str, **details: Any) -> Finding:
    """All is well."""
    return Finding(Status.OK, what, "", details)


def warn(what: str, do: str, **details: Any) -> Finding:
    """It works, but."""
    return Finding(Status.WARN, what, do, details)


def fail(what: str, do: str, **details: Any) -> Finding:
    """It does not work."""
    return Finding(Status.FAIL, what, do, details)


def split(message: str) -> tuple[str, str]:
    """A sentence of ours as (what, do): the first sentence says what is so, the others what to do."""
    what, stop, do = message.partition(". ")
    return what + stop.strip(), do


async def examine(
    checks: Sequence[Check],
    *,
    on_start: Callable[[Check, int, int], None] = lambda check, number, count: None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Make all checks, one after the other. ``on_start`` hears which one of how many begins.

    Never raises for what a check does; cancelling ends the check that is being made, and raises.
    """
    results = []
    for number, check in enumerate(checks, 1):
        on_start(check, number, len(checks))
        begin = time.monotonic()
        finding = await _made(check)
        results.append(Result(check.name, check.title, finding, round(time.monotonic() - begin, 2)))
        on_result(results[-1])
    return results


async def _made(check: Check) -> Finding:
    limit = asyncio.timeout(check.limit)
    try:
        async with limit:
            return await check.find()
    except TimeoutError as error:
        if not limit.expired():  # of the check itself
            return _defect(error)
        return fail(
            f"This took longer than {check.limit:.0f} s and was given up.",
            "Try again when the computer is less busy; if it happens again, report it.",
        )
    except MeadowError as error:
        what, do = split(str(error))
        return fail(what, do, code=error.code)
    except Exception as error:  # a defect in one check must not hide what the others find
        return _defect(error)


def _defect(error: Exception) -> Finding:
    return fail(f"This could not be found out ({type(error).__name__}).", "Report it, with the output of --debug.")


async def in_thread(work: Callable[[], T]) -> T:
    """The result of blocking ``work``, from a thread that nobody waits for when the time is over."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            _tell(loop, answer, partial(answer.set_exception, error))
        else:
            _tell(loop, answer, partial(answer.set_result, result))

    threading.Thread(target=run, name="meadow-doctor", daemon=True).start()
    return await answer


def _tell(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Any], give: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if answer.done() else give())
    except RuntimeError:
        return  # the loop has ended: nobody waits any more


def count(results: Sequence[Result]) -> dict[str, int]:
    """How many checks ended how: {"ok": 8, "warn": 1, "fail": 0}."""
    return {str(status): sum(result.finding.status is status for result in results) for status in Status}


def line(result: Result) -> str:
    """One check as a line for people."""
    return f"{result.finding.status.upper():<5} {result.title}: {result.finding.what}"


# The report


@dataclass(frozen=True, slots=True)
class Private:
    """What must not appear in a report: names of the person and of the computer, and folders (path -> what to say)."""

    names: frozenset[str] = frozenset()
    folders: tuple[tuple[str, str], ...] = ()


_PEER_ID = re.compile(r"\b(12D3Koo[1-9A-HJ-NP-Za-km-z]{20,}|Qm[1-9A-HJ-NP-Za-km-z]{44})\b")
_TOKEN = re.compile(r"(?<![\w-])(hf_[A-Za-z0-9]{8,}|[A-Za-z0-9_-]{40,}|[0-9a-f]{32,})(?![\w-])")
_IP4 = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_DNS = re.compile(r"(/dns[46]?/)[^/\s]+")
_URL_USER = re.compile(r"(https?://)[^/@\s]+@")
_HOME = re.compile(r"(/home/|/Users/|\\Users\\)[^/\\\s]+")


def redact(text: str, private: Private) -> str:
    """``text`` without what is nobody else's business: names, folders of people, peer ids, addresses, tokens."""
    for path, word in sorted(private.folders, key=lambda pair: -len(pair[0])):
        if len(path) > 1:
            text = text.replace(path, word)
    text = _HOME.sub(r"\1USER", text)
    text = _URL_USER.sub(r"\1", text)
    text = _PEER_ID.sub("PEER", text)
    text = _TOKEN.sub("SECRET", text)
    text = _DNS.sub(r"\1HOST", text)
    text = _IP4.sub(_address, text)
    text = _IP6.sub(_address, text)
    for name in sorted(private.names, key=len, reverse=True):
        if len(name) > 1:
            text = re.sub(rf"(?<![\w]){re.escape(name)}(?![\w])", "NAME", text, flags=re.IGNORECASE)
    return text


def _address(match: re.Match[str]) -> str:
    try:
        address = ip_address(match.group())
    except ValueError:
        return match.group()  # a time, a version
    if address.is_loopback or address.is_unspecified:
        return match.group()
    return "ADDRESS" if address.is_global else "PRIVATE-ADDRESS"


def report(results: Sequence[Result], private: Private, *, moment: str) -> str:
    """Text to copy into a question or a bug report. Holds what the checks found, and nothing of chats."""
    lines = [f"Meadow doctor, {moment}"]
    for result in results:
        finding = result.finding
        lines.append(f"{finding.status.upper():<5} {result.name}: {finding.what} [{result.seconds:.1f} s]")
        if finding.do and finding.status is not Status.OK:
            lines.append(f"        -> {finding.do}")
        shown = "; ".join(f"{key}={_value(value)}" for key, value in finding.details.items())
        if shown:
            lines.append(f"        {shown}")
    lines.append(", ".join(f"{number} {status}" for status, number in count(results).items()))
    return redact("\n".join(text[:_MAX_TEXT] for text in lines), private)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    return str(value)
