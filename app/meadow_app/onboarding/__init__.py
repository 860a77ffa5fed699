"""The first minute: what Meadow is, what to do first, and who can read what. Start with ``onboarding``."""
