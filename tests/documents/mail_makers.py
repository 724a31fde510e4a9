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


def signed(content, kind="signed_data"):
    """An envelope of CMS around bytes: signed (by nobody), packed or encrypted, as DER."""
    import zlib

    from asn1crypto import cms

    inside = {"content_type": "data", "content": content}
    if kind == "signed_data":
        body = {"version": "v1", "digest_algorithms": [], "signer_infos": []}
        body["encap_content_info"] = inside
    elif kind == "compressed_data":
        body = {"version": 0, "compression_algorithm": {"algorithm": "zlib"}}
        body["encap_content_info"] = {**inside, "content": zlib.compress(content)}
    else:
        cipher = {"algorithm": "aes128_cbc", "parameters": b"0" * 16}
        locked = {"content_type": "data", "encrypted_content": b"x" * 16}
        body = {"version": "v0", "recipient_infos": []}
        body["encrypted_content_info"] = {**locked, "content_encryption_algorithm": cipher}
    return cms.ContentInfo({"content_type": kind, "content": body}).dump()


def enveloped(data, name="smime.p7m", kind="application/pkcs7-mime"):
    """A mail that is one envelope."""
    message = EmailMessage()
    message["Subject"] = "Sealed"
    message.set_content(data, *kind.split("/"), filename=name)
    return message.as_bytes()


def winmail(subject="Wrapped", body=None, html=None, attachments=()):
    """Outlook's wrapping of a mail (TNEF)."""

    def item(level, name, kind, data):
        head = bytes([level]) + name.to_bytes(2, "little") + kind.to_bytes(2, "little")
        check = (sum(data) & 0xFFFF).to_bytes(2, "little")
        return head + len(data).to_bytes(4, "little") + data + check

    data = b"\x78\x9f\x3e\x22\x01\x00"
    data += item(1, 0x9006, 8, (0x10000).to_bytes(4, "little"))
    data += item(1, 0x9007, 6, (1252).to_bytes(4, "little") + bytes(4))
    data += item(1, 0x8004, 1, subject.encode("cp1252") + b"\0")
    if body:
        data += item(1, 0x800C, 2, body.encode("cp1252") + b"\0")
    if html:
        page = html.encode("cp1252")
        padded = page + bytes(-len(page) % 4)
        value = (0x0102).to_bytes(2, "little") + (0x1013).to_bytes(2, "little")
        value += (1).to_bytes(4, "little") + len(page).to_bytes(4, "little") + padded
        data += item(1, 0x9003, 6, (1).to_bytes(4, "little") + value)
    for name, content in attachments:
        data += item(2, 0x9002, 6, bytes(14))
        data += item(2, 0x8010, 1, name.encode("cp1252") + b"\0")
        data += item(2, 0x800F, 6, content)
    return data
