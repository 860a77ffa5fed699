"""Who a node is: an Ed25519 key, whose public half is the libp2p peer id.

The peer id *contains* the public key, so a signature is checked with nothing but the peer id: no key exchange, no
directory, and nobody can speak for somebody else. The key file is in the format that p2pd reads with ``-id``.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

import base58
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from meadow.errors import DiskFull, SwarmError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
# libp2p protobufs, written out: PrivateKey{type: Ed25519, data: 64 bytes} and identity multihash of PublicKey{...}.
_PRIVATE_PREFIX = bytes.fromhex("08011240")
_PEER_PREFIX = bytes.fromhex("002408011220")
PEER_ID_BYTES = len(_PEER_PREFIX) + KEY_BYTES
_PEER_ID_TEXT = re.compile(r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}")


def peer_id_from_key(public_key: bytes) -> str:
    """The base58 peer id of a raw 32-byte Ed25519 public key."""
    if len(public_key) != KEY_BYTES:
        raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(public_key)}")
    return base58.b58encode(_PEER_PREFIX + public_key).decode()


def key_from_peer_id(peer_id: str) -> bytes:
    """The raw 32-byte public key inside a base58 peer id. Raises ValueError for anything else, at a bounded cost."""
    if not isinstance(peer_id, str) or not _PEER_ID_TEXT.fullmatch(peer_id):
        # Checked before decoding: base58 takes quadratic time, so it must never see a long string of a stranger.
        raise ValueError("not the peer id of an Ed25519 key")
    raw = base58.b58decode(peer_id)
    if len(raw) != PEER_ID_BYTES or not raw.startswith(_PEER_PREFIX):
        raise ValueError("not the peer id of an Ed25519 key")
    return raw[len(_PEER_PREFIX) :]


def is_peer_id(text: str) -> bool:
    """Whether ``text`` is the peer id of an Ed25519 key."""
    try:
        key_from_peer_id(text)
    except ValueError:
        return False
    return True


def is_peer_id_bytes(raw: bytes) -> bool:
    """Whether raw bytes from the wire are the binary peer id of an Ed25519 key (cheap, no base58)."""
    return len(raw) == PEER_ID_BYTES and raw.startswith(_PEER_PREFIX)


def _framed(domain: str, data: bytes) -> bytes:
    """What is really signed: a signature made for one purpose is worthless for every other."""
    name = domain.encode()
    return b"meadow/1\0" + len(name).to_bytes(2, "big") + name + data


class Identity:
    """A private key and the peer id that belongs to it. Make one with :meth:`load_or_create` or :meth:`temporary`."""

    def __init__(self, path: Path, private_key: Ed25519PrivateKey) -> None:
        self.path = path
        self._key = private_key
        self.public_key = private_key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
        self.peer_id = peer_id_from_key(self.public_key)

    def sign(self, data: bytes, *, domain: str = "message") -> bytes:
        """A 64-byte signature over ``data``, valid only under the same ``domain``."""
        return self._key.sign(_framed(domain, data))

    @classmethod
    def load_or_create(cls, path: str | os.PathLike[str]) -> Identity:
        """Read the key file, or make a new key and write it (mode 0600, in one atomic step).

        Two processes that start together end up with the same key: the first file wins. Raises SwarmError when the
        file is damaged or can neither be read nor written, DiskFull when there is no room for it.
        """
        path = Path(path)
        try:
            if not path.exists():
                _write_new(path, Ed25519PrivateKey.generate())
            return cls(path, _read(path))
        except OSError as error:
            if error.errno == 28:  # ENOSPC
                raise DiskFull(f"No room to write the identity file {path}. Free some space and try again.") from error
            raise SwarmError(
                f"The identity file {path} cannot be read or written ({error.strerror}). Check its permissions."
            ) from error

    @classmethod
    def temporary(cls, directory: str | os.PathLike[str]) -> Identity:
        """A fresh key under a new name in ``directory``, for a demo or a one-off client; the caller removes it."""
        return cls.load_or_create(Path(directory) / f"identity-{secrets.token_hex(4)}.key")

    def __repr__(self) -> str:
        return f"Identity({self.peer_id})"


def _read(path: Path) -> Ed25519PrivateKey:
    with open(path, "rb") as file:
        raw = file.read(256)
    if len(raw) != len(_PRIVATE_PREFIX) + 2 * KEY_BYTES or not raw.startswith(_PRIVATE_PREFIX):
        raise SwarmError(f"{path} is not an Ed25519 identity file. Move it away to get a new identity.")
    seed, public = raw[len(_PRIVATE_PREFIX) :][:KEY_BYTES], raw[-KEY_BYTES:]
    key = Ed25519PrivateKey.from_private_bytes(seed)
    if key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw) != public:
        raise SwarmError(f"{path} is damaged: its two halves do not match. Move it away to get a new identity.")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return key


def _write_new(path: Path, key: Ed25519PrivateKey) -> None:
    seed = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(_PRIVATE_PREFIX + seed + public)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # somebody else was first: their key is the identity
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def verify(peer_id: str, signature: bytes, data: bytes, *, domain: str = "message") -> bool:
    """Whether the owner of ``peer_id`` signed ``data`` under ``domain``. Hostile input gives False, never an error."""
    try:
        return verify_key(key_from_peer_id(peer_id), signature, data, domain=domain)
    except ValueError:
        return False


def verify_key(public_key: bytes, signature: bytes, data: bytes, *, domain: str = "message") -> bool:
    """Like :func:`verify`, from the raw 32-byte public key (about 70 microseconds)."""
    if len(signature) != SIGNATURE_BYTES or len(public_key) != KEY_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _framed(domain, data))
    except (InvalidSignature, ValueError):
        return False
    return True
