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
        ("Färgen på ön är blå.\n", "latin-1"),
        ("El niño comió piñas en la montaña ¿verdad?\n", "cp1252"),
        ("café", "latin-1"),
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
