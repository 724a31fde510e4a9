"""Parts of a page that are no text of its own: navigation, banners, footers and the like.

Told by elements, ARIA roles and the names that authors give to classes and ids.
"""

from __future__ import annotations

import re
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
_UNFOLDS = re.compile(r"accordion|collaps|expand|foldable|faq|answer|tab-?(?:pane|panel|content)")
_NEVER = words("html body main h1 h2 h3 h4 h5 h6 p table tbody tr td th details summary")


def zone_of(element: HtmlElement) -> Zone | None:
    """Return what kind of zone an element opens, if any."""
    tag = element.tag
    if tag in _HARD_TAGS:
        return Zone.HARD
    if tag == "footer":
        return None if _inside(element, "blockquote") else Zone.HARD
    if tag in _NEVER or is_note(element):
        return None
    return max(_by_tag(element), _by_role(element), _by_name(element)) or None  # type: ignore[return-value]


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
    return Zone.SOFT if role in _SOFT_ROLES or _is_hidden(element) else 0


def _is_hidden(element: HtmlElement) -> bool:
    """Tell whether an element is not shown; what a click unfolds counts as shown."""
    style = _HIDDEN_STYLE.search(element.get("style") or "")
    hidden = style or element.get("hidden") is not None or element.get("aria-hidden") == "true"
    return bool(hidden) and not _UNFOLDS.search(f"{element.get('class')} {element.get('id')}")


def _by_name(element: HtmlElement) -> int:
    names = f"{element.get('class') or ''} {element.get('id') or ''}".split()[:_MOST_NAMES]
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
