"""Text messages (SMS): their outbox, and campaigns of them."""
