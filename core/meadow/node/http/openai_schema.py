"""What may be sent to ``/v1``: OpenAI's request bodies, as far as a swarm can honour them.

The rule for every field that OpenAI documents: honoured; or accepted and without effect, when the answer means the same
without it; or refused by name (``openai_request.py``), when ignoring it would give another answer than was asked for.
A field that OpenAI does not document is refused as OpenAI does, except ours: ``top_k``, ``reproducible`` and
``return_token_ids``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

MAX_CHOICES = 16
MAX_NEW_TOKENS = 131_072
MAX_STOPS = 16
MAX_STOP_LENGTH = 256
MAX_MESSAGES = 4096
MAX_TOOLS = 128
MAX_PROMPTS = 64
MAX_TOP_LOGPROBS = 20
_SEED = 1 << 63


def _whole(text: str) -> str:
    """JSON can spell half of a character (``"\\ud800"``), which no tokenizer takes and no answer can repeat."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be text, but holds half of a character") from None
    return text


Text = Annotated[str, AfterValidator(_whole)]


# Anything may come here, so that openai_request.py can say why it is refused; the document says what is not.
Refused = Annotated[Any, WithJsonSchema({"type": "null"})]
OnlyText = Annotated[Any, WithJsonSchema({"enum": [["text"], None]})]
OnlyMedium = Annotated[Any, WithJsonSchema({"enum": ["medium", None]})]
EmptyObject = Annotated[Any, WithJsonSchema({"type": ["object", "null"], "maxProperties": 0})]
EmptyText = Annotated[Any, WithJsonSchema({"type": ["string", "null"], "maxLength": 0})]
Seed = Annotated[int, Field(ge=-_SEED, le=_SEED - 1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
NewTokens = Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)]
Stop = Annotated[Text, Field(min_length=1, max_length=MAX_STOP_LENGTH)]
Stops = Stop | Annotated[list[Stop], Field(max_length=MAX_STOPS)] | None
TokenId = Annotated[int, Field(ge=0, le=(1 << 31) - 1)]
TokenIds = Annotated[list[TokenId], Field(min_length=1)]
Prompt = (
    Text
    | Annotated[list[Text], Field(min_length=1, max_length=MAX_PROMPTS)]
    | TokenIds
    | Annotated[list[TokenIds], Field(min_length=1, max_length=MAX_PROMPTS)]
)


class Strict(BaseModel):
    """No unknown fields, no numbers in quotes, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TextPart(Strict):
    """A part of a message. Only text can be read."""

    type: Literal["text"]
    text: Text


class RefusalPart(Strict):
    """What an assistant said instead of an answer."""

    type: Literal["refusal"]
    refusal: Text


Content = Text | Annotated[list[TextPart], Field(min_length=1)]
AssistantContent = (
    Text | Annotated[list[Annotated[TextPart | RefusalPart, Field(discriminator="type")]], Field(min_length=1)] | None
)


class CalledFunction(Strict):
    """``arguments``: JSON text, as the model wrote it."""

    name: Text
    arguments: Text


class Call(Strict):
    """A call that the model made in an earlier answer."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class Named(Strict):
    """``name``: of whoever speaks; templates may use it."""

    name: Text | None = Field(None, max_length=64)


class SystemMessage(Named):
    """What holds for the whole conversation."""

    role: Literal["system", "developer"]
    content: Content


class UserMessage(Named):
    """What the person says."""

    role: Literal["user"]
    content: Content


class AssistantMessage(Named):
    """An earlier answer; it may be sent back as it came. It needs content, a refusal or tool_calls."""

    role: Literal["assistant"]
    content: AssistantContent = None
    tool_calls: list[Call] | None = Field(None, max_length=MAX_TOOLS)
    refusal: Text | None = None
    annotations: list[Any] | None = Field(None, description="Without effect.")
    reasoning_content: str | None = Field(None, description="Without effect.")
    audio: None = None
    function_call: None = None


class ToolMessage(Named):
    """What a tool said to the call ``tool_call_id``."""

    role: Literal["tool"]
    tool_call_id: Text = Field(min_length=1)
    content: Content


Message = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Function(Strict):
    """A function that the model may call. ``parameters``: a JSON schema."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: Text | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Strict):
    """Functions only."""

    type: Literal["function"]
    function: Function


class FunctionName(Strict):
    """A function by name."""

    name: str


class NamedTool(Strict):
    """The function that must be called."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(Strict):
    """Allowed only with ``stream``."""

    include_usage: bool | None = Field(None, description="A last chunk without choices says how many tokens were used.")
    include_obfuscation: bool | None = Field(None, description="Without effect: nobody listens on loopback.")


class JsonSchema(Strict):
    """A JSON schema that the answer will fit."""

    model_config = ConfigDict(populate_by_name=True)
    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = Field(None, description="The answer fits the schema in any case.")


class ResponseFormat(Strict):
    """Text, any JSON object, or JSON that fits a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Generation(Strict):
    """What both endpoints take."""

    model: Text = Field(min_length=1, max_length=512)
    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    max_tokens: NewTokens | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=-1, le=1 << 20, description="Ours. 0 and -1: no limit.")
    seed: Seed | None = None
    stop: Stops = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reproducible: bool | None = Field(
        None,
        description="Ours. Bit-equal on the same kind of hardware, and slower: computed alone, with stock kernels.",
    )
    return_token_ids: bool | None = Field(None, description="Ours. Each choice says the ids of its new tokens.")
    logit_bias: EmptyObject = Field(None, description="Only {}.")
    user: str | None = Field(None, description="Without effect.")


class ChatRequest(Generation):
    """``POST /v1/chat/completions``"""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_completion_tokens: NewTokens | None = None
    tools: list[Tool] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = Field(None, description="false: at most one call in an answer.")
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)

    # Without effect, because the answer means the same.
    metadata: dict[str, str] | None = Field(None, description="Without effect.")
    store: bool | None = Field(None, description="Without effect: answers are not kept.")
    service_tier: str | None = Field(None, description="Without effect.")
    safety_identifier: str | None = Field(None, description="Without effect.")
    prompt_cache_key: Text | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="The turns of one conversation: its session on the servers stays open, and a follow-up that "
        "repeats the conversation sends only what is new.",
    )
    prompt_cache_retention: str | None = Field(None, description="Without effect.")
    prompt_cache_options: dict[str, Any] | None = Field(None, description="Without effect.")
    prediction: dict[str, Any] | None = Field(None, description="Without effect: a hint for speed.")

    # Refused unless null or what happens anyway.
    modalities: OnlyText = None
    verbosity: OnlyMedium = None
    reasoning_effort: Refused = None
    audio: Refused = None
    web_search_options: Refused = None
    moderation: Refused = None
    functions: Refused = Field(None, description="Use tools.")
    function_call: Refused = Field(None, description="Use tool_choice.")


class CompletionRequest(Generation):
    """``POST /v1/completions``"""

    prompt: Prompt = Field(description="Text, token ids, or a list of either.")
    logprobs: int | None = Field(None, ge=0, le=MAX_TOP_LOGPROBS)
    echo: bool | None = Field(None, description="The prompt's text before each answer; not with logprobs or token ids.")
    best_of: int | None = Field(None, ge=1, le=MAX_CHOICES, description="Only equal to n.")
    suffix: EmptyText = Field(None, description="Only empty.")
