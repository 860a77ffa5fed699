"""What can be asked of the chat engine, and what it answers. Standard library only: the node reads it without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One request for text. Exactly one of ``messages`` and ``prompt`` is given.

    Sampling fields that are None mean what the model's ``generation_config.json`` says.
    """

    model: str
    """Hub id or folder, as the model is listed in the swarm."""
    messages: tuple[Mapping[str, Any], ...] | None = None
    """Chat messages as the model's chat template takes them: role, content, perhaps tool_calls, name, tool_call_id."""
    prompt: str | tuple[int, ...] | None = None
    """Text or token ids to continue as they are."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Function tools in OpenAI's form: {"type": "function", "function": {"name", "description", "parameters"}}."""
    tool_choice: str | None = None
    """None or "auto": as the model likes; "none"; "required": some tool; anything else: the tool of this name."""
    n: int = 1
    max_tokens: int | None = None
    """At most so many new tokens for each choice; None: as many as the model's context has room for, at most 4096."""
    temperature: float | None = None
    """0 means greedy."""
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    """The same request with the same seed gives the same tokens; choice i draws from a stream of its own."""
    stop: tuple[str, ...] = ()
    """Texts that end a choice; they may span several tokens and are not part of the answer."""
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    logprobs: int | None = None
    """None: none; k: the log-probability of each new token and of the k most likely ones."""
    json_schema: Mapping[str, Any] | None = None
    """Constrain the answer to JSON that fits this schema; {} means any JSON object."""
    reproducible: bool = False
    """SESSION.md rule 13: alone, stock kernels, uncut prompts."""
    conversation: str | None = None
    """Requests with the same key are turns of one chat: its session on the servers stays open between them."""
    swarm: str = ""
    """In which of the node's swarms the model is: "" is the joined one."""

    @property
    def source(self) -> tuple[str, str]:
        """The model among those of all swarms: the same folder may be served in two of them."""
        return self.swarm, self.model

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, line: str | bytes | Mapping[str, Any]) -> GenerationRequest:
        """The inverse of ``to_json``; only our own node writes it."""
        fields: dict[str, Any] = dict(line) if isinstance(line, Mapping) else json.loads(line)
        for name in ("messages", "tools", "stop"):
            if isinstance(fields.get(name), list):
                fields[name] = tuple(fields[name])
        if isinstance(fields.get("prompt"), list):
            fields["prompt"] = tuple(fields["prompt"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Hop:
    """One server of the route and the blocks ``[start, end)`` that it computed.

    ``step_seconds``, ``queue_seconds``: what a new token took there and waited before, on average and by the server's
    own account; 0: it has not said.
    """

    peer_id: str
    server_id: str
    start: int
    end: int
    step_seconds: float = 0.0
    queue_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Moved:
    """The session was lost in the middle, and the answer went on over another one after ``seconds``. ``left`` and
    ``took``: the hops that differ; none when the same servers were found again."""

    seconds: float
    left: tuple[Hop, ...] = ()
    took: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """``text`` is what the token adds on its own (it may be half a character: then U+FFFD); natural logarithm."""

    token_id: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """The prompt is tokenised and a route is open; tokens follow. ``reused_tokens``: of the prompt, held by the servers
    from earlier turns and not sent again."""

    prompt_tokens: int
    reused_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Delta:
    """New text of choice ``choice``: whole characters, nothing of a stop sequence."""

    choice: int
    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """``arguments``: JSON text of an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finished:
    """One choice is complete. ``reason``: "stop", "length", "tool_calls" or "cancelled"."""

    choice: int
    reason: str
    completion_tokens: int
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The request is complete; always the last event. ``bytes_sent``: hidden states that left for the first server;
    ``pass_seconds``: from here through all servers and back for a new token, on average (0: unknown)."""

    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int
    tokens_per_second: float
    first_token_seconds: float
    route: tuple[Hop, ...] = field(default=())
    bytes_sent: int = 0
    pass_seconds: float = 0.0
    moved: Moved | None = None


GenerationEvent = Started | Delta | Finished | Done
