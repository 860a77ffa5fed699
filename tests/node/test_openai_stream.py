"""From the engine's events to OpenAI's objects: exact shapes, held against the types of the OpenAPI document."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from meadow.chat.request import Delta, Done, Finished, GenerationEvent, Hop, Started, TokenLogprob, ToolCall
from meadow.errors import MeadowError
from meadow.node.http.openai_answer import ChatChunk, ChatCompletion, Completion
from meadow.node.http.openai_stream import ChatAnswer, ChatChunks, Head, TextAnswer, TextChunks, frame

HEAD = Head("id-1", 1700000000, "tiny")
WITH_USAGE = Head("id-1", 1700000000, "tiny", include_usage=True)
END = Done(7, 5, 3, 10.0, 0.5, (Hop("peer", "server", 0, 4),), 640)
HELLO = [Started(7, 3), Delta(0, "Hel", (1,)), Delta(0, "lo", (2, 3)), Finished(0, "stop", 5), END]
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 3},
}
CALLS = (ToolCall("call_1", "weather", '{"town": "Ulm"}'), ToolCall("call_2", "time", "{}"))


def chat_chunks(events: Sequence[GenerationEvent], head: Head = HEAD, choices: int = 1) -> list[dict[str, Any]]:
    made = ChatChunks(head, choices)
    chunks = [chunk for event in events for chunk in made.feed(event)]
    for chunk in chunks:
        ChatChunk.model_validate(chunk, strict=True)
    return chunks


def chat_answer(events: Sequence[GenerationEvent], head: Head = HEAD, choices: int = 1, **options: Any) -> Any:
    answer = ChatAnswer(head, choices, **options)
    for event in events:
        answer.feed(event)
    found = answer.object()
    ChatCompletion.model_validate(found, strict=True)
    return found


def test_a_streamed_chat() -> None:
    chunks = chat_chunks(HELLO)
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": "", "refusal": None}, {"content": "Hel"}, {"content": "lo"}, {},
    ]  # fmt: skip
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert all("usage" not in chunk for chunk in chunks)
    assert {(chunk["id"], chunk["model"], chunk["object"]) for chunk in chunks} == {
        ("id-1", "tiny", "chat.completion.chunk")
    }


def test_usage_comes_in_a_last_chunk_without_choices() -> None:
    chunks = chat_chunks(HELLO, WITH_USAGE)
    assert [chunk["usage"] for chunk in chunks] == [None, None, None, None, USAGE]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["meadow"]["route"] == [{"peer_id": "peer", "server_id": "server", "start": 0, "end": 4}]


def test_a_whole_chat() -> None:
    found = chat_answer(HELLO)
    assert found["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert found["usage"] == USAGE
    assert found["meadow"]["bytes_sent"] == 640


def test_several_choices_stay_apart() -> None:
    events = [
        Started(7), Delta(1, "b"), Delta(0, "a"), Delta(1, "B"), Finished(1, "length", 2), Delta(0, "A"),
        Finished(0, "stop", 2), END,
    ]  # fmt: skip
    found = chat_answer(events, choices=2)
    assert [(c["index"], c["message"]["content"], c["finish_reason"]) for c in found["choices"]] == [
        (0, "aA", "stop"), (1, "bB", "length"),
    ]  # fmt: skip
    chunks = chat_chunks(events, choices=2)
    for index, text in ((0, "aA"), (1, "bB")):
        own = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"].get("content") or "" for choice in own) == text


def test_calls_of_tools() -> None:
    events = [Started(7), Finished(0, "tool_calls", 5, CALLS), END]
    called = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Ulm"}'}},
        {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
    ]
    found = chat_answer(events)["choices"][0]
    assert found["message"] == {"role": "assistant", "content": None, "refusal": None, "tool_calls": called}
    assert found["finish_reason"] == "tool_calls"
    chunks = chat_chunks(events)
    assert chunks[1]["choices"][0]["delta"] == {"tool_calls": [{"index": i, **call} for i, call in enumerate(called)]}
    assert chunks[2]["choices"][0]["finish_reason"] == "tool_calls"
    with_text = [Started(7), Delta(0, "Let me see."), *events[1:]]
    assert chat_answer(with_text)["choices"][0]["message"]["content"] == "Let me see."


def test_at_most_one_call_when_that_was_asked_for() -> None:
    events = [Started(7), Finished(0, "tool_calls", 5, CALLS), END]
    head = Head("id-1", 1700000000, "tiny", one_call=True)
    assert len(chat_answer(events, head)["choices"][0]["message"]["tool_calls"]) == 1
    assert len(chat_chunks(events, head)[1]["choices"][0]["delta"]["tool_calls"]) == 1


TOKENS = (
    TokenLogprob(5, "é", -0.25, ((5, "é", -0.25), (6, "x", -math.inf))),
    TokenLogprob(7, "\ufffd", math.nan, ()),
)


def test_logprobs_of_a_chat() -> None:
    events = [Started(7), Delta(0, "é", (5, 7), TOKENS), Finished(0, "stop", 2), END]
    expected = {
        "content": [
            {
                "token": "é", "logprob": -0.25, "bytes": [0xC3, 0xA9],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.25, "bytes": [0xC3, 0xA9]},
                    {"token": "x", "logprob": -9999.0, "bytes": [0x78]},
                ],
            },
            {"token": "\ufffd", "logprob": -9999.0, "bytes": None, "top_logprobs": []},
        ],
        "refusal": None,
    }  # fmt: skip
    assert chat_answer(events, logprobs=True)["choices"][0]["logprobs"] == expected
    assert chat_chunks(events)[1]["choices"][0]["logprobs"] == expected
    json.dumps(expected, allow_nan=False)
    # Text may be held back while its tokens come: their logprobs are not lost.
    held = [Started(7), Delta(0, "", (5, 7), TOKENS), Finished(0, "stop", 2), END]
    assert chat_chunks(held)[1]["choices"][0]["logprobs"] == expected


def test_completions_of_several_prompts() -> None:
    events = [Started(7), Delta(1, "b"), Delta(0, "a"), Finished(0, "stop", 2), Finished(1, "length", 3), END]
    answer = TextAnswer(HEAD, 2)
    chunks = TextChunks(WITH_USAGE, 2)
    sent = []
    for number in range(2):
        answer.begin(number, "echo ")
        chunks.begin(number, "echo ")
        for event in events:
            answer.feed(event)
            sent += chunks.feed(event)
    sent += chunks.last()
    found = answer.object()
    for each in [found, *sent]:
        Completion.model_validate(each, strict=True)
    assert [(c["index"], c["text"], c["finish_reason"]) for c in found["choices"]] == [
        (0, "echo a", "stop"), (1, "echo b", "length"), (2, "echo a", "stop"), (3, "echo b", "length"),
    ]  # fmt: skip
    assert found["usage"]["prompt_tokens"] == 14 and found["usage"]["completion_tokens"] == 10
    for choice in found["choices"]:
        own = [c for chunk in sent for c in chunk["choices"] if c["index"] == choice["index"]]
        assert "".join(c["text"] for c in own) == choice["text"]
        assert [c["finish_reason"] for c in own if c["finish_reason"]] == [choice["finish_reason"]]
    assert sent[-1]["usage"] == found["usage"]
    assert sent[-1]["choices"] == []


def test_logprobs_of_a_completion() -> None:
    events = [
        Started(7), Delta(0, "é", (5,), TOKENS[:1]), Delta(0, "?", (7,), TOKENS[1:]), Finished(0, "stop", 2), END,
    ]  # fmt: skip
    answer, chunks = TextAnswer(HEAD, 1, logprobs=True), TextChunks(HEAD, 1)
    answer.begin(0)
    chunks.begin(0)
    sent = []
    for event in events:
        answer.feed(event)
        sent += chunks.feed(event)
    assert answer.object()["choices"][0]["logprobs"] == {
        "tokens": ["é", "\ufffd"],
        "token_logprobs": [-0.25, -9999.0],
        "top_logprobs": [{"é": -0.25, "x": -9999.0}, {}],
        "text_offset": [0, 1],
    }
    assert [chunk["choices"][0]["logprobs"]["text_offset"] for chunk in sent[:2]] == [[0], [1]]


def test_token_ids_where_they_are_asked_for() -> None:
    head = Head("id-1", 1700000000, "tiny", token_ids=True)
    # The end token has no text, but it is a token.
    events = [
        Started(7),
        Delta(0, "Hel", (1,)),
        Delta(0, "lo", (2, 3)),
        Delta(0, "", (9,)),
        Finished(0, "stop", 4),
        END,
    ]
    choices = [chunk["choices"][0] for chunk in chat_chunks(events, head)]
    assert [choice["token_ids"] for choice in choices] == [[], [1], [2, 3], [9], []]
    assert chat_answer(events, head)["choices"][0]["token_ids"] == [1, 2, 3, 9]
    assert "token_ids" not in chat_answer(events)["choices"][0]
    assert all("token_ids" not in chunk["choices"][0] for chunk in chat_chunks(events))
    answer, chunks, sent = TextAnswer(head), TextChunks(head), list[int]()
    answer.begin(0)
    chunks.begin(0)
    for event in events:
        answer.feed(event)
        for chunk in chunks.feed(event):
            sent += Completion.model_validate(chunk, strict=True).choices[0].token_ids or []
    whole = Completion.model_validate(answer.object(), strict=True)
    assert whole.choices[0].token_ids == sent == [1, 2, 3, 9]


@pytest.mark.parametrize("missing", [3, 4])
def test_an_answer_that_ended_too_early_is_no_answer(missing: int) -> None:
    answer = ChatAnswer(HEAD)
    for event in HELLO[:missing]:
        answer.feed(event)
    with pytest.raises(MeadowError) as caught:
        answer.object()
    assert caught.value.code == "internal"


def test_a_cancelled_answer_is_an_error() -> None:
    for made in (ChatChunks(HEAD), ChatAnswer(HEAD), TextChunks(HEAD)):
        with pytest.raises(MeadowError) as caught:
            made.feed(Finished(0, "cancelled", 1))
        assert caught.value.code == "cancelled"


def test_a_frame_is_one_line() -> None:
    assert frame({"a": "one\ntwo\u2028 ü"}) == 'data: {"a":"one\\ntwo\u2028 ü"}\n\n'.encode()
