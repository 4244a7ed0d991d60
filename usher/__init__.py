"""Usher: find audiences, take them to the platform that mails them, prove that the mail landed."""

__version__ = "0.1.0"
