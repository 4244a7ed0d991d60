"""Imports of version 3: contacts as objects, each with lists, channels and consent of its own."""
