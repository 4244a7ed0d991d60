"""The engine's rows, cut by noun (Django looks for models here)."""

from __future__ import annotations

from usher.engage.models.accounts import Account, ApiUser
from usher.engage.models.campaigns import Campaign, Link
from usher.engage.models.contacts import Contact, DataField, Suppression
from usher.engage.models.imports import Import, ImportFault
from usher.engage.models.lists import BulkRemoval, ContactList, Membership
from usher.engage.models.messages import Claim, Click, Message, Open
from usher.engage.models.programs import (
    Enrolment,
    EnrolmentFault,
    EnrolmentRequest,
    Move,
    Program,
    ProgramCheck,
    ProgramVersion,
)

__all__ = [
    "Account",
    "ApiUser",
    "BulkRemoval",
    "Campaign",
    "Claim",
    "Click",
    "Contact",
    "ContactList",
    "DataField",
    "Enrolment",
    "EnrolmentFault",
    "EnrolmentRequest",
    "Import",
    "ImportFault",
    "Link",
    "Membership",
    "Message",
    "Move",
    "Open",
    "Program",
    "ProgramCheck",
    "ProgramVersion",
    "Suppression",
]
