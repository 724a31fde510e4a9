from hypothesis import given
from hypothesis import strategies as st

from knowledge.text.cleaning import clean, drop_inline_data


def test_line_ends_become_line_feeds():
    assert clean("a\r\nb\rc\n\rd") == "a\nb\nc\n\nd"


def test_separators_that_editors_do_not_count_stay():
    assert clean("a\u2028b\x85c") == "a\u2028b\x85c"


def test_what_no_database_takes_goes():
    assert clean("\ufeffa\0b\ud800c\udc00") == "abc"


def test_halves_of_a_character_that_stand_together_are_that_character():
    assert clean("\ud83d\ude00") == "\N{GRINNING FACE}"


@given(st.text(st.characters(codec=None), max_size=40))
def test_clean_text_can_be_encoded_and_stays_as_it_is(text):
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert clean(cleaned.removeprefix("\ufeff")) == cleaned.removeprefix("\ufeff")


def test_inline_data_goes_but_no_line_does():
    text = f"# A\n![x](data:image/png;base64,{'QUJD' * 500})\nend\n"
    assert drop_inline_data(text) == "# A\n![x](data:image/png;base64,)\nend\n"


def test_places_where_a_word_may_be_broken_go():
    assert clean("Donau\xaddampf\xadschiff") == "Donaudampfschiff"
    assert clean("Donau\xad\r\ndampfschiff") == "Donau\xad\ndampfschiff"
