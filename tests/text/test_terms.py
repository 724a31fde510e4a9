"""Text to the words that keyword search compares."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowledge.text.languages import KNOWN, detect, named
from knowledge.text.terms import LONGEST, english_terms, split, terms_of


def terms(text, language="english"):
    return set(terms_of(split(text), language))


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("Rotating the KEYS.", "rotate key"),
        ("a café, a résumé", "Cafe Resume"),
        ("the ﬁrst ｗord", "first word"),
        ("Straße", "strasse"),
        ("die straße", "strasse"),
        ("Wizyta w Łódź", "Lodz"),
        ("fra København", "Kobenhavn"),
        ("Ærø og Đakovo", "aero dakovo"),
        ("œuvre", "oeuvre"),
        ("Þórr, ŋ, ðe", "thorr n de"),
        ("MALMÖ, TROMSØ", "malmo tromso"),
        ("in Lodz und Kobenhavn", "łódź københavn"),
        ("It sent an e-mail.", "email"),
        ("Read your email.", "e-mail"),
        ("the U.S.A. team", "usa"),
        ("call getUserName now", "get user name"),
        ("call getUserName now", "getusername"),
        ("an HTTPServer here", "http server"),
        ("ERR_CONN_RESET", "err conn reset"),
        ("/etc/ssl/certs", "certs"),
        ("ana@example.org", "example"),
    ],
)
def test_what_is_written_one_way_is_found_another(written, asked):
    assert terms(asked) & terms(written) >= terms(asked) - {"e", "mail", "email"}
    assert terms(asked) & terms(written)


@pytest.mark.parametrize(
    "identifier",
    ["ERR_CONN_RESET", "v2.3.1", "foo_bar()", "C++", "C#", "std::vector", "10.0.0.1", "__init__"],
)
def test_an_identifier_is_a_term_of_its_own(identifier):
    whole = identifier.lower().removesuffix("()")
    assert whole in terms(f"It says {identifier}, sometimes.")
    assert whole in terms(f"({identifier})")
    assert whole not in terms(whole + "x") | terms("x" + whole)


@pytest.mark.parametrize("plain", ["The word.", "Words, and (more) words!", "USA", "7 keys"])
def test_plain_words_give_no_identifiers(plain):
    assert not split(plain).exact


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("如何旋转签名密钥", "签名密钥"),
        ("東京タワーに行く", "タワー"),
        ("서울에서 만나요", "서울"),
        ("การหมุนเวียนกุญแจ", "กุญแจ"),
        ("die 签名密钥 rotieren", "密钥"),
    ],
)
def test_scripts_without_spaces_are_compared_by_pairs(text, asked):
    assert terms(asked) <= terms(text)
    assert all(len(term) <= 3 for term in split(asked).exact)


def test_a_single_character_is_found_in_a_longer_text():
    assert terms("钥") <= terms("如何旋转签名密钥")


@pytest.mark.parametrize(
    ("language", "written", "asked"),
    [
        ("german", "die Schlüssel der Häuser", "Haus Schlüssels"),
        ("french", "les clés sont changées", "clé changer"),
        ("spanish", "las claves cambiadas", "clave cambiar"),
        ("english", "новые ключи сервера", "новый ключ сервер"),  # the script tells
        ("english", "Ёлка", "елка"),
    ],
)
def test_words_are_stemmed_for_their_language(language, written, asked):
    assert terms(asked, language) <= terms(written, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The key of the house is in the drawer, and it is for you.", "english"),
        ("Der Schlüssel ist nicht mit dem Haus verkauft worden, und das war gut.", "german"),
        ("Les clés de la maison sont dans le tiroir, et elles sont pour vous.", "french"),
        ("Las llaves de la casa están en el cajón y son para los niños.", "spanish"),
        ("De sleutel van het huis is niet voor een ander, en dat zijn de regels.", "dutch"),
        ("Il libro della casa è per gli amici che sono nel giardino.", "italian"),
        ("key rotation", "english"),
        ("Schlüssel", "english"),
        ("", "english"),
    ],
)
def test_little_words_tell_the_language(text, language):
    assert detect(split(text).natural) == language


@pytest.mark.parametrize(
    ("name", "stemmer"),
    [
        ("de", "german"),
        ("de-DE", "german"),
        ("pt_BR", "portuguese"),
        (" German ", "german"),
        ("EN", "english"),
        ("ru", None),  # its script tells
        ("zh", None),
        ("tlh", None),
        ("", None),
    ],
)
def test_a_named_language(name, stemmer):
    assert named(name) == stemmer


def test_all_known_languages_have_a_stemmer():
    assert all(terms("word", language) for language in KNOWN)


def test_a_word_without_end_is_cut():
    assert max(map(len, terms("x" * 10_000))) == LONGEST
    assert max(map(len, terms("x_" * 10_000))) <= LONGEST


@pytest.mark.parametrize(
    ("language", "written", "asked"),
    [
        ("polish", "łódź", "lodz"),
        ("danish", "københavn smørrebrød", "kobenhavn smorrebrod"),
        ("norwegian", "tromsø bærekraft", "tromso baerekraft"),
        ("german", "straße", "strasse"),
        ("turkish", "ısı", "isi"),
        ("french", "cœur", "coeur"),
    ],
)
def test_letters_are_found_without_their_strokes(language, written, asked):
    if language in KNOWN and named(language):
        assert terms(asked, language) == terms(written, language)
    assert terms(asked) == terms(written)


def test_repeats_are_counted():
    assert terms_of(split("Keys, a key and the KEY"), "english")["key"] == 3


ascii_text = st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=60)


@given(ascii_text)
@example("a.b__c--d e::f C++ x#y getUserName2 U.S.A. _x_")
def test_the_fast_way_for_ascii_gives_what_the_other_gives(text):
    fast, other = split(text), split(text + " é")
    other.natural.subtract(["é"])
    assert +other.natural == fast.natural
    assert other.exact == fast.exact


@given(st.text(max_size=60))
def test_terms_of_any_text_can_stand_in_the_index(text):
    for term in terms(text):
        assert term
        assert not term.isspace()
        assert len(term.split()) == 1
        assert not set(term) & set("\0\"'()*^=~")


PIECES = "keys Keys, the at et und der e-mail ERR_CONN getUserName (U.S.A.) -- C++ don't 12 v2.3"


@given(
    st.lists(
        st.sampled_from(PIECES.split()) | st.text(st.characters(max_codepoint=127), max_size=70)
    ).map(" ".join)
)
@example("to the keys at the door")
def test_a_text_in_english_has_the_terms_of_its_pieces(text):
    found, words = english_terms(text), split(text)
    if found is not None:
        assert detect(words.natural) == "english"
        assert found == terms_of(words, "english")


def test_a_text_in_another_language_is_left_to_be_guessed():
    assert english_terms("The keys at the door are rotated.") is not None
    assert english_terms("Das ist die Antwort auf alles und nichts.") is None
