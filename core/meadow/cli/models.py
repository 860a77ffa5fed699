"""``meadow models``: what is up in the swarm, what is on this disk; manifests; can Meadow run a model."""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from meadow.cli.output import Output, plain, size
from meadow.cli.which import Which, which_swarm
from meadow.errors import DiskFull, MeadowError, NoPeers
from meadow.platform.paths import Paths, private_folder

if TYPE_CHECKING:
    from meadow.client.swarm import Swarm
    from meadow.models.progress import Progress
    from meadow.swarm.records import ModelRecord

_ENOSPC = 28


def run(options: argparse.Namespace, output: Output) -> int:
    """Exit status 0, or MeadowError."""
    actions = {"list": _list, "manifest": _manifest, "check": _check, "login": _login, "logout": _logout}
    actions[options.action](options, output)
    return 0


def _list(options: argparse.Namespace, output: Output) -> None:
    paths = Paths.of(options.home)
    try:
        which = which_swarm(options, paths)
    except NoPeers as error:
        output.note(str(error))  # what is on the disk can be told all the same
        output.event("problem", code=error.code, message=str(error))
    else:
        _list_swarm(which, options, output)
    from meadow.models.cache import cached_models

    cached = cached_models(paths.models)
    for model in cached:
        output.event("cached", name=model.name, commit=model.commit, bytes_on_disk=model.bytes_on_disk)
    output.event("done", cached_bytes=sum(model.bytes_on_disk for model in cached))
    output.result(f"On this disk ({size(sum(model.bytes_on_disk for model in cached))} in {paths.models}):")
    for model in cached:
        output.result(f"  {plain(model.name)}  {size(model.bytes_on_disk)}")
    if not cached:
        output.result("  nothing is downloaded")


def _list_swarm(which: Which, options: argparse.Namespace, output: Output) -> None:
    output.progress("Joining the swarm")
    from meadow.client.swarm import Swarm

    with Swarm(which.peers, home=options.home, private=which.swarm) as swarm:
        entries: defaultdict[bytes, list[ModelRecord]] = defaultdict(list)
        for record in swarm.find_models():
            entries[record.fingerprint].append(record)
        output.clear()
        output.result("Up in this swarm:")
        for fingerprint, records in sorted(entries.items(), key=lambda item: item[1][0].name):
            _show_model(fingerprint, records, swarm, output)
        if not entries:
            output.result("  no model is served right now")


def _show_model(fingerprint: bytes, records: list[ModelRecord], swarm: Swarm, output: Output) -> None:
    """One model of the index. Its name is what its servers claim; the fingerprint says which weights it is."""
    record = records[0]
    servers = [signed.server for signed in swarm.find_servers(fingerprint, record.num_blocks)]
    online = [server for server in servers if server.state == "online"]
    covered = {block for server in online for block in range(server.start, server.end)}
    missing = spans(set(range(record.num_blocks)) - covered)
    output.event(
        "model",
        name=record.name,
        hub_id=record.hub_id,
        fingerprint=fingerprint.hex(),
        num_blocks=record.num_blocks,
        servers=[
            {
                "peer_id": server.peer_id,
                "server_id": server.server_id,
                "start": server.start,
                "end": server.end,
                "dtype": server.dtype,
                "throughput": server.throughput,
            }
            for server in online
        ],
        missing=missing,
    )
    state = "complete" if not missing else "blocks missing: " + ", ".join(f"{a}:{b}" for a, b in missing)
    output.result(
        f"  {plain(record.hub_id or record.name)}  {record.num_blocks} blocks, {len(online)} servers, {state}"
        f"  (fingerprint {fingerprint.hex()[:12]})"
    )


def spans(blocks: set[int]) -> list[tuple[int, int]]:
    """Sorted ``(start, end)`` pairs that cover exactly these blocks."""
    found: list[tuple[int, int]] = []
    for block in sorted(blocks):
        if found and found[-1][1] == block:
            found[-1] = (found[-1][0], block + 1)
        else:
            found.append((block, block + 1))
    return found


def _manifest(options: argparse.Namespace, output: Output) -> None:
    from meadow.models.checkpoint import make_manifest, open_checkpoint
    from meadow.models.manifest import MANIFEST_NAME

    folder: Path = options.path.expanduser()
    if not folder.is_dir():
        raise MeadowError(f"{folder} is no folder. Give the folder that holds the checkpoint.", code="unknown_model")
    path = folder / MANIFEST_NAME
    # One that is there would be checked against the weights, and may be the reason for making a new one.
    aside = folder / f".{MANIFEST_NAME}.{secrets.token_hex(4)}"
    if path.exists():
        path.rename(aside)
    try:
        checkpoint = open_checkpoint(folder, cache_dir=Paths.of(options.home).models)
        manifest = make_manifest(checkpoint, progress=_report(output, "Hashing"))
        draft = folder / f".{MANIFEST_NAME}.{secrets.token_hex(4)}"
        try:
            draft.write_text(manifest.to_json(), encoding="utf-8")
            os.replace(draft, path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            if error.errno == _ENOSPC:
                raise DiskFull(f"No room for the manifest in {folder}. Free some space and try again.") from error
            raise MeadowError(f"The manifest cannot be written to {folder} ({error.strerror}).") from error
    except BaseException:
        if aside.exists():
            aside.rename(path)
        raise
    aside.unlink(missing_ok=True)
    output.event("done", path=str(path), tensors=len(manifest.tensors))
    output.result(f"Wrote the checksums of {len(manifest.tensors)} tensors to {path}.")


def _check(options: argparse.Namespace, output: Output) -> None:
    from meadow.models.checkpoint import open_checkpoint
    from meadow.models.hub_token import read_hub_token
    from meadow.models.layout import indivisible_ranges
    from meadow.models.parts import client_tensors, default_dtype, layout_of, span_tensors

    checkpoint = open_checkpoint(
        options.model,
        revision=options.revision,
        token=read_hub_token(Paths.of(options.home).hub_token),
        cache_dir=Paths.of(options.home).models,
        progress=_report(output, "Reading headers"),
    )
    blocks = layout_of(checkpoint.config).num_blocks
    whole = indivisible_ranges(checkpoint.config, blocks)
    client = sum(checkpoint.tensors[name].nbytes for name in client_tensors(checkpoint))
    served = sum(checkpoint.tensors[name].nbytes for name in span_tensors(checkpoint, 0, blocks))
    dtype = str(default_dtype(checkpoint.config)).removeprefix("torch.")
    verification = checkpoint.verification.value
    output.event(
        "done",
        model=options.model,
        family=checkpoint.config.model_type,
        num_blocks=blocks,
        dtype=dtype,
        client_bytes=client,
        block_bytes=served // blocks,
        total_bytes=checkpoint.total_bytes,
        indivisible=whole,
        verification=verification,
    )
    output.result(f"Meadow can run {plain(str(options.model))} ({plain(checkpoint.config.model_type)}, {dtype}).")
    output.result(f"  {blocks} blocks of about {size(served / blocks)}; a client holds {size(client)}")
    for start, end in whole:
        output.result(f"  blocks {start}:{end} must stay together on one server")
    output.result(f"  {verification}")


def _login(options: argparse.Namespace, output: Output) -> None:
    """Keep a token. It is asked for, or read from standard input: a command line can be seen by others."""
    from meadow.models.hub_token import write_hub_token

    path = Paths.of(options.home).hub_token
    token = getpass.getpass("Token (it is not shown): ") if sys.stdin.isatty() else sys.stdin.readline()
    private_folder(path.parent)
    write_hub_token(path, token)
    output.event("done", file=str(path), set=True)
    output.result(f"Kept in {path}, which only you can read. It counts from the next download on.")


def _logout(options: argparse.Namespace, output: Output) -> None:
    from meadow.models.hub_token import forget_hub_token

    path = Paths.of(options.home).hub_token
    forget_hub_token(path)
    output.event("done", file=str(path), set=False)
    output.result("Meadow keeps no token of yours.")


def _report(output: Output, what: str) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        output.transfer(what, progress.done, progress.total, progress.rate, progress.seconds_left)

    return report
