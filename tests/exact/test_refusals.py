"""What cannot work says so, and what to do; those who do nothing wrong are not disturbed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from exact.swarms import prompt, swarm
from families import zoo
from transformers import AutoModelForCausalLM, DynamicCache

from meadow import AutoDistributedModelForCausalLM, RemoteSequential
from meadow.errors import BlocksMissing, NoPeers, Refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama") / "llama"
    zoo.save("llama", path)
    return path


@pytest.fixture(scope="module")
def peers(folder: Path) -> Iterator[list[str]]:
    with swarm(folder, [0, 2, 4], "float32", extra=("--kv-tokens", "512")) as peers:
        yield peers


def generate(model: torch.nn.Module, ids: torch.Tensor, tokens: int = 8) -> torch.Tensor:
    return model.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0
    )


def test_other_weights_never_mix(folder: Path, peers: list[str], tmp_path: Path) -> None:
    other = tmp_path / "llama"
    model = zoo.build("llama")
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    model.save_pretrained(other)
    remote = AutoDistributedModelForCausalLM.from_pretrained(other, initial_peers=peers)
    with pytest.raises(BlocksMissing, match="fingerprints differ"):
        generate(remote, prompt())
    remote.close()


def test_another_dtype_is_refused_with_the_remedy(folder: Path, peers: list[str]) -> None:
    remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=peers, dtype="bfloat16")
    with pytest.raises(BlocksMissing, match="--dtype float32"):
        generate(remote, prompt())
    remote.close()


def test_missing_blocks_are_named(folder: Path) -> None:
    with swarm(folder, [0, 2], "float32") as half:
        remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=half)
        with pytest.raises(BlocksMissing) as caught:
            generate(remote, prompt())
        assert caught.value.missing == ((2, 4),) and "2:4" in str(caught.value)
        blocks = RemoteSequential(remote.opener)  # the half that is there can be used
        assert blocks[0:2](torch.zeros(1, 3, zoo.WIDTH)).shape == (1, 3, zoo.WIDTH)
        remote.close()


def test_no_peer_answers(folder: Path) -> None:
    nobody = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWLAsPjJbrtJJG8DrTafcNULwDdcSpFaEyKw4omwCgjR1B"
    with pytest.raises(NoPeers, match="/ip4/127.0.0.1/tcp/9"):
        AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=[nobody])


def test_nobody_is_known(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NoPeers, match="meadow demo"):
        AutoDistributedModelForCausalLM.from_pretrained(folder, home=tmp_path)


def test_a_foreign_cache_is_refused(folder: Path, peers: list[str]) -> None:
    remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=peers)
    with pytest.raises(ValueError, match="new_cache"):
        remote(prompt(), past_key_values=DynamicCache())
    with pytest.raises(ValueError, match="stay on the servers"):
        remote(prompt(), output_hidden_states=True)
    remote.close()


def test_a_full_server_refuses_and_goes_on(folder: Path, peers: list[str]) -> None:
    remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=peers)
    plain = AutoModelForCausalLM.from_pretrained(folder)
    cache = remote.new_cache()
    ids = prompt()
    first = remote.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        past_key_values=cache,
        max_new_tokens=4,
        do_sample=False,
        pad_token_id=0,
    )
    with pytest.raises(Refused) as caught:
        remote(prompt(900))
    assert caught.value.code == "full"
    got = remote.generate(
        first,
        attention_mask=torch.ones_like(first),
        past_key_values=cache,
        max_new_tokens=4,
        do_sample=False,
        pad_token_id=0,
    )
    assert torch.equal(got, generate(plain, ids, 8))
    remote.close()


def test_nan_costs_only_the_session_that_sent_it(folder: Path, peers: list[str]) -> None:
    remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=peers)
    blocks = RemoteSequential(remote.opener)
    with pytest.raises(Refused) as caught:
        blocks(torch.full((1, 3, zoo.WIDTH), float("nan")))
    assert caught.value.code == "not_finite"
    with pytest.raises(Refused) as caught:
        blocks(torch.zeros(1, 3, zoo.WIDTH + 1))
    assert caught.value.code == "bad_step"
    assert generate(remote, prompt()).shape == (1, 21)
    remote.close()


def test_several_threads_generate_with_one_model(folder: Path, peers: list[str]) -> None:
    remote = AutoDistributedModelForCausalLM.from_pretrained(folder, initial_peers=peers)
    plain = AutoModelForCausalLM.from_pretrained(folder)
    prompts = [prompt(5 + index, seed=index) for index in range(4)]
    expected = [generate(plain, ids, 16) for ids in prompts]
    got: dict[int, torch.Tensor] = {}

    def run(index: int) -> None:
        got[index] = generate(remote, prompts[index], 16)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(4):
        assert torch.equal(got[index], expected[index])
    remote.close()
