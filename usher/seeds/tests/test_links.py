from __future__ import annotations

from email.message import EmailMessage

from usher.seeds.links import tracked

OURS = "https://usher.example.com"


def mail(html: str, text: str = "Hello") -> bytes:
    message = EmailMessage()
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def test_it_takes_the_first_tracked_link_only() -> None:
    html = f"""
      <a href="https://elsewhere.example/t/c/1">elsewhere</a>
      <a href="{OURS}/t/u/2">unsubscribe</a>
      <a href="{OURS}.evil.example/t/c/3">a host that only begins like ours</a>
      <a href="{OURS}/t/c/../u/4">a way round</a>
      <A CLASS=x HREF='{OURS}/t/c/5?a=1&amp;b=2'>Come back</A>
      <a href="{OURS}/t/c/6">And again</a>"""
    assert tracked(mail(html), OURS + "/") == f"{OURS}/t/c/5?a=1&b=2"


def test_a_mail_of_text_alone_is_looked_through_too() -> None:
    for text in (f"Come back: <{OURS}/t/c/7> now", f"Come to {OURS}/t/c/7. Soon!", f"{OURS}/t/c/7"):
        assert tracked(mail("", text), OURS) == f"{OURS}/t/c/7"


def test_a_mail_without_a_tracked_link_has_none() -> None:
    assert tracked(mail("<p>Hello</p>"), OURS) == ""
    assert tracked(b"", OURS) == ""
    assert tracked(b"\xff\xfe not a mail", OURS) == ""


def test_an_unknown_charset_does_not_stop_it() -> None:
    raw = (
        b"Content-Type: text/html; charset=klingon\r\n\r\n<a href='https://usher.example.com/t/c/8'>\xe9</a>"
    )
    assert tracked(raw, OURS) == f"{OURS}/t/c/8"
