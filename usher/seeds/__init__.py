"""Addresses of our own that prove the mail arrived, and incidents when it did not."""
