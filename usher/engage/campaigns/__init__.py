"""Campaigns as they are defined."""
