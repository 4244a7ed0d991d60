"""Spotler's audiences API, as its clients know it."""
