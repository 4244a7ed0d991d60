"""Messages: how one is built, queued, claimed and settled."""
