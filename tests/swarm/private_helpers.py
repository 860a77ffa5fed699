"""Private swarms for tests: an owner, members, and everybody who should stay outside."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from meadow.swarm.identity import Identity
from meadow.swarm.membership import Certificate, Credential, Membership


@dataclass
class PrivateSwarm:
    """The secrets of one private swarm, and whom its owner lets in."""

    owner: Identity
    secret: bytes
    by_invitation: bool

    @classmethod
    def new(cls, home: Path, *, by_invitation: bool = True) -> PrivateSwarm:
        return cls(Identity.temporary(home), os.urandom(32), by_invitation)

    def bare(self) -> Membership:
        """Knows the secret, has no certificate."""
        return Membership(self.owner.public_key, self.secret, self.by_invitation)

    def member(self, identity: Identity, *, seconds: float = 3600.0) -> Membership:
        certificate = self.bare().certify(self.owner, identity.peer_id, time.time() + seconds)
        return replace(self.bare(), credential=Credential(certificate))

    def with_wrong_secret(self, identity: Identity) -> Membership:
        return replace(self.member(identity), secret=os.urandom(32))

    def self_made(self, identity: Identity) -> Membership:
        """A certificate that its bearer signed."""
        forged = Membership(identity.public_key, self.secret, self.by_invitation)
        certificate = forged.certify(identity, identity.peer_id, time.time() + 3600.0)
        return replace(self.bare(), credential=Credential(certificate))

    def stolen(self, from_whom: Identity) -> Membership:
        """The certificate of somebody else."""
        return self.member(from_whom)

    def patched(self, identity: Identity) -> Membership:
        """An expired certificate with a later date written over it."""
        expired = self.bare().certify(self.owner, identity.peer_id, time.time() - 60.0)
        longer = Certificate(expired.peer, time.time() + 3600.0, expired.signature)
        return replace(self.bare(), credential=Credential(longer))
