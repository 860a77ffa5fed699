"""The swarm, as the window shows it: its models, and who serves which blocks. Start with ``swarm.Swarm``."""
