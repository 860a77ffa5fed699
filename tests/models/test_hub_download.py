"""A model on a hub: only the bytes that are needed, never wrong bytes under a valid mark, whatever the server does."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_server import HubServer
from tiny_checkpoint import only, tensors, write_checkpoint

from meadow.errors import DamagedCheckpoint, DownloadError, ModelError, UnknownModel
from meadow.models import answers as answers_module
from meadow.models.cache import cache_size, cached_models
from meadow.models.checkpoint import Checkpoint, Verification, make_manifest, open_checkpoint
from meadow.models.manifest import MANIFEST_NAME
from meadow.models.progress import Progress

Weights = dict[str, torch.Tensor]
FIRST = "model-00001-of-00003.safetensors"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def block(weights: Weights, number: int) -> list[str]:
    return only(weights, lambda name: f".layers.{number}." in name)


def same(checkpoint: Checkpoint, weights: Weights, names: list[str]) -> bool:
    read = checkpoint.read(names)
    return all(torch.equal(read[name], weights[name]) for name in names)


def header_bytes(checkpoint: Checkpoint) -> int:
    """Bytes before the first tensor of every weight file: without them nobody knows where a tensor lies."""
    starts: dict[str, int] = {}
    for info in checkpoint.tensors.values():
        starts[info.file] = min(starts.get(info.file, info.start), info.start)
    return sum(starts.values())


def test_only_the_needed_bytes_are_downloaded(hub: HubServer, weights: Weights, cache: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    names = block(weights, 1)
    needed = sum(weights[name].nbytes for name in names)
    assert checkpoint.missing(names) == needed and checkpoint.missing(weights) == checkpoint.total_bytes
    with pytest.raises(DownloadError, match="Fetch them first"):
        checkpoint.read(names)
    checkpoint.fetch(names)
    assert checkpoint.missing(names) == 0 and same(checkpoint, weights, names)
    assert checkpoint.bytes_fetched == hub.bytes_sent()
    assert checkpoint.bytes_fetched / (needed + header_bytes(checkpoint)) <= 1.01
    sent = hub.bytes_sent()
    again = open_checkpoint("owner/tiny", cache_dir=cache)
    again.fetch(names)
    assert same(again, weights, names) and hub.bytes_sent() == sent  # all of it was in the cache


def test_a_part_never_sees_bytes_it_did_not_ask_for(hub: HubServer, tmp_path: Path, cache: Path) -> None:
    made = tensors()
    owned = block(made, 2)
    poisoned = {name: tensor if name in owned else torch.full_like(tensor, torch.nan) for name, tensor in made.items()}
    write_checkpoint(tmp_path / "nan", poisoned, shards=1)
    hub.add("owner/nan", tmp_path / "nan")
    checkpoint = open_checkpoint("owner/nan", cache_dir=cache)
    checkpoint.fetch(owned)
    assert same(checkpoint, made, owned)
    info = checkpoint.tensors[block(made, 3)[0]]
    path = next(cache.rglob("model.safetensors"))
    assert not any(path.read_bytes()[info.start : info.end])  # a hole, not the NaN that lies there on the hub
    assert checkpoint.bytes_fetched / (sum(made[name].nbytes for name in owned) + header_bytes(checkpoint)) <= 1.01


def test_scattered_tensors_come_in_few_requests_and_nothing_extra(
    hub: HubServer, weights: Weights, cache: Path
) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    before = len(hub.requests)
    names = only(weights, lambda name: "mlp" in name)
    checkpoint.fetch(names)
    assert same(checkpoint, weights, names)
    assert checkpoint.bytes_fetched / (sum(weights[n].nbytes for n in names) + header_bytes(checkpoint)) <= 1.01
    assert len([it for it in hub.requests[before:] if it.host == "cdn"]) <= 6


def test_hub_and_local_copy_have_one_fingerprint(hub: HubServer, tmp_path: Path, cache: Path) -> None:
    remote = open_checkpoint("owner/tiny", cache_dir=cache)
    local = open_checkpoint(tmp_path / "model", cache_dir=cache)
    sent = hub.bytes_sent()
    assert remote.fingerprint == local.fingerprint and len(remote.fingerprint) == 32
    assert hub.bytes_sent() == sent  # the hub's own hashes: nothing had to be downloaded for it
    hub.faults.no_hashes = True
    unhashed = open_checkpoint("owner/tiny", cache_dir=cache / "other")
    assert unhashed.fingerprint == local.fingerprint  # a mirror without hashes: downloaded whole


def test_progress_is_told(hub: HubServer, weights: Weights, cache: Path) -> None:
    opening: list[Progress] = []
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache, progress=opening.append)
    assert opening[-1].done == opening[-1].total == checkpoint.bytes_fetched == header_bytes(checkpoint)
    hub.faults.slow = 0.005
    reports: list[Progress] = []
    missing = checkpoint.missing(weights)
    checkpoint.fetch(weights, progress=reports.append)
    assert reports[-1].done == reports[-1].total == missing and reports[-1].seconds_left == 0.0
    assert [it.done for it in reports] == sorted(it.done for it in reports) and reports[-1].rate > 0
    assert {it.file for it in reports} <= {info.file for info in checkpoint.tensors.values()}


def test_whole_files_are_checked_against_the_hubs_hash(hub: HubServer, weights: Weights, cache: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    checkpoint.fetch(block(weights, 1))
    checkpoint.read(block(weights, 1))
    assert checkpoint.verification.value == "not verified by content"
    checkpoint.fetch(weights)
    assert checkpoint.verification.value == "verified by content"
    assert open_checkpoint("owner/tiny", cache_dir=cache).verification is Verification.CONTENT


def test_damaged_bytes_in_a_whole_file_are_refused_and_not_kept(hub: HubServer, weights: Weights, cache: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    victim = checkpoint.tensors["model.layers.0.mlp.up_proj.weight"]
    hub.faults.flip = (victim.file, victim.start + 5)
    with pytest.raises(DamagedCheckpoint, match=victim.file):
        checkpoint.fetch(weights)
    with pytest.raises(DownloadError):
        checkpoint.read([victim.name])
    hub.faults.flip = None
    checkpoint.fetch(weights)
    assert same(checkpoint, weights, list(weights)) and checkpoint.verification is Verification.CONTENT


def test_damaged_bytes_in_a_part_without_a_manifest_load_and_say_so(
    hub: HubServer, weights: Weights, cache: Path
) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    victim = checkpoint.tensors["model.layers.1.mlp.up_proj.weight"]
    hub.faults.flip = (victim.file, victim.start + 5)
    checkpoint.fetch(block(weights, 1))
    assert not same(checkpoint, weights, [victim.name])
    assert checkpoint.verification.value == "not verified by content"


def test_damaged_bytes_in_a_part_with_a_manifest_are_refused_by_name(
    hub: HubServer, weights: Weights, tmp_path: Path, cache: Path
) -> None:
    local = open_checkpoint(tmp_path / "model", cache_dir=cache)
    (tmp_path / "model" / MANIFEST_NAME).write_text(make_manifest(local).to_json())
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    victim = checkpoint.tensors["model.layers.1.mlp.up_proj.weight"]
    hub.faults.flip = (victim.file, victim.start + 5)
    names = block(weights, 1)
    with pytest.raises(DamagedCheckpoint, match=r"model\.layers\.1\.mlp\.up_proj\.weight"):
        checkpoint.fetch(names)
    assert checkpoint.missing(names) == victim.nbytes  # only the damaged tensor has to come again
    hub.faults.flip = None
    checkpoint.fetch(names)
    assert same(checkpoint, weights, names) and checkpoint.verification is Verification.CONTENT
    make_manifest(local)
    table = json.loads((tmp_path / "model" / MANIFEST_NAME).read_text())
    table["files"][FIRST] = "0" * 64
    (tmp_path / "model" / MANIFEST_NAME).write_text(json.dumps(table))
    hub.add("owner/mixed", tmp_path / "model")
    with pytest.raises(DamagedCheckpoint, match="other weights"):
        open_checkpoint("owner/mixed", cache_dir=cache)


HARMLESS: dict[str, dict[str, Any]] = {
    "drops twice": {"drop_after": 20_000, "drops": 2},
    "drops at once": {"drop_after": 0, "drops": 3},
    "ignores ranges": {"ignore_range": True},
    "ignores ranges and drops": {"ignore_range": True, "drop_after": 60_000, "drops": 1},
    "no length": {"no_length": True},
    "overloaded": {"statuses": [503, 429, 500]},
    "link expired": {"statuses": [403]},
    "bytes after the body": {"extra": b"x" * 5000},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_faults_that_pass_are_lived_through(hub: HubServer, weights: Weights, cache: Path, case: str) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    for name, value in HARMLESS[case].items():
        setattr(hub.faults, name, value)
    checkpoint.fetch(weights)
    assert same(checkpoint, weights, list(weights)) and checkpoint.verification is Verification.CONTENT


def test_many_drops_are_lived_through_as_long_as_it_goes_on(hub: HubServer, tmp_path: Path, cache: Path) -> None:
    made = tensors() | {"model.embed_tokens.weight": torch.randn(200 * 512, 64)}  # 26 MB
    write_checkpoint(tmp_path / "large", made, shards=1)
    hub.add("owner/large", tmp_path / "large")
    checkpoint = open_checkpoint("owner/large", cache_dir=cache)
    hub.faults.drop_after, hub.faults.drops = 500_000, 20
    checkpoint.fetch(["model.embed_tokens.weight"])
    assert hub.faults.drops == 0 and same(checkpoint, made, ["model.embed_tokens.weight"])
    assert checkpoint.bytes_fetched / (made["model.embed_tokens.weight"].nbytes + header_bytes(checkpoint)) <= 1.01


LIES: dict[str, dict[str, Any]] = {
    "wrong range": {"lie_range": True},
    "wrong total": {"lie_total": True},
    "too long a length": {"lie_length": 7},
    "too short a length": {"lie_length": -7},
    "a longer body without a length": {"no_length": True, "extra": b"x" * 5000},
    "another commit": {"commit": "f" * 40},
    "another file": {"etag": "f" * 64},
    "always drops": {"drop_after": 1000},
    "always fails": {"statuses": [500] * 50},
    "redirects to a file": {"redirect_to": "file:///etc/passwd"},
    "redirects to nowhere": {"redirect_to": "http://127.0.0.1:9/x"},
    "redirects in circles": {"redirect_to": ""},
}


@pytest.mark.parametrize("case", LIES)
def test_lies_end_in_an_error_and_leave_nothing_wrong(hub: HubServer, weights: Weights, cache: Path, case: str) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    for name, value in LIES[case].items():
        setattr(hub.faults, name, value)
    if case == "redirects in circles":
        hub.faults.redirect_to = f"{hub.url}/owner/tiny/resolve/{cached_models(cache)[0].commit}/{FIRST}"
    with pytest.raises(DownloadError, match="6 times in a row") as caught:
        checkpoint.fetch(weights)
    assert "127.0.0.1" in str(caught.value)
    hub.faults = type(hub.faults)()
    checkpoint.fetch(weights)
    assert same(checkpoint, weights, list(weights)) and checkpoint.verification is Verification.CONTENT


def test_a_damaged_header_is_refused_and_fetched_anew(hub: HubServer, weights: Weights, cache: Path) -> None:
    for offset in (0, 6, 9, 40):
        hub.faults.flip = (FIRST, offset)
        with pytest.raises(ModelError):
            open_checkpoint("owner/tiny", cache_dir=cache)
    hub.faults.flip = None
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    checkpoint.fetch(weights)
    assert same(checkpoint, weights, list(weights))


def test_a_header_that_was_damaged_but_readable_is_found_out(
    hub: HubServer, weights: Weights, tmp_path: Path, cache: Path
) -> None:
    place = (tmp_path / "model" / FIRST).read_bytes().index(b'"pt"')
    hub.faults.flip = (FIRST, place + 1)  # in a text for people: no rule of the format is broken
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    with pytest.raises(DamagedCheckpoint, match="hash that the hub states"):
        checkpoint.fetch(weights)
    hub.faults.flip = None
    with pytest.raises(DamagedCheckpoint, match="Open the model again"):
        checkpoint.fetch(weights)
    again = open_checkpoint("owner/tiny", cache_dir=cache)
    again.fetch(weights)
    assert same(again, weights, list(weights)) and again.verification is Verification.CONTENT


def test_a_server_that_trickles_is_given_up(
    hub: HubServer, weights: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    monkeypatch.setattr(answers_module, "SLOWEST", (0.05, 1000))
    hub.faults.trickle = 0.01
    with pytest.raises(DownloadError, match="hardly anything"):
        checkpoint.fetch(weights)


def test_the_token_goes_to_the_hub_and_nowhere_else(
    hub: HubServer, weights: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.faults.gated = True
    with pytest.raises(DownloadError, match=r"gated.*HF_TOKEN") as caught:
        open_checkpoint("owner/tiny", cache_dir=cache)
    assert caught.value.code == "gated" and f"{hub.url}/settings/tokens" in str(caught.value)
    with pytest.raises(DownloadError, match="gated"):
        open_checkpoint("owner/tiny", cache_dir=cache, token="wrong")
    before = len(hub.requests)
    monkeypatch.setenv("HF_TOKEN", "secret")
    open_checkpoint("owner/tiny", cache_dir=cache).fetch(weights)
    for request in hub.requests[before:]:
        assert (request.headers.get("Authorization") == "Bearer secret") == (request.host == "hub")
        assert request.headers.get("Accept-Encoding") == "identity"
    assert any(request.host == "cdn" for request in hub.requests[before:])
    assert not any(b"secret" in path.read_bytes() for path in cache.rglob("*") if path.is_file())


def test_a_token_never_travels_unencrypted(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    with pytest.raises(DownloadError, match="Use https"):
        open_checkpoint("owner/tiny", cache_dir=cache, token="secret")
    monkeypatch.setenv("HF_ENDPOINT", "hub.example")
    with pytest.raises(DownloadError, match="not a web address"):
        open_checkpoint("owner/tiny", cache_dir=cache)


def test_unknown_models_and_revisions(hub: HubServer, cache: Path) -> None:
    with pytest.raises(UnknownModel, match="owner/nothing"):
        open_checkpoint("owner/nothing", cache_dir=cache)
    with pytest.raises(UnknownModel, match="revision"):
        open_checkpoint("owner/tiny", revision="nope", cache_dir=cache)
    hub.faults.api_statuses = [404]
    with pytest.raises(UnknownModel, match="Check the name"):
        open_checkpoint("owner/tiny", cache_dir=cache)
    assert not list(cache.rglob("*.safetensors"))


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"sha": "x", "siblings": []}', b'{"sha": 3}', b"[" * 10**5, b'{"siblings": null}']
)
def test_a_listing_that_is_noise_is_a_clear_error(hub: HubServer, cache: Path, raw: bytes) -> None:
    hub.faults.raw_listing = raw or b" "
    with pytest.raises(DownloadError, match="list of files"):
        open_checkpoint("owner/tiny", cache_dir=cache)


def test_names_in_a_listing_cannot_leave_the_cache(hub: HubServer, cache: Path) -> None:
    entries = [{"rfilename": name, "size": 5} for name in ("../../evil", "/etc/evil", "a/b", ".hidden", "config.json")]
    hub.faults.raw_listing = json.dumps({"sha": "a" * 40, "siblings": entries}).encode()
    with pytest.raises(ModelError):
        open_checkpoint("owner/tiny", cache_dir=cache)
    assert not list(cache.parent.rglob("*evil*"))


def test_small_files_come_whole_and_checked(hub: HubServer, tmp_path: Path, cache: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    path = checkpoint.file("tokenizer.json")
    assert path is not None and path.read_bytes() == (tmp_path / "model" / "tokenizer.json").read_bytes()
    assert checkpoint.file("chat_template.jinja") is None
    commit = hub.add("owner/large-tokenizer", tmp_path / "model", large=lambda name: name != "config.json")
    hub.faults.flip = ("tokenizer.json", 3)
    other = open_checkpoint("owner/large-tokenizer", revision=commit, cache_dir=cache)
    with pytest.raises(DownloadError, match="damaged bytes"):
        other.file("tokenizer.json")


def test_offline_uses_what_was_downloaded(
    hub: HubServer, weights: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        open_checkpoint("owner/tiny", cache_dir=cache)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    mark = open_checkpoint("owner/tiny", cache_dir=cache).fingerprint
    open_checkpoint("owner/tiny", cache_dir=cache).fetch(block(weights, 0))
    asked = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    offline = open_checkpoint("owner/tiny", cache_dir=cache)
    assert same(offline, weights, block(weights, 0)) and offline.fingerprint == mark
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        offline.fetch(block(weights, 1))
    assert len(hub.requests) == asked


def test_a_hub_that_is_away_is_no_reason_to_refuse_a_downloaded_model(
    hub: HubServer, weights: Weights, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_checkpoint("owner/tiny", cache_dir=cache).fetch(weights)
    hub.faults.api_statuses = [500] * 20
    again = open_checkpoint("owner/tiny", cache_dir=cache)
    assert same(again, weights, list(weights)) and "downloaded before" in caplog.text
    with pytest.raises(DownloadError, match="status 500"):
        open_checkpoint("owner/tiny", cache_dir=cache / "empty")


def test_the_cache_tells_what_it_holds(hub: HubServer, weights: Weights, cache: Path) -> None:
    assert cached_models(cache) == [] and cache_size(cache) == 0
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    checkpoint.fetch(block(weights, 1))
    (model,) = cached_models(cache)
    assert model.name == "owner/tiny" and model.host in hub.url and model.folder.is_dir()
    apparent = sum(path.stat().st_size for path in model.folder.rglob("*") if path.is_file())
    assert checkpoint.bytes_fetched <= model.bytes_on_disk + 4096 < apparent  # holes take no room
    assert cache_size(cache) >= model.bytes_on_disk


def test_threads_share_one_checkpoint(hub: HubServer, weights: Weights, cache: Path) -> None:
    checkpoint = open_checkpoint("owner/tiny", cache_dir=cache)
    results: list[bool] = []

    def work(number: int) -> None:
        checkpoint.fetch(block(weights, number))
        results.append(same(checkpoint, weights, block(weights, number)))

    threads = [threading.Thread(target=work, args=(number % 4,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [True] * 8
    needed = sum(weights[name].nbytes for number in range(4) for name in block(weights, number))
    assert checkpoint.bytes_fetched / (needed + header_bytes(checkpoint)) <= 1.01  # nobody downloaded it twice


def test_the_cache_folder_must_be_writable(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DownloadError, match="cannot be written"):
        open_checkpoint("owner/tiny", cache_dir=tmp_path / "file")
    assert os.listdir(tmp_path / "model")
