"""Contacts: the one door through which they are written, suppressed, and let in again."""
