from django.db import migrations

# Statement triggers write happenings, as they write the audit: with their cause or not at all, whichever
# operation it was. Each begins by asking whether anybody wants to be told of anything; mostly nobody does.
HEARD = """
create function engage_heard() returns table (account_id bigint, feed text, type text)
language sql stable as $$
    select subscription.account_id, 'events', heard ->> 'eventType'
      from engage_subscription subscription cross join jsonb_array_elements(subscription.types) heard
     where subscription.status = 'active'
     union
    select webhook.account_id, 'webhooks', unnest(webhook.events)
      from engage_webhook webhook
     where webhook.deleted_at is null
$$;
create function engage_moment(at timestamptz) returns text language sql stable as $$
    select to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
-- where a row does not say when it was changed: when its caller called
create function engage_acts_at() returns timestamptz language sql stable as $$
    select coalesce((nullif(current_setting('usher.signed', true), '')::jsonb ->> 'at')::timestamptz, now())
$$;
create function engage_word(status text) returns text language sql immutable as $$
    select lower(left(status, 1)) || substr(status, 2)
$$;
create function engage_told_contact(id bigint, email text, number text, status text, sms text, data jsonb)
returns jsonb language sql immutable as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'contactId', id, 'email', nullif(email, ''), 'mobileNumber', nullif(number, ''),
        'status', engage_word(status), 'smsStatus', nullif(engage_word(sms), ''), 'dataFields', data))
$$
"""
DROP = """
drop function engage_told_contact;
drop function engage_word;
drop function engage_acts_at;
drop function engage_moment;
drop function engage_heard
"""

FUNCTION = """
create function engage_tell_{name}() returns trigger language plpgsql as $$
begin
    if not exists (select from engage_heard()) then
        return null;
    end if;
{body}
    return null;
end
$$
"""
# `told` answers (account_id, place, feed, type, at, data); by `place` the rows of a statement get their ids.
TELL = """
    insert into engage_happening (account_id, feed, type, key, at, data)
    select told.account_id, told.feed, told.type, gen_random_uuid(), told.at, told.data
      from ({told}
      ) told
      join engage_heard() heard using (account_id, feed, type)
     order by told.place;
"""

MADE = """
        select one.account_id, one.id as place, 'events' as feed, 'contact.created' as type,
               one.created_at as at, engage_told_contact(one.id, one.email, one.mobile_number, one.status,
                                                         one.sms_status, one.data) as data
          from touched one
         where one.status <> 'Deleted'"""
# out of the recycle bin and into it are as being made and going away
CHANGED = """
        select one.account_id, one.id as place, 'events' as feed, kind.type, one.updated_at as at,
               case kind.type
                    when 'contact.removed' then jsonb_strip_nulls(jsonb_build_object(
                        'contactId', one.id, 'email', nullif(one.email, '')))
                    when 'contact.created' then engage_told_contact(one.id, one.email, one.mobile_number,
                                                                    one.status, one.sms_status, one.data)
                    else engage_told_contact(one.id, one.email, one.mobile_number, one.status,
                                             one.sms_status, one.data)
                         || jsonb_build_object('changed', to_jsonb(array_remove(array[
                                case when one.email is distinct from was.email then 'email' end,
                                case when one.mobile_number <> was.mobile_number then 'mobileNumber' end,
                                case when one.status <> was.status then 'status' end,
                                case when one.sms_status <> was.sms_status then 'smsStatus' end,
                                case when one.opt_in_type <> was.opt_in_type then 'optInType' end,
                                case when one.email_type <> was.email_type then 'emailType' end,
                                case when one.data <> was.data then 'dataFields' end], null))) end as data
          from touched one join previous was on was.id = one.id
         cross join lateral (
            select case when one.status = 'Deleted' then 'contact.removed'
                        when was.status = 'Deleted' then 'contact.created'
                        else 'contact.updated' end as type) kind
         where not (one.status = 'Deleted' and was.status = 'Deleted')
           and (one.email, one.mobile_number, one.status, one.sms_status, one.opt_in_type, one.email_type,
                one.data)
               is distinct from (was.email, was.mobile_number, was.status, was.sms_status, was.opt_in_type,
                                 was.email_type, was.data)"""
GONE = """
        select one.account_id, one.id as place, 'events' as feed, 'contact.removed' as type,
               engage_acts_at() as at, jsonb_build_object('contactId', one.id) as data
          from touched one
         where one.status <> 'Deleted'"""

MEMBER = """
        select contact.account_id, one.id as place, 'events' as feed, 'contact.membershipUpdated' as type,
               {at} as at, jsonb_strip_nulls(jsonb_build_object(
                   'contactId', contact.id, 'email', nullif(contact.email, ''), 'listId', list.id,
                   'listName', list.name, 'listType', list.kind, 'status', {status})) as data
          from touched one {was}
          join engage_contact contact on contact.id = one.contact_id
          join engage_contactlist list on list.id = one.list_id
         where {holds}"""
JOINED = MEMBER.format(
    at="one.joined_at",
    status="case when one.unsubscribed_at is null then 'subscribed' else 'unsubscribed' end",
    was="",
    holds="true",
)
REJOINED = MEMBER.format(
    at="coalesce(one.unsubscribed_at, one.joined_at)",
    status="case when one.unsubscribed_at is null then 'subscribed' else 'unsubscribed' end",
    was="join previous was on was.id = one.id",
    holds="(one.unsubscribed_at is null) <> (was.unsubscribed_at is null)",
)
LEFT = MEMBER.format(at="engage_acts_at()", status="'removed'", was="", holds="one.unsubscribed_at is null")

CHOSEN = """
        select contact.account_id, one.id as place, 'events' as feed, 'contact.preferenceUpdated' as type,
               one.at, jsonb_strip_nulls(jsonb_build_object(
                   'contactId', contact.id, 'email', nullif(contact.email, ''),
                   'preferenceId', preference.id, 'preferenceName', preference.private_name,
                   'isOptedIn', one.opted_in)) as data
          from touched one {was}
          join engage_contact contact on contact.id = one.contact_id
          join engage_preference preference on preference.id = one.preference_id
         where {holds}"""

CONSENTED = """
        select contact.account_id, one.id as place, 'events' as feed, 'contact.consentAdded' as type,
               one.recorded_at as at, jsonb_strip_nulls(jsonb_build_object(
                   'contactId', contact.id, 'email', nullif(contact.email, ''), 'text', one.text,
                   'dateTimeConsented', engage_moment(one.given_at), 'url', nullif(one.url, ''),
                   'ipAddress', nullif(one.ip, ''), 'userAgent', nullif(one.user_agent, ''))) as data
          from touched one join engage_contact contact on contact.id = one.contact_id"""

CONFIRMED = """
        select contact.account_id, one.id as place, 'events' as feed, 'email.doubleOptIn' as type,
               one.confirmed_at as at, jsonb_strip_nulls(jsonb_build_object(
                   'optinCode', true, 'contactId', contact.id, 'email', nullif(contact.email, ''),
                   'listId', one.list_id, 'userAccountId', contact.account_id,
                   'timeStamp', engage_moment(one.confirmed_at))) as data
          from touched one join previous was on was.id = one.id
          join engage_contact contact on contact.id = one.contact_id
         where was.confirmed_at is null and one.confirmed_at is not null"""

UNSUBSCRIBED = """
        select one.account_id, one.id as place, 'events' as feed, 'interaction.unsubscribe' as type, one.at,
               jsonb_strip_nulls(jsonb_build_object(
                   'channel', 'email', 'contactId', contact.id, 'email', one.email_key,
                   'messageId', message.id::text, 'campaignId', message.campaign_id,
                   'source', one.source)) as data
          from touched one
          left join engage_contact contact
            on contact.account_id = one.account_id and contact.email_key = one.email_key
          left join engage_message message on message.id = one.message_id
         where one.reason = 'Unsubscribed' and one.lifted_at is null"""

# Subscriptions are told of every mail, webhooks of letters that are no questions and trials of our own.
_MAIL = """
                   'messageId', message.id::text, 'channel', 'email', 'contactId', message.contact_id,
                   'email', coalesce(nullif(contact.email, ''), message.address),
                   'campaignId', message.campaign_id"""
_PUSHED = """
                   'id', message.id::text, 'channel', 'email',
                   'to', jsonb_build_object('email', coalesce(nullif(contact.email, ''), message.address)),
                   'metadata', nullif(letter.metadata, '')"""
_OF_MAIL = """
          left join engage_contact contact on contact.id = message.contact_id
          left join engage_letter letter on letter.id = message.letter_id
           and letter.kind not in ('confirmation', 'test')"""

MAILED = f"""
        select message.account_id, message.id * 8 + kind.place as place, kind.feed, kind.type,
               said.at, case kind.feed
                    when 'events' then jsonb_strip_nulls(jsonb_build_object({_MAIL},
                        'sendId', message.send_id, 'status',
                        case when kind.type = 'message.status' then said.status end,
                        'reason', case when kind.type = 'message.status' then said.reason end))
                    else jsonb_strip_nulls(jsonb_build_object({_PUSHED},
                        'updatedOn', engage_moment(said.at), 'details', jsonb_build_object(
                            'channel', 'email', 'timestamp', engage_moment(said.at),
                            'failureReason', case when kind.type = 'message.failed' then said.reason end)))
                    end as data
          from touched message join previous was on was.id = message.id {_OF_MAIL}
         cross join lateral (
            select case when message.state = 'sent' then message.sent_at else engage_acts_at() end as at,
                   case message.state when 'sent' then 'delivered' when 'skipped' then 'filtered'
                                      else 'failed' end as status,
                   case when message.state <> 'sent' then
                       coalesce(nullif(message.reason, ''), nullif(message.reply, '')) end as reason) said
         cross join lateral (values
            (0, 'events', 'message.sent', message.state = 'sent'),
            (1, 'events', 'message.status', true),
            (2, 'webhooks', 'message.sent', letter.id is not null and message.state = 'sent'),
            (3, 'webhooks', 'message.delivered', letter.id is not null and message.state = 'sent'),
            (4, 'webhooks', 'message.failed',
             letter.id is not null and message.state in ('bounced', 'failed'))
         ) kind (place, feed, type, holds)
         where message.state <> was.state and message.state in ('sent', 'bounced', 'failed', 'skipped')
           and kind.holds"""

OPENED = f"""
        select message.account_id, one.id * 2 + kind.place as place, kind.feed, kind.type, one.at,
               case kind.feed
                    when 'events' then jsonb_strip_nulls(jsonb_build_object({_MAIL},
                        'ipAddress', host(one.ip), 'userAgent', nullif(one.user_agent, '')))
                    else jsonb_strip_nulls(jsonb_build_object({_PUSHED},
                        'updatedOn', engage_moment(one.at), 'details', jsonb_build_object(
                            'channel', 'email', 'timestamp', engage_moment(one.at)))) end as data
          from touched one join engage_message message on message.id = one.message_id {_OF_MAIL}
         cross join (values (0, 'events', 'email.read'), (1, 'webhooks', 'message.read'))
               kind (place, feed, type)
         where kind.feed = 'events'
            or letter.id is not null and not exists (
                select from engage_open earlier
                 where earlier.message_id = one.message_id and earlier.id < one.id)"""

CLICKED = f"""
        select message.account_id, one.id * 2 + kind.place as place, kind.feed, 'interaction.click' as type,
               one.at, case kind.feed
                    when 'events' then jsonb_strip_nulls(jsonb_build_object({_MAIL}, 'url', link.url,
                        'ipAddress', host(one.ip), 'userAgent', nullif(one.user_agent, '')))
                    else jsonb_strip_nulls(jsonb_build_object({_PUSHED}, 'url', link.url,
                        'updatedOn', engage_moment(one.at), 'details', jsonb_build_object(
                            'channel', 'email', 'timestamp', engage_moment(one.at)))) end as data
          from touched one join engage_message message on message.id = one.message_id
          join engage_link link on link.id = one.link_id {_OF_MAIL}
         cross join (values (0, 'events'), (1, 'webhooks')) kind (place, feed)
         where kind.feed = 'events' or letter.id is not null"""

TEXTED = """
        select one.account_id, row_number() over (order by one.queued_at, one.id) * 8 + kind.place as place,
               kind.feed, kind.type, one.updated_at as at, case kind.feed
                    when 'events' then jsonb_strip_nulls(jsonb_build_object(
                        'messageId', one.id, 'channel', 'sms', 'contactId', one.contact_id,
                        'mobileNumber', nullif(one.number, ''), 'metadata', one.metadata,
                        'status', case when kind.type = 'message.status' then
                            case one.state when 'skipped' then 'filtered' else one.state end end,
                        'reason', case when one.state in ('failed', 'skipped') then
                            nullif(one.reply, '') end))
                    else jsonb_strip_nulls(jsonb_build_object(
                        'id', one.id, 'channel', 'sms', 'metadata', one.metadata,
                        'to', jsonb_build_object('phoneNumber', one.number),
                        'updatedOn', engage_moment(one.updated_at), 'details', jsonb_build_object(
                            'channel', 'sms', 'timestamp', engage_moment(one.updated_at),
                            'code', one.code, 'failureReason', case when kind.type = 'message.failed' then
                                nullif(one.reply, '') end))) end as data
          from touched one join previous was on was.id = one.id
         cross join lateral (
            select one.state in ('sent', 'delivered', 'read')
                   and was.state not in ('sent', 'delivered', 'read') as is_sent,
                   one.state in ('delivered', 'read', 'failed', 'expired') as has_ended) now
         cross join lateral (values
            (0, 'events', 'message.sent', now.is_sent),
            (1, 'events', 'message.status', now.has_ended or one.state = 'skipped'),
            (2, 'webhooks', 'message.sent', now.is_sent),
            (3, 'webhooks', 'message.' || one.state, now.has_ended)
         ) kind (place, feed, type, holds)
         where one.state <> was.state and kind.holds"""

RECEIVED = """
        select one.account_id, 0 as place, 'webhooks' as feed, 'message.inbound' as type,
               one.received_at as at, one.said || jsonb_build_object(
                   'id', one.id, 'messageId', one.id, 'channel', one.channel,
                   'receivedOn', engage_moment(one.received_at)) as data
          from touched one"""

INSERT = "insert", "new table as touched"
UPDATE = "update", "old table as previous new table as touched"
DELETE = "delete", "old table as touched"
#: Table -> what happens to its rows, and what is told of it.
TOLD = {
    "contact": ((INSERT, MADE), (UPDATE, CHANGED), (DELETE, GONE)),
    "membership": ((INSERT, JOINED), (UPDATE, REJOINED), (DELETE, LEFT)),
    "choice": (
        (INSERT, CHOSEN.format(was="", holds="true")),
        (
            UPDATE,
            CHOSEN.format(was="join previous was on was.id = one.id", holds="one.opted_in <> was.opted_in"),
        ),
    ),
    "consent": ((INSERT, CONSENTED),),
    "confirmation": ((UPDATE, CONFIRMED),),
    "suppression": ((INSERT, UNSUBSCRIBED),),
    "message": ((UPDATE, MAILED),),
    "open": ((INSERT, OPENED),),
    "click": ((INSERT, CLICKED),),
    "textmessage": ((UPDATE, TEXTED),),
    "inboundtext": ((INSERT, RECEIVED),),
}


def tell(table, act, seen, told):
    """Have this kind of change of a table told."""
    name = f"{table}_{act}"
    return migrations.RunSQL(
        [
            FUNCTION.format(name=name, body=TELL.format(told=told)),
            f"create trigger told_{act} after {act} on engage_{table} referencing {seen} "
            f"for each statement execute function engage_tell_{name}()",
        ],
        [f"drop trigger told_{act} on engage_{table}", f"drop function engage_tell_{name}"],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0018_what_pages_look_for"),
    ]

    operations = [
        migrations.RunSQL(HEARD, DROP),
        *(tell(table, *act, told) for table, acts in TOLD.items() for act, told in acts),
    ]
