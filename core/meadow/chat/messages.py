"""What node and chat engine say to each other, as JSON objects, one a line. Standard library only.

Commands to the engine (after its EngineSpec, the first line):

    {"command": "attach", "daemon_maddr", "initial_peers"}   join through the node's p2pd; again after its restart
    {"command": "detach"}                                    p2pd has ended; whoever needs it waits for the next attach
    {"command": "leave", "swarm"}                            end that swarm's sessions, drop its models; answer "left"
    {"command": "ping"}                                      the answer is "pong", at once, whatever it computes
    {"command": "generate", "id", ...GenerationRequest}
    {"command": "cancel", "id"}                              end that request at the next token
    {"command": "records", "id", "records": [base64]}        the answer to "lookup"
    {"command": "records", "id", "models": [{...}]}          the answer to "lookup_models"
    {"command": "records", "id", "code", "message"}          the lookup failed
    {"command": "forget", "conversation"}                    close the session that is kept for it
    {"command": "load", "model"}                             get a model's client part into memory
    {"command": "unload", "model"}                           cancel that, or drop it when nobody uses it
    {"command": "fetch", "model"}                            get that part onto the disk only
    {"command": "cancel_download", "model"}                  end that, or the loading; what is loaded stays
    {"command": "stop"}

When the demo is on a node has two swarms: commands and lookups then carry "swarm", unless it is the joined one.

Events from it:

    {"event": "ready"}                                       it takes requests
    {"event": "lookup", "id", "fingerprint", "num_blocks"}, {"event": "lookup_models", "id"}
    {"event": "loading" | "loaded" | "unloaded", "model"}, {"event": "progress", "model", "done", "total", ...}
    {"event": "load_failed", "model", "code", "message"}
    {"event": "fetching" | "fetched", "model"}, {"event": "fetch_progress", ...}, {"event": "fetch_failed", ...}
    {"event": "started" | "delta" | "finished" | "done", "id", ...}    one request, in this order
    {"event": "failed", "id", "code", "message"}             instead of "done"
    {"event": "left", "swarm"}, {"event": "pong"}
    {"event": "sessions", "count"}                           sessions kept between turns
    {"event": "error", "code", "message"}                    before it ends for a reason

No text of a prompt or an answer is in any other event than "delta" and "finished".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, Hop, Moved, Started, TokenLogprob, ToolCall

Message = dict[str, Any]
MAX_LINE = 16 << 20
"""Bytes of one line. A request is bounded by the HTTP door's 4 MiB; JSON may escape each byte."""

_NAMES: dict[type, str] = {Started: "started", Delta: "delta", Finished: "finished", Done: "done"}
NAMES = frozenset(_NAMES.values())


def to_message(event: GenerationEvent, request_id: str) -> Message:
    """One event of a request, to be written as a line."""
    return {"event": _NAMES[type(event)], "id": request_id, **asdict(event)}


def from_message(message: Mapping[str, Any]) -> GenerationEvent:
    """The inverse of :func:`to_message`. Raises KeyError or TypeError for what it did not write."""
    fields = {name: value for name, value in message.items() if name not in ("event", "id")}
    match message["event"]:
        case "started":
            return Started(**fields)
        case "delta":
            fields["token_ids"] = tuple(fields["token_ids"])
            fields["logprobs"] = tuple(_logprob(value) for value in fields["logprobs"])
            return Delta(**fields)
        case "finished":
            fields["tool_calls"] = tuple(ToolCall(**call) for call in fields["tool_calls"])
            return Finished(**fields)
        case "done":
            fields["route"] = _hops(fields["route"])
            if moved := fields.get("moved"):
                fields["moved"] = Moved(moved["seconds"], _hops(moved["left"]), _hops(moved["took"]))
            return Done(**fields)
        case name:
            raise KeyError(name)


def _hops(values: Sequence[Mapping[str, Any]]) -> tuple[Hop, ...]:
    return tuple(Hop(**value) for value in values)


def _logprob(value: Mapping[str, Any]) -> TokenLogprob:
    top = tuple((token, text, number) for token, text, number in value["top"])
    return TokenLogprob(value["token_id"], value["text"], value["logprob"], top)
