"""Export and import: what comes back, and what hostile files achieve (nothing)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meadow.errors import DiskFull
from meadow.node.chats import importing
from meadow.node.chats.errors import BadImport
from meadow.node.chats.export import file_name, to_json, to_markdown
from meadow.node.chats.importing import ImportedChat, read_json, read_markdown
from meadow.node.chats.records import Answer, CalledTool, RouteHop, Settings, Trouble
from meadow.node.chats.store import ChatStore, NewMessage

texts = st.text(max_size=200)
amounts = st.floats(0, 1e9, allow_nan=False) | st.integers(0, 10**6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
sampling = st.builds(
    Settings,
    temperature=st.none() | st.floats(0, 2),
    top_k=st.none() | st.integers(0, 100),
    seed=st.none() | st.integers(-(2**63), 2**63 - 1),
    stop=st.none() | st.lists(st.text(min_size=1, max_size=5), max_size=3),
    json_schema=st.none() | st.dictionaries(st.text(max_size=10), json_values, max_size=3),
    reproducible=st.none() | st.booleans(),
)
answers = st.builds(
    Answer,
    model=st.text(min_size=1, max_size=50),
    settings=sampling,
    finish_reason=st.none() | st.just("stop"),
    error=st.none() | st.builds(Trouble, code=texts, message=texts),
    tool_calls=st.none() | st.lists(st.builds(CalledTool, id=texts, name=texts, arguments=texts), max_size=2),
    tokens_per_second=st.none() | amounts,
    completion_tokens=st.none() | st.integers(0, 10**6),
    route=st.none()
    | st.lists(
        st.builds(RouteHop, peer_id=texts, server_id=texts, start=st.just(0), end=st.integers(1, 9)), max_size=3
    ),
)


@st.composite
def chats(draw: st.DrawFn) -> dict[str, Any]:
    """A chat as JSON says it, with any tree and any choice of paths."""
    count = draw(st.integers(0, 12))
    parents = [draw(st.none() | st.integers(0, number - 1)) if number else None for number in range(count)]

    def choice(above: int | None) -> int | None:
        below = [number for number, parent in enumerate(parents) if parent == above]
        return draw(st.sampled_from([None, *below]))

    messages = [
        {
            "parent": parents[number],
            "chosen": choice(number),
            "role": draw(st.sampled_from(["user", "assistant", "tool"])),
            "content": draw(texts),
            "state": draw(st.sampled_from(["complete", "stopped", "interrupted", "failed"])),
            "created_at": draw(amounts),
            "finished_at": draw(st.none() | amounts),
            "tool_call_id": draw(st.none() | texts),
            "answer": draw(st.none() | answers.map(lambda answer: answer.model_dump())),
        }
        for number in range(count)
    ]
    return {
        "title": draw(texts),
        "model": draw(st.none() | st.text(min_size=1, max_size=50)),
        "system_prompt": draw(texts),
        "settings": draw(sampling).model_dump(),
        "created_at": draw(amounts),
        "updated_at": draw(amounts),
        "chosen": choice(None),
        "messages": messages,
    }


def document(*chats: dict[str, Any]) -> str:
    return json.dumps({"format": "meadow.chats", "version": 1, "chats": list(chats)})


def exported(store: ChatStore, chat_id: str) -> str:
    return to_json(store.chat(chat_id), *store.whole(chat_id))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ChatStore:
    return ChatStore(tmp_path_factory.mktemp("chats") / "chats.db")


def without_nothing(value: Any) -> Any:
    """None and absent mean the same for a field of ours; inside a schema of the person's they do not."""
    if isinstance(value, dict):
        return {
            key: part if key == "json_schema" else without_nothing(part)
            for key, part in value.items()
            if part is not None
        }
    return [without_nothing(part) for part in value] if isinstance(value, list) else value


@given(chats())
@settings(max_examples=120)
def test_json_comes_back_exactly_with_all_branches(store: ChatStore, chat: dict[str, Any]) -> None:
    (first,) = store.import_chats(read_json(document(chat)))
    text = exported(store, first.id)
    assert json.loads(text)["chats"] == [without_nothing(chat)]
    (second,) = store.import_chats(read_json(text))
    assert exported(store, second.id) == text  # byte for byte
    assert second.id != first.id


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), texts), min_size=1, max_size=5), texts)
@settings(max_examples=120)
def test_markdown_comes_back_with_the_same_words(said: list[tuple[str, str]], system: str) -> None:
    lines = ["<!-- meadow: user -->", "\\<!-- meadow: tool -->", "### You", ""]
    said = [(role, "\n".join([content, *lines[: number % 5]])) for number, (role, content) in enumerate(said)]
    messages = [{"role": role, "content": content} for role, content in said]
    chat = ImportedChat.model_validate({"title": "A title", "system_prompt": system, "messages": messages})
    path = [message.model_copy() for message in chat.messages]
    text = to_markdown(chat.chat("x", 1.0), path)  # type: ignore[arg-type]  # only role and content are read
    back = read_markdown(text)
    assert [(message.role, message.content) for message in back.messages] == said
    assert (back.title, back.system_prompt) == ("A title", system)
    assert [message.parent for message in back.messages] == [None, *range(len(said) - 1)]


def test_markdown_of_other_programs_is_understood_and_nonsense_is_not() -> None:
    chat = read_markdown(
        "# Trip\n\n## User:\n\nWhere to?\n\n## Assistant\n\n```\n# You\n```\nNorth.\n\n### You\r\n\nThanks\n"
    )
    assert [(message.role, message.content) for message in chat.messages] == [
        ("user", "Where to?"),
        ("assistant", "```\n# You\n```\nNorth."),
        ("user", "Thanks"),
    ]
    windows = "<!-- meadow: user -->\r\n### You\r\n\r\nHello\r\nyou\r\n\r\n<!-- meadow: assistant -->\r\nHi"
    assert [message.content for message in read_markdown(windows).messages] == ["Hello\nyou", "Hi"]
    for text in ("", "Just a text\n\n# With a heading\n", "\0" * 100, "<!-- meadow: robot -->\nhello"):
        with pytest.raises(BadImport, match="No messages were found"):
            read_markdown(text)


def message(**fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": "x", **fields}


HOSTILE = {
    "empty": "",
    "blank": " \n ",
    "not json": "hello",
    "list": "[]",
    "number": "7",
    "other format": '{"format": "other", "version": 1, "chats": []}',
    "no version": '{"format": "meadow.chats", "chats": []}',
    "newer": '{"format": "meadow.chats", "version": 2, "chats": []}',
    "version true": '{"format": "meadow.chats", "version": true, "chats": []}',
    "cut off": document({"title": "x"})[:-3],
    "two, one bad": document({"title": "good"}) + "\n" + document({"title": 7}),
    "nested": "[" * 100_000,
    "nested objects": '{"a":' * 50_000,
    "nested in a schema": document({"settings": {"json_schema": json.loads('{"a":' * 80 + "1" + "}" * 80)}}),
    "nan": '{"format": "meadow.chats", "version": 1, "chats": [{"created_at": NaN}]}',
    "infinite": '{"format": "meadow.chats", "version": 1, "chats": [{"created_at": 1e999}]}',
    "large number": f'{{"format": "meadow.chats", "version": 1, "chats": [{{"created_at": {"9" * 5000}}}]}}',
    "long integer": f'{{"format": "meadow.chats", "version": 1, "chats": [{{"created_at": {"9" * 4000}}}]}}',
    "half a character": '{"format": "meadow.chats", "version": 1, "chats": [{"title": "\\ud800"}]}',
    "half a character as a key": document({"settings": {"json_schema": {"a": 1}}}).replace('"a"', '"\\udc00"'),
    "circle": document({"messages": [message(parent=0)]}),
    "from below": document({"messages": [message(parent=1), message()]}),
    "negative parent": document({"messages": [message(), message(parent=-1)]}),
    "chosen of nobody": document({"chosen": 5, "messages": [message()]}),
    "chosen of another": document({"chosen": 0, "messages": [message(chosen=1), message()]}),
    "chosen is no child": document({"chosen": 1, "messages": [message(), message(parent=0)]}),
    "parent true": document({"messages": [message(), message(parent=True)]}),
    "role": document({"messages": [message(role="system")]}),
    "content is a number": document({"messages": [message(content=7)]}),
    "still streaming": document({"messages": [message(state="streaming")]}),
    "negative time": document({"created_at": -1}),
    "title": document({"title": "x" * 301}),
    "route": document({"messages": [message(answer={"model": "m", "route": [{}] * 5})]}),
    "temperature": document({"settings": {"temperature": -1}}),
    "many chats": document(*[{}] * 1001),
    "many messages": document({"messages": [message()] * 20_001}),
    "too long": " " * (importing.MAX_TEXT + 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_as_a_whole_with_a_sentence_of_ours(tmp_path: Path, name: str) -> None:
    store = ChatStore(tmp_path / "chats.db")
    with pytest.raises(BadImport) as caught:
        store.import_chats(read_json(HOSTILE[name]))
    assert store.chats() == []
    store.close()
    assert len(str(caught.value)) < 500 and "xxxx" not in str(caught.value) and "\n" not in str(caught.value)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
@settings(max_examples=300)
def test_any_text_is_imported_or_refused(text: str) -> None:
    for read in (read_json, read_markdown):
        try:
            read(text)
        except BadImport:
            pass


@given(st.data())
@settings(max_examples=300)
def test_a_file_with_a_changed_place_is_imported_or_refused(store: ChatStore, data: st.DataObject) -> None:
    text = exported(store, _sample(store))
    at = data.draw(st.integers(0, len(text) - 1))
    what = data.draw(st.sampled_from(["", '"', "{", "]", ",", "0", "-1", "1e400", "null", "true", "\\ud800", "[]"]))
    length = data.draw(st.integers(0, 20))
    try:
        chats = read_json(text[:at] + what + text[at + length :])
    except BadImport:
        return
    for chat in store.import_chats(chats):  # whatever passed the checks can be stored and read
        exported(store, chat.id)


_SAMPLES: dict[int, str] = {}


def _sample(store: ChatStore) -> str:
    if id(store) not in _SAMPLES:
        chat = store.add_chat(title="sample", model="m", settings=Settings(stop=["a"]))
        _, answer = store.begin_answer(chat.id, None, Answer(model="m"), NewMessage("question"))
        facts = Answer(model="m", route=[RouteHop(peer_id="p", server_id="s", start=0, end=4)], tokens_per_second=3.5)
        store.finish(answer.id, "answer", "complete", facts)
        _SAMPLES[id(store)] = chat.id
    return _SAMPLES[id(store)]


def test_an_import_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """The limit is on the pages of the file, so it strikes in the middle of the transaction."""
    store = ChatStore(tmp_path / "chats.db")
    kept = store.add_chat(title="kept").id
    store._db.execute("PRAGMA max_page_count = 300")
    good = document(*[{"messages": [message(content="y" * 100_000)] * 2} for _ in range(15)])
    with pytest.raises(DiskFull):
        store.import_chats(read_json(good))
    assert [chat.id for chat in store.chats()] == [kept] and store.check() == []
    store._db.execute("PRAGMA max_page_count = 100000")
    assert len(store.import_chats(read_json(good))) == 15
    store.close()


def test_the_worst_files_need_little_memory() -> None:
    """In a process of its own, so that its peak is theirs. The bound is that of the threat model: 256 MiB."""
    script = """
import json, resource, sys
from meadow.node.chats.importing import MAX_TEXT, read_json
from meadow.node.chats.errors import BadImport
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
head = '{"format":"meadow.chats","version":1,"chats":['
for text in (head + "[]," * (MAX_TEXT // 3 - 30) + "{}]}", head + "{}," * (MAX_TEXT // 3 - 30) + "{}]}",
             head + '{"messages":[' + '{},' * (MAX_TEXT // 3 - 40) + "{}]}]}",
             head + "{" + ",".join(f'"{i}":{{}}' for i in range(350_000)) + "}]}",
             "[" + "1," * (MAX_TEXT // 2 - 10) + "1]"):
    assert len(text) <= MAX_TEXT
    try:
        read_json(text)
    except BadImport:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout)
    assert grown < 256 * 1024 * (1 if sys.platform == "linux" else 1024)


def test_names_of_files_are_harmless() -> None:
    chat = ImportedChat(title='../../etc/passwd\0 \r\n"; rm -rf <ä>').chat("x", 1.0)
    assert file_name(chat, "json") == "etc-passwd-rm-rf.json"
    assert file_name(chat.model_copy(update={"title": "…"}), "md") == "conversation.md"
