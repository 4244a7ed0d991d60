"""Segments: lists whose members a rule finds, worked out again and again."""
