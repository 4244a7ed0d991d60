"""Preferences: the topics that people choose, in categories, and what each has chosen."""
