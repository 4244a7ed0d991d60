"""The pages, walked."""
