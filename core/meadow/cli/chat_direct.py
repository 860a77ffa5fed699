"""``meadow chat`` without a node: this program joins the swarm and holds the two ends of the model itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from meadow.cli import talk
from meadow.cli.output import Output, plain
from meadow.cli.which import which_swarm
from meadow.platform.paths import Paths

if TYPE_CHECKING:
    from meadow.models.checkpoint import Progress


def run(options: argparse.Namespace, prompt: str | None, output: Output) -> None:
    """One answer to ``prompt``, or a chat. Raises MeadowError."""
    paths = Paths.of(options.home)
    which = which_swarm(options, paths)
    output.event("starting", text="joining the swarm")
    output.progress("Joining the swarm")

    import torch

    from meadow.client.swarm import Swarm

    with Swarm(which.peers, home=options.home, private=which.swarm) as swarm:
        from meadow.chat.conversation import Conversation
        from meadow.chat.tokenizer import load_tokenizer
        from meadow.client.auto import AutoDistributedModelForCausalLM
        from meadow.models.checkpoint import open_checkpoint
        from meadow.models.hub_token import read_hub_token
        from meadow.server.process import check_device

        talk.quiet_libraries()
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        device = options.device or "cpu"
        check_device(device)

        def report(progress: Progress) -> None:
            output.event(
                "progress",
                done=progress.done,
                total=progress.total,
                rate=progress.rate,
                seconds_left=progress.seconds_left,
            )
            output.transfer("Reading the model", progress.done, progress.total, progress.rate, progress.seconds_left)

        checkpoint = open_checkpoint(
            options.model,
            revision=options.revision,
            token=read_hub_token(paths.hub_token),
            cache_dir=paths.models,
            progress=report,
        )
        tokenizer = load_tokenizer(checkpoint)
        model = AutoDistributedModelForCausalLM.from_pretrained(
            checkpoint, swarm=swarm, dtype=options.dtype, device=device, home=options.home, progress=report
        )
        output.event("ready", model=options.model, verification=checkpoint.verification.value)
        output.clear()
        conversation = Conversation(model, tokenizer, system=options.system, raw=options.raw)
        try:
            if prompt is not None:
                talk.answer_once(conversation, prompt, talk.sampling_of(options), output)
            else:
                output.note(f"Chat with {plain(options.model)}. The servers of the route can read along.")
                talk.chat(conversation, talk.sampling_of(options), output)
        finally:
            conversation.close()
