"""Who may enter. One pure decision over the head of a request, with everything a web page or a stranger could try.

The danger is not the network, where nobody listens, but the other programs of this machine and every web page that is
open in a browser: a page can send requests to 127.0.0.1 and, with a name that resolves to it (DNS rebinding), read the
answers. So: a secret token on every route but ``/health``, only our own names in Host, no foreign Origin, nothing that
a browser marks as cross-site, and for requests with a body only ``application/json``, which a page cannot send without
a preflight that is never granted. ``door.py`` holds what needs a connection.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

Headers = Sequence[tuple[bytes, bytes]]

BODY_LIMIT = 4 << 20
"""Bytes of a request's body; about a million tokens of text."""

OPEN_PATH = b"/health"
"""The one path that needs no token. It says the version and nothing else."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Each of these decides something below. Two of them could mean one thing to us and another to whoever is in between.
_ONLY_ONCE = (b"host", b"origin", b"sec-fetch-site", b"authorization", b"content-type", b"content-length")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f\\]")
_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the node allows. ``origins`` is empty unless a person adds one, in full: ``http://localhost:5173``."""

    token: str
    port: int
    origins: frozenset[str] = frozenset()
    body_limit: int = BODY_LIMIT


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that may not enter: HTTP status, a stable code, a sentence for people."""

    status: int
    code: str
    message: str


def refusal(rules: Rules, method: str, raw_path: bytes, headers: Headers, client: str | None) -> Refusal | None:
    """Why this request may not enter; None: it may.

    ``raw_path``: as it came, still percent-encoded, without the query. ``headers``: lower-case names. ``client``: the
    address at the other end. What is said depends on nothing secret, and nothing of the request is repeated.
    """
    once = {name: value for name, value in headers if name in _ONLY_ONCE}
    return (
        _client(client)
        or _repeated(headers)
        or _path(raw_path)
        or _host(rules, once.get(b"host"))
        or _browser(rules, once.get(b"origin"), once.get(b"sec-fetch-site"))
        or _upgrade(headers)
        or _method(method)
        or _token(rules, method, raw_path, once.get(b"authorization"))
        or _body(rules, method, headers, once)
    )


def _client(client: str | None) -> Refusal | None:
    # We listen on loopback only; this holds should that ever be changed by mistake.
    try:
        if client is not None and ipaddress.ip_address(client).is_loopback:
            return None
    except ValueError:
        pass
    return Refusal(403, "not_local", "Only programs on this machine may ask.")


def _repeated(headers: Headers) -> Refusal | None:
    names = [name for name, _ in headers]
    for name in _ONLY_ONCE:
        if names.count(name) > 1:
            return Refusal(400, "repeated_header", f"The header {name.decode()} may come once only.")
    return None


def _path(raw: bytes) -> Refusal | None:
    bad = Refusal(400, "bad_path", "This path is not well-formed.")
    if not raw.startswith(b"/") or b"//" in raw:
        return bad
    path = unquote_to_bytes(raw)
    if _CONTROL.search(path) or any(segment in (b".", b"..") for segment in path.split(b"/")):
        return bad
    try:
        path.decode()
    except UnicodeDecodeError:
        return bad
    return None


def _host(rules: Rules, host: bytes | None) -> Refusal | None:
    allowed = {f"{name}:{rules.port}" for name in _NAMES}
    if rules.port == 80:
        allowed |= set(_NAMES)
    if host is not None and host.decode("latin-1").lower() in allowed:
        return None
    return Refusal(
        403, "host_refused", f"The Host of a request must be 127.0.0.1:{rules.port} or localhost:{rules.port}."
    )


def _browser(rules: Rules, origin: bytes | None, site: bytes | None) -> Refusal | None:
    known = origin is not None and origin.decode("latin-1") in rules.origins
    if origin is not None and not known:
        return Refusal(403, "origin_refused", "Web pages may not use this node.")
    if site is not None and site.strip().lower() not in (b"same-origin", b"none") and not known:
        return Refusal(403, "cross_site", "Web pages may not use this node.")
    return None


def _upgrade(headers: Headers) -> Refusal | None:
    # An offer of HTTP/2 (h2c), which Java's client makes with every first request, may simply be ignored.
    for name, value in headers:
        if name.startswith(b"sec-websocket") or (name == b"upgrade" and b"websocket" in value.lower()):
            return Refusal(400, "websocket_refused", "There are no WebSockets here; answers stream over plain HTTP.")
    return None


def _method(method: str) -> Refusal | None:
    if method in _METHODS:
        return None
    return Refusal(405, "method_not_allowed", "This method is not used here.")


def _token(rules: Rules, method: str, raw_path: bytes, given: bytes | None) -> Refusal | None:
    if raw_path == OPEN_PATH and method in ("GET", "HEAD"):
        return None
    scheme, _, token = (given or b"").partition(b" ")
    # compare_digest takes the same time wherever the first difference is; only the length shows, which is no secret.
    right = hmac.compare_digest(token.strip(), rules.token.encode())
    if right and rules.token and scheme.lower() == b"bearer":
        return None
    return Refusal(
        401, "invalid_api_key", "The token is missing or wrong. Send it as 'Authorization: Bearer TOKEN'; "
        "`meadow status` says in which file it is."
    )  # fmt: skip


def _body(rules: Rules, method: str, headers: Headers, once: dict[bytes, bytes]) -> Refusal | None:
    names = {name for name, _ in headers}
    if b"transfer-encoding" in names and b"content-length" in names:
        return Refusal(400, "ambiguous_length", "A body has a Content-Length or is chunked, not both.")
    length = once.get(b"content-length", b"0")
    if not length.isdigit():
        return Refusal(400, "ambiguous_length", "The Content-Length is not a number.")
    if int(length) > rules.body_limit:
        return too_large(rules)
    if method in _WITH_BODY:
        kind, _, parameters = once.get(b"content-type", b"").lower().partition(b";")
        charset = parameters.replace(b" ", b"").replace(b'"', b"")
        if kind.strip() != b"application/json" or charset not in (b"", b"charset=utf-8"):
            return Refusal(415, "media_type", "The body must be JSON: send 'Content-Type: application/json'.")
        if any(name == b"content-encoding" and value.lower() != b"identity" for name, value in headers):
            return Refusal(415, "media_type", "The body must not be compressed.")
    return None


def too_large(rules: Rules) -> Refusal:
    """Also for a body that turns out to be too large only while it is read."""
    return Refusal(413, "too_large", f"The body is larger than {rules.body_limit >> 20} MiB.")
