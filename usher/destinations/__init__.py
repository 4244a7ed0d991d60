"""The platforms an audience can be taken to, one folder each."""
