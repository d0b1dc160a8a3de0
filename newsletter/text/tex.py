r"""TeX in arXiv titles, abstracts and author names, made readable as plain Unicode text.

``to_unicode(r"Erd\H{o}s graphs in $O(n\log n)$")`` gives ``Erdős graphs in O(n log n)``.

The metadata is prose with islands of TeX, not a TeX document: `$` may be money, `&`, `%` and `_` are
themselves, braces need not match. So one tolerant pass reads tokens instead of parsing LaTeX. What it knows
becomes Unicode (pylatexenc supplies the symbols and alphabets); what it does not know stays as written, or
loses only its backslash. It drops markup, never words; it raises nothing, and takes linear time.
"""

import re
from dataclasses import replace
from unicodedata import category, normalize

from pylatexenc.latex2text import (  # type: ignore[import-untyped]  # it ships no types
    fmt_math_text_style,
    get_default_latex_context_db,
)

from newsletter.models.papers import Display, Paper

_DEEPEST = 40  # groups nested deeper than this are shown as written
_LONGEST = 1000  # tokens of a formula between dollar signs

_SPECIAL = re.compile(r"[\\${}^_~]|``|--")
_TOKEN = re.compile(r"\\operatorname\*|\\a['`=]|\\[A-Za-z]+|\\.|\s+|[\\{}$^_~]|[^\\{}$^_~\s]+", re.DOTALL)
_LIGATURE = re.compile(
    r"""\\.|https?://[^\s'`"{}\\]+"""  # left alone: TeX escapes and addresses
    r"""|(?<!`)``(?!`)|''|"|(?<![-<!])---?(?![->])|~\s*""",
    re.DOTALL,
)
_WORD, _GAP = r"[A-Za-z]{2,}", r"[\s,.;:]+"
_PROSE = re.compile(rf"(?<![A-Za-z\\])(?:{_WORD}{_GAP}){{2}}{_WORD}")  # three words in a row are not a formula
_WORDS = re.compile(rf"(?<![A-Za-z\\]){_WORD}{_GAP}{_WORD}")
_MARKUP = re.compile(r"[\\^_]")
_TIDY = re.compile(r"(?<=[(\[⟨⌈⌊])\s+|\s+(?=[)\]⟩⌉⌋,])")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> dict[str, str]:
    return dict(zip(text.split()[::2], text.split()[1::2], strict=True))


_TEXT = _names(  # the argument is prose, also within a formula
    "text textrm textbf textit textsl textsf texttt textsc textup textnormal textmd emph mbox hbox underline"
    " uline ul num ac acp acs acf acl acrshort gls url path added revise"
)
_MATH = _names(  # the argument is shown in its surroundings' manner
    "mathrm mathbf mathsf mathit mathtt mathnormal boldsymbol bm pmb mathop mathbin mathrel mathord mathopen"
    " mathclose mathpunct ensuremath smash uppercase underbrace overbrace overrightarrow substack"
)
_STYLE = _pairs(
    "mathbb doublestruck mathds doublestruck mathbbm doublestruck mathcal script mathscr script mathfrak fraktur"
)
_SILENT = _names(  # switches of font and size, which swallow the space behind them
    "rm bf it tt sf sc sl em cal mit tiny small normalsize large Large LARGE huge Huge displaystyle textstyle"
    " scriptstyle left right middle big Big bigg Bigg bigl bigr bigm Bigl Bigr Bigm biggl biggr Biggl Biggr"
    " limits nolimits protect noindent indent centering relax xspace null nobreakdash"
)
_TEMPLATE = dict.fromkeys(_names("cite citep citet citealt ref"), "[{}]") | {  # {:.0} leaves an argument out
    **dict.fromkeys(_names("color hspace vspace"), "{:.0}"),
    **dict.fromkeys(_names("textcolor hyperlink texorpdfstring"), "{:.0}{}"),
    **dict.fromkeys(_names("ion SI qty"), "{} {}"),
    **_pairs("ket |{}⟩ bra ⟨{}| braket ⟨{}⟩ si {} unit {} enquote “{}”"),
    "footnote": " ({})",
    "binom": "C({}, {})",
}
_FRACTIONS = _names("frac tfrac dfrac cfrac nicefrac sfrac")
_FUNCTIONS = _names("arg argmax argmin det dim gcd ker hom lg lcm mod bmod poly polylog Pr")
_SPACES = _names(r", ; : > \ quad qquad thinspace enspace space newline")
_SYMBOL = _pairs(
    "- - | ‖ lbrace { rbrace } lbrack [ rbrack ] ne ≠ neg ¬ iff ⇔ implies ⇒ gets ← leadsto ⇝ colon :"
    " Re ℜ Im ℑ"
    " star ⋆ triangle △ checkmark ✓ models ⊨ mid ∣ land ∧ lor ∨ upmu μ ohm Ω degree ° textdegree ° percent %"
    " arcsec ″ arcmin ′ LaTeX LaTeX TeX TeX textasciitilde ~ textasciicircum ^ slash /"
)
_LETTERS = _names("o O l L ss ae AE oe OE aa AA i j dh DH th TH dj DJ ng NG")  # in words: K\o benhavn
_MARKS = "\u0301\u0300\u0308\u0302\u0303\u0304\u0307\u0327\u030b\u0328\u0331\u0323\u030a\u0306\u030c\u20d7\u0338"
_ACCENT = dict(zip([*"'`\"^~=.cHkbdruv", "vec", "not"], _MARKS, strict=True))
_ACCENT |= {
    long: _ACCENT[short]
    for long, short in _pairs(
        "acute ' grave ` ddot \" hat ^ widehat ^ tilde ~ widetilde ~ bar = Bar = overline = dot . mathring r"
        " breve u check v"
    ).items()
}

_UP = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ",
        strict=True,
    )
)
_DOWN = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_SCRIPT = {"^": _UP, "_": _DOWN}
_SCRIPTS = frozenset([*_UP.values(), *_DOWN.values(), "'"])
_ORDINARY = frozenset("∞∂∇∑∏∫∮√∀∃∅¬□△|‖⊙")  # mathematical symbols that are no operators


def _symbols() -> dict[str, str]:
    r"""The macros without arguments: pylatexenc's, such as \alpha and \log, and ours."""
    symbols = {}
    for spec in get_default_latex_context_db().iter_macro_specs():
        shown = spec.simplify_repl
        if isinstance(shown, str) and (len(shown) == 1 or shown.replace(" ", "").isalpha()):
            symbols[spec.macroname] = shown
    return symbols | {name: name for name in _FUNCTIONS} | dict.fromkeys(_SPACES, " ") | _SYMBOL


_SYMBOLS = _symbols()


def to_unicode(text: str) -> str:
    """`text` with its TeX made readable; text without TeX comes back as it is."""
    if not _SPECIAL.search(text):
        return text
    text = _ligatures(text)
    reader = _Reader(text)
    return reader.run(len(reader.tokens), math=False)


def _ligatures(text: str) -> str:
    """TeX's quotes, dashes and unbreakable spaces, where they cannot be anything else."""
    opened, last = 0, max(text.rfind("''"), text.rfind('"'))

    def replace(m: re.Match[str]) -> str:
        nonlocal opened
        found, before, after = m[0], text[m.start() - 1 : m.start()], text[m.end() : m.end() + 1]
        match found.rstrip():
            case "``" if m.end() <= last:
                opened += 1
                return "“"
            case "''" | '"' if opened:
                opened -= 1
                return "”"
            case "---":
                return "—"
            case "--" if not (after.isalnum() and before in ("", *" \n\t([{'\"`")):  # not an --option
                return "–"
            case "~" if before.strip("(/ \n\t=<>") and after:
                single = before.isalpha() and not text[m.start() - 2 : m.start() - 1].isalnum()
                if not (after.isdigit() and (before.isdigit() or single)):  # not 3~4, z~2
                    return " "
        return found

    return _LIGATURE.sub(replace, text)


class _Reader:
    """One pass over the tokens: each method reads what it needs from `at` on and returns its Unicode."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = _TOKEN.findall(text)
        self.closing: dict[int, int] = {}  # where the group that opens here ends
        self.at = self.depth = 0
        opened: list[int] = []
        for i, token in enumerate(self.tokens):
            if token == "{":
                opened.append(i)
            elif token == "}" and opened:
                self.closing[opened.pop()] = i

    def run(self, end: int, math: bool) -> str:
        out: list[str] = []
        before = ""
        while self.at < end:
            piece = self.one(end, math, before)
            if before.isspace() and piece[:1] == " ":  # no doubled space where markup was
                piece = piece[1:]
            if piece:
                out.append(piece)
                before = piece[-1]
        return "".join(out)

    def one(self, end: int, math: bool, before: str) -> str:
        """The next token, with its arguments if it is a macro."""
        token = self.tokens[self.at]
        self.at += 1
        if self.depth > _DEEPEST:
            return token
        self.depth += 1
        try:
            if token[0] == "\\":
                return self.macro(token[1:], end, math, before)
            if token == "{" and self.closing.get(self.at - 1, end) < end:
                return self.group(math, before)
            if token == "$" and not math:
                return self.dollars(end)
            if token in "^_" and (math or (before.strip() and self.opens(end))):
                return self.script(token, end)
            if math and (token == "~" or token.isspace()):
                return " "
            return token
        finally:
            self.depth -= 1

    def peek(self, end: int) -> str:
        return self.tokens[self.at] if self.at < end else ""

    def take(self, length: int) -> str:
        """The beginning of the next token; the rest of it is to be read yet."""
        token = self.tokens[self.at]
        if token[length:]:
            self.tokens[self.at] = token[length:]
        else:
            self.at += 1
        return token[:length]

    def raw(self, start: int, end: int) -> str:
        return "".join(self.tokens[start:end])

    def opens(self, end: int) -> bool:
        """Whether a group that also ends in time comes next."""
        return self.closing.get(self.at, end) < end

    def skip_space(self, end: int) -> bool:
        spaced = self.peek(end).isspace()
        self.at += spaced
        return spaced

    def argument(self, end: int, math: bool) -> str:
        """A group without its braces, or else one character or macro."""
        if self.opens(end):
            close = self.closing[self.at]
            self.at += 1
            if self.depth > _DEEPEST:
                start, self.at = self.at, close + 1
                return self.raw(start, close)
            inside = self.run(close, math)
            self.at = close + 1
            return inside
        token = self.peek(end)
        if token in ("", "{", "}", "$", "^", "_", "~", "\\") or token.isspace():
            return ""
        if token[0] != "\\" and len(token) > 1:
            return self.take(1)
        return self.one(end, math, "")

    def group(self, math: bool, before: str) -> str:
        """Braces: TeX's own, unless they might be the author's, as in {0, 1}."""
        start, close = self.at, self.closing[self.at - 1]
        first, after = self.tokens[start].lstrip(), self.tokens[close + 1 : close + 2]
        if close == start:
            ours = math or bool(before.strip())
        elif first[:1] == "\\":
            ours = first not in ("\\", "\\{")
        else:  # P{\u a}tra, {B}ayesian
            ours = close == start + 1 and first.isalpha() and (before.isalpha() or (after or [""])[0][0:1].isalpha())
        if not math and not ours:
            return "{"
        self.at -= 1
        return self.argument(close + 1, math)

    def dollars(self, end: int) -> str:
        """What a dollar sign opens: a formula, or nothing if it means money."""
        width = 2 if self.peek(end) == "$" else 1
        start = stop = self.at + width - 1
        end = min(end, start + _LONGEST)
        while stop < end and self.tokens[stop] not in ("$", "}"):
            stop = self.closing[stop] + 1 if self.closing.get(stop, end) < end else stop + 1
        closed = self.raw(stop, min(stop + width, end)) == "$" * width
        after = self.tokens[stop + width : stop + width + 1]
        if not (closed and _is_formula(self.raw(start, stop), (after or [""])[0])):
            return "$"
        return self.formula(start, stop, stop + width)

    def display(self, opening: str, end: int) -> str:
        r"""What `\(` or `\[` opens, if anything."""
        closing = "\\)" if opening == "(" else "\\]"
        for stop in range(self.at, end):
            if self.tokens[stop] == closing:
                return self.formula(self.at, stop, stop + 1)
            if self.tokens[stop] == "\\" + opening:
                break
        return "\\" + opening

    def formula(self, start: int, stop: int, after: int) -> str:
        while start < stop and self.tokens[start].isspace():
            start += 1
        end = stop
        while end > start and self.tokens[end - 1].isspace():
            end -= 1
        self.at = start
        shown = self.run(end, math=True)
        self.at = after
        return _TIDY.sub("", shown)

    def script(self, op: str, end: int) -> str:
        start = self.at
        body = self.argument(end, math=True)
        return self.raised(op, body, end) if self.at > start or body else op

    def raised(self, op: str, body: str, end: int) -> str:
        """A superscript or subscript, as x², x⁻¹, xᵢ, T_eff, or else x^(a/b)."""
        body = re.sub(r" ([^\w\s]) ", r"\1", body.strip())
        small = _SCRIPT[op]
        if all(c in small for c in body) and not re.search(r"[^\W\d_](?:[^\W\d_]|\()", body):
            return "".join(small[c] for c in body)
        if op == "^" and body == "∘":
            return "°"
        if body in (("*", "∗", "†", "‡", "°", "'", "''", "th", "st", "nd", "rd") if op == "^" else ("⊙",)):
            return body
        last = not self.peek(end)[:1].isalnum()
        if len(body) == 1 or (last and re.fullmatch(r"[-−+]?[\d.]+", body)):
            return op + body
        if op == "_" and last and body.isalnum() and not _SCRIPTS & set(body):
            return op + body
        return f"{op}({body})"

    def word(self, name: str, end: int, math: bool, before: str) -> str:
        """A function such as log, set apart from the letters around it."""
        spaced = self.skip_space(end)
        after = self.peek(end)
        letters = after[:1].isalnum() or (after[1:2].isalpha() and after[0] == "\\" and after[1:] not in _SILENT)
        left = " " if before.isalnum() or before in tuple(")]}") else ""
        return left + name + (" " if letters or (spaced and not math) else "")

    def symbol(self, name: str, end: int, math: bool, before: str) -> str:
        symbol = _SYMBOLS[name]
        if len(symbol) > 1 and symbol.isascii():
            return self.word(symbol, end, math, before)
        spaced = (math or name in _LETTERS) and self.skip_space(end)
        after = self.peek(end)[:1]
        if not math:
            return symbol
        kind = "letter" if symbol in _ORDINARY else category(symbol)
        if kind == "Sm":
            if not before or before in "([{⟨|‖,;:=<>+-−/" or not after:  # a sign, not between two things
                return symbol
            return f" {symbol} "
        between = before.isspace() and kind in ("Po", "So", "Sk")  # typed with space around it
        return symbol + (" " if spaced and after and (between or after in "=<>+-−*/|") else "")

    def accent(self, name: str, end: int, math: bool) -> str:
        start, is_letter = self.at, name.isalpha()
        if is_letter:
            self.skip_space(end)
        if self.opens(end):
            inside = self.raw(self.at + 1, self.closing[self.at])
            if len(inside) > 1 and name + inside in _SYMBOLS:  # arXiv turns \beta into \b{eta}
                self.at = self.closing[self.at] + 1
                return _SYMBOLS[name + inside]
        elif not (self.peek(end)[:1].isalpha() or self.peek(end)[:1] == "\\" or math):
            self.at = start
            return "\\" + name if is_letter else name
        base = self.argument(end, math).replace("ı", "i").replace("ȷ", "j")
        if not base or not (base[0].isalnum() or math):
            return base if is_letter else name + base
        if len(name) > 1 and base[1:2].isalnum() and base[1] not in _SCRIPTS:  # over a whole word
            return base
        shown = normalize("NFC", base[0] + _ACCENT[name]) + base[1:]
        return f" {shown} " if name == "not" else shown

    def fraction(self, end: int, before: str) -> str:
        parts = []
        for _ in range(2):
            self.skip_space(end)
            parts.append(self.argument(end, math=True).strip())
        above, below = parts
        core = "".join(c for c in below.lstrip("∂√") if c not in _SCRIPTS)
        if re.search(r"[\s+\-−/=,<>]", above[1:]):
            above = f"({above})"
        if not (len(core) <= 1 or core.isdigit()):
            below = f"({below})"
        after = self.peek(end)
        beside = before.isalnum() or after[:1].isalnum() or after[1:2].isalpha()
        return f"({above}/{below})" if beside else f"{above}/{below}"

    def root(self, end: int) -> str:
        index = re.match(r"\[(\w+)\]", self.peek(end))
        if index:
            self.take(index.end())
        body = self.argument(end, math=True).strip()
        simple = body.isdigit() or len([c for c in body if c not in _SCRIPTS]) <= 1
        return ("".join(_UP.get(c, c) for c in index[1]) if index else "") + (f"√{body}" if simple else f"√({body})")

    def macro(self, name: str, end: int, math: bool, before: str) -> str:
        r"""What follows a backslash."""
        start = self.at
        if name in ("(", "["):
            return self.display(name, end)
        if name in tuple("{}%$&#_"):
            return name
        if name in ("!", "/", "@"):
            return "!" if name == "!" and not math else ""
        if name.isspace() and not math and not before.strip():
            return "\\" + name
        if name in ("a'", "a`", "a="):
            name = name[1]
        if name in _ACCENT:
            return self.accent(name, end, math)
        if name in _SPACES or name.isspace():
            return "" if self.peek(end)[:1] in tuple(",.;:)") else " "
        if name in _SILENT:
            self.skip_space(end)
            if name in ("left", "right") and self.peek(end)[:1] == ".":
                self.take(1)
            return ""
        if name == "deg" and (before.isdigit() or not self.peek(end)[:1].strip("({\\ ")):
            return "°"
        self.skip_space(end)
        if math or self.opens(end):
            known = self.with_arguments(name, end, math, before)
            if known is not None:
                return known
        self.at = start
        if name in _SYMBOLS:
            return self.symbol(name, end, math, before)
        return self.unknown(name, end, math, before)

    def with_arguments(self, name: str, end: int, math: bool, before: str) -> str | None:
        if name in _FRACTIONS:
            return self.fraction(end, before)
        if name == "sqrt":
            return self.root(end)
        if name in _TEXT:
            return self.argument(end, math=False)
        if name in _MATH:
            return self.argument(end, math=True)
        if name in _STYLE:
            return str(fmt_math_text_style(self.argument(end, math=True), _STYLE[name]))
        if name in ("operatorname", "operatorname*"):
            return self.word(self.argument(end, math=True), end, math, before)
        if not self.opens(end):
            return None
        if name in ("textsuperscript", "textsubscript"):
            return self.raised("^" if "super" in name else "_", self.argument(end, math=False), end)
        if name == "href":
            address, label = self.argument(end, math=False), self.argument(end, math=False)
            return f"{label} ({address})" if label and label not in address else address
        if name == "unicode":
            code = self.argument(end, math=False)
            found = chr(int(code[1:], 16)) if re.fullmatch(r"x[0-9A-Fa-f]{1,4}", code) else code
            return found if found.isprintable() else code
        if name in _TEMPLATE:
            return _TEMPLATE[name].format(*(self.argument(end, math) for _ in range(_TEMPLATE[name].count("{"))))
        return None

    def unknown(self, name: str, end: int, math: bool, before: str) -> str:
        r"""A macro of the author's own. Often its name says it, as in \OurMethod{} or \Z."""
        start = self.at
        definition = name in ("newcommand", "renewcommand", "def", "DeclareMathOperator")
        if not name.isalpha():
            return "\\" + name
        if math and not definition:
            if self.opens(end):
                body = self.argument(end, math=True)
                return f"{name}({body})" if body else name
            return self.word(name, end, math, before) if len(name) > 1 else name
        while self.opens(end) or (definition and self.peek(end)[:1] == "["):
            self.at = self.closing.get(self.at, self.at) + 1
        arguments = self.raw(start, self.at)
        if arguments in ("", "{}") and len(name) > 1 and not definition:
            if before.isdigit():
                return " " + name
            if not before.strip("([{'\"“‘—–-/ \n\t"):
                return name
        return f"\\{name}{arguments}"


def _is_formula(inside: str, after: str) -> bool:
    """Whether what stands between two dollar signs is a formula rather than prose between two prices."""
    outside = re.sub(r"\{[^{}]*\}", "", inside)
    if not inside.strip() or _PROSE.search(outside):
        return False
    if _MARKUP.search(inside):
        return not (inside[0].isdigit() and inside[-1].isspace() and re.search(rf"\s{_WORD}", outside))
    spaces = inside[0].isspace() + inside[-1].isspace()
    if (spaces and re.search(_WORD, inside)) or (spaces == 1 and inside[0].isdigit()):
        return False
    price = inside[0].isdigit() and after[:1].isdigit()
    return not (price or (inside[-1] == "/" and len(inside) > 1) or _WORDS.search(inside))


def displayed(paper: Paper) -> Paper:
    """The paper with its display text derived from the raw text."""
    display = Display(
        title=to_unicode(paper.title),
        authors=tuple(to_unicode(author) for author in paper.authors),
        abstract=to_unicode(paper.abstract),
    )
    return replace(paper, display=display)
