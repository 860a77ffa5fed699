"""What is kept of conversations: the tree, the chosen path, deletion with undo, pages, search. Real SQLite files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from meadow.node.chats.errors import BadRequest, StoreInUse, UnknownChat, UnknownMessage
from meadow.node.chats.records import Answer, RouteHop, Settings, Trouble
from meadow.node.chats.store import ChatStore, NewMessage


class Clock:
    """Every look is a second later."""

    def __init__(self) -> None:
        self.now = 1.8e9

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChatStore]:
    store = ChatStore(tmp_path / "chats.db", clock=Clock())
    yield store
    assert store.check() == []  # integrity, foreign keys and the search index, after every test
    store.close()


def ask(store: ChatStore, chat_id: str, text: str, answer: str, parent: int | None = None) -> tuple[int, int]:
    """A question with its answer; their ids."""
    question, message = store.begin_answer(chat_id, parent, Answer(model="m"), NewMessage(text))
    assert question is not None
    store.save_piece(message.id, 0, answer[:2])
    store.finish(message.id, answer, "complete", Answer(model="m", finish_reason="stop"))
    return question.id, message.id


def path(store: ChatStore, chat_id: str) -> list[str]:
    return [message.content for message in store.path(chat_id)]


def test_an_answer_is_kept_with_all_that_is_known_about_it(store: ChatStore) -> None:
    chat = store.add_chat(model="owner/name", system_prompt="Be kind.", settings=Settings(temperature=0.5, stop=["x"]))
    assert store.chat(chat.id) == chat
    _, message = store.begin_answer(chat.id, None, Answer(model="m"), NewMessage("How  are\nyou?"))
    assert (message.state, message.content) == ("streaming", "")
    facts = Answer(
        model="m",
        settings=Settings(seed=3),
        finish_reason="length",
        prompt_tokens=5,
        completion_tokens=7,
        reused_tokens=2,
        tokens_per_second=6.25,
        first_token_seconds=0.5,
        bytes_sent=99,
        route=[RouteHop(peer_id="12D3KooW", server_id="0a", start=0, end=8)],
        error=Trouble(code="hop", message="A server went away."),
    )
    store.finish(message.id, "Fine.", "failed", facts)
    kept = store.message(chat.id, message.id)
    assert (kept.content, kept.state, kept.answer) == ("Fine.", "failed", facts)
    assert kept.finished_at is not None and kept.finished_at > kept.created_at
    assert store.chat(chat.id).title == "How are you?"
    store.finish(message.id, "other", "complete", facts)  # told again: changes nothing
    assert store.message(chat.id, message.id).content == "Fine."


def test_pieces_are_the_text_until_the_end_and_survive_a_new_start(tmp_path: Path) -> None:
    store = ChatStore(tmp_path / "chats.db")
    chat = store.add_chat()
    _, message = store.begin_answer(chat.id, None, Answer(model="m"), NewMessage("q"))
    store.save_piece(message.id, 0, "ab\0c")
    store.save_piece(message.id, 4, "d")
    store.save_piece(message.id, 4, "dé🙂")  # the same place again, with more
    assert store.message(chat.id, message.id).content == "ab\0cdé🙂"
    assert store.message(chat.id, message.id).state == "streaming"
    store.close()
    again = ChatStore(tmp_path / "chats.db")
    kept = again.message(chat.id, message.id)
    assert (kept.content, kept.state) == ("ab\0cdé🙂", "interrupted")
    with pytest.raises(UnknownMessage):
        again.save_piece(message.id, 6, "more")
    assert again.check() == []
    again.close()


def test_an_edit_is_a_branch_and_each_branch_remembers_how_it_went_on(store: ChatStore) -> None:
    chat = store.add_chat().id
    one, _ = ask(store, chat, "one", "1")
    ask(store, chat, "two", "2")
    edited, message = store.begin_answer(chat, None, Answer(model="m"), NewMessage("one!"), first=True)
    assert edited is not None and edited.parent_id is None
    store.finish(message.id, "1!", "complete", Answer(model="m"))
    assert path(store, chat) == ["one!", "1!"]
    assert store.message(chat, one).siblings == (one, edited.id)
    store.choose(chat, one)
    assert path(store, chat) == ["one", "1", "two", "2"]
    store.choose(chat, message.id)
    assert path(store, chat) == ["one!", "1!"]


def test_regenerated_answers_are_siblings_and_choosing_a_leaf_chooses_all_above_it(store: ChatStore) -> None:
    chat = store.add_chat().id
    question, first = ask(store, chat, "q", "a")
    followup, _ = ask(store, chat, "more", "b")
    _, second = store.begin_answer(chat, question, Answer(model="m"))
    store.finish(second.id, "a2", "complete", Answer(model="m"))
    assert path(store, chat) == ["q", "a2"]
    assert store.message(chat, second.id).siblings == (first, second.id)
    store.choose(chat, followup)
    assert path(store, chat) == ["q", "a", "more", "b"]


def test_deleting_hides_what_follows_and_undo_brings_exactly_that_back(store: ChatStore) -> None:
    chat = store.add_chat().id
    question, first = ask(store, chat, "q", "a")
    inner, _ = ask(store, chat, "inner", "b")
    _, second = store.begin_answer(chat, question, Answer(model="m"))
    store.finish(second.id, "a2", "complete", Answer(model="m"))
    store.choose(chat, inner)
    store.delete_message(chat, inner)
    store.delete_message(chat, first)
    assert path(store, chat) == ["q", "a2"]
    with pytest.raises(BadRequest):
        store.restore_message(chat, inner)  # what it follows is deleted
    with pytest.raises(UnknownMessage):
        store.restore_message(chat, second.id)  # was never deleted
    store.restore_message(chat, first)
    assert path(store, chat) == ["q", "a"]
    store.restore_message(chat, inner)
    assert path(store, chat) == ["q", "a", "inner", "b"]
    store.delete_message(chat, question)
    assert path(store, chat) == []
    with pytest.raises(UnknownMessage):
        store.message(chat, inner)
    with pytest.raises(UnknownMessage):
        store.begin_answer(chat, first, Answer(model="m"), NewMessage("into nothing"))


def test_a_deleted_chat_comes_back_until_it_is_purged_and_then_no_byte_of_it_is_left(
    store: ChatStore, tmp_path: Path
) -> None:
    chat, other = store.add_chat().id, store.add_chat().id
    ask(store, chat, "xylophonequestion", "zebraanswer " * 500)
    kept, _ = ask(store, other, "kept", "kept")
    part, _ = ask(store, other, "quaggapart", "quaggaanswer")
    store.delete_chat(chat)
    assert [found.id for found in store.chats()] == [other]
    assert [found.id for found in store.chats(deleted=True)] == [chat]
    with pytest.raises(UnknownChat):
        store.path(chat)
    assert store.search("zebraanswer") == []
    store.restore_chat(chat)
    assert len(path(store, chat)) == 2 and store.search("zebraanswer")
    store.delete_chat(chat)
    store.delete_message(other, part)
    assert not store.purge(1.0)
    assert store.purge(2e9)
    with pytest.raises(UnknownChat):
        store.restore_chat(chat)
    with pytest.raises(UnknownMessage):
        store.restore_message(other, part)
    assert [message.id for message in store.path(other)][0] == kept
    store.close()
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"kept" in data
    for word in (b"xylophone", b"zebraanswer", b"quagga"):
        assert word not in data.lower()
    store.__init__(tmp_path / "chats.db")  # type: ignore[misc]  # for the fixture


def test_pages_of_chats_and_of_messages_miss_nothing_and_repeat_nothing(store: ChatStore) -> None:
    chats = [store.add_chat(title=f"chat {number}").id for number in range(25)]
    seen: list[str] = []
    while page := store.chats(10, seen[-1] if seen else None):
        seen += [chat.id for chat in page]
    assert seen == chats[::-1]
    for number in range(30):
        ask(store, chats[0], f"q{number}", f"a{number}")
    assert store.chats(1)[0].id == chats[0]  # the last used first
    texts: list[str] = []
    page_of_messages = store.path(chats[0], 7)
    while page_of_messages:
        texts = [message.content for message in page_of_messages] + texts
        page_of_messages = store.path(chats[0], 7, page_of_messages[0].id)
    assert texts == [text for number in range(30) for text in (f"q{number}", f"a{number}")]


def test_a_chat_of_twenty_thousand_messages_is_still_a_path(store: ChatStore) -> None:
    from meadow.node.chats.importing import ImportedChat, ImportedMessage

    count = 20_000
    long = ImportedChat(
        chosen=0,
        messages=[
            ImportedMessage(
                parent=number - 1 if number else None,
                chosen=number + 1 if number + 1 < count else None,
                role="assistant" if number % 2 else "user",
                content=f"message {number}",
            )
            for number in range(count)
        ],
    )
    (chat,) = store.import_chats([long])
    assert [message.content for message in store.path(chat.id, 2)] == [f"message {count - 2}", f"message {count - 1}"]
    ask(store, chat.id, "and on", "yes")
    assert [message.content for message in store.path(chat.id, 2)] == ["and on", "yes"]


@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("apple", 1),
        ("app", 1),  # beginnings of words
        ("APPLE pie", 1),
        ("pie apple", 1),  # in any order
        ('"apple pie"', 1),
        ('"pie apple"', 0),
        ("cafe", 1),  # without the accent
        ("CAFÉ", 1),
        ("天气", 1),  # no spaces between words
        ("气真", 1),
        ("ples", 0),
        ("apple OR banana", 0),  # no operator, only words
        ("NEAR(apple pie)", 0),
        ('app"', 1),
        ("apple*", 1),
        ("content:apple", 0),
        ("'; DROP TABLE chats; --", 0),
        ("-", 0),
        ("", 0),
        ('"', 0),
        ("\0", 0),
        ("a" * 10_000, 0),
    ],
)
def test_search_finds_words_and_takes_nothing_for_an_operator(store: ChatStore, query: str, hits: int) -> None:
    chat = store.add_chat(title="untouched").id
    ask(store, chat, "An apple pie in the café", "今天天气真好")
    assert len(store.search(query)) == hits


def test_snippets_are_plain_text_with_places_to_highlight(store: ChatStore) -> None:
    chat = store.add_chat(title="t").id
    ask(store, chat, "<b>before</b> " * 50 + "the needle \x02 here" + " after" * 50, "的" * 500 + "天气" + "的" * 500)
    (found,) = store.search("needle")
    assert [found.snippet[begin:end] for begin, end in found.highlights] == ["needle"]
    assert len(found.snippet) < 500 and found.role == "user"
    (found,) = store.search("天气")
    assert [found.snippet[begin:end] for begin, end in found.highlights] == ["天气"] and len(found.snippet) < 300
    ask(store, chat, "x" * 1_000_000, "done")
    (found,) = store.search("xxx")
    assert len(found.snippet) < 500 and found.highlights


def test_search_pages_titles_first_then_the_newest_messages(store: ChatStore) -> None:
    chat = store.add_chat(title="about herons").id
    ids = [identity for number in range(20) for identity in ask(store, chat, f"heron {number}", f"herons {number}")]
    first = store.search("heron", 10)
    assert first[0].message_id is None and first[0].snippet == "about herons"
    seen = [found.message_id for found in first[1:]]
    while page := store.search("heron", 10, seen[-1]):
        seen += [found.message_id for found in page]
    assert seen == ids[::-1]
    _, running = store.begin_answer(chat, None, Answer(model="m"), NewMessage("something else"))
    store.save_piece(running.id, 0, "pelican")
    assert store.search("pelican") == []  # found when it is finished
    store.finish(running.id, "pelican", "stopped", Answer(model="m"))
    assert [found.message_id for found in store.search("pelican")] == [running.id]
    store.change_chat(chat, title="about storks")
    assert [found.message_id for found in store.search("stork")] == [None]
    assert all(found.message_id is not None for found in store.search("heron", 5))


def test_changes_of_a_chat_leave_the_rest_alone(store: ChatStore) -> None:
    chat = store.add_chat(title="a", model="m", system_prompt="s", settings=Settings(top_k=3, temperature=1.0))
    changed = store.change_chat(chat.id, settings=Settings(top_k=5))
    assert changed == chat.model_copy(update={"settings": Settings(top_k=5)})
    assert store.change_chat(chat.id, forget_model=True).model is None
    assert Settings(top_k=1).over(Settings(top_k=5, seed=2)) == Settings(top_k=1, seed=2)


def test_what_does_not_exist_is_said_to(store: ChatStore) -> None:
    chat, other = store.add_chat().id, store.add_chat().id
    message, _ = ask(store, other, "q", "a")
    with pytest.raises(UnknownChat):
        store.chat("0" * 32)
    for identity in (0, -1, 10**6, 2**63, 10**30):
        with pytest.raises(UnknownMessage):
            store.message(chat, identity)
    with pytest.raises(UnknownMessage):
        store.message(chat, message)  # of another chat
    with pytest.raises(UnknownMessage):
        store.begin_answer(chat, message, Answer(model="m"), NewMessage("q"))
    with pytest.raises(BadRequest):
        store.begin_answer(chat, None, Answer(model="m"))
    assert store.path(chat) == []


def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    store = ChatStore(tmp_path / "chats.db")
    store.add_chat()
    with pytest.raises(StoreInUse, match="open in another program"):
        ChatStore(tmp_path / "chats.db")
    store.close()
    ChatStore(tmp_path / "chats.db").close()


def test_only_the_owner_can_read_the_file_and_finished_messages_never_change(tmp_path: Path) -> None:
    store = ChatStore(tmp_path / "home" / "chats.db")
    ask(store, store.add_chat().id, "q", "a")
    for file in (tmp_path / "home").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    store.close()
    raw = sqlite3.connect(tmp_path / "home" / "chats.db")
    with pytest.raises(sqlite3.IntegrityError, match="never changes"):
        raw.execute("UPDATE messages SET content = 'other'")
    raw.close()
