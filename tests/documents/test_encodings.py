import codecs

import pytest

from knowledge.documents.encodings import decode, is_text
from knowledge.errors import DocumentError

FRENCH = "Le café est très bon, «naïve» — déjà vu à côté de l’hôtel.\n"
JAPANESE = "これは日本語の文章です。文字コードの検出を試験します。\n"
RUSSIAN = "Привет, мир! Это проверка кодировки текста на русском языке.\n"
CHINESE = "人工智能是计算机科学的一个分支，它企图了解智能的实质。\n"
KOREAN = "인공지능은 인간의 학습능력, 추론능력, 지각능력을 구현한다.\n"
GREEK = "Η τεχνητή νοημοσύνη είναι κλάδος της πληροφορικής.\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "utf-16"),
        (JAPANESE, "utf-16"),
        (FRENCH, "utf-32"),
        (FRENCH, "utf-16-le"),
        (FRENCH, "utf-16-be"),
        (RUSSIAN, "utf-16-le"),
        (JAPANESE, "iso2022_jp"),
    ],
)
def test_encodings_that_need_no_guess(text, encoding):
    assert decode(text.encode(encoding)) == (text, ())


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        ("Größe für Öl und Übung, Maß und Gewähr.\n", "cp850"),
        ("これは日本語の文章であり、正しく読まれるべきです\n", "euc_jp"),
        ("これは日本語の文章であり、正しく読まれるべきです\n", "cp932"),
        ("カタカナとひらがなの混ざった文章です\n", "euc_jp"),
        ("我们今天去北京大学学习中文和数学\n", "gb18030"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy\n", "cp1250"),
        ("Pompy sprawdzono w piątek. Źródło żółtych łódek i wiosną woda.\n", "cp1250"),
        ("Färgen på ön är blå.\n", "latin-1"),
        ("El niño comió piñas en la montaña ¿verdad?\n", "cp1252"),
        ("café", "latin-1"),
        ("Fluß.\n", "latin-1"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (KOREAN, "euc_kr"),
        (GREEK, "cp1253"),
    ],
)
def test_encodings_that_are_guessed(text, encoding):
    decoded, warnings = decode(text.encode(encoding))
    assert decoded == text
    assert "guess" in warnings[0]


def test_a_guess_looks_at_the_lines_that_need_one():
    text = "plain words only\n" * 20_000 + FRENCH
    assert decode(text.encode("cp1252"))[0] == text


def test_utf_8_with_a_damaged_place_stays_utf_8():
    decoded, warnings = decode((FRENCH * 9).encode() + b"\xff" + JAPANESE.encode())
    assert decoded == FRENCH * 9 + "\ufffd" + JAPANESE
    assert warnings == ("1 character could not be decoded as utf-8",)


def test_what_the_file_declares_counts_unless_it_is_utf_8():
    assert decode("Příliš žluťoučký".encode("iso8859_2"), declared="iso-8859-2") == (
        "Příliš žluťoučký",
        (),
    )
    assert decode(FRENCH.encode(), declared="latin-1") == (FRENCH, ())
    assert decode("café".encode("latin-1"), declared="no-such-encoding")[0] == "café"


def test_line_ends_and_stray_nul_are_cleaned():
    assert decode(b"one\r\ntwo\0\rthree\n" + b"more text " * 30)[0].startswith("one\ntwo\nthree\n")


@pytest.mark.parametrize(
    "data",
    [bytes(range(256)) * 10, b"\0" * 50, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\1\2" * 40],
    ids=["all bytes", "nul", "png"],
)
def test_binary_data_is_no_text(data):
    with pytest.raises(DocumentError, match="holds binary data, not text"):
        decode(data)
    assert not is_text(data)


def test_text_is_text():
    assert is_text(b"")
    assert is_text(FRENCH.encode("cp1252"))
    assert is_text(codecs.BOM_UTF16_LE + "a".encode("utf-16-le"))
    assert not is_text(b"text with \0 inside")


GERMAN = "Über den Wolken muss die Freiheit wohl grenzenlos sein; die Straße führt durch das Tal.\n"
POLISH = "Umowa wchodzi w życie z dniem jej podpisania przez strony i obowiązuje do końca.\n"
HEBREW = "ההסכם ייכנס לתוקף ביום חתימתו על ידי הצדדים ויעמוד בתוקפו עד למילוי מלא.\n"
ARABIC = "يدخل العقد حيز التنفيذ من تاريخ توقيعه من قبل الطرفين ويبقى ساريا.\n"
TURKISH = "Sözleşme, tarafların imzaladığı gün yürürlüğe girer; ışık çok güçlü.\n"
LATVIAN = "Līgums stājas spēkā ar tā parakstīšanas dienu un ir spēkā līdz saistību izpildei.\n"
UKRAINIAN = "Угода набирає чинності з дня її підписання сторонами і діє до її виконання.\n"
ENGLISH = "The quick report lists all items that were sold in the second quarter.\n"


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        (GERMAN, "cp1252 mac_roman cp850 cp273 cp500"),
        (FRENCH.replace("’", "'").replace("—", "-"), "cp1252 mac_roman iso8859_15"),
        (POLISH, "cp1250 iso8859_2 cp852 mac_latin2"),
        (RUSSIAN, "cp1251 koi8_r iso8859_5 mac_cyrillic cp866"),
        (UKRAINIAN, "cp1251 koi8_u mac_cyrillic"),
        (GREEK, "cp1253 iso8859_7 mac_greek cp737"),
        (TURKISH, "cp1254 iso8859_9 cp857"),
        (HEBREW, "cp1255 iso8859_8 cp862"),
        (ARABIC, "cp1256 iso8859_6"),
        (LATVIAN, "cp1257 iso8859_13"),
    ],
    ids=["de", "fr", "pl", "ru", "uk", "el", "tr", "he", "ar", "lv"],
)
def test_small_files_in_code_pages(text, encodings):
    wrong = [name for name in encodings.split() if decode(text.encode(name))[0] != text]
    assert wrong == []


@pytest.mark.parametrize("newline", ["\n", "\x85"])
@pytest.mark.parametrize("encoding", ["cp037", "cp500"])
def test_text_of_mainframes(encoding, newline):
    data = (ENGLISH * 3).replace("\n", newline).encode(encoding)
    assert decode(data)[0] == ENGLISH * 3
    assert is_text(data)


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
def test_utf_32_without_a_mark(encoding):
    for text in (ENGLISH, RUSSIAN, JAPANESE):
        assert decode(text.encode(encoding)) == (text, ())


@pytest.mark.parametrize(
    ("first", "second", "encoding"),
    [
        ("Ein Café in Köln.\n", "Größe und Übermaß der Straße.\n", "latin-1"),
        (RUSSIAN, RUSSIAN, "cp1251"),
        ("日本語の文章です。\n", "Un café déjà vu à côté.\n", "cp1252"),
    ],
)
def test_lines_of_two_encodings_are_decoded_each_by_itself(first, second, encoding):
    data = first.encode() + b"plain\n" + second.encode(encoding) + first.encode()
    text, warnings = decode(data)
    assert text == first + "plain\n" + second + first
    assert warnings[0].startswith("1 line is not UTF-8; read as")
