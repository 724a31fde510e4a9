import pytest

from knowledge.documents.splitting.splitting import split
from knowledge.errors import DocumentError, EmptyDocumentError
from knowledge.model import PageUnit, SplitterSpec
from tests.documents.makers import load_one

SRT = """\
1
00:00:01,000 --> 00:00:03,500
<i>Welcome to the workshop</i>
on pumps &amp; valves.

2
00:00:03,600 --> 00:00:06,000
{\\an8}Today we open

3
00:00:06,100 --> 00:00:08,000
the lid.

4
00:01:02,000 --> 00:01:04,000
Next: the filter.
"""

VTT = """\
WEBVTT - A talk

STYLE
::cue { color: red }

NOTE
Nobody reads this.

intro
00:01.000 --> 00:04.000 align:start position:0%
<v Ann Lee>Hello <c.loud>everyone</c>,

00:04.000 --> 00:05.000
<v Ann Lee>welcome <00:04.500><b>back</b>.

NOTE a remark

3
01:00:05.000 --> 01:00:07.000
<v Bob>Thanks!
"""


def load(text, name="a.srt"):
    return load_one(text.encode(), name)


def test_srt():
    document = load(SRT)
    assert document.text == (
        "Welcome to the workshop on pumps & valves.\nToday we open the lid.\n\nNext: the filter."
    )
    assert (document.page_unit, document.has_lines) == (PageUnit.CUE, False)
    shown = [(page.number, page.name) for page in document.pages]
    assert shown == [(1, "00:00:01"), (2, "00:00:03"), (3, "00:00:06"), (4, "00:01:02")]
    texts = [document.text[page.char_start : page.char_end] for page in document.pages]
    assert texts[1:3] == ["Today we open", "the lid."]


def test_passages_name_their_cues():
    first, *_, last = split(load(SRT), SplitterSpec(12, 0))
    assert first.cite("a.srt") == "a.srt, cue 1 at 00:00:01"
    assert (last.cite("a.srt"), last.page_name) == ("a.srt, cue 4 at 00:01:02", "00:01:02")
    (whole,) = split(load(SRT), SplitterSpec())
    assert whole.cite("a.srt") == "a.srt, cues 1-4 at 00:00:01"


def test_vtt():
    document = load(VTT, "a.vtt")
    assert document.text == "Ann Lee: Hello everyone, welcome back.\n\nBob: Thanks!"
    assert [page.name for page in document.pages] == ["00:00:01", "00:00:04", "01:00:05"]


def test_numbers_are_the_file_s_where_they_rise():
    lines = "00:00:01,000 --> 00:00:02,000\nWords.\n"
    numbers = [page.number for page in load(f"7\n{lines}\n9\n{lines}2 more").pages]
    assert numbers == [7, 9]
    again = lines.replace("Words", "Others")
    assert [page.number for page in load(f"9\n{lines}\n7\n{again}").pages] == [1, 2]


def test_lines_that_roll_up_are_read_once():
    rolling = "".join(
        f"00:00:0{n}.000 --> 00:00:0{n + 1}.000\nline {n}\nline {n + 1}\n\n" for n in range(1, 5)
    )
    assert load(f"WEBVTT\n\n{rolling}", "a.vtt").text == "line 1 line 2 line 3 line 4 line 5"


def test_text_without_blank_lines_between_cues():
    source = "1\n00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:03,000\nTwo\n"
    assert load(source).text == "One Two"


def test_no_text_and_no_times():
    with pytest.raises(EmptyDocumentError):
        load("WEBVTT\n\n00:01.000 --> 00:02.000\n\n", "a.vtt")
    with pytest.raises(DocumentError, match="no time codes"):
        load("Just words.")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_hostile_subtitles_end():
    for bit in ("<v ", "<", "{\\", "1\n", "\n", "00:01.000 --> 00:02.000\nx\n"):
        load("00:01.000 --> 00:02.000\nx\n" + bit * 50_000, "a.vtt")
