"""Calendars and cards: what is shown of them, and that it is cited by the file's lines."""

import pytest

from knowledge.documents.detection import detect
from knowledge.documents.loading import load
from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError
from knowledge.model import SplitterSpec

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
X-WR-CALNAME:Harbour office
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1@example.org
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260330T093000
DTEND;TZID=Europe/Berlin:20260330T103000
SUMMARY:Rotation of the signing keys\\, spring
DESCRIPTION:Bring the old tokens.\\nThe new ones lie in the sa
 fe\\; ask the harbour
  master.
LOCATION:Room 3
ORGANIZER;CN="Lovelace, Ada":mailto:ada@example.org
ATTENDEE;CN=Grace Hopper;PARTSTAT=ACCEPTED;ROLE=OPT-PARTICIPANT:MAILTO:grace@ex
 ample.org
RRULE:FREQ=MONTHLY;INTERVAL=3;BYDAY=-1MO;UNTIL=20271231T000000Z
EXDATE;TZID=Europe/Berlin:20260629T093000
BEGIN:VALARM
TRIGGER:-PT15M
DESCRIPTION:Reminder text
END:VALARM
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260501
DTEND;VALUE=DATE:20260503
SUMMARY:Closed
END:VEVENT
BEGIN:VTODO
SUMMARY:Order paint
DUE:20260410T120000Z
STATUS:IN-PROCESS
DURATION:P1DT2H
END:VTODO
END:VCALENDAR
"""
CARDS = """\
BEGIN:VCARD
VERSION:3.0
N:Lovelace;Ada;;Countess;
FN:Ada Lovelace
ORG:Harbour Office;Keys\\, locks
item1.TEL;TYPE=WORK,VOICE:+44 20 1234
EMAIL;TYPE=INTERNET;TYPE=HOME:ada@example.org
ADR;TYPE=WORK:;;1 Quay Street;London;;E1;UK
BDAY:18151210
NOTE:Likes engines.\\nKnows the
  safe.
PHOTO;ENCODING=b:AAAA
END:VCARD
BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=BCrgen
TEL;CELL:tel:+49-30-1
NOTE;ENCODING=QUOTED-PRINTABLE:first=0D=0A=
second
END:VCARD
"""


def lines_of(text, name):
    (document,) = load(text.encode(), name).documents
    shown = document.text.split("\n")
    assert document.has_lines
    assert len(shown) == len(text.split("\n"))  # so that each line is the file's
    return document, {line.strip(): number for number, line in enumerate(shown, 1) if line}


def test_an_event():
    document, lines = lines_of(CALENDAR, "a.ics")
    assert document.metadata == {"title": "Harbour office"}
    assert lines["# Harbour office"] == 4
    assert lines["## Rotation of the signing keys, spring"] == 11
    assert lines["Starts: Monday, 2026-03-30 09:30 Europe/Berlin"] == 14
    assert lines["Ends: Monday, 2026-03-30 10:30 Europe/Berlin"] == 15
    assert lines["Description: Bring the old tokens."] == 17
    assert lines["The new ones lie in the safe; ask the harbour master."] == 18
    assert lines["Organizer: Lovelace, Ada <ada@example.org>"] == 21
    assert "Attendee: Grace Hopper <grace@example.org> (accepted, opt participant)" in lines
    assert "Repeats: every 3 months on the last Monday until Friday, 2027-12-31 00:00 UTC" in lines
    assert "Except: Monday, 2026-06-29 09:30 Europe/Berlin" in lines


def test_whole_days_end_on_the_last_of_them():
    _, lines = lines_of(CALENDAR, "a.ics")
    assert "Starts: Friday, 2026-05-01" in lines
    assert "Last day: Saturday, 2026-05-02" in lines


def test_a_task():
    _, lines = lines_of(CALENDAR, "a.ics")
    assert {"## Order paint", "Status: in process", "Lasts: 1 day 2 hours"} <= lines.keys()
    assert "Due: Friday, 2026-04-10 12:00 UTC" in lines


def test_what_is_for_programs_is_left_out():
    document, _ = lines_of(CALENDAR, "a.ics")
    for left_out in ("Reminder", "1970", "PRODID", "example.org//", "VERSION"):
        assert left_out not in document.text


def test_an_event_is_cited_by_its_lines():
    document, _ = lines_of(CALENDAR, "a.ics")
    passages = split(document, SplitterSpec(40, 0))
    (closed,) = [one for one in passages if "Last day" in one.text]
    assert closed.heading == ("Harbour office", "Closed")
    assert (closed.line_start, closed.line_end) == (31, 33)  # its end holds no text


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            "FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=10",
            "every week on Monday, Wednesday and Friday 10 times",
        ),
        ("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1", "every year on day 1 in March"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "every month on Monday and Tuesday (BYSETPOS=-1)"),
        ("FREQ=MONTHLY;BYDAY=9MO", "every month (BYDAY=9MO)"),
        ("FREQ=SECONDLY", "FREQ=SECONDLY"),
        ("nonsense", "nonsense"),
    ],
)
def test_recurrences_in_words(rule, words):
    event = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nRRULE:{rule}\nEND:VEVENT\nEND:VCALENDAR\n"
    assert f"Repeats: {words}" in lines_of(event, "a.ics")[1]


def test_cards():
    _, lines = lines_of(CARDS, "a.vcf")
    assert lines["## Ada Lovelace"] == 1
    assert lines["## Jürgen Müller"] == 14
    assert lines["Organization: Harbour Office, Keys, locks"] == 5
    assert lines["Phone (work): +44 20 1234"] == 6
    assert lines["Email (home): ada@example.org"] == 7
    assert lines["Address (work): 1 Quay Street, London, E1, UK"] == 8
    assert lines["Birthday: 1815-12-10"] == 9
    assert lines["Note: Likes engines."] == 10
    assert lines["Knows the safe."] == 11
    assert lines["Phone (cell): +49-30-1"] == 17
    assert lines["Note: first"] == 18
    assert lines["second"] == 19


def test_one_card_gives_the_title():
    one = CARDS[: CARDS.index("END:VCARD")] + "END:VCARD\n"
    document, _ = lines_of(one, "a.vcf")
    assert document.metadata == {"title": "Ada Lovelace"}


def test_without_a_name_the_first_words_tell():
    assert detect("a", CALENDAR.encode()) == "calendar"
    assert detect("a.unknown", b"\xef\xbb\xbfbegin:vcard\n") == "card"
    assert detect("a.txt", CALENDAR.encode()) == "text"


@pytest.mark.parametrize("name", ["a.ics", "a.vcf"])
def test_another_text_is_refused(name):
    with pytest.raises(DocumentError, match=r"it is not a calendar|there is no card"):
        load(b"plain words", name)


def test_what_is_cut_off_is_read_as_far_as_it_goes():
    _, lines = lines_of(CALENDAR[: CALENDAR.index("END:VEVENT")], "a.ics")
    assert "## Rotation of the signing keys, spring" in lines


def test_a_further_line_is_no_heading():
    event = "BEGIN:VEVENT\nSUMMARY:a\nDESCRIPTION:b\\n\n # c\nEND:VEVENT\n"
    document, _ = lines_of(event, "a.ics")
    headings = {one.heading for one in split(document, SplitterSpec())}
    assert headings == {("a",)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCARD\n" + "BEGIN:A\n" * 100_000 + "END:B\n" * 100_000,
        "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:" + "a" * 500_000 + "=\nb" * 100_000,
        "BEGIN:VCARD\nNOTE" + ';A="b"' * 200_000 + ';A="',
        "BEGIN:VCARD\nNOTE:b\n" + " a\n" * 300_000,
    ],
    ids=["nested", "quoted", "parameters", "folded"],
)
def test_hostile_cards_end(text):
    assert load(text.encode(), "a.vcf").documents
