"""The first minute: shown once, skippable, and nothing begins before the person chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fakes
import pytest

from meadow_app.onboarding.onboarding import Onboarding

ADDRESS = "/ip4/192.0.2.7/tcp/31337/p2p/12D3KooWLbPcYaXrAaRfCVMuiBCXJWnm5yCLRPSSfkYqmzCnGvGZ"


@pytest.fixture
def link(home: Path) -> fakes.FakeLink:
    made = fakes.FakeLink({"demo": {"status": "off", "model": "demo-model"}, "swarm": {"status": "alone"}})
    made.home = str(home)
    return made


@pytest.fixture
def first(link: fakes.FakeLink) -> Onboarding:
    return Onboarding(link)


def ends(first: Onboarding) -> list[str]:
    heard: list[str] = []
    first.finished.connect(heard.append)
    return heard


def test_nothing_is_asked_of_the_node_before_the_person_chose(first: Onboarding, link: fakes.FakeLink) -> None:
    assert first.property("needed") and first.property("step") == "choose"
    assert not link.api.requests


def test_two_clicks_to_the_message_box_with_the_demo(first: Onboarding, link: fakes.FakeLink) -> None:
    heard = ends(first)
    first.chooseDemo()
    assert [(request.method, request.path) for request in link.api.requests] == [("POST", "/api/demo")]
    assert first.property("step") == "readers" and first.property("busy")
    link.api.last.answer({})
    link.patch(demo={"status": "starting", "step": 3, "steps": 6})
    assert (first.property("demoStatus"), first.property("demoProgress")) == ("starting", 0.5)
    link.patch(demo={"status": "ready"})
    assert first.property("demoProgress") == 1.0
    first.done()
    assert heard == ["demo"] and not first.property("needed")


def test_it_is_shown_once_whatever_was_chosen(first: Onboarding, link: fakes.FakeLink) -> None:
    heard = ends(first)
    first.skip()
    assert heard == ["later"]
    again = fakes.FakeLink()
    again.home = link.home
    assert not Onboarding(again).property("needed")
    assert not link.api.requests


def test_an_address_becomes_a_setting_and_the_node_starts_with_it(first: Onboarding, link: fakes.FakeLink) -> None:
    retried: list[bool] = []
    link.retry = lambda: retried.append(True)  # type: ignore[method-assign]
    first.chooseJoin()
    assert first.property("step") == "join" and not link.api.requests
    first.join(f"  {ADDRESS} ")
    assert link.api.last.body == {"initial_peers": [ADDRESS]}
    assert not link.stopped
    link.api.last.answer({})
    assert link.stopped and first.property("step") == "readers"
    link.become("failed", "The node was stopped.", "stopped")
    assert retried
    link.become("connected")
    link.patch(swarm={"status": "joined"})
    assert "shares nothing" in first.property("joinText")
    heard = ends(first)
    first.done()
    assert heard == ["join"]


def test_what_is_no_address_stays_to_be_mended(first: Onboarding, link: fakes.FakeLink) -> None:
    first.chooseJoin()
    first.join("   ")
    assert first.property("error") and not link.api.requests
    first.join("meadow.example")
    link.api.last.refuse("invalid_value", "initial_peers is ..., but it must be ...", 400)
    assert "/ip4/192.0.2.7" in first.property("error")
    assert first.property("step") == "join" and not link.stopped
    first.join(ADDRESS)
    assert not first.property("error")


def test_back_ends_the_demo_that_was_begun(first: Onboarding, link: fakes.FakeLink) -> None:
    first.chooseDemo()
    request: Any = link.api.last
    first.back()
    assert request.cancelled
    assert (link.api.last.method, link.api.last.path) == ("DELETE", "/api/demo")
    assert first.property("step") == "choose" and not first.property("busy")
    first.chooseJoin()
    first.back()
    assert len(link.api.requests) == 2


def test_a_demo_that_does_not_start_says_why_and_can_be_tried_again(first: Onboarding, link: fakes.FakeLink) -> None:
    first.chooseDemo()
    link.api.last.refuse("memory", "There is not enough memory.", 503)
    assert first.property("error") == "There is not enough memory."
    first.tryAgain()
    assert not first.property("error")
    link.api.last.answer({})
    link.patch(demo={"status": "failed", "message": "A server did not start."})
    assert first.property("demoMessage") == "A server did not start."


def test_whoever_chooses_before_the_node_is_there_need_not_choose_again(link: fakes.FakeLink) -> None:
    link.become("starting")
    first = Onboarding(link)
    first.chooseDemo()
    assert not link.api.requests and first.property("busy") and not first.property("error")
    link.become("connected")
    assert [(request.method, request.path) for request in link.api.requests] == [("POST", "/api/demo")]
    link.become("lost")
    link.become("connected")
    assert len(link.api.requests) == 1


def test_a_node_that_does_not_come_is_no_silence(link: fakes.FakeLink) -> None:
    link.become("starting")
    first = Onboarding(link)
    first.chooseDemo()
    link.become("failed", "The disk is full.")
    fakes.spin(lambda: first.property("error"))
    assert first.property("error") == "The disk is full." and not first.property("busy")


def test_going_back_before_the_node_is_there_starts_nothing(link: fakes.FakeLink) -> None:
    link.become("starting")
    first = Onboarding(link)
    first.chooseDemo()
    first.back()
    link.become("connected")
    assert not link.api.asked("POST", "/api/demo")
