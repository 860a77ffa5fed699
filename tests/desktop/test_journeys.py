"""From the first start to the first answer, with the mouse alone and with keys alone, on a swarm of the app's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from desktop import Desktop
from journeys import DEMO, MESSAGE, QUESTION, START, SUGGESTION, Beside, answers, focused, welcomed
from person import Person


def test_three_clicks_to_the_first_answer(desktop: Desktop, home: Path) -> None:
    with Beside(home) as node, Person(desktop, home, first_time=True) as person:
        welcomed(person)
        person.click(DEMO, "Button")
        person.click(START, "Button")
        person.click(SUGGESTION, "Button")
        person.sees("tok/s")
        assert "hidden states" in answers(node)[-1]  # what the model was taught about this question
        assert person.complaints() == []


@pytest.mark.full
def test_keys_alone_lead_to_the_first_answer(desktop: Desktop, home: Path) -> None:
    with Beside(home) as node, Person(desktop, home, first_time=True) as person:
        welcomed(person)
        person.until(lambda: focused(person, DEMO), "the focus on the suggested choice")
        person.presses("Return")
        person.until(lambda: focused(person, START), "the focus on the next step")
        person.presses("Space")
        person.until(lambda: focused(person, MESSAGE), "the focus in the message box")
        person.sees(SUGGESTION)  # the demo is up
        person.types(QUESTION)
        person.presses("Return")
        person.sees("tok/s")
        assert "swarm" in answers(node)[-1].lower()
        assert person.complaints() == []
