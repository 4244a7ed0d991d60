"""Takes what is due out of the outbox to the relay, and settles what became of it."""
