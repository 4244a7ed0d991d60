"""Definitions as YAML files: read, checked, applied and written back."""
