"""A supervisor in a process of its own, for tests that kill or freeze it. Prints its events, one JSON a line.

python supervised_node.py HOME MODEL [SLEPT_SECONDS]
"""

from __future__ import annotations

import asyncio
import json
import sys

from meadow.chat.spec import EngineSpec
from meadow.node import member
from meadow.node.engine import EngineHandle
from meadow.node.supervisor import Supervisor
from meadow.platform.paths import Paths
from meadow.server.spec import ServerSpec


def tell(event: dict) -> None:
    print(json.dumps(event), flush=True)


async def main() -> None:
    home, model, *slept = sys.argv[1:]
    if slept:
        member.SLEPT_SECONDS, member.TICK_SECONDS = float(slept[0]), 0.1
    async with Supervisor(Paths.of(home), on_event=tell, restart=True) as supervisor:
        if model:
            engine = EngineHandle(
                find_servers=supervisor.find_servers, find_models=supervisor.find_models, on_event=tell
            )
            await supervisor.spawn_engine(EngineSpec(threads=1), engine)
            await supervisor.spawn(ServerSpec(model, "0000000a", threads=1))
        await supervisor.join()
        await supervisor.run()


asyncio.run(main())
