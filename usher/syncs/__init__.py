"""Plan and apply: what a platform should hold minus what was last pushed to it."""
