"""What goes wrong while somebody chats: a server dies in the middle of an answer, the node dies under the window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desktop import Desktop
from journeys import LONG_QUESTION, SUGGESTION, Beside, answers, messages, new_home
from person import Person

pytestmark = [pytest.mark.full, pytest.mark.timeout(400)]
SERVER = "meadow.server.process"


@pytest.fixture
def node() -> Iterator[Beside]:
    with new_home() as home, Beside(home) as node:
        yield node


def asks(person: Person, node: Beside, question: str) -> str:
    """Send a question and wait until the answer is being written; its beginning."""
    person.types(question)
    person.presses("Return")
    person.finds("Stop the answer", "Button")
    return person.until(lambda: written(node), "the beginning of an answer")


def written(node: Beside) -> str:
    last = messages(node)[-1]
    return last["content"] if last["role"] == "assistant" and len(last["content"]) > 5 else ""


def is_up(node: Beside) -> bool:
    models = node.tree()["swarm"]["models"].values()
    return any(model["complete"] for model in models)


def test_a_server_dies_in_the_middle_of_an_answer(desktop: Desktop, node: Beside) -> None:
    with Person(desktop, node.home) as person:
        person.waits_for_the_window()
        person.click("Start the demo", "Button")
        person.finds(SUGGESTION, "Button")
        person.click("Message", "EditableText")
        begun = asks(person, node, LONG_QUESTION)
        victim = node.processes(SERVER)[-1]
        victim.kill()
        person.until(lambda: messages(node)[-1]["state"] == "failed", "the end of the answer")
        said = messages(node)[-1]
        assert said["content"].startswith(begun)
        person.sees(begun)
        person.sees(said["answer"]["error"]["message"])
        assert "Traceback" not in said["answer"]["error"]["message"]
        person.until(lambda: is_up(node), "the server again")
        person.click("Regenerate", "Button")
        person.sees("tok/s")
        assert messages(node)[-1]["state"] == "complete"
        assert answers(node)[-1].startswith(begun[:5]), "sampling has no dice in the demo"
        assert person.complaints() == []


def test_the_node_dies_under_the_window(desktop: Desktop, node: Beside) -> None:
    with Person(desktop, node.home) as person:
        person.waits_for_the_window()
        person.click("Start the demo", "Button")
        person.finds(SUGGESTION, "Button")
        person.click("Message", "EditableText")
        begun = asks(person, node, LONG_QUESTION)
        person.types("and this is a draft")
        dead = node.process()
        dead.kill()
        person.sees("Meadow's node is gone for the moment")
        person.sees("and this is a draft")
        person.sees(begun)
        person.sees_no_more("Meadow's node is gone for the moment")
        assert node.process().pid != dead.pid
        person.sees("node ended while this was being written")
        person.sees(begun)
        person.sees("and this is a draft")
        # The demo went with its node. A line says so, and what helps is beside it.
        person.sees("The demo was on when Meadow ended")
        person.click("Start the demo", "Button")
        person.until(lambda: is_up(node), "the demo again")
        person.sees("and this is a draft")
        person.click("Message", "EditableText")
        person.presses("Return")
        person.until(lambda: messages(node)[-1]["state"] == "complete" and len(messages(node)) == 4, "a new answer")
        person.sees("tok/s")
        assert person.complaints() == []
