"""One person: everything that the engine knows of them, and how it forgets it."""

from __future__ import annotations

from usher.engage.privacy.erasing import erase, erase_address
from usher.engage.privacy.telling import export, export_address

__all__ = ["erase", "erase_address", "export", "export_address"]
