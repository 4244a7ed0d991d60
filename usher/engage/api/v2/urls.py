"""What version 2 offers, by path and method (slashes already in order)."""

from __future__ import annotations

from django.urls import path, register_converter

from usher.engage.api.manner import operations
from usher.engage.api.v2 import (
    account,
    campaigns,
    consent,
    contacts,
    fields,
    imports,
    lists,
    preferences,
    programs,
    reports,
    scores,
    segments,
    sends,
    sms,
    split_tests,
    suppressions,
    transactional,
)


class Who:
    """A contact in a path: digits are an id, an @ makes an address."""

    regex = r"\d+|.+@[^/]+"

    def to_python(self, value: str) -> int | str:
        return int(value) if value.isdigit() else value

    def to_url(self, value: int | str) -> str:
        return str(value)


register_converter(Who, "who")

PERSON = "v2/contacts/<who:who>"
BOOK = "v2/address-books/<int:book>"
CAMPAIGN = "v2/campaigns/<int:campaign>"

urlpatterns = [
    path("v2/account-info", operations(GET=account.info)),
    path("v2/server-time", operations(GET=account.server_time)),
    path("v2/contacts", operations(GET=contacts.listed, POST=contacts.add)),
    path("v2/contacts/count", operations(GET=contacts.count)),
    path("v2/contacts/created-since/<str:date>", operations(GET=contacts.created_since)),
    path("v2/contacts/modified-since/<str:date>", operations(GET=contacts.modified_since)),
    path("v2/contacts/unsubscribed-since/<str:date>", operations(GET=suppressions.unsubscribed_since)),
    path("v2/contacts/suppressed-since/<str:date>", operations(GET=suppressions.suppressed_since)),
    path("v2/contacts/retrieve-collection", operations(GET=contacts.collection, POST=contacts.collection)),
    path("v2/contacts/unsubscribe", operations(POST=suppressions.unsubscribe)),
    path("v2/contacts/suppress-contacts", operations(PUT=suppressions.suppress_contacts)),
    path("v2/accounts/empty-recycle-bin", operations(POST=account.empty_recycle_bin)),
    path("v2/contacts/with-consent", operations(POST=consent.add)),
    path("v2/contacts/with-consent-and-preferences", operations(POST=consent.add_with_preferences)),
    path(f"{PERSON}/with-consent", operations(GET=consent.get, PUT=consent.change)),
    path(f"{PERSON}/with-consent-and-preferences", operations(PUT=consent.change_with_preferences)),
    path("v2/contacts/score", operations(GET=scores.listed)),
    path("v2/contacts/score/modified-since/<str:date>", operations(GET=scores.modified_since)),
    path(f"{PERSON}/score", operations(GET=scores.of_contact)),
    path("v2/contacts/with-preference/<int:preference>", operations(GET=preferences.contacts)),
    path(
        "v2/contacts/with-preference/<int:preference>/opt-ins-since/<str:date>",
        operations(GET=preferences.opt_ins_since),
    ),
    path(f"{PERSON}/preferences", operations(GET=preferences.of_contact, PUT=preferences.set_for_contact)),
    path(
        "v2/contact/<who:who>/preferences",
        operations(GET=preferences.of_contact, PUT=preferences.set_for_contact),
    ),
    path(f"{PERSON}/subscriptions", operations(GET=preferences.subscriptions)),
    path("v2/preferences", operations(GET=preferences.listed, POST=preferences.create)),
    path("v2/preferences/modified-since/<str:date>", operations(GET=preferences.modified_since)),
    path(
        "v2/preferences/<int:preference>",
        operations(PUT=preferences.change, DELETE=preferences.delete),
    ),
    path("v2/segments", operations(GET=segments.listed)),
    path("v2/segments/refresh/<int:segment>", operations(GET=segments.progress, POST=segments.refresh)),
    path("v2/contacts/resubscribe", operations(POST=suppressions.ask_to_resubscribe)),
    path("v2/contacts/resubscribe-with-no-challenge", operations(POST=suppressions.resubscribe_at_once)),
    path("v2/contacts/deletion/<str:request>", operations(GET=lists.removal)),
    path("v2/contacts/import", operations(POST=imports.contacts)),
    path("v2/contacts/import/with-merge-option/<str:option>", operations(POST=imports.contacts)),
    path("v2/contacts/import-collection", operations(POST=imports.collection)),
    path("v2/contacts/import/<str:job>", operations(GET=imports.status)),
    path("v2/contacts/import/<str:job>/report", operations(GET=imports.reported)),
    path("v2/contacts/import/<str:job>/report-faults", operations(GET=imports.faults)),
    path("v2/contacts/<who:who>/address-books", operations(GET=contacts.address_books)),
    path("v2/contacts/<who:who>/data-fields", operations(PUT=contacts.change_data)),
    path(
        "v2/contacts/<who:who>",
        operations(GET=contacts.get, PUT=contacts.change, DELETE=contacts.delete),
    ),
    path("v2/suppressions", operations(GET=suppressions.listed, DELETE=suppressions.lift)),
    path("v2/address-books", operations(GET=lists.listed, POST=lists.create)),
    path("v2/address-books/private", operations(GET=lists.private)),
    path("v2/address-books/public", operations(GET=lists.public)),
    path(BOOK, operations(GET=lists.get, PUT=lists.change, DELETE=lists.delete)),
    path(
        f"{BOOK}/contacts",
        operations(GET=lists.contacts, POST=lists.add_contact, DELETE=lists.remove_all),
    ),
    path(f"{BOOK}/contacts/delete", operations(POST=lists.bulk_remove)),
    path(f"{BOOK}/contacts/delete-all", operations(POST=lists.bulk_remove_all)),
    path(f"{BOOK}/contacts/unsubscribe", operations(POST=lists.unsubscribe)),
    path(f"{BOOK}/contacts/score", operations(GET=scores.in_list)),
    path(f"{BOOK}/contacts/with-preference/<int:preference>", operations(GET=preferences.contacts)),
    path(
        f"{BOOK}/contacts/with-preference/<int:preference>/opt-ins-since/<str:date>",
        operations(GET=preferences.opt_ins_since),
    ),
    path(f"{BOOK}/contacts/resubscribe", operations(POST=lists.resubscribe)),
    path(f"{BOOK}/contacts/resubscribe-with-no-challenge", operations(POST=lists.resubscribe_at_once)),
    path(f"{BOOK}/contacts/modified-since/<str:date>", operations(GET=lists.modified_since)),
    path(f"{BOOK}/contacts/unsubscribed-since/<str:date>", operations(GET=lists.unsubscribed_since)),
    path(f"{BOOK}/contacts/import", operations(POST=imports.to_list)),
    path(f"{BOOK}/contacts/import/with-merge-option/<str:option>", operations(POST=imports.to_list)),
    path(f"{BOOK}/campaigns", operations(GET=campaigns.of_list)),
    path(f"{BOOK}/contacts/<who:contact>", operations(DELETE=lists.remove_contact)),
    path("v2/data-fields", operations(GET=fields.listed, POST=fields.create)),
    path("v2/data-fields/<str:name>", operations(DELETE=fields.delete)),
    path("v2/campaigns", operations(GET=campaigns.listed, POST=campaigns.create)),
    path("v2/campaigns/filtered", operations(GET=campaigns.filtered)),
    path("v2/campaigns/with-details", operations(GET=campaigns.with_details)),
    path("v2/campaigns/with-activity-since/<str:date>", operations(GET=campaigns.with_activity_since)),
    path("v2/campaigns/metrics", operations(GET=reports.metrics)),
    path("v2/campaigns/split-test", operations(POST=split_tests.create)),
    path("v2/campaigns/send", operations(POST=sends.send_campaign)),
    path("v2/campaigns/send-time-optimised", operations(POST=sends.send_optimised)),
    path("v2/campaigns/send/<str:send_id>", operations(GET=sends.progress)),
    path(
        CAMPAIGN,
        operations(GET=campaigns.get, PUT=campaigns.change, DELETE=campaigns.delete),
    ),
    path(f"{CAMPAIGN}/with-details", operations(GET=campaigns.get_with_details)),
    path(f"{CAMPAIGN}/copy", operations(POST=campaigns.copy)),
    path(f"{CAMPAIGN}/address-books", operations(GET=campaigns.lists_of)),
    path(f"{CAMPAIGN}/split-test", operations(GET=split_tests.results)),
    path(f"{CAMPAIGN}/summary", operations(GET=reports.summary)),
    path(f"{CAMPAIGN}/hard-bouncing-contacts", operations(GET=reports.hard_bouncing)),
    path(f"{CAMPAIGN}/activities", operations(GET=reports.activities)),
    path(f"{CAMPAIGN}/activities/since-date/<str:date>", operations(GET=reports.activities)),
    path(f"{CAMPAIGN}/activities/<int:contact>", operations(GET=reports.activity)),
    path(f"{CAMPAIGN}/activities/<int:contact>/page-views", operations(GET=reports.page_views)),
    path(f"{CAMPAIGN}/page-views/since-date/<str:date>", operations(GET=reports.page_views)),
    path(f"{CAMPAIGN}/activities/<int:contact>/opens", operations(GET=reports.opens)),
    path(f"{CAMPAIGN}/opens", operations(GET=reports.opens)),
    path(f"{CAMPAIGN}/opens/since-date/<str:date>", operations(GET=reports.opens)),
    path(f"{CAMPAIGN}/activities/<int:contact>/clicks", operations(GET=reports.clicks)),
    path(f"{CAMPAIGN}/clicks", operations(GET=reports.clicks)),
    path(f"{CAMPAIGN}/clicks/since-date/<str:date>", operations(GET=reports.clicks)),
    path(
        f"{CAMPAIGN}/activities/<int:contact>/clicks-with-groups",
        operations(GET=reports.clicks_with_groups),
    ),
    path(f"{CAMPAIGN}/clicks-with-groups", operations(GET=reports.clicks_with_groups)),
    path(f"{CAMPAIGN}/clicks-with-groups/since-date/<str:date>", operations(GET=reports.clicks_with_groups)),
    path("v2/custom-from-addresses", operations(GET=campaigns.from_addresses)),
    path("v2/programs", operations(GET=programs.listed)),
    path("v2/programs/<int:program>", operations(GET=programs.get)),
    path("v2/programs/enrolments", operations(POST=programs.create_enrolment)),
    path("v2/programs/enrolments/<str:which>", operations(GET=programs.enrolments)),
    path("v2/programs/enrolments/<str:which>/report-faults", operations(GET=programs.faults)),
    path("v2/email", operations(POST=transactional.send)),
    path("v2/email/batch", operations(POST=transactional.send_batch)),
    path("v2/email/triggered-campaign", operations(POST=transactional.send_triggered)),
    path("v2/email/triggered-campaign/batch", operations(POST=transactional.send_triggered_batch)),
    path("v2/email/stats/since-date/<str:date>", operations(GET=transactional.figures)),
    path(
        f"{CAMPAIGN}/prepared-for-transactional-email/<str:email>",
        operations(GET=transactional.prepared_campaign),
    ),
    path("v2/sms-messages/send-to/<str:number>", operations(POST=sms.send_to)),
    path("v2/sms/campaigns", operations(GET=sms.listed, POST=sms.create)),
    path("v2/sms/campaigns/copy", operations(POST=sms.copy)),
    path("v2/sms/campaigns/<int:campaign>", operations(GET=sms.get, PUT=sms.change, DELETE=sms.delete)),
]
