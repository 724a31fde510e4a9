"""Parts of a page that are no text of its own: navigation, banners, footers and the like.

Told by elements, ARIA roles and the names that authors give to classes and ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from knowledge.text.cleaning import words

if TYPE_CHECKING:
    from lxml.html import HtmlElement


class Zone(IntEnum):
    """How sure it is that a part is not the page's own text."""

    SOFT = 1
    """Left out unless the main text reaches into it."""
    HARD = 2
    """Left out."""


_HARD_TAGS = frozenset({"nav", "dialog", "menu"})
_SOFT_TAGS = frozenset({"aside", "header", "form", "fieldset"})
_HARD_ROLES = words(
    "navigation contentinfo search dialog alertdialog menu menubar toolbar tablist tree"
)
_SOFT_ROLES = frozenset({"banner", "complementary", "form"})

_HARD_NAMES = (
    "(?:main|top|sub|side|left|right|bottom|foot|head|global|site|user|meta|haupt|seiten)?"
    "(?:nav|navs|navi|navigation|menu|menubar|navbar)|navbox|megamenu|topbar|toolbar|breadcrumbs?"
    "|pagination|pager|paginator|footer|colophon|sidebar|sidemenu|sidenav|toc|table-of-contents"
    "|cookies?|consent|gdpr|ccpa|cmp|onetrust|privacy-banner|cookie-?(?:bar|notice|hinweis|layer)"
    "|modal|popup|overlay|lightbox|page-?footer|fusszeile|fußzeile|jumpbox|action-bar|post-buttons"
    "|share|shares|sharing|sharebar|sharedaddy|addthis|addtoany|social|socials|socialmedia|follow-us"
    "|newsletter|subscribe|subscription|signup|sign-up|mailchimp|optin|ads?|advert|adverts"
    "|advertisement|advertising|adsense|sponsor|sponsored|werbung|werbeblock|publicite|publicidad"
    "|reklame|taboola|outbrain|promo|promotion|quick-links|online-list"
    "|skip-links?|skip-to-content|login|signin|paywall|search-form|searchform|searchbox"
    "|language-switcher|lang-switch|editsection|printfooter|catlinks|sitemap|masthead-nav"
)
_SOFT_NAMES = (
    "related|related-posts|relatedposts|recommended|recommendations|read-more|readmore|more-stories"
    "|see-also-posts|suggested|suggestions|popular|trending|most-read|mostread|teasers?|comments?"
    "|disqus|respond|reply|replies|discussion|author-bio|authorbio|author-box|about-author|byline"
    "|post-meta|entry-meta|article-meta|meta|tags|tag-list|tagcloud|tag-cloud|categories|widgets?"
    "|widget-area|banner|header|masthead|site-header|site-info|copyright|disclaimer|feedback|rating"
    "|ratings|votes?|next-prev|prev-next|post-navigation|print|printonly|noprint|hidden|sr-only"
    "|screen-reader-text|visually-hidden|visuallyhidden|notice-banner|announcement|alert-banner|cta"
    "|callout-cta|dropdown|postprofile|stat-block|contact-box|kommentare?|kommentarbereich"
    "|commentaires|comentarios|reacties|empfehlungen|meistgelesen|anzeige"
)
_PARTS = (
    "links?|lists?|items?|containers?|wrap|wrapper|inner|outer|content|bar|area|menu|section|widget"
    "|widgets|block|box|buttons?|btns?|icons?|primary|secondary|top|bottom|left|right|desktop|mobile"
    "|panel|holder|drawer|sticky|tree|group|row|col|column|module|banner|form|notice|message|popup|header|title|\\d+"
)


def _names(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|.*[-_])(?:{words})(?:[-_]+(?:{_PARTS}))*$")


_HARD_NAME, _SOFT_NAME = _names(_HARD_NAMES), _names(_SOFT_NAMES)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAME_LIMIT = 60
_MOST_NAMES = 12
_HIDDEN_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_NOTES = re.compile(r"\b(?:foot|end)notes?\b|doc-(?:foot|end)note")
_UNFOLDS = re.compile(
    r"accordion|collaps|expand|foldable|faq|answer|tab-?(?:pane|panel|content)|\bpanel|spoiler"
    r"|solution|disclosure|show-?more|read-?more",
    re.IGNORECASE,
)
_SHOWN_BY = words("x-show x-collapse x-transition v-show ng-show ng-hide data-show @show.bind")
"""Attributes by which scripts show an element after a click."""
_HIDDEN_NAME = re.compile(r"(?:^|\s)(?:hidden|d-none|is-hidden|hide)(?:\s|$)")
_NEVER = words("html body main h1 h2 h3 h4 h5 h6 p table tbody tr td th details summary")


class Controlled:
    """The ids of a page that its buttons and links show or lead to."""

    def __init__(self, root: HtmlElement) -> None:
        self._root = root
        self._ids: set[str] | None = None

    def __contains__(self, name: str) -> bool:
        if self._ids is None:
            self._ids = set(self._named())
        return name in self._ids

    def _named(self) -> Iterator[str]:
        for control in self._root.iter("a", "button", "label", "summary", "input"):
            for attribute in _CONTROLS:
                yield from (control.get(attribute) or "").replace("#", " ").split()[:_MOST_NAMES]


_CONTROLS = ("aria-controls", "href", "data-target", "data-bs-target", "data-tab", "for")


def is_panel(element: HtmlElement) -> bool:
    """Tell whether an element is a part that is shown after a click, by its own attributes."""
    if (element.get("role") or "").lower() == "tabpanel" or element.get("hidden") == "until-found":
        return True
    if not _SHOWN_BY.isdisjoint(element.keys()):
        return True
    return bool(_UNFOLDS.search(f"{element.get('class')} {element.get('id')}"))


def uncover(root: HtmlElement) -> None:
    """Take from a page's panels what hides them, so that other readers see them."""
    controlled = Controlled(root)
    hidden = "//*[@hidden or @aria-hidden='true' or contains(@style,'none') or @class]"
    for element in root.xpath(hidden):
        if not _hides(element) and not _HIDDEN_NAME.search(element.get("class") or ""):
            continue
        if _is_shown(element, controlled):
            for name in ("hidden", "aria-hidden", "style", "class"):
                element.attrib.pop(name, None)


def zone_of(element: HtmlElement, controlled: Controlled) -> Zone | None:
    """Return what kind of zone an element opens, if any."""
    tag = element.tag
    if tag in _HARD_TAGS:
        return Zone.HARD
    if tag == "footer":
        return None if _inside(element, "blockquote") else Zone.HARD
    if tag in _NEVER or is_note(element):
        return None
    zone = max(_by_tag(element), _by_role(element), _by_name(element))
    if zone < Zone.HARD and _hides(element) and not _is_shown(element, controlled):
        zone = Zone.SOFT
    return zone or None  # type: ignore[return-value]


def is_note(element: HtmlElement) -> bool:
    """Tell whether an element is a footnote, or holds some."""
    return bool(_NOTES.search(f"{element.get('class')} {element.get('role')}"))


def _by_tag(element: HtmlElement) -> int:
    if element.tag == "header" and _inside(element, "article", "main"):
        return 0
    return Zone.SOFT if element.tag in _SOFT_TAGS else 0


def _by_role(element: HtmlElement) -> int:
    role = (element.get("role") or "").lower()
    if role in _HARD_ROLES or element.get("aria-modal") == "true":
        return Zone.HARD
    return Zone.SOFT if role in _SOFT_ROLES else 0


def _hides(element: HtmlElement) -> bool:
    """Tell whether an element is not shown at first."""
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    style = element.get("style")
    return bool(style and _HIDDEN_STYLE.search(style))


def _is_shown(element: HtmlElement, controlled: Controlled) -> bool:
    """Tell whether a hidden element is shown after a click, or is text that a script shows."""
    if is_panel(element) or (element.get("id") or "") in controlled:
        return True
    if _HIDDEN_STYLE.search(element.get("style") or ""):
        return False
    return _inside(element, "article", "main")


def _by_name(element: HtmlElement) -> int:
    names = f"{element.get('class') or ''} {element.get('id') or ''}".split()[:_MOST_NAMES]
    hidden = _HIDDEN_NAME.search(element.get("class") or "")
    if hidden and is_panel(element):  # its class says how it is at first
        names = [name for name in names if not _HIDDEN_NAME.search(name)]
    return max((_zone_of_name(name[:_NAME_LIMIT]) for name in names), default=0)


@lru_cache(maxsize=4096)
def _zone_of_name(given: str) -> int:
    name = _HUMP.sub("-", given).lower()
    if _HARD_NAME.match(name):
        return Zone.HARD
    return Zone.SOFT if _SOFT_NAME.match(name) else 0


def _inside(element: HtmlElement, *tags: str) -> bool:
    parent = element.getparent()
    for _ in range(30):
        if parent is None:
            return False
        if parent.tag in tags:
            return True
        parent = parent.getparent()
    return False
