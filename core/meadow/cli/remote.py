"""The node of this home, seen from a command: found, asked over HTTP, and its errors said as our own.

``MEADOW_URL`` and ``MEADOW_TOKEN`` say where it is, else the lock of the home does. No proxy is ever asked: the node is
on this machine, and its token is nobody else's business.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from meadow.errors import MeadowError
from meadow.node.changes import merge
from meadow.node.http.token import read_token
from meadow.node.lock import RunningNode, find, is_held
from meadow.platform.paths import Paths

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
_SILENCE_SECONDS = 60.0  # a stream of events sends a comment every 15 s
_STARTING_SECONDS = 20.0
_NOTICE_SECONDS = 0.05  # until it is seen that a person wants an answer to stop
_OUR_CODES = {
    "model_not_found": "unknown_model",
    "context_length_exceeded": "too_long",
    "rate_limit_exceeded": "busy",
}
"""What /v1 says in OpenAI's words; docs/api.md lists both."""


class NoNode(MeadowError):
    """There is no node to ask."""

    code = "no_node"


class Remote:
    """A node that answers HTTP. Use as a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx2.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            trust_env=False,
        )

    def get(self, path: str) -> Any:
        """The JSON of an answer. Raises MeadowError: what the node says, or that it does not answer."""
        return self._ask("GET", path)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send a command; None in ``body`` counts as left out."""
        return self._ask("POST", path, {key: value for key, value in (body or {}).items() if value is not None})

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Change what ``body`` names."""
        return self._ask("PATCH", path, body)

    def state(self) -> dict[str, Any]:
        """The state tree as it is now."""
        tree: dict[str, Any] = self.get("/api/state")
        return tree

    def states(self) -> Iterator[dict[str, Any]]:
        """The state tree now and after each change, until the node ends."""
        tree: Any = {}
        timeout = httpx2.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        try:
            with self._http.stream("GET", "/api/events", timeout=timeout) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._refused(response)
                for kind, data in _events(response.iter_lines()):
                    tree = data if kind == "state" else merge(tree, data)
                    yield tree
        except httpx2.ReadTimeout:
            raise MeadowError(f"The node at {self.url} has fallen silent.", code="node_timeout") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise self._unreachable() from None
        except httpx2.TransportError:
            return  # the stream ended with the node

    def stream(
        self, path: str, body: Mapping[str, Any], hear: Callable[[dict[str, Any]], None], stop: threading.Event
    ) -> bool:
        """Post ``body`` and hand every object of the streamed answer to ``hear``, until ``[DONE]``.

        Setting ``stop``, from a signal handler or another thread, closes the stream at once, whatever it waits for; the
        node then stops computing. Returns whether the answer is complete. Raises MeadowError.
        """
        return asyncio.run(self._stream(path, body, hear, stop))

    async def _stream(
        self, path: str, body: Mapping[str, Any], hear: Callable[[dict[str, Any]], None], stop: threading.Event
    ) -> bool:
        reading = asyncio.create_task(self._read(path, body, hear))
        try:
            while not reading.done() and not stop.is_set():
                await asyncio.wait((reading,), timeout=_NOTICE_SECONDS)
            if reading.done():
                reading.result()
            return reading.done()
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _read(self, path: str, body: Mapping[str, Any], hear: Callable[[dict[str, Any]], None]) -> None:
        timeout = httpx2.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with (
                httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=timeout, trust_env=False) as http,
                http.stream("POST", path, json=body) as response,
            ):
                if response.status_code != 200:
                    await response.aread()
                    raise self._refused(response)
                async for line in response.aiter_lines():
                    if line == "data: [DONE]":
                        return
                    if line.startswith("data:"):
                        hear(self._object(line[5:], response))
        except httpx2.ReadTimeout:
            raise MeadowError(f"The node at {self.url} has fallen silent.", code="node_timeout") from None
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise self._unreachable() from None
        except httpx2.TransportError:
            pass
        raise MeadowError(
            f"The node at {self.url} ended in the middle of the answer. `meadow node` starts one.", code="node_ended"
        )

    def _object(self, text: str, response: httpx2.Response) -> dict[str, Any]:
        """One object of a stream. Raises MeadowError: what the node says went wrong."""
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise self._stranger(response)
        if isinstance(error := found.get("error"), dict):
            raise MeadowError(str(error.get("message", "")), code=_our_code(str(error.get("code", "node"))))
        return found

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self._http.request(method, path, json=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            raise self._unreachable() from None
        except httpx2.TimeoutException:
            raise MeadowError(
                f"The node at {self.url} did not answer within {_ANSWER_SECONDS:.0f} s.", code="node_timeout"
            ) from None
        except httpx2.TransportError:
            raise MeadowError(f"The node at {self.url} ended before it answered.", code="node_ended") from None
        if response.status_code >= 300:
            raise self._refused(response)
        try:
            return response.json()
        except ValueError:
            raise self._stranger(response) from None

    def _unreachable(self) -> NoNode:
        return NoNode(f"Nothing answers at {self.url}. `meadow node` starts a node.")

    def _refused(self, response: httpx2.Response) -> MeadowError:
        try:
            error = response.json()["error"]
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return self._stranger(response)
        if response.status_code == 401:
            message = f"The node at {self.url} does not know this token. Is MEADOW_TOKEN that of another node?"
        return MeadowError(message, code=_our_code(code))

    def _stranger(self, response: httpx2.Response) -> MeadowError:
        return MeadowError(
            f"Something answers at {self.url}, but not like a Meadow node (status {response.status_code}).",
            code="not_a_node",
        )


def connect(home: str | os.PathLike[str] | None, environment: Mapping[str, str] = os.environ) -> Remote:
    """The node that ``MEADOW_URL`` names, else that of ``home``. Raises NoNode, which says how to start one."""
    paths = Paths.of(home)
    token = environment.get("MEADOW_TOKEN") or None
    if url := environment.get("MEADOW_URL"):
        url = _checked(url)
        node = find(paths)
        if token is None and node is not None and node.url == url:
            token = _token(node)
        if token is None:  # our own token is not for whoever answers at a foreign address
            raise MeadowError(
                "MEADOW_URL is set but MEADOW_TOKEN is not. Set it to the token of that node, or unset MEADOW_URL to "
                "use the node of this home.",
                code="no_token",
            )
        return Remote(url, token)
    node = running(paths)
    return Remote(node.url, token or _token(node))


def running(paths: Paths) -> RunningNode:
    """The node of this home; one that is just starting is waited for. Raises NoNode."""
    deadline = time.monotonic() + _STARTING_SECONDS
    while (node := find(paths)) is None:
        if not is_held(paths):
            raise NoNode(f"No Meadow node runs in {paths.data}. `meadow node` starts one.")
        if time.monotonic() > deadline:
            raise NoNode(
                f"The Meadow node of {paths.data} is starting or ending and does not answer yet. Try again in a moment."
            )
        time.sleep(0.1)
    return node


def _token(node: RunningNode) -> str:
    try:
        return read_token(Path(node.token_file))
    except FileNotFoundError:
        raise MeadowError(
            f"The token file {node.token_file} is gone. End process {node.pid}, then start the node anew.",
            code="token_file",
        ) from None


def _checked(url: str) -> str:
    """``url`` without what people paste behind it. The token must not travel over a network in the clear."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise MeadowError(
            f"MEADOW_URL is {url[:80]!r}, which is no address of a node. It looks like http://127.0.0.1:4711",
            code="bad_url",
        )
    if parts.scheme == "http" and host not in ("127.0.0.1", "localhost", "::1"):
        raise MeadowError(
            "MEADOW_URL leads to another machine without encryption, so others could read the token on its way. Use a "
            "tunnel (ssh -L) and an address on 127.0.0.1.",
            code="bad_url",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v1')}"


def _our_code(code: str) -> str:
    return _OUR_CODES.get(code, code)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Server-Sent Events: ``(event, data as JSON)``. Comments keep the connection alive and say nothing."""
    kind, data = "message", list[str]()
    for line in lines:
        if not line:
            if data:
                yield kind, json.loads("\n".join(data))
            kind, data = "message", []
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
