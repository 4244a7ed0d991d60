from django.db import migrations

# Statement triggers write the audit: so no change is forgotten, whichever operation makes it, and the note
# stands or falls with the change. They do nothing until `usher.engage.audit.signed` has said who acts.
FUNCTION = """
create function engage_write_down() returns trigger language plpgsql as $$
-- Arguments: what such a row is called, then the columns that name it. `touched` are the rows as they are now,
-- or were before they were deleted; `previous` are those of an update before it.
declare
    signed constant jsonb := current_setting('usher.signed')::jsonb;
    -- secrets, files, and what changes with every change
    unsaid constant text[] := '{updated_at,password,secret,content,results}';
    size bigint;
    was jsonb;
    has jsonb;
    named text := '';
begin
    select count(*) into size from touched;
    if size = 0 then
        return null;
    elsif size = 1 then
        select to_jsonb(r) into has from touched r;
        select string_agg(has ->> part, '/') into named from unnest(tg_argv[1:]) part;
        has := has - unsaid;
        if tg_op = 'UPDATE' then
            select to_jsonb(r) - unsaid into was from previous r;
            if was = has then
                return null;
            end if;
            -- only what differs
            select jsonb_object_agg(key, was -> key), jsonb_object_agg(key, value) into was, has
              from jsonb_each(has) where value is distinct from was -> key;
        end if;
    else
        select jsonb_build_object('count', size, 'first', jsonb_agg(key)) into has from (
            select (select string_agg(to_jsonb(r) ->> part, '/') from unnest(tg_argv[1:]) part) as key
            from touched r limit 100
        ) shown;
    end if;
    insert into engage_audit (account_id, at, by, kind, key, act, before, after)
    values ((signed ->> 'account')::bigint, (signed ->> 'at')::timestamptz, signed ->> 'by',
            tg_argv[0], left(coalesce(named, ''), 255),
            case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'change' else 'delete' end,
            case tg_op when 'DELETE' then has else was end, case tg_op when 'DELETE' then null else has end);
    return null;
end
$$
"""

#: Table -> what its rows are called, and the columns that name one.
WATCHED = {
    "account": ("account", "name"),
    "apiuser": ("API user", "username"),
    "spotlerkey": ("Spotler key", "key"),
    "contact": ("contact", "id"),
    "consent": ("consent", "contact_id"),
    "datafield": ("data field", "name"),
    "preference": ("preference", "id"),
    "choice": ("choice", "preference_id", "contact_id"),
    "suppression": ("suppression", "email_key"),
    "suppresseddomain": ("suppressed domain", "domain"),
    "contactlist": ("list", "id"),
    "membership": ("member", "list_id", "contact_id"),
    "form": ("form", "id"),
    "import": ("import", "id"),
    "bulkdeletion": ("bulk deletion", "id"),
    "campaign": ("campaign", "id"),
    "send": ("send", "id"),
    "fromaddress": ("from address", "email"),
    "picture": ("picture", "id"),
    "program": ("program", "id"),
    "programversion": ("program version", "program_id", "number"),
    "enrolmentrequest": ("enrolment", "id"),
    "textcampaign": ("text campaign", "id"),
    "subscription": ("subscription", "id"),
}
#: What the triggers of each kind of change see.
SEEN = {
    "insert": "new table as touched",
    "update": "old table as previous new table as touched",
    "delete": "old table as touched",
}


def watch(table, *words):
    """Have the changes of a table written down; `words` are as in WATCHED."""
    told = ", ".join(f"'{word}'" for word in words)
    return migrations.RunSQL(
        [
            f"create trigger written_down_{act} after {act} on engage_{table} referencing {seen} "
            "for each statement when (current_setting('usher.signed', true) <> '') "
            f"execute function engage_write_down({told})"
            for act, seen in SEEN.items()
        ],
        [f"drop trigger written_down_{act} on engage_{table}" for act in SEEN],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0007_letters_first_and_what_became_of_texts"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, "drop function engage_write_down"),
        *(watch(table, *words) for table, words in WATCHED.items()),
    ]
