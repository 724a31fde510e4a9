"""Equations of Word documents (Office Math, ISO/IEC 29500-1 section 22.1) to LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from knowledge.text.cleaning import words

_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
EQUATION = _MATH + "oMath"

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega",
)  # fmt: skip
_SYMBOLS = {
    **{chr(0x3B1 + place): name for place, name in enumerate(_GREEK)},
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi",
    "∞": "infty", "×": "times", "÷": "div", "·": "cdot", "⋅": "cdot", "±": "pm", "∓": "mp",
    "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx", "≡": "equiv", "∼": "sim", "∝": "propto",
    "→": "to", "←": "leftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow", "⇔": "Leftrightarrow",
    "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap",
    "∀": "forall", "∃": "exists", "∅": "emptyset", "∂": "partial", "∇": "nabla", "¬": "neg",
    "∧": "wedge", "∨": "vee", "…": "ldots", "⋯": "cdots", "∘": "circ", "⊕": "oplus",
    "⊗": "otimes", "∥": "parallel", "⊥": "perp", "∠": "angle", "ℏ": "hbar", "ℓ": "ell",
    "∑": "sum", "∏": "prod", "∐": "coprod", "∫": "int", "∬": "iint", "∭": "iiint", "∮": "oint",
    "⋃": "bigcup", "⋂": "bigcap", "⋀": "bigwedge", "⋁": "bigvee", "√": "surd",
}  # fmt: skip
_TO_TEX = str.maketrans({sign: f"\\{name} " for sign, name in _SYMBOLS.items()} | {"−": "-"})
_ACCENTS = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0305": "overline", "\u0307": "dot",
    "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec",
}  # fmt: skip
_FUNCTIONS = words(
    "arccos arcsin arctan cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf "
    "limsup ln log max min sec sin sinh sup tan tanh"
)


def latex(element: Any) -> str:
    """Return what an element of an equation shows, as LaTeX; styles are left out."""
    if not isinstance(element.tag, str):
        return ""
    name = element.tag.rpartition("}")[2]
    if name == "t":
        return (element.text or "").translate(_TO_TEX)
    if name.endswith("Pr"):
        return ""
    write = _WRITERS.get(name) if element.tag.startswith(_MATH) else None
    return write(element) if write else "".join(map(latex, element))


def _part(element: Any, name: str) -> str:
    found = element.find(_MATH + name)
    return "" if found is None else latex(found).strip()


def _property(element: Any, name: str, default: str = "") -> str:
    """Return a value of an element's properties; one that is given as empty is empty."""
    found = element.find(f"{_MATH}{element.tag.rpartition('}')[2]}Pr/{_MATH}{name}")
    return default if found is None else found.get(_MATH + "val", "")


def _fraction(element: Any) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    kind = _property(element, "type")
    if kind == "lin":
        return f"{above}/{below}"
    return f"\\{'binom' if kind == 'noBar' else 'frac'}{{{above}}}{{{below}}}"


def _script(element: Any) -> str:
    return _part(element, "e") + _limits(element)


def _limits(element: Any) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _before(element: Any) -> str:
    return f"{{}}{_limits(element)}{_part(element, 'e')}"


def _radical(element: Any) -> str:
    degree = _part(element, "deg")
    return f"\\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _sum(element: Any) -> str:
    sign = _property(element, "chr", "∫").translate(_TO_TEX).strip()
    return f"{sign}{_limits(element)}{{{_part(element, 'e')}}}"


def _brackets(element: Any) -> str:
    left, right = _property(element, "begChr", "("), _property(element, "endChr", ")")
    between = _property(element, "sepChr", "|")
    parts = [latex(part).strip() for part in element.iterfind(_MATH + "e")]
    left, right = (f"\\{sign}" if sign in ("{", "}") else sign or "." for sign in (left, right))
    return f"\\left{left}{between.join(parts)}\\right{right}"


def _function(element: Any) -> str:
    name = _part(element, "fName")
    for known in _FUNCTIONS:
        if name == known or name.startswith((f"{known}_", f"{known}^")):
            name = f"\\{name}"
            break
    return f"{name}{{{_part(element, 'e')}}}"


def _limit(command: str) -> Callable[[Any], str]:
    return lambda element: f"\\{command}{{{_part(element, 'lim')}}}{{{_part(element, 'e')}}}"


def _rows(element: Any) -> str:
    rows = [
        " & ".join(latex(cell).strip() for cell in row.iterfind(_MATH + "e"))
        for row in element.iterfind(_MATH + "mr")
    ]
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _lines(element: Any) -> str:
    return r" \\ ".join(latex(line).strip() for line in element.iterfind(_MATH + "e"))


def _accent(element: Any) -> str:
    command = _ACCENTS.get(_property(element, "chr", "\u0302"), "hat")
    return f"\\{command}{{{_part(element, 'e')}}}"


def _bar(element: Any) -> str:
    over = _property(element, "pos") == "top"
    return f"\\{'overline' if over else 'underline'}{{{_part(element, 'e')}}}"


def _brace(element: Any) -> str:
    over = _property(element, "pos") == "top"
    return f"\\{'overbrace' if over else 'underbrace'}{{{_part(element, 'e')}}}"


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "f": _fraction,
    "sSup": _script,
    "sSub": _script,
    "sSubSup": _script,
    "sPre": _before,
    "rad": _radical,
    "nary": _sum,
    "d": _brackets,
    "func": _function,
    "limLow": _limit("underset"),
    "limUpp": _limit("overset"),
    "m": _rows,
    "eqArr": _lines,
    "acc": _accent,
    "bar": _bar,
    "groupChr": _brace,
}
