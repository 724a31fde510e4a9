"""docs/formats.md says what the formats' rows say."""

from tests.docs.formats_page import PAGE, page


def test_the_table_is_that_of_the_rows():
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run python -m tests.docs.formats_page"
