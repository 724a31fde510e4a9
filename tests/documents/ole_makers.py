"""OLE files (compound files, [MS-CFB]) and Outlook messages in them, made on the spot."""

import struct
from datetime import UTC, datetime

SECTOR = 512
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
NONE = 0xFFFFFFFF
CUTOFF = 4096


def ole(streams):
    """An OLE file of version 3; ``streams`` maps paths such as ``("storage", "name")`` to bytes.

    All streams are padded to the size from which they need no mini-stream, but for those that end
    exactly; their sizes in the directory are right.
    """
    tree = {}
    for path, data in streams.items():
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = data
    entries = [["Root Entry", 5, NONE, NONE, NONE, END, 0]]
    contents, mini = [], bytearray()
    minifat = []

    def place(data):
        if len(data) >= CUTOFF:
            contents.append((len(entries) - 1, data))
            return
        start = len(mini) // 64 if data else END
        count = -(-len(data) // 64)
        minifat.extend([*range(start + 1, start + count), END] if count else [])
        mini.extend(data.ljust(count * 64, b"\0"))
        entries[-1][5] = start

    def add(node):
        numbers = []
        for name in sorted(node, key=lambda name: (len(name), name.upper())):
            child = node[name]
            number = len(entries)
            numbers.append(number)
            if isinstance(child, dict):
                entries.append([name, 1, NONE, NONE, NONE, 0, 0])
                entries[number][4] = add(child)
            else:
                entries.append([name, 2, NONE, NONE, NONE, END, len(child)])
                place(child)
        return balanced(numbers)

    def balanced(numbers):
        if not numbers:
            return NONE
        middle = len(numbers) // 2
        entry = entries[numbers[middle]]
        entry[2], entry[3] = balanced(numbers[:middle]), balanced(numbers[middle + 1 :])
        return numbers[middle]

    entries[0][4] = add(tree)
    body, fat = bytearray(), []

    def write(data):
        start = len(fat)
        count = -(-len(data) // SECTOR)
        fat.extend([*range(start + 1, start + count), END])
        body.extend(data.ljust(count * SECTOR, b"\0"))
        return start

    for number, data in contents:
        entries[number][5] = write(data)
    if mini:
        entries[0][5], entries[0][6] = write(bytes(mini)), len(mini)
    minifat_data = b"".join(struct.pack("<I", value) for value in minifat)
    minifat_data = minifat_data.ljust(-(-len(minifat_data) // SECTOR) * SECTOR, b"\xff")
    minifat_start = write(minifat_data) if minifat_data else END
    directory = b"".join(map(_entry, entries))
    empty = _entry(["", 0, NONE, NONE, NONE, 0, 0])
    directory += empty * (-len(entries) % 4)
    directory_start = write(directory)
    sectors = 1
    while (len(fat) + sectors) * 4 > sectors * SECTOR:
        sectors += 1
    assert sectors <= 109
    fat_start = len(fat)
    fat.extend([FAT] * sectors)
    table = b"".join(struct.pack("<I", value) for value in fat).ljust(sectors * SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6xII", 0x3E, 3, 0xFFFE, 9, 6, 0, sectors)
    header += struct.pack(
        "<IIIIIII", directory_start, 0, CUTOFF, minifat_start, len(minifat_data) // SECTOR, END, 0
    )
    places = [*range(fat_start, fat_start + sectors)]
    header += b"".join(struct.pack("<I", value) for value in places).ljust(436, b"\xff")
    return header + bytes(body) + table


def _entry(entry):
    name, kind, left, right, child, start, size = entry
    encoded = name.encode("utf-16-le")
    length = len(encoded) + 2 if name else 0
    return struct.pack(
        "<64sHBBIII16sIQQIQ",
        encoded,
        length,
        kind,
        1,
        left,
        right,
        child,
        bytes(16),
        0,
        0,
        0,
        start,
        size,
    )


def msg(subject="", body="", **more):
    """An Outlook message; see ``_message`` for what it may hold."""
    return ole(_message((), 32, subject=subject, body=body, **more))


def _message(
    path,
    header,
    *,
    subject,
    body="",
    html=b"",
    rtf=b"",
    sender=("", ""),
    to=(),
    cc=(),
    sent=None,
    attachments=(),
    codepage=None,
    texts=None,
):
    """Streams of a message.

    ``to`` and ``cc`` hold (name, address); ``attachments`` (name, bytes) or (name, dict), where the
    dict is that of an attached message; with ``codepage`` texts are stored in it, not as Unicode.
    ``texts`` are other properties by their numbers.
    """
    streams = {}

    def text(number, value, where=path):
        if value and codepage:
            streams[(*where, f"__substg1.0_{number:04X}001E")] = value.encode(f"cp{codepage}")
        elif value:
            streams[(*where, f"__substg1.0_{number:04X}001F")] = value.encode("utf-16-le")

    text(0x0037, subject)
    text(0x1000, body)
    text(0x0C1A, sender[0])
    text(0x0C1F, sender[1])
    for number, value in (texts or {}).items():
        text(number, value)
    if html:
        streams[(*path, "__substg1.0_10130102")] = html
    if rtf:
        streams[(*path, "__substg1.0_10090102")] = rtf
    fixed = {}
    if sent is not None:
        ticks = int((sent - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
        fixed[0x00390040] = ticks
    if codepage:
        fixed[0x3FFD0003] = codepage
    streams[(*path, "__properties_version1.0")] = bytes(header) + _fixed(fixed)
    people = [(1, *person) for person in to] + [(2, *person) for person in cc]
    for number, (kind, name, address) in enumerate(people):
        where = (*path, f"__recip_version1.0_#{number:08X}")
        streams[(*where, "__properties_version1.0")] = bytes(8) + _fixed({0x0C150003: kind})
        text(0x3001, name, where)
        text(0x39FE, address, where)
    for number, (name, content) in enumerate(attachments):
        where = (*path, f"__attach_version1.0_#{number:08X}")
        streams[(*where, "__properties_version1.0")] = bytes(8)
        text(0x3707, name, where)
        if isinstance(content, dict):
            streams.update(_message((*where, "__substg1.0_3701000D"), 24, **content))
        else:
            streams[(*where, "__substg1.0_37010102")] = content
    return streams


def _fixed(values):
    return b"".join(struct.pack("<IIQ", tag, 6, value) for tag, value in values.items())
