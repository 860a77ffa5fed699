"""What programs send to ``/api/chats`` and get from it. Chats, messages and settings are those of ``chats.records``."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from meadow.node.chats.importing import MAX_TEXT
from meadow.node.chats.records import WHOLE, Chat, Content, Found, Message, ModelName, Name, Settings, Title


class _Body(BaseModel):
    # Strict: "true" is no boolean, and a misspelt field is told instead of ignored.
    model_config = ConfigDict(extra="forbid", strict=True)


RANGES: Final = {
    "max_tokens": "must be a whole number from 1 to 1000000",
    "temperature": "must be a number from 0 to 100; 0 always takes the most likely token",
    "top_p": "must be a number above 0 and at most 1",
    "top_k": "must be a whole number from 0 to 1000000; 0 looks at all tokens",
    "seed": "must be a whole number between -2^63 and 2^63",
    "frequency_penalty": "must be a number from -2 to 2",
    "presence_penalty": "must be a number from -2 to 2",
    "stop": "must be a list of up to 16 texts of 1 to 1000 characters each",
}
"""What is said of a value that does not fit; the bounds themselves are those of ``records.Settings``."""


class SettingsBody(Settings):
    """How answers are sampled. What is left out comes from the chat, then from the model."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator(*RANGES, mode="wrap")
    @classmethod
    def _say_the_range(cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(RANGES[str(info.field_name)]) from None


class NewChat(_Body):
    """A chat to begin. Without a title, it takes the first words of the first message."""

    title: Title = ""
    model: ModelName | None = Field(None, description="Left out: the setting chat.default_model.")
    system_prompt: Content = ""
    settings: SettingsBody = SettingsBody()


class ChangedChat(_Body):
    """What to change; the rest stays. ``model`` null: the default one again. ``settings`` are replaced as a whole."""

    title: Title | None = None
    model: ModelName | None = None
    system_prompt: Content | None = None
    settings: SettingsBody | None = None


class NewMessageBody(_Body):
    """A message, and what to do with it."""

    content: Content
    parent_id: Annotated[int, WHOLE] | None = Field(
        None, description="The message that it follows. Left out: the last one."
    )
    settings: SettingsBody | None = Field(None, description="For this answer only.")
    role: Literal["user", "tool"] = "user"
    tool_call_id: Name | None = Field(None, description="For the result of a tool: the id of the call.")
    answer: bool = Field(True, description="False: keep it and wait; more results of tools follow.")


class EditBody(_Body):
    """Another version of a message."""

    content: Content
    settings: SettingsBody | None = Field(None, description="For this answer only.")


class RegenerateBody(_Body):
    """Another answer."""

    settings: SettingsBody | None = Field(None, description="For this answer only.")


class StopBody(_Body):
    """Which answer to stop."""

    message_id: Annotated[int, WHOLE] | None = Field(None, description="Left out: whichever runs.")


class ImportBody(_Body):
    """A text that was exported, here or elsewhere."""

    format: Literal["json", "markdown"]
    content: Annotated[str, Field(max_length=MAX_TEXT)]


class Nothing(_Body):
    """Nothing: send ``{}``."""


class ChatPage(BaseModel):
    """``next``: the value of ``after`` for the next page; null: that was the last one."""

    chats: list[Chat]
    next: str | None


class MessagePage(BaseModel):
    """The end of the chosen path, oldest first. ``next``: the value of ``before`` for what came earlier."""

    messages: list[Message]
    next: int | None
    running: int | None = Field(description="The message that is being written in this chat.")


class SearchPage(BaseModel):
    """``next``: the value of ``before`` for the next page."""

    found: list[Found]
    next: int | None


class Sent(BaseModel):
    """What was stored. ``answer`` is empty and runs: follow its events."""

    question: Message | None
    answer: Message | None


class Stopped(BaseModel):
    """The answer as it ended; null: nothing ran."""

    answer: Message | None


class Imported(BaseModel):
    """The new chats."""

    chats: list[Chat]


class StorageProblem(BaseModel):
    """Why conversations cannot be read or kept: a code for programs, a sentence for people."""

    code: str
    message: str


class Storage(BaseModel):
    """Where conversations are, and whether all is well (``problem`` null)."""

    file: str
    problem: StorageProblem | None


class SetAside(BaseModel):
    """The damaged file's new name; conversations begin with an empty one."""

    file: str
