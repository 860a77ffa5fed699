"""Figures for Prometheus (GET /metrics), made from the state tree when asked for. Off unless a setting says so.

Nothing about chats but counts. Labels have few values: a model that this node hosts, a span, a device; never a peer
id, a chat or a server id, of which new ones come all the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from fastapi.responses import Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from meadow.errors import MeadowError
from meadow.node.changes import StateStore
from meadow.node.sharing import ShareState, short_model
from meadow.node.state import Server, State
from meadow.node.state_words import EngineStatus, ServerStatus, SwarmStatus

_TOTALS: Final = {
    "answers": "Answers that were completed",
    "failed_answers": "Answers that ended with an error",
    "prompt_tokens": "Tokens of prompts",
    "reused_tokens": "Tokens of prompts that the servers still held from earlier turns",
    "completion_tokens": "Tokens that were generated",
    "bytes_sent": "Bytes of hidden states sent to the first servers of routes",
    "sessions": "Sessions that others opened on servers of this node",
    "server_restarts": "Servers that ended unexpectedly and were started again",
    "rejoins": "Times that the swarm was lost and had to be joined again",
}
_DEVICE: Final = {
    "memory_total": ("memory_bytes", "Memory of the device"),
    "memory_free": ("memory_free_bytes", "Memory of the device that is free now"),
    "utilisation": ("utilisation_ratio", "How busy the device is, 0 to 1"),
    "temperature": ("temperature_celsius", "Temperature of the device"),
    "power": ("power_watts", "Electrical power that the device takes"),
}


def figures(state: State) -> Iterator[Metric]:
    """All metrics of one tree."""
    info = InfoMetricFamily("meadow_node", "The node")
    info.add_metric([], {"version": state.node.version})
    yield info
    if state.node.started:
        yield GaugeMetricFamily("meadow_start_time_seconds", "When the node started, Unix time", state.node.started)
    for name, text in _TOTALS.items():
        yield CounterMetricFamily(f"meadow_{name}", text, getattr(state.node.totals, name))
    yield _one_of("meadow_share_state", "What this machine shares", "state", ShareState, state.share.state)
    yield _one_of("meadow_swarm_status", "The place in the swarm", "status", SwarmStatus, state.swarm.status)
    yield _one_of("meadow_engine_status", "The chat engine", "status", EngineStatus, state.node.engine.status)
    if state.swarm.num_peers is not None:
        yield GaugeMetricFamily("meadow_swarm_peers", "Peers that the DHT knows", state.swarm.num_peers)
    yield GaugeMetricFamily("meadow_swarm_models", "Models that somebody serves", len(state.swarm.models))
    yield GaugeMetricFamily("meadow_answers_running", "Answers under way", len(state.chats))
    yield GaugeMetricFamily("meadow_problems", "Problems that are shown", len(state.problems))
    yield GaugeMetricFamily("meadow_downloads_running", "Models that are being fetched", len(state.downloads))
    yield from _servers(state.servers.values())
    yield from _devices(state)


def _one_of(name: str, text: str, label: str, values: Iterable[str], now: str) -> Metric:
    family = GaugeMetricFamily(name, text + " (1 for the one that it is, else 0)", labels=[label])
    for value in values:
        family.add_metric([str(value)], float(value == now))
    return family


def _servers(servers: Iterable[Server]) -> Iterator[Metric]:
    labels = ["model", "start", "end"]
    up = GaugeMetricFamily("meadow_servers_online", "Servers of this span that the swarm can use", labels=labels)
    sessions = GaugeMetricFamily("meadow_sessions_open", "Open sessions on this span", labels=labels)
    speed = GaugeMetricFamily(
        "meadow_span_tokens_per_second", "One session through this span, as measured at its start", labels=labels
    )
    # Two servers may host the same span; a label set may appear once.
    spans: dict[tuple[str, str, str], list[Server]] = {}
    for server in servers:
        span = short_model(server.model), str(server.start), "" if server.end is None else str(server.end)
        spans.setdefault(span, []).append(server)
    for span, alike in spans.items():
        up.add_metric(span, sum(server.status is ServerStatus.ONLINE for server in alike))
        sessions.add_metric(span, sum(server.sessions for server in alike))
        measured = [server.throughput for server in alike if server.throughput is not None]
        if measured:
            speed.add_metric(span, max(measured))
    return iter((up, sessions, speed))


def _devices(state: State) -> Iterator[Metric]:
    for field, (name, text) in _DEVICE.items():
        family = GaugeMetricFamily(f"meadow_device_{name}", text, labels=["device", "name"])
        for key, device in state.machine.devices.items():
            value: Any = getattr(device, field)
            if value is not None:
                family.add_metric([key, device.name], value)
        if family.samples:
            yield family


class _FromState(Collector):
    def __init__(self, store: StateStore) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        return figures(self._store.state)


def router(store: StateStore, enabled: Callable[[], bool]) -> APIRouter:
    """GET /metrics. ``enabled`` is asked every time, so that the setting ``metrics.enabled`` takes effect at once."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromState(store))
    api = APIRouter(tags=["metrics"])

    @api.get(
        "/metrics",
        status_code=200,
        response_class=Response,
        summary="Figures for Prometheus",
        responses={
            200: {
                "description": "The text format of Prometheus.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            404: {"description": "The setting `metrics.enabled` is off, as it is by default."},
        },
    )
    async def get_metrics(
        accept: Annotated[str, Header(description="Prometheus says which format it wants.")] = "",
    ) -> Response:
        """Counts, states and measurements of this node; nothing about what was said, nor with whom."""
        if not enabled():
            raise MeadowError(
                "This node keeps its figures to itself. Turn the setting metrics.enabled on to offer them.",
                code="not_found",
            )
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), headers={"content-type": content_type})

    return api
