"""Figures for Prometheus: off by default, readable by its own parser, and with few label values whatever happens."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
import state_events as make
from fastapi.testclient import TestClient
from hypothesis import given, settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from state_events import PEERS, A, B, online
from test_state_apply import HOPS

from meadow.node import events as e
from meadow.node.apply import apply
from meadow.node.changes import StateStore
from meadow.node.http.app import make_app
from meadow.node.http.metrics import router
from meadow.node.state import Device, Machine, State, frozen
from meadow.node.state_words import SwarmStatus

TOKEN = "t" * 43
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def client(store: StateStore, *, enabled: bool = True) -> TestClient:
    app = make_app(token=TOKEN, port_of=lambda: 80, routers=[router(store, lambda: enabled)])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return TestClient(app, base_url="http://127.0.0.1:80", headers=headers, client=("127.0.0.1", 5))


def samples(store: StateStore) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = client(store).get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    found: dict[Any, float] = {}
    for family in parse(answer.text):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def key(name: str, /, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"meadow_{name}", frozenset(labels.items())


def test_off_unless_the_setting_says_so() -> None:
    answer = client(StateStore(), enabled=False).get("/metrics")
    assert answer.status_code == 404 and "metrics.enabled" in answer.json()["error"]["message"]


def test_what_is_true_now() -> None:
    store = StateStore()
    for event in (
        e.ShareOn(),
        e.SwarmChanged(SwarmStatus.JOINED, num_peers=7),
        online(A, "/home/someone/mine", 0, 4),
        online(B, "/home/someone/mine", 0, 4),
        e.ServerSessions(A, 2, PEERS[0], 1),
        e.ServerSessions(B, 1, PEERS[1], 1),
        e.AnswerAsked("r"),
        e.AnswerDone("q", 20, 11, 15, 1000, HOPS),
        e.MachineRead(Machine(devices=frozen({"cuda:0": Device("cuda", 0, "RTX", memory_free=3, utilisation=0.5)}))),
    ):
        store.apply(event)
    found = samples(store)
    span = {"model": "mine", "start": "0", "end": "4"}
    expected = {
        key("servers_online", **span): 2,
        key("sessions_open", **span): 3,
        key("span_tokens_per_second", **span): 50,
        key("sessions_total"): 2,
        key("answers_total"): 1,
        key("answers_running"): 1,
        key("completion_tokens_total"): 11,
        key("bytes_sent_total"): 1000,
        key("swarm_peers"): 7,
        key("share_state", state="sharing"): 1,
        key("share_state", state="off"): 0,
        key("device_memory_free_bytes", device="cuda:0", name="RTX"): 3,
        key("device_utilisation_ratio", device="cuda:0", name="RTX"): 0.5,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert key("device_power_watts", device="cuda:0", name="RTX") not in found, "unknown is not zero"
    text = client(store).get("/metrics").text
    for secret in (*PEERS, A, B, "someone", "r1"):
        assert secret not in text
    answer = client(store).get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert list(parse_openmetrics(answer.text))


@given(make.SEQUENCES)
@settings(max_examples=25)
def test_whatever_happens_it_can_be_read(events: list[Any]) -> None:
    found = samples(StateStore(reduce(apply, events, State())))
    labels = {name for _, pairs in found for name, _ in pairs}
    assert labels <= {"version", "state", "status", "model", "start", "end", "device", "name"}


def test_peers_and_answers_make_no_new_series() -> None:
    store = StateStore()
    store.apply(online())
    before = set(samples(store))
    for i in range(100):
        store.apply(e.ServerSessions(A, i, f"peer-{i}", 1))
        store.apply(e.AnswerDone(f"r{i}", route=HOPS))
        store.apply(e.ProblemSeen(f"code_{i}", "x"))
    assert set(samples(store)) == before


@pytest.mark.filterwarnings("error")
def test_it_is_in_the_document() -> None:
    document = client(StateStore()).get("/openapi.json").json()
    responses = document["paths"]["/metrics"]["get"]["responses"]
    assert set(responses["200"]["content"]) == {"text/plain"} and "404" in responses
