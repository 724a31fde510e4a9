"""Mails, made on the spot."""

from email.message import EmailMessage

DATE = "Tue, 03 Mar 2026 10:00:00 +0100"
BODY = "Hello Bob,\n\nsee below.\n\n> an old question\n> in two lines\n\n-- \nAnn\n"


def mail(subject="Quarterly numbers", body=BODY, html=None, attachments=(), **fields):
    """A mail; an attachment is (name, bytes), or (name, another mail)."""
    message = EmailMessage()
    headers = {"From": "Ann Émile <ann@example.com>", "To": "bob@example.com", "Date": DATE}
    for name, value in {"Subject": subject, **headers, **fields}.items():
        message[name] = value
    if body is not None:
        message.set_content(body)
    if html is not None:
        add = message.set_content if body is None else message.add_alternative
        add(html, subtype="html")
    for name, content in attachments:
        if isinstance(content, EmailMessage):
            message.add_attachment(content, filename=name)
        else:
            message.add_attachment(
                content, maintype="application", subtype="octet-stream", filename=name
            )
    return message


def mbox(*mails):
    """A mailbox, with its lines that begin with "From " quoted."""
    data = b""
    for message in mails:
        content = message if isinstance(message, bytes) else message.as_bytes()
        quoted = content.replace(b"\nFrom ", b"\n>From ")
        data += b"From ann@example.com Tue Mar  3 10:00:00 2026\n" + quoted.rstrip(b"\n") + b"\n\n"
    return data
