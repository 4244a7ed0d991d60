"""By what the rows of one person are found: the contact, the address, the mobile number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from django.db.models import Q

from usher.engage.models import Account, Contact, Message, TextMessage
from usher.engage.models.contacts import Status
from usher.lib import addresses


@dataclass(frozen=True)
class Person:
    account: Account
    #: None for an address that is no contact.
    contact: Contact | None
    #: In lower case; empty for somebody who has only a number.
    email_key: str
    number: str = ""

    @classmethod
    def of(cls, contact: Contact) -> Person:
        return cls(contact.account, contact, contact.email_key or "", contact.mobile_number)

    @classmethod
    def behind(cls, account: Account, email: str) -> Person:
        """Whoever has this address; also somebody who is no contact, or is in the recycle bin."""
        key = addresses.key(email)
        contact = Contact.objects.select_related("account").filter(account=account, email_key=key).first()
        return cls.of(contact) if contact else cls(account, None, key)

    @property
    def messages(self) -> Q:
        """Mails to the person, of Message."""
        found = Q(contact=self.contact) if self.contact else Q(pk=None)
        if self.email_key:
            found |= Q(account=self.account, contact=None, address__iexact=self.email_key)
        return found

    @property
    def texts(self) -> Q:
        """Of TextMessage, and of InboundText."""
        found = Q(contact=self.contact) if self.contact else Q(pk=None)
        return found | Q(account=self.account, number=self.number) if self.number else found

    @property
    def pattern(self) -> str:
        """A regular expression of PostgreSQL for the address and the number inside of other text."""
        spelt = {re.escape(one) for one in (self.email_key, quote(self.email_key)) if one}
        # jan@example.com is not an@example.com, and example.com.au not example.com
        whole = [rf"(?<![a-z0-9._%+-]){one}(?![a-z0-9-]|\.[a-z0-9])" for one in sorted(spelt)]
        if self.number:
            whole.append(rf"(?<![0-9]){self.number}(?![0-9])")
        return "|".join(whole)

    @property
    def is_known(self) -> bool:
        """Is there anything to tell or to erase?"""
        is_contact = self.contact is not None and (
            self.contact.status != Status.DELETED or self.contact.email_key is not None
        )
        return (
            is_contact
            or Message.objects.filter(self.messages).exists()
            or TextMessage.objects.filter(self.texts).exists()
            or self.account.suppressions.filter(email_key=self.email_key).exists()
        )
