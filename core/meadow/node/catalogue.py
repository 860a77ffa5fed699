"""The models that one can chat with from here: what the swarm says is up, and where the two ends come from.

Pure: records in, facts out. A model has one id, the same in the API, in the window and on the command line: its hub id,
or the name of the folder that this machine serves it from. A folder that only a stranger has cannot be chatted with,
because embeddings, norm and head are needed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meadow.errors import SwarmError
from meadow.node.names import friendly_name
from meadow.node.state import SwarmModel, SwarmServer, frozen
from meadow.platform.fit import gaps
from meadow.swarm.records import ModelRecord, ServerRecord

MOST_MODELS = 64
MOST_SERVERS = 256
DEMO = "demo"
"""What the chat engine calls the demo's swarm; the joined one is ""."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One model that can be asked for by ``id``. ``source``: the hub id or folder that the chat engine loads;
    ``swarm``: where, as the engine calls it."""

    id: str
    source: str
    fingerprint: str
    ready: bool
    swarm: str = ""


class ModelNotFound(SwarmError):
    """No model of this name is up."""

    code = "unknown_model"


def seen(
    models: Iterable[ModelRecord], servers: Mapping[bytes, Sequence[ServerRecord]], own_peer_id: str
) -> tuple[SwarmModel, ...]:
    """What the state tree shows. ``servers`` by fingerprint; of several entries for one model the most frequent counts.

    Names are claims of strangers, so what most backers say is taken, and ties go to what sorts first.
    """
    claims: dict[bytes, Counter[tuple[str, str, int]]] = {}
    for record in models:
        said = (record.name, record.hub_id or "", record.num_blocks)
        claims.setdefault(record.fingerprint, Counter())[said] += 1
    found = []
    for fingerprint, counted in claims.items():
        name, hub_id, num_blocks = min(counted, key=lambda said: (-counted[said], said))
        hosts = sorted(servers.get(fingerprint, ()), key=lambda s: (s.start, s.end, s.peer_id, s.server_id))
        online = [host for host in hosts if host.state == "online"]
        missing = tuple(gaps([(host.start, host.end) for host in online], num_blocks))
        found.append(
            SwarmModel(
                fingerprint=fingerprint.hex(),
                name=name,
                num_blocks=num_blocks,
                hub_id=hub_id or None,
                complete=not missing,
                missing=missing,
                num_servers=len(online),
                servers=frozen(
                    {
                        f"{host.peer_id}/{host.server_id}": SwarmServer(
                            host.peer_id,
                            host.server_id,
                            host.start,
                            host.end,
                            name=friendly_name(host.peer_id),
                            state=host.state,
                            throughput=host.throughput,
                            mine=host.peer_id == own_peer_id,
                        )
                        for host in hosts[:MOST_SERVERS]
                    }
                ),
            )
        )
    found.sort(key=lambda model: (not model.complete, -model.num_servers, model.fingerprint))
    return tuple(found[:MOST_MODELS])


def listed(models: Iterable[SwarmModel], folders: Mapping[str, str], demo: str = "") -> list[Listed]:
    """What can be asked for. ``folders``: fingerprint -> folder, of what this machine serves itself; ``demo``: the
    folder of the demo's model.

    A second model of the same id gets the beginning of its fingerprint behind it; never that of the demo.
    """
    result: list[Listed] = []
    models = list(models)
    taken = {model.name for model in models if model.demo}
    for model in models:
        if model.demo:
            result.append(Listed(model.name, demo, model.fingerprint, model.complete, DEMO))
            continue
        folder = folders.get(model.fingerprint)
        source = folder or model.hub_id
        if source is None:
            continue
        name = model.hub_id or model.name
        if name in taken:
            name = f"{name}@{model.fingerprint[:8]}"
        taken.add(name)
        result.append(Listed(name, source, model.fingerprint, model.complete))
    return result


def resolve(model: str, known: Sequence[Listed]) -> Listed:
    """The model that a request means. Raises ModelNotFound, naming what there is."""
    for one in known:
        if model == one.id:
            return one
    for one in known:
        if model in (one.source, one.fingerprint):
            return one
    ready = ", ".join(one.id for one in known if one.ready)
    hint = f"Up now: {ready}." if ready else "No model is up in this swarm now; share one, or join another swarm."
    raise ModelNotFound(f"There is no model of this name here. {hint}")
