"""The swarm: who a node is, how peers find each other, and how bytes travel between them.

``identity`` is the Ed25519 key behind a peer id, ``records`` what nodes publish about themselves, ``node`` one member
of a swarm (start reading there): libp2p daemon, DHT, streams. ``hardening`` closes the holes of hivemind before
anything listens. May import ``wire`` and ``errors``, nothing else of Meadow; server, client, node and cli import it.
"""
