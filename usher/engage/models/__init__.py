"""The engine's rows, cut by noun (Django looks for models here)."""

from __future__ import annotations

from usher.engage.models.accounts import Account, ApiCall, ApiUser, Audit, SpotlerKey, UsedNonce
from usher.engage.models.campaigns import Campaign, CampaignVersion, FromAddress, Link, Send
from usher.engage.models.contacts import (
    Choice,
    Confirmation,
    Consent,
    Contact,
    ContactWords,
    DataField,
    Erased,
    Preference,
    SuppressedDomain,
    Suppression,
)
from usher.engage.models.counts import CampaignCount
from usher.engage.models.events import ContactEvent, Happening, Subscription, Webhook, WebhookState
from usher.engage.models.identifiers import ContactIdentifier, CustomIdentifier
from usher.engage.models.imports import Import, ImportFault
from usher.engage.models.lists import BulkDeletion, BulkRemoval, ContactList, Form, Membership
from usher.engage.models.messages import Attachment, Claim, Click, Letter, Message, Open, PageView
from usher.engage.models.pages import PageMark
from usher.engage.models.programs import (
    Enrolment,
    EnrolmentFault,
    EnrolmentRequest,
    Move,
    Program,
    ProgramCheck,
    ProgramVersion,
)
from usher.engage.models.texts import InboundText, TextCampaign, TextMessage

__all__ = [
    "Account",
    "ApiCall",
    "ApiUser",
    "Attachment",
    "Audit",
    "BulkDeletion",
    "BulkRemoval",
    "Campaign",
    "CampaignCount",
    "CampaignVersion",
    "Choice",
    "Claim",
    "Click",
    "Confirmation",
    "Consent",
    "Contact",
    "ContactEvent",
    "ContactIdentifier",
    "ContactList",
    "ContactWords",
    "CustomIdentifier",
    "DataField",
    "Enrolment",
    "EnrolmentFault",
    "EnrolmentRequest",
    "Erased",
    "Form",
    "FromAddress",
    "Happening",
    "Import",
    "ImportFault",
    "InboundText",
    "Letter",
    "Link",
    "Membership",
    "Message",
    "Move",
    "Open",
    "PageMark",
    "PageView",
    "Preference",
    "Program",
    "ProgramCheck",
    "ProgramVersion",
    "Send",
    "SpotlerKey",
    "Subscription",
    "SuppressedDomain",
    "Suppression",
    "TextCampaign",
    "TextMessage",
    "UsedNonce",
    "Webhook",
    "WebhookState",
]
