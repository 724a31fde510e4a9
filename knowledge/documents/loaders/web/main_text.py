"""The blocks of a page that its main text points at, and what belongs to them.

Lists of links, notes and headings belong to the text that they stand beside; a box of links in the
middle of a text does not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from knowledge.documents.loaders.web.blocks import Block, BlockKind, key_of
from knowledge.documents.loaders.web.zones import is_note

if TYPE_CHECKING:
    from lxml.html import HtmlElement


# Standing phrases that are no text of a page, in the most frequent languages.
#
# A block counts only when it is nothing but such phrases: a sentence that holds one stays.

_ENGLISH = (
    r"(?:share|like|follow|join|find) (?:this|us|on|it|via).{0,30}|email this|print this.{0,20}"
    r"|pin it|(?:copy|share)(?: article| page)? (?:link|url)|save (?:article|for later).{0,20}"
    r"|read more|continue reading|(?:show|load|see|view) (?:more|all|source|page source)"
    r"|view source of this page|learn more|more info|click here.{0,20}"
    r"|(?:skip|jump) to .{0,30}|back to top|return to top|edit (?:this page|on git\w+)"
    r"|all rights reserved|(?:copyright|©|\(c\)).{0,80}|last (?:updated|modified).{0,40}"
    r"|leave a (?:reply|comment)|post a comment|\d+ comments?|(?:log|sign) in to .{0,30}"
    r"|you (?:may|might) also (?:like|enjoy).{0,20}|more (?:on|from) this .{0,20}"
    r"|(?:related|recommended|popular|suggested|recent)"
    r" (?:articles|posts|stories|content|links|topics|reading|products)"
    r"|(?:we|this (?:web)?site) uses? cookies.{0,200}|(?:accept|reject|allow)(?: all)? cookies"
    r"|(?:manage|cookie) (?:settings|preferences|consent|policy)|we value your privacy.{0,100}"
    r"|sign up (?:for|to) .{0,60}newsletter.{0,60}|subscribe to .{0,60}|get notified .{0,60}"
    r"|(?:no spam|you can unsubscribe|unsubscribe (?:any ?time|at any|whenever)).{0,100}"
    r"|was this (?:page|article|answer|information) (?:helpful|useful).{0,20}"
    r"|\d+ (?:out )?of \d+ (?:people )?found this helpful|report (?:this|abuse).{0,30}"
    r"|add to (?:cart|basket|bag|wish ?list|favou?rites)"
    r"|terms (?:of|and) (?:use|service|conditions)|privacy (?:policy|notice|statement)"
)
_GERMAN = (
    r"(?:artikel |seite )?(?:teilen|drucken|merken|vorlesen)|per e-?mail (?:senden|teilen)"
    r"|auf (?:facebook|twitter|x|whatsapp|linkedin) teilen|weiterlesen|mehr (?:lesen|erfahren)"
    r"|zum (?:inhalt|hauptinhalt|anfang|seitenanfang).{0,20}|nach oben|zurück(?: zur? \w{1,20})?"
    r"|zur (?:startseite|übersicht)|alle rechte vorbehalten|(?:wir|diese (?:web)?seite) "
    r"(?:verwenden|verwendet|nutzen|nutzt|setzen|setzt) cookies.{0,200}|(?:alle )?(?:cookies )?"
    r"(?:akzeptieren|ablehnen)|das könnte (?:sie|dich) auch interessieren|mehr zum thema"
    r"|ähnliche (?:artikel|beiträge)|jetzt (?:abonnieren|anmelden|registrieren|kaufen)"
    r"|newsletter (?:bestellen|abonnieren)|(?:schreiben sie|schreibe) einen kommentar"
    r"|\d+ kommentare?|(?:in den|zum) warenkorb.{0,10}|cookie-einstellungen"
)
_FRENCH = (
    r"partager(?: (?:sur|cet|via).{0,30})?|imprimer|envoyer par e-?mail|lire (?:la suite|aussi)"
    r"|en savoir plus|aller au contenu.{0,20}|haut de page|retour(?: (?:à|au) .{0,20})?"
    r"|tous droits réservés|(?:nous utilisons|ce site utilise) des cookies.{0,200}"
    r"|(?:tout )?(?:accepter|refuser)"
    r"|(?:sur le même sujet|à lire (?:aussi|également)|articles? (?:liés|similaires|associés))"
    r"|laisser un commentaire|\d+ commentaires?|s['’]abonner|s['’]inscrire|se connecter"
)
_SPANISH = (
    r"compartir(?: (?:en|esta|este).{0,30})?|imprimir|leer más|seguir leyendo|ver más|saber más"
    r"|(?:saltar|ir) al contenido.{0,20}|volver(?: a .{0,20})?|todos los derechos reservados"
    r"|(?:utilizamos|usamos|este sitio (?:web )?(?:utiliza|usa)) cookies.{0,200}"
    r"|aceptar(?: todo| todas| cookies)*|rechazar(?: todo| todas)?|deja (?:un|tu) comentario"
    r"|(?:artículos|noticias|entradas) relacionad[ao]s|también te puede interesar|suscríbete.{0,40}"
    r"|\d+ comentarios?|iniciar sesión"
)
_OTHERS = (
    r"condividi(?: (?:su|questo).{0,30})?|stampa|leggi (?:tutto|anche|di più)|scopri di più"
    r"|vai al contenuto.{0,20}|tutti i diritti riservati|questo sito utilizza (?:i )?cookie.{0,200}"
    r"|(?:deel|delen)(?: (?:op|dit|via).{0,30})?|lees (?:meer|verder|ook)|naar boven"
    r"|(?:wij|deze (?:web)?site) gebruik(?:en|t) cookies.{0,200}|reageer|alle rechten voorbehouden"
    r"|compartilh(?:ar|e).{0,30}|leia (?:mais|também)|todos os direitos reservados"
    r"|(?:utilizamos|usamos|este site (?:utiliza|usa)) (?:os )?cookies.{0,200}|udostępnij.{0,20}"
    r"|czytaj (?:więcej|dalej|także)|wszelkie prawa zastrzeżone|поделиться.{0,20}|читать далее"
    r"|читайте также|все права защищены|分享.{0,6}|阅读更多|版权所有.{0,40}"
    r"|続きを読む|シェア(?:する)?"
)
_PHRASES = f"{_ENGLISH}|{_GERMAN}|{_FRENCH}|{_SPANISH}|{_OTHERS}"
_END = r"[\s.…:!?»›→|·•,/*_]*"
_LONGEST = 200
_MARKS = "-*#>·•|← "


def _only(phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{phrases}){_END}){{1,3}}", re.IGNORECASE)


_STANDING = _only(_PHRASES)


def is_standing_phrase(text: str) -> bool:
    """Tell whether a text is nothing but standing phrases."""
    return len(text) < _LONGEST and _STANDING.fullmatch(text.strip(_MARKS)) is not None


_SAMPLE = 40
_SHORT = 25
_CONTAINER_SHARE = 0.85
_CLIMB = 60
_NOTE_DEPTH = 5
_PARTS = frozenset({"div", "section", "article", "main", "body", "td", "form"})
_MAIN = frozenset({"main", "article"})
_NOTE = re.compile(r"caption|\bnote\b")
_WORD = re.compile(r"\w+")
_SOURCES = re.compile(
    r"(?:\d+(?:\.\d+)*\.? )?(?:see also|(?:further|external|useful) (?:reading|links|resources)"
    r"|references|bibliography|sources|literature|siehe auch|literatur|quellen|weblinks"
    r"|voir aussi|références|véase también|referencias)",
    re.IGNORECASE,
)
"""Headings of lists of links that an author adds to a text."""


class _Above(IntEnum):
    """What heading a block stands below."""

    NOTHING = 0
    KEPT = 1
    SOURCES = 2
    """One of links that an author adds to a text."""


class MainText:
    """The blocks around the main text.

    Parameters
    ----------
    zones:
        The zone of each block, 0 for none.
    text:
        What trafilatura takes for the main text.
    """

    def __init__(self, blocks: Sequence[Block], zones: Sequence[int], text: str) -> None:
        self._blocks = blocks
        self._zones = zones
        self._key = key_of(text)
        self._lines = {key_of(line) for line in text.split("\n")}

    def blocks(self, title: str) -> list[Block]:
        """Return what the main text holds, and what belongs to it."""
        if not self._key:
            return []
        keep = [
            self._holds(block) and not is_furniture(block) and not (zone and is_links(block))
            for block, zone in zip(self._blocks, self._zones, strict=True)
        ]
        if not any(keep):
            return []
        self._fill(keep)
        self._lead(keep, set(_WORD.findall(title.lower())))
        return [block for block, kept in zip(self._blocks, keep, strict=True) if kept]

    def _holds(self, block: Block) -> bool:
        key = block.key
        if key in self._lines:
            return True
        if block.kind is BlockKind.TABLE:
            cells = [key_of(cell) for cell in block.text.split("|")]
            cells = [cell for cell in cells if len(cell) > 2][:500]
            return 2 * sum(cell in self._key for cell in cells) > len(cells)
        if len(key) < _SHORT:
            return False
        if len(key) < 2 * _SAMPLE:
            return key in self._key
        middle = len(key) // 2
        samples = (key[:_SAMPLE], key[middle : middle + _SAMPLE], key[-_SAMPLE:])
        return sum(sample in self._key for sample in samples) >= 2

    def _fill(self, keep: list[bool]) -> None:
        """Keep what stands between kept blocks in their part of the page."""
        kept = [block for block, here in zip(self._blocks, keep, strict=True) if here]
        around = container(kept)
        first, last = keep.index(True), len(keep) - 1 - keep[::-1].index(True)
        whole = _is_declared(around) or self._is_plain(around)
        if whole:  # also what stands before the first kept block, and behind the last
            first, last = -1, len(keep)
        above = _Above.NOTHING  # lists of links below a heading of the main text belong to it
        for index, block in enumerate(self._blocks):
            if block.kind is BlockKind.HEADING or _names_sources(block):
                above = self._heading(index, keep, around)
                keep[index] |= above is _Above.SOURCES
            elif not keep[index]:
                inside = first < index < last or above is not _Above.NOTHING or _is_in_note(block)
                if inside and not self._zones[index] and is_inside(block, around):
                    listed = block.kind is BlockKind.ITEM and above is not _Above.NOTHING
                    own = listed or above is _Above.SOURCES or not is_links(block)
                    keep[index] = own and not is_furniture(block)
                above = above if keep[index] else _Above.NOTHING
        self._keep_headings(keep, around, follows=whole)

    def _is_plain(self, part: HtmlElement) -> bool:
        """Tell whether nothing in a part of the page seems to be anything but text."""
        return not any(
            zone or is_furniture(block) or may_lead_away(block)
            for block, zone in zip(self._blocks, self._zones, strict=True)
            if is_inside(block, part)
        )

    def _heading(self, index: int, keep: list[bool], container: HtmlElement) -> _Above:
        block = self._blocks[index]
        if self._zones[index] or not is_inside(block, container):
            return _Above.KEPT if keep[index] else _Above.NOTHING
        if _names_sources(block):
            return _Above.SOURCES
        return _Above.KEPT if keep[index] else _Above.NOTHING

    def _keep_headings(self, keep: list[bool], container: HtmlElement, *, follows: bool) -> None:
        """Keep headings above kept blocks.

        Parameters
        ----------
        follows:
            Whether the last heading is kept too, below which nothing stands.
        """
        for index in range(len(keep) - 1, -1, -1):
            block = self._blocks[index]
            if not is_inside(block, container):
                continue
            if block.kind is not BlockKind.HEADING:
                follows = keep[index]
            elif follows and not self._zones[index]:
                keep[index] = True

    def _lead(self, keep: list[bool], title: set[str]) -> None:
        """Keep the page's main heading where it stands above the kept text, apart from it."""
        for index in range(keep.index(True) - 1, -1, -1):
            block = self._blocks[index]
            if block.element.tag == "h1":
                words = set(_WORD.findall(block.text.lower()))
                keep[index] = not title or 2 * len(words & title) >= len(words)
                return


def container(blocks: Sequence[Block]) -> HtmlElement:
    """Return the innermost part of a page that holds nearly all of the text of some blocks."""
    sizes: dict[HtmlElement, int] = defaultdict(int)
    for block in blocks:
        for element in _upwards(block.element):
            sizes[element] += len(block.key)
    largest = max(blocks, key=lambda block: len(block.key))
    share = _CONTAINER_SHARE * size_of(blocks)
    for element in _upwards(largest.element):
        if sizes[element] >= share and element.tag in _PARTS:
            return element
    return element


def _upwards(element: HtmlElement) -> list[HtmlElement]:
    chain: list[HtmlElement] = []
    node: HtmlElement | None = element
    while node is not None and len(chain) < _CLIMB:
        chain.append(node)
        node = node.getparent()
    return chain


def _is_declared(element: HtmlElement) -> bool:
    """Tell whether a page says of an element that its main text is in it."""
    above = _upwards(element)
    return any(one.tag in _MAIN or (one.get("role") or "") in _MAIN for one in above)


def is_inside(block: Block, container: HtmlElement) -> bool:
    """Tell whether a block stands in an element."""
    return any(element is container for element in _upwards(block.element))


def _names_sources(block: Block) -> bool:
    return block.kind in (BlockKind.HEADING, BlockKind.TEXT) and bool(
        _SOURCES.fullmatch(block.text.strip("# :"))
    )


def _is_in_note(block: Block) -> bool:
    return any(map(is_note, _upwards(block.element)[:_NOTE_DEPTH]))


def is_links(block: Block) -> bool:
    """Tell whether a block is links for the greater part, and no caption or table."""
    element = block.element
    named = f"{element.tag} {element.get('class') or ''} {element.get('role') or ''}"
    return may_lead_away(block) and block.kind is not BlockKind.TABLE and not _NOTE.search(named)


def may_lead_away(block: Block) -> bool:
    """Tell whether a block may be navigation: links for the greater part, or a table of some."""
    if block.kind is BlockKind.TABLE:
        return block.links > 0
    return 2 * block.links > len(block.key)


def is_furniture(block: Block) -> bool:
    """Tell whether a block is nothing but standing phrases."""
    if block.kind in (BlockKind.CODE, BlockKind.TABLE):
        return False
    return is_standing_phrase(block.text)


def size_of(blocks: Sequence[Block]) -> int:
    """Count the letters and digits of blocks."""
    return sum(len(block.key) for block in blocks)
