"""Labels of buttons and standing phrases that are no text of a page, in the languages most met.

A block counts only when it is nothing but such phrases: a sentence that holds one stays.
"""

from __future__ import annotations

import re

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
_WORDS = (
    "share|tweet|print|email|advertisement|advert|sponsored|sign up|sign in|log ?in|subscribe|edit"
    "|loading|menu|search|close|home|previous|next|comments?|reply|report|likes?|accept|dismiss"
    "|skip|anzeige|werbung|kommentare?|publicité|publicidad|pubblicità|advertentie|impressum"
    "|datenschutz"
)
_PHRASES = f"{_ENGLISH}|{_GERMAN}|{_FRENCH}|{_SPANISH}|{_OTHERS}"
_END = r"[\s.…:!?»›→|·•,/*_]*"
_LONGEST = 200
_MARKS = "-*#>·•|← "


def _only(phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?:(?:{phrases}){_END}){{1,3}}", re.IGNORECASE)


_STANDING, _BUTTON = _only(_PHRASES), _only(f"{_PHRASES}|{_WORDS}")


def is_standing_phrase(text: str, *, heading: bool) -> bool:
    """Tell whether a text is nothing but standing phrases, or labels where it is no heading."""
    if len(text) >= _LONGEST:
        return False
    pattern = _STANDING if heading else _BUTTON
    return pattern.fullmatch(text.strip(_MARKS)) is not None
