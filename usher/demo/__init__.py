"""The demo: a real shop's history replayed night by night through the real programs."""
