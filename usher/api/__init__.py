"""Usher's own management API."""
