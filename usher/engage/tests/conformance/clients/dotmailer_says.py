"""What the dotmailer package does, in a process of its own: prints what it was told, as JSON.

Arguments: the server's address, user name, password.
"""

from __future__ import annotations

import io
import json
import sys
import time


def main(address: str, username: str, password: str) -> None:
    from dotmailer.account import Account
    from dotmailer.address_books import AddressBook
    from dotmailer.connection import connection
    from dotmailer.contacts import Contact

    Account.setup_connection(username, password, address)
    told: dict[str, object] = {"account": Account.get_account_information()["id"] > 0}
    book = AddressBook(name="From dotmailer", visibility="Private")
    book.create()
    book.name = "Of dotmailer"
    book.update()
    contact = Contact(email="anna@example.com", data_fields={"FIRSTNAME": "Anna"})
    contact.create()
    book.add_contact(contact)
    contact.data_fields = {"FIRSTNAME": "Änna"}
    contact.update()
    told["lists"] = [one.name for one in AddressBook.get_all()]
    told["found"] = Contact.get_by_email("anna@example.com").id == contact.id
    told["on_list"] = [one.email for one in Contact.get_all_contacts_from_address_book(book)]
    file = io.BytesIO(b"Email,FIRSTNAME\nbob@example.com,Bob\nnobody,N\n")
    file.name = "people.csv"
    job = Contact.bulk_create_in_address_book(book, file)
    while job["status"] == "NotFinished":
        time.sleep(0.1)
        # the package itself asks at /imports/, which nobody describes
        job = connection.get(f"/v2/contacts/import/{job['id']}")
    told["import"] = job["status"]
    told["report"] = Contact.get_contact_import_report(job["id"])
    told["faults"] = connection.get(f"/v2/contacts/import/{job['id']}/report-faults")
    told["left"] = Contact.unsubscribe("bob@example.com")["reason"]
    book.delete_contact(contact)
    told["after"] = [one.email for one in Contact.get_all_contacts_from_address_book(book)]
    print(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
