"""The engine's jobs, where Procrastinate looks for them."""

from __future__ import annotations

from usher.engage.campaigns.tasks import run_sends
from usher.engage.contacts.tasks import delete_contacts, write_words
from usher.engage.deliver.tasks import deliver_due
from usher.engage.forgetting import forget
from usher.engage.happenings.tasks import push_happenings
from usher.engage.imports.described.tasks import run_described_import
from usher.engage.imports.tasks import run_import
from usher.engage.programs.tasks import enrol
from usher.engage.segments.tasks import refresh_segment, refresh_segments
from usher.engage.texts.tasks import send_texts

__all__ = [
    "delete_contacts",
    "deliver_due",
    "enrol",
    "forget",
    "push_happenings",
    "refresh_segment",
    "refresh_segments",
    "run_described_import",
    "run_import",
    "run_sends",
    "send_texts",
    "write_words",
]
