"""From chat messages to the prompt, by the chat template that came with the model.

A template is a program of strangers: it runs in the sandbox that transformers gives it, its size and its time are
capped, and whatever it raises becomes a MeadowError. Names of control tokens that stand in messages or tools
(``<|im_end|>`` typed by a person, or found by a tool on some page) are written as the letters they are and never become
control tokens: only the template itself ends turns. A plain ``prompt`` is taken as it is, control tokens included; who
writes those writes the template by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from meadow.chat.limited import TookTooLong, limited
from meadow.chat.request import GenerationRequest
from meadow.chat.tokenizer import SharedTokenizer
from meadow.chat.tools import HERMES, knows_tools
from meadow.errors import MeadowError

MAX_TEMPLATE = 1 << 20
"""Characters of a template; the longest in use have some twenty thousand."""
TEMPLATE_SECONDS = 5.0
"""Of processor time. A chat of a thousand messages takes a tenth of that."""
MAX_RENDERED = 64 << 20
"""Characters of a prompt."""
_ROLE = re.compile(r"[a-z_]{1,32}")

_TOOLS_PROMPT = """\
You can call functions. These are described in JSON:
<tools>
{tools}
</tools>
To call one, answer with nothing but its name and arguments as JSON between these tags:
<tool_call>
{{"name": "NAME", "arguments": {{"ARGUMENT": "VALUE"}}}}
</tool_call>"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """``text``: what was tokenised, typed control tokens marked; None if tokens were given. ``templated``: by the chat
    template."""

    token_ids: tuple[int, ...]
    text: str | None
    templated: bool


def build_prompt(
    tokenizer: SharedTokenizer,
    request: GenerationRequest,
    functions: Sequence[Mapping[str, Any]],
    *,
    context: int | None = None,
) -> Prompt:
    """The prompt of a request; ``functions``: the tools that the model is to know of; ``context``: how many tokens it
    can hold.

    Raises MeadowError: "bad_template" (it fails, also because it does not take these messages), "bad_messages",
    "empty_prompt", "control_token", and "too_long" when that is plain without tokenising all of it.
    """
    if request.messages is not None:
        text = render(tokenizer, request.messages, functions)
        _refuse_much_too_long(tokenizer, text, context, marked=True)
        prompt = Prompt(tuple(tokenizer.encode_marked(text)), text, True)
    elif isinstance(request.prompt, str):
        _refuse_much_too_long(tokenizer, request.prompt, context, marked=False)
        prompt = Prompt(tuple(tokenizer.encode(request.prompt)), request.prompt, False)
    else:
        prompt = Prompt(tuple(request.prompt or ()), None, False)
    if not prompt.token_ids:
        raise MeadowError("The prompt is empty. Write something.", code="empty_prompt")
    return prompt


def _refuse_much_too_long(tokenizer: SharedTokenizer, text: str, context: int | None, *, marked: bool) -> None:
    if context is not None and tokenizer.exceeds(text, context, marked=marked):
        raise MeadowError(
            f"The prompt is far longer than the {context} tokens that this model can hold. Shorten it, or begin a new "
            "chat.",
            code="too_long",
        )


def render(
    tokenizer: SharedTokenizer, messages: Sequence[Mapping[str, Any]], functions: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The messages as the model expects them, up to where its answer begins; typed control tokens are marked."""
    template = tokenizer.template
    chat = [_checked(message) for message in messages]
    if not chat:
        raise MeadowError("There is no message to answer.", code="empty_prompt")
    if template is None:
        raise MeadowError(
            "This model has no chat template, so it cannot take messages. Use plain text (a prompt) instead.",
            code="bad_template",
        )
    if len(template) > MAX_TEMPLATE:
        raise MeadowError(
            "The chat template of this model is larger than any honest one. Do not use this model.", code="bad_template"
        )
    tools: list[Any] | None = [{"type": "function", "function": dict(function)} for function in functions] or None
    if not knows_tools(template):
        chat, tools = _in_words(chat, tools), None
    try:
        marked, marked_tools = [tokenizer.mark(chat)], tokenizer.mark(tools)
        rendered, _ = limited(
            lambda: render_jinja_template(
                marked,
                tools=marked_tools,
                chat_template=template,
                add_generation_prompt=True,
                **tokenizer.hf.special_tokens_map,
            ),
            TEMPLATE_SECONDS,
        )
        text = rendered[0]
    except TookTooLong:
        raise MeadowError(
            "The chat template of this model does not come to an end. Do not use this model.", code="bad_template"
        ) from None
    except RecursionError as error:
        raise MeadowError("These messages are nested too deeply.", code="bad_messages") from error
    except Exception as error:  # a program that came with the model can raise anything
        raise MeadowError(
            f"The chat template of this model does not take these messages ({type(error).__name__}). Some models take "
            "no system message, no tools, or only user and assistant in turn.",
            code="bad_template",
        ) from error
    if len(text) > MAX_RENDERED:
        raise MeadowError("The prompt is longer than any model can read. Shorten it.", code="too_long")
    return text


def _checked(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message whose role cannot be used to write control tokens, with text content and parsed arguments.

    Templates join the role into control tokens (``'<|' + role + '|>'``), so it must be a word.
    """
    role = message.get("role")
    if not isinstance(role, str) or not _ROLE.fullmatch(role):
        raise MeadowError("Every message needs a role: system, user, assistant or tool.", code="bad_messages")
    chat = {name: value for name, value in message.items() if value is not None}
    if role == "developer":
        chat["role"] = "system"  # what OpenAI calls it since 2024; templates know the old name
    content = chat.get("content")
    if isinstance(content, (list, tuple)):
        parts = []
        for part in content:
            if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                raise MeadowError("Only text can be sent to this model; leave out other content.", code="bad_messages")
            parts.append(part["text"])
        chat["content"] = "".join(parts)
    elif content is None:
        chat["content"] = ""
    elif not isinstance(content, str):
        raise MeadowError("The content of a message must be text.", code="bad_messages")
    if calls := chat.get("tool_calls"):
        chat["tool_calls"] = [_checked_call(call) for call in calls]
    return chat


def _checked_call(call: Any) -> dict[str, Any]:
    """An earlier call; templates want its arguments as an object, not as OpenAI's string of JSON."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise MeadowError("A tool call in a message must have a function with a name.", code="bad_messages")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            raise MeadowError("The arguments of a tool call in a message are not JSON.", code="bad_messages") from None
    return {**call, "type": "function", "function": {**function, "arguments": arguments}}


def _in_words(chat: Sequence[dict[str, Any]], tools: list[Any] | None) -> list[dict[str, Any]]:
    """Tools, calls and results as ordinary messages, for a template that does not know them."""
    plain: list[dict[str, Any]] = []
    for message in chat:
        if message["role"] in ("tool", "function"):
            text = f"<tool_response>\n{message['content']}\n</tool_response>"
            plain.append({"role": "user", "content": text})
        elif calls := message.get("tool_calls"):
            lines = [
                f"{HERMES.open}\n"
                + json.dumps(
                    {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}, ensure_ascii=False
                )
                + f"\n{HERMES.close}"
                for call in calls
            ]
            text = "\n".join([message["content"], *lines] if message["content"] else lines)
            plain.append({"role": "assistant", "content": text})
        else:
            plain.append(message)
    if tools:
        described = _TOOLS_PROMPT.format(tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools))
        if plain[0]["role"] == "system":
            plain[0] = {**plain[0], "content": f"{plain[0]['content']}\n\n{described}"}
        else:
            plain.insert(0, {"role": "system", "content": described})
    return plain
