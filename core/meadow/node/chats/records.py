"""What a chat and a message are. The same classes are stored, exported and spoken over HTTP, so they cannot disagree.

All times are seconds since 1970 (UTC). All texts are bounded: what comes in by import or HTTP is not trusted.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, computed_field

from meadow.node.names import friendly_name

MAX_CONTENT = 4 * 1024 * 1024  # characters of one message or system prompt
MAX_JSON = 128 * 1024  # characters of tools, or of a JSON schema
MAX_DEPTH = 64  # of their nesting

Role = Literal["user", "assistant", "tool"]
State = Literal["complete", "streaming", "stopped", "interrupted", "failed"]
"""``stopped``: by the person; ``interrupted``: the node ended or was killed; ``failed``: ``answer.error`` says why."""


def _small_json(value: Any) -> Any:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [part for outer in level if isinstance(outer, dict | list) for part in _parts(outer)]
    if level:
        raise ValueError(f"JSON that is nested more than {MAX_DEPTH} deep")
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    if len(text) > MAX_JSON:
        raise ValueError(f"more than {MAX_JSON} characters of JSON")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half of a character in a text") from None
    return value


def _parts(outer: dict[str, Any] | list[Any]) -> list[Any]:
    return list(outer.values()) if isinstance(outer, dict) else outer


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""After the bounds of an integer, so that they stay in the schema: 7.0 is one too, as JSON Schema has it."""
Content = Annotated[str, Field(max_length=MAX_CONTENT)]
Title = Annotated[str, Field(max_length=300)]
Name = Annotated[str, Field(max_length=300)]
ModelName = Annotated[str, Field(min_length=1, max_length=4096)]
Count = Annotated[int, Field(ge=0, le=2**53), WHOLE]
Quantity = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Time = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_small_json)]


class Record(BaseModel):
    """Frozen; fields that are not known are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def dumped(self) -> str:
        """One line of JSON without the fields that are None."""
        return json.dumps(self.model_dump(exclude_none=True), ensure_ascii=False, separators=(",", ":"))


class Settings(Record):
    """How answers are sampled: the fields of ``GenerationRequest`` of the same names. None: not set."""

    max_tokens: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] | None = None
    temperature: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    top_k: Annotated[int, Field(ge=0, le=1_000_000), WHOLE] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1), WHOLE] | None = None
    stop: Annotated[list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(max_length=16)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)] | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=128), AfterValidator(_small_json)] | None = None
    tool_choice: Name | None = None
    json_schema: JsonObject | None = None
    reproducible: bool | None = None

    def over(self, below: Settings) -> Settings:
        """These settings, and those of ``below`` where these say nothing."""
        return Settings(**{**below.model_dump(exclude_none=True), **self.model_dump(exclude_none=True)})


class CalledTool(Record):
    """A call that the model made; ``arguments`` is JSON text."""

    id: Name
    name: Name
    arguments: Content


class RouteHop(Record):
    """One server of the route and the blocks ``[start, end)`` that it computed.

    ``step_seconds`` and ``queue_seconds``: what a new token took there, and waited before, by the server's own account.
    """

    peer_id: Name
    server_id: Name
    start: Count
    end: Count
    step_seconds: Quantity | None = None
    queue_seconds: Quantity | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def name(self) -> str:
        """The friendly name. Always made from the peer id, so that an imported chat cannot give another one."""
        return friendly_name(self.peer_id)


class Moved(Record):
    """Servers were lost in the middle and the answer went on over others after so many seconds; ``left`` and ``took``
    are the hops that differ, none when the same servers were found again."""

    seconds: Quantity
    left: Annotated[list[RouteHop], Field(fail_fast=True, max_length=10_000)] = []
    took: Annotated[list[RouteHop], Field(fail_fast=True, max_length=10_000)] = []


class Trouble(Record):
    """Why an answer ended early: a stable code and a sentence for people."""

    code: Name
    message: Annotated[str, Field(max_length=10_000)]


class Answer(Record):
    """How an answer came about. ``tokens_per_second`` counts from the first token on; seconds are wall time;
    ``pass_seconds``: from here through all servers and back for a new token, on average."""

    model: ModelName
    settings: Settings = Settings()
    finish_reason: Name | None = None
    error: Trouble | None = None
    tool_calls: Annotated[list[CalledTool], Field(fail_fast=True, max_length=1000)] | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    reused_tokens: Count | None = None
    tokens_per_second: Quantity | None = None
    first_token_seconds: Quantity | None = None
    bytes_sent: Count | None = None
    pass_seconds: Quantity | None = None
    moved: Moved | None = None
    route: Annotated[list[RouteHop], Field(fail_fast=True, max_length=10_000)] | None = None


class Message(Record):
    """One message in the tree of a chat. ``siblings``: all versions in its place, itself included, oldest first."""

    id: int
    chat_id: str
    parent_id: int | None
    role: Role
    content: str
    state: State
    created_at: float
    finished_at: float | None = None
    tool_call_id: str | None = None
    answer: Answer | None = None
    siblings: tuple[int, ...] = ()
    deleted_at: float | None = None


class Chat(Record):
    """A conversation and what its next answer is made with."""

    id: str
    title: str
    model: str | None
    system_prompt: str
    settings: Settings
    created_at: float
    updated_at: float
    deleted_at: float | None = None


class Found(Record):
    """A place where the words of a search are. ``message_id`` is None when it is the chat's title.

    ``highlights`` are ``(start, end)`` in characters of ``snippet``, which is plain text.
    """

    chat_id: str
    title: str
    message_id: int | None
    role: Role | None
    created_at: float
    snippet: str
    highlights: tuple[tuple[int, int], ...]
