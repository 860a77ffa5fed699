"""OpenAI's own client against the node's endpoint, with a real swarm and a real chat engine behind it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from chat.bench import Bench, bench, wait_until

from meadow.node.http.app import make_app
from meadow.node.http.listen import RunningServer, serve
from meadow.node.http.openai import ModelInfo, router
from meadow.resources import resource

TOKEN = "token-for-tests-" + "x" * 32
DEMO = resource("demo-model")
HELLO: Any = [{"role": "user", "content": "How does Meadow work?"}]
COLOUR = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}, "wild": {"type": "boolean"}},
    "required": ["colour", "wild"],
    "additionalProperties": False,
}
TOOL: Any = {"type": "function", "function": {"name": "paint", "description": "Paints.", "parameters": COLOUR}}


class Node:
    """The HTTP side of a node on the loop of its engine."""

    def __init__(self, swarm: Bench, models: list[Path], *, concurrency: int = 8) -> None:
        self.bench = swarm
        self.concurrency = concurrency

        async def start() -> RunningServer:
            found: list[RunningServer] = []
            listed = [ModelInfo(str(model)) for model in models]
            app = make_app(
                token=TOKEN,
                port_of=lambda: found[0].port,
                routers=[router(swarm.handle, lambda: listed, concurrency=lambda: self.concurrency)],
            )
            found.append(await serve(app))
            return found[0]

        self.server: RunningServer = swarm.loop.run(start(), timeout=30)

    @property
    def url(self) -> str:
        return f"{self.server.url}/v1"

    def client(self, **options: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.url, **{"api_key": TOKEN, "max_retries": 0, "timeout": 90, **options})

    def close(self) -> None:
        self.bench.loop.run(self.server.close(), timeout=30)


@pytest.fixture(scope="module")
def node(endless_chat_model: Path) -> Iterator[Node]:
    """The bundled model on two servers, and one whose answers only end when somebody ends them."""
    with bench([(DEMO, "0:3"), (DEMO, "3:6"), (endless_chat_model, "0:4")]) as swarm:
        made = Node(swarm, [DEMO, endless_chat_model])
        yield made
        made.close()


@pytest.fixture
def endless(node: Node) -> Iterator[Node]:
    """For tests that end endless answers: none may be left."""
    yield node
    node.concurrency = 8
    wait_until(lambda: node.bench.handle.running == 0, what="the end of all requests")


@pytest.fixture(scope="module")
def client(node: Node) -> Iterator[openai.OpenAI]:
    with node.client() as made:
        yield made


@pytest.fixture(scope="module")
def model() -> str:
    return str(DEMO)


def greedy(client: openai.OpenAI, model: str, **options: Any) -> Any:
    return client.chat.completions.create(model=model, messages=HELLO, temperature=0, max_tokens=24, **options)


def test_models(client: openai.OpenAI, model: str, endless_chat_model: Path) -> None:
    assert [listed.id for listed in client.models.list()] == [model, str(endless_chat_model)]
    assert client.models.retrieve(model).id == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_a_chat(client: openai.OpenAI, model: str) -> None:
    answer = greedy(client, model)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 24
    assert [(hop["start"], hop["end"]) for hop in answer.meadow["route"]] == [(0, 3), (3, 6)]
    assert answer._request_id.startswith("req_")


def test_a_stream_says_the_same(client: openai.OpenAI, model: str) -> None:
    whole = greedy(client, model)
    chunks = list(greedy(client, model, stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) > 5
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len({chunk.id for chunk in chunks}) == 1


def test_the_clients_own_stream_helper(client: openai.OpenAI, model: str) -> None:
    with client.chat.completions.stream(model=model, messages=HELLO, temperature=0, max_tokens=300) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert final.choices[0].finish_reason == "stop"
    assert (final.choices[0].message.content or "").startswith(greedy(client, model).choices[0].message.content)


async def test_the_async_client(node: Node, model: str, client: openai.OpenAI) -> None:
    expected = (await asyncio.to_thread(greedy, client, model)).choices[0].message.content
    async with openai.AsyncOpenAI(base_url=node.url, api_key=TOKEN, max_retries=0, timeout=90) as asynchronous:
        wanted: Any = dict(model=model, messages=HELLO, temperature=0, max_tokens=24)
        whole, stream = await asyncio.gather(
            asynchronous.chat.completions.create(**wanted), asynchronous.chat.completions.create(**wanted, stream=True)
        )
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert whole.choices[0].message.content == text == expected
        assert [listed.id async for listed in asynchronous.models.list()][0] == model


def test_stop_sequences_of_several_tokens(client: openai.OpenAI, model: str) -> None:
    whole = greedy(client, model).choices[0].message.content
    stop = whole[5:9]
    expected = whole[: whole.index(stop)]
    answer = greedy(client, model, stop=[stop, "never in this"])
    assert answer.choices[0].message.content == expected
    assert answer.choices[0].finish_reason == "stop"
    chunks = list(greedy(client, model, stop=stop, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == expected


def test_max_tokens(client: openai.OpenAI, model: str) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        wanted: Any = {"model": model, "messages": HELLO, "temperature": 0, name: 3}
        answer = client.chat.completions.create(**wanted)
        assert answer.usage is not None and answer.usage.completion_tokens == 3
        assert answer.choices[0].finish_reason == "length"


def test_a_seed_decides(client: openai.OpenAI, model: str) -> None:
    def sample(seed: int, **options: Any) -> list[str | None]:
        answer = client.chat.completions.create(
            model=model, messages=HELLO, temperature=1.5, max_tokens=12, seed=seed, n=2, **options
        )
        assert [choice.index for choice in answer.choices] == [0, 1]
        return [choice.message.content for choice in answer.choices]

    first = sample(7)
    assert sample(7) == first
    assert first[0] != first[1]
    assert sample(8) != first
    assert sample(7, top_p=0.9, extra_body={"top_k": 1}) != first


def test_n_streams_side_by_side(client: openai.OpenAI, model: str) -> None:
    chunks = client.chat.completions.create(
        model=model, messages=HELLO, temperature=1.5, seed=7, max_tokens=12, n=3, stream=True
    )
    texts: dict[int, str] = {}
    reasons = {}
    for chunk in chunks:
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            if choice.finish_reason:
                reasons[choice.index] = choice.finish_reason
    assert sorted(texts) == sorted(reasons) == [0, 1, 2]
    whole = client.chat.completions.create(model=model, messages=HELLO, temperature=1.5, seed=7, max_tokens=12, n=3)
    assert [choice.message.content for choice in whole.choices] == [texts[index] for index in range(3)]


def test_logprobs_of_a_chat(client: openai.OpenAI, model: str) -> None:
    answer = greedy(client, model, logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    for entry in content:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 3
        assert entry.top_logprobs[0].logprob == entry.logprob  # greedy takes the most likely one
    streamed = [
        entry
        for chunk in greedy(client, model, logprobs=True, top_logprobs=3, stream=True)
        for choice in chunk.choices
        if choice.logprobs
        for entry in choice.logprobs.content
    ]
    assert [entry.token for entry in streamed] == [entry.token for entry in content]
    assert greedy(client, model).choices[0].logprobs is None


def test_completions(client: openai.OpenAI, model: str) -> None:
    answer = client.completions.create(model=model, prompt="Once", temperature=0, max_tokens=8, logprobs=2)
    assert answer.object == "text_completion"
    assert answer.usage is not None
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None and logprobs.tokens is not None and logprobs.top_logprobs is not None
    assert len(logprobs.tokens) == answer.usage.completion_tokens
    assert all(len(top) <= 2 for top in logprobs.top_logprobs)
    chunks = list(client.completions.create(model=model, prompt="Once", temperature=0, max_tokens=8, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text
    several = client.completions.create(model=model, prompt=["Once", "Twice"], temperature=0, max_tokens=8, echo=True)
    assert several.choices[0].text == "Once" + answer.choices[0].text
    assert several.choices[1].text.startswith("Twice")
    tokens = client.completions.create(model=model, prompt=[5, 6, 7], temperature=0, max_tokens=8)
    assert tokens.usage is not None and tokens.usage.prompt_tokens == 3


def test_penalties_change_what_is_said(client: openai.OpenAI, model: str) -> None:
    def say(**options: Any) -> str:
        return greedy(client, model, logprobs=True, **options).choices[0].logprobs.content

    plain = [entry.token for entry in say()]  # type: ignore[attr-defined]
    fresh = [entry.token for entry in say(frequency_penalty=2, presence_penalty=2)]  # type: ignore[attr-defined]
    assert len(set(fresh)) / len(fresh) >= len(set(plain)) / len(plain)


@pytest.mark.parametrize("stream", [False, True])
def test_json_that_fits_a_schema(client: openai.OpenAI, model: str, stream: bool) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "colour", "schema": COLOUR, "strict": True}}
    options: Any = dict(model=model, messages=HELLO, response_format=wanted, temperature=1.0, seed=3, max_tokens=80)
    if stream:
        chunks = client.chat.completions.create(**options, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    else:
        text = client.chat.completions.create(**options).choices[0].message.content or ""
    found = json.loads(text)
    assert found["colour"] in ("red", "green") and isinstance(found["wild"], bool) and len(found) == 2


def test_a_schema_that_cannot_be_kept_is_refused(client: openai.OpenAI, model: str) -> None:
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "no such type"}}}
    with pytest.raises(openai.BadRequestError) as caught:
        greedy(client, model, response_format=wanted)
    assert caught.value.code == "bad_schema"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "paint"}}])
@pytest.mark.parametrize("stream", [False, True])
def test_tools(client: openai.OpenAI, model: str, choice: Any, stream: bool) -> None:
    options: Any = dict(model=model, messages=HELLO, tools=[TOOL], tool_choice=choice, max_tokens=150, seed=5)
    if stream:
        with client.chat.completions.stream(**options) as events:
            final: Any = events.get_final_completion()
    else:
        final = client.chat.completions.create(**options)
    assert final.choices[0].finish_reason == "tool_calls"
    (call,) = final.choices[0].message.tool_calls
    assert call.type == "function" and call.function.name == "paint" and call.id
    assert json.loads(call.function.arguments)["colour"] in ("red", "green")
    # The answer goes back as it came, with what the tool says.
    message = final.choices[0].message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    for called in message["tool_calls"]:
        called["function"].pop("parsed_arguments", None)
        called.pop("index", None)
    turns: Any = [*HELLO, message, {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    again = client.chat.completions.create(model=model, messages=turns, tools=[TOOL], max_tokens=5)
    assert again.usage is not None and again.usage.prompt_tokens > 0


def test_a_conversation_by_key_sends_only_what_is_new(client: openai.OpenAI, model: str) -> None:
    turns = list(HELLO)
    first = client.chat.completions.create(
        model=model, messages=turns, temperature=0, max_tokens=8, prompt_cache_key="a chat"
    )
    turns += [
        {"role": "assistant", "content": first.choices[0].message.content},
        {"role": "user", "content": "And then?"},
    ]
    second = client.chat.completions.create(
        model=model, messages=turns, temperature=0, max_tokens=8, prompt_cache_key="a chat"
    )
    fresh = client.chat.completions.create(model=model, messages=turns, temperature=0, max_tokens=8)
    assert second.usage is not None and second.usage.prompt_tokens_details is not None
    assert fresh.usage is not None and fresh.usage.prompt_tokens_details is not None
    assert (second.usage.prompt_tokens_details.cached_tokens or 0) > 10
    assert fresh.usage.prompt_tokens_details.cached_tokens == 0
    assert second.choices[0].message.content


def test_reproducible(client: openai.OpenAI, model: str) -> None:
    answers = {greedy(client, model, extra_body={"reproducible": True}).choices[0].message.content for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"model": "/no/such/folder"}, openai.NotFoundError, "model_not_found"),
        (
            {"messages": [{"role": "user", "content": "long " * 2500}]},
            openai.BadRequestError,
            "context_length_exceeded",
        ),
        ({"max_tokens": 5000}, openai.BadRequestError, "context_length_exceeded"),
        ({"temperature": 3}, openai.BadRequestError, "invalid_value"),
        ({"logit_bias": {"5": 10}}, openai.BadRequestError, "unsupported"),
        ({"extra_body": {"colour": "red"}}, openai.BadRequestError, "unknown_argument"),
        ({"messages": []}, openai.BadRequestError, "invalid_value"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors(client: openai.OpenAI, model: str, options: Any, kind: Any, code: str, stream: bool) -> None:
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": model, "messages": HELLO, "stream": stream, **options})
    assert caught.value.code == code
    assert caught.value.body["message"].endswith(".") or "argument" in caught.value.body["message"]


def test_a_token_outside_the_vocabulary(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model=model, prompt=[10_000_000])


def test_wrong_token(node: Node, model: str) -> None:
    with node.client(api_key="wrong") as stranger, pytest.raises(openai.AuthenticationError) as caught:
        greedy(stranger, model)
    assert caught.value.code == "invalid_api_key"


def test_many_at_once(node: Node, client: openai.OpenAI, model: str) -> None:
    """``reproducible``: in bfloat16 rounding may change a token of those that are computed together."""
    options: Any = {"extra_body": {"reproducible": True}}
    expected = greedy(client, model, **options).choices[0].message.content

    def ask(number: int) -> str:
        if number % 2:
            chunks = greedy(client, model, stream=True, **options)
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        return greedy(client, model, **options).choices[0].message.content  # type: ignore[no-any-return]

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [expected] * 6
    wait_until(lambda: node.bench.handle.running == 0, what="the end of all requests")


def test_too_many_at_once(endless: Node, endless_chat_model: Path) -> None:
    endless.concurrency = 2
    with endless.client() as client:
        options: Any = dict(model=str(endless_chat_model), messages=HELLO, stream=True, max_tokens=20_000)
        streams = [client.chat.completions.create(**options) for _ in range(2)]
        for stream in streams:
            next(iter(stream))
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(**options)
        assert caught.value.response.headers["retry-after"] == "1"
        for stream in streams:
            stream.close()
        wait_until(lambda: endless.bench.handle.running == 0, what="the end of both")
        # ... and the official client comes back by itself when there is room again.
        with endless.client(max_retries=2) as patient:
            assert patient.chat.completions.create(**{**options, "stream": False, "max_tokens": 2}).choices


def test_a_client_that_goes_away_ends_the_work(endless: Node, endless_chat_model: Path) -> None:
    options: Any = dict(model=str(endless_chat_model), messages=HELLO, max_tokens=20_000)
    with endless.client() as client:
        stream = client.chat.completions.create(**options, stream=True)
        for _ in range(5):
            next(iter(stream))
        assert endless.bench.handle.running == 1
        stream.close()
        wait_until(lambda: endless.bench.handle.running == 0, what="the end of a closed stream")
    with endless.client(timeout=1.0) as hasty, pytest.raises(openai.APITimeoutError):
        hasty.chat.completions.create(**options)
    wait_until(lambda: endless.bench.handle.running == 0, what="the end of a request without stream")


async def test_a_cancelled_task_ends_the_work(endless: Node, endless_chat_model: Path) -> None:
    async with openai.AsyncOpenAI(base_url=endless.url, api_key=TOKEN, max_retries=0) as client:
        task = asyncio.create_task(
            client.chat.completions.create(model=str(endless_chat_model), messages=HELLO, max_tokens=20_000)
        )
        await asyncio.to_thread(wait_until, lambda: endless.bench.handle.running == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_until, lambda: endless.bench.handle.running == 0)


@pytest.mark.full
def test_the_engine_dies_in_the_middle_of_a_stream(endless: Node, endless_chat_model: Path) -> None:
    """What was streamed stays, then comes an error that says so; the next request waits for the next engine."""
    options: Any = dict(model=str(endless_chat_model), messages=HELLO)
    with endless.client() as client:
        stream = iter(client.chat.completions.create(**options, stream=True, max_tokens=20_000))
        for _ in range(5):
            next(stream)
        os.kill(endless.bench.child.pid, signal.SIGKILL)
        with pytest.raises(openai.APIError) as caught:
            for _ in stream:
                continue
        assert caught.value.code == "engine_died"
        threading.Thread(target=lambda: endless.bench.loop.run(endless.bench.start_engine(), timeout=60)).start()
        assert client.chat.completions.create(**options, max_tokens=3).usage is not None


def test_plain_http_as_curl_says_it(node: Node, model: str) -> None:
    """A line of Server-Sent Events for each chunk, and [DONE]."""
    body = {"model": model, "messages": HELLO, "max_tokens": 4, "temperature": 0, "stream": True}
    with httpx2.stream(
        "POST", f"{node.url}/chat/completions", json=body, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=90
    ) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in reply.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
