"""What the node measured of an answer, as the words and bars under it. Pure: the message's JSON in, text and rows out.

Nothing is estimated here. A figure that was not measured is not shown; the wire is what is left of a token's time when
everything that was measured is taken off, for all hops together, because nobody measures it for each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import QCoreApplication, QLocale

from meadow_app import figures
from meadow_app.chat import people
from meadow_app.link.said import said
from meadow_app.text.plain import one_line

Tree = Mapping[str, Any]
translate = QCoreApplication.translate
_SENTENCE = 600
_PROMPT: Final = re.compile(r"prompt has (\d{1,12}) tokens")
_MORE: Final = re.compile(r"and (\d{1,12}) more were asked for")


def answer_of(message: Tree) -> Tree:
    """The facts of a message; empty for a question."""
    found = message.get("answer")
    return found if isinstance(found, dict) else {}


def route_of(answer: Tree) -> list[Tree]:
    """The hops, in order."""
    return [hop for hop in answer.get("route") or () if isinstance(hop, dict)]


def speed_text(tree: Tree, answer: Tree) -> str:
    """ "6.2 tok/s over 4 peers"; empty when nothing was measured."""
    rate, route = figures.quantity(answer, "tokens_per_second"), route_of(answer)
    where = _where(tree, route)
    # Of a single token there is no rate.
    if rate is None or (figures.quantity(answer, "completion_tokens") or 0) < 2:
        return where[:1].upper() + where[1:]
    return " ".join(part for part in (figures.speed(rate), where) if part)


def first_token_text(answer: Tree) -> str:
    """ "first token 0.8 s"."""
    seconds = figures.quantity(answer, "first_token_seconds")
    return "" if seconds is None else translate("Route", "first token {time}").format(time=seconds_text(seconds))


def moved_text(tree: Tree, answer: Tree) -> str:
    """ "moved from Oak to Fern in 0.6 s": a server was lost in the middle and the answer went on; empty when not."""
    moved = answer.get("moved")
    if not isinstance(moved, dict):
        return ""
    time = seconds_text(figures.quantity(moved, "seconds") or 0.0)
    left = [hop for hop in moved.get("left") or () if isinstance(hop, dict)]
    took = [hop for hop in moved.get("took") or () if isinstance(hop, dict)]
    if not left or not took:
        return translate("Route", "began again on the same servers in {time}").format(time=time)
    return translate("Route", "moved from {old} to {new} in {time}").format(
        old=people.joined([_name(tree, hop) for hop in left]),
        new=people.joined([_name(tree, hop) for hop in took]),
        time=time,
    )


def hop_rows(tree: Tree, answer: Tree) -> list[dict[str, Any]]:
    """One row for each part of a token's way: this computer, the hops, the wire between them.

    ``compute``, ``queue`` and ``wire`` are seconds for a new token, 0 where nothing was measured; ``time`` says their
    sum. ``share`` of the longest row, for the bars.
    """
    route = route_of(answer)
    if not route:
        return []
    rows, measured = [], 0.0
    for hop in route:
        compute = figures.quantity(hop, "step_seconds") or 0.0
        queue = figures.quantity(hop, "queue_seconds") or 0.0
        measured += compute + queue
        rows.append(
            _row(_name(tree, hop), _blocks(hop), compute=compute, queue=queue, peer=str(hop.get("peer_id", "")))
        )
    passes = figures.quantity(answer, "pass_seconds")
    rate = figures.quantity(answer, "tokens_per_second")
    if passes and rate:
        here = max(0.0, 1 / rate - passes)
        rows.insert(0, _row(translate("Route", "You"), translate("Route", "embeddings, head"), compute=here))
        # Only what all hops told leaves a rest that is the wire's.
        if all(figures.quantity(hop, "step_seconds") for hop in route):
            wire = max(0.0, passes - measured)
            rows.append(_row(translate("Route", "Between them"), translate("Route", "network"), wire=wire))
    longest = max((row["compute"] + row["queue"] + row["wire"] for row in rows), default=0.0)
    for row in rows:
        row["scale"] = 1 / longest if longest else 0.0
    return rows


def details(answer: Tree) -> list[dict[str, str]]:
    """What else is known, as pairs for the foot of the route view."""
    pairs = []

    def add(title: str, value: str) -> None:
        pairs.append({"title": title, "value": value})

    if answer.get("model"):
        add(translate("Route", "Model"), one_line(answer["model"], 120))
    prompt, new = figures.quantity(answer, "prompt_tokens"), figures.quantity(answer, "completion_tokens")
    reused, sent = figures.quantity(answer, "reused_tokens"), figures.quantity(answer, "bytes_sent")
    if prompt is not None:
        value = figures.number(prompt)
        if reused:
            value = translate("Route", "{number}, of which the servers still had {reused}").format(
                number=value, reused=figures.number(reused)
            )
        add(translate("Route", "Tokens read"), value)
    if new is not None:
        add(translate("Route", "Tokens written"), figures.number(new))
    if sent:
        add(translate("Route", "Sent to the first server"), figures.size(sent))
    return pairs


def outcome(message: Tree, *, unstored: bool = False) -> tuple[str, str]:
    """How an answer ended when it did not simply end: a kind ("error", "warn", "quiet") and a sentence. The text so
    far stays in every case; ``unstored``: only on the screen, as its end was lost with the node."""
    answer, state = answer_of(message), message.get("state")
    if state == "failed":
        error = answer.get("error")
        message_of = error.get("message") if isinstance(error, dict) else ""
        told = said(error_code(message), str(message_of or translate("Chat", "This answer failed.")))
        kept = translate("Chat", "The text so far stays.") if message.get("content") else ""
        return "error", f"{one_line(told, _SENTENCE)} {kept}".strip()
    if state == "interrupted":
        if unstored:
            return "warn", translate(
                "Chat",
                "Meadow's node ended while this was being written. Its last words were not stored: they stay only "
                "until this chat is opened again.",
            )
        if message.get("content"):
            return "warn", translate("Chat", "Meadow's node ended while this was being written. The text so far stays.")
        return "warn", translate("Chat", "Meadow's node ended before this answer began.")
    if state == "stopped":
        return "quiet", translate("Chat", "You stopped this answer.")
    if state == "complete" and answer.get("finish_reason") == "length":
        return "quiet", translate("Chat", "The answer ended because it reached its greatest length.")
    if state == "complete" and answer.get("tool_calls"):
        names = [one_line(call.get("name"), 60) for call in answer["tool_calls"] if isinstance(call, dict)]
        return "quiet", translate("Chat", "The model wants to use a tool: {names}.").format(names=", ".join(names))
    return "", ""


def error_code(message: Tree) -> str:
    """Why an answer failed, for programs."""
    error = answer_of(message).get("error")
    return str(error.get("code", "")) if isinstance(error, dict) else ""


def tokens_used(message: Tree) -> int:
    """How much of the context the chat takes up to the end of this answer; 0 when it is not known."""
    answer = answer_of(message)
    prompt = figures.quantity(answer, "prompt_tokens")
    return 0 if prompt is None else int(prompt + (figures.quantity(answer, "completion_tokens") or 0))


def tokens_wanted(message: Tree) -> int:
    """How many tokens an answer needed that failed because the chat is too long, as its error tells; 0: unknown."""
    error = answer_of(message).get("error")
    said = str(error.get("message", "")) if isinstance(error, dict) else ""
    prompt, more = _PROMPT.search(said), _MORE.search(said)
    return int(prompt[1]) + int(more[1] if more else 0) if prompt else 0


def seconds_text(seconds: float) -> str:
    """ "0.8 s", "12 s", "340 ms"."""
    if seconds < 0.0995:
        return translate("Route", "{number} ms").format(number=milliseconds(seconds))
    return translate("Route", "{number} s").format(number=QLocale().toString(seconds, "f", 1 if seconds < 10 else 0))


def step_text(seconds: float) -> str:
    """As ``seconds_text``, in milliseconds up to a second: rows that are compared have one unit."""
    if seconds < 0.9995:
        return translate("Route", "{number} ms").format(number=milliseconds(seconds))
    return seconds_text(seconds)


def milliseconds(seconds: float) -> str:
    """Without its unit; one decimal where it matters."""
    value = 1000 * seconds
    return QLocale().toString(value, "f", 1 if value < 9.95 else 0)


def _where(tree: Tree, route: list[Tree]) -> str:
    peers = {str(hop.get("peer_id", "")) for hop in route}
    if not peers:
        return ""
    if all(
        people.is_here(tree, peer) or any(h.get("here") for h in route if h.get("peer_id") == peer) for peer in peers
    ):
        return translate("Route", "on this computer")
    if len(peers) == 1:
        return translate("Route", "over 1 peer")
    return translate("Route", "over {number} peers").format(number=figures.number(len(peers)))


def _name(tree: Tree, hop: Tree) -> str:
    peer_id = str(hop.get("peer_id", ""))
    name = people.peer_name(tree, peer_id, str(hop.get("name") or ""))
    if people.is_here(tree, peer_id):
        return translate("Route", "{name} (here)").format(name=name)
    return name


def _blocks(hop: Tree) -> str:
    start, end = int(figures.quantity(hop, "start") or 0), int(figures.quantity(hop, "end") or 0)
    return figures.blocks(start, end)


def _row(
    who: str, what: str, *, compute: float = 0.0, queue: float = 0.0, wire: float = 0.0, peer: str = ""
) -> dict[str, Any]:
    total = compute + queue + wire
    parts = []
    for seconds, word in (
        (compute, translate("Route", "computing {time}")),
        (queue, translate("Route", "waiting {time}")),
        (wire, translate("Route", "on the way {time}")),
    ):
        if seconds > 0:
            parts.append(word.format(time=step_text(seconds)))
    return {
        "who": who,
        "what": what,
        "compute": compute,
        "queue": queue,
        "wire": wire,
        "time": step_text(total) if total else "",
        "spoken": ", ".join([who, what, *parts]),
        "peer": one_line(peer, 80),
    }
