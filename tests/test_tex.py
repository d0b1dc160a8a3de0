r"""What `to_unicode` promises: TeX becomes readable, plain text stays itself, and no word is lost."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.text.tex import to_unicode

ACCENTS = [
    (r"Poincar\'e, H\"older, H{\"o}lder and H\"{o}lder", "Poincaré, Hölder, Hölder and Hölder"),
    (r"Erd\H{o}s, Erd{\H o}s, Fran\c{c}ois, Fran\c cois", "Erdős, Erdős, François, François"),
    (r"\v{S}afa\v{r}\'{\i}k, Garc\'\i a", "Šafařík, García"),
    (
        r"S{\o}ren, K\o benhavn, Stra{\ss}e, {\AA}ngstr\"om, \L{}ukasz",
        "Søren, København, Straße, Ångström, Łukasz",
    ),
    (r"Nguy\~ên", "Nguyễn"),
    (r"d{é}j{à} vu", "déjà vu"),
    (r"a threshold \b{eta} of H{\alpha}", "a threshold β of Hα"),  # arXiv's damage to \beta, and its \alpha
]
MARKUP = [
    (r"\textbf{bold} \emph{and} {\it slanted} {\em too}", "bold and slanted too"),
    (r"\texttt{snake_case} and \textit{a \textbf{nested} one}", "snake_case and a nested one"),
    (r"\url{https://example.org/~me/a_b--c}", "https://example.org/~me/a_b--c"),
    (r"see \href{https://example.org}{our page}", "see our page (https://example.org)"),
    (r"as shown~\cite{doe2020} in Fig.~3", "as shown [doe2020] in Fig. 3"),
    ("``quoted'' words", "“quoted” words"),
    ('``quoted" too', "“quoted” too"),
    ("yes---no, 1--2, Cauchy--Schwarz", "yes—no, 1–2, Cauchy–Schwarz"),
    (r"5\% of R\&D at \$3, a\_b \#1", "5% of R&D at $3, a_b #1"),
    (r"3\,km and e.g.\ this", "3 km and e.g. this"),
    (r"\MyMethod{} beats \OtherMethod and others", "MyMethod beats OtherMethod and others"),
]
FORMULAS = [
    (r"$O(n\log n)$, also O(n\log n)", "O(n log n), also O(n log n)"),
    (r"$x^2$, $x_i$, $10^{-3}$, H$_2$O, $a_{i+1}$", "x², xᵢ, 10⁻³, H₂O, aᵢ₊₁"),
    (r"$x^{ab}$, $T_{\rm eff}$, $e^{-x/2}$, $1.5^{+0.5}_{-0.1}$", "x^(ab), T_eff, e^(-x/2), 1.5^+0.5_-0.1"),
    (r"$45^\circ$, the 5$^{\rm th}$, $M_\odot$, $r^*$", "45°, the 5th, M⊙, r*"),
    (r"$x\in\mathbb{R}^n$, $\mathcal{O}(1)$, $\mathcal H_2$", "x ∈ ℝⁿ, 𝒪(1), ℋ₂"),
    (r"$\alpha \leq 3$, $p\to\infty$, $\sim 10$, 20$\times$", "α ≤ 3, p → ∞, ∼10, 20×"),
    (r"$\frac{a}{b}$, $\frac{a+b}{2n}$, $\frac12$, $\frac{1}{2}x$", "a/b, (a+b)/(2n), 1/2, (1/2)x"),
    (r"$\sqrt{x}$, $\sqrt{x+1}$, $\sqrt[3]{n}$", "√x, √(x+1), ³√n"),
    (r"$\tilde{O}(\sqrt T)$, $\hat x_i$, $a \not= b$", "Õ(√T), x̂ᵢ, a ≠ b"),
    (r"$\sum_{i=1}^n x_i$, $\min_{x \in C} f(x)$, $\{0,1\}^n$", "∑ᵢ₌₁ⁿ xᵢ, min_(x∈C) f(x), {0,1}ⁿ"),
    (r"$\left\langle u, v \right\rangle$, $\lVert x\rVert_2$", "⟨u, v⟩, ‖x‖₂"),
    (r"\(a\), \[b\], $$c$$, $k$-means, $5\,$GHz", "a, b, c, k-means, 5 GHz"),
    (r"$v \Foo w$ and $\Z_n$", "v Foo w and Zₙ"),
]
AS_IT_IS = [
    "at $50 cost and $60 more",
    "costs $5, $6 or $7-$8, US$5 and AU$6",
    "from $1.2 million per year to $3 million per year",
    "AI & ML, R&D, A &amp; B, x<y, 100%",
    "a \\ b and a trailing \\",
    r"\newcommand{\foo}[1]{bar #1}",
    r"C:\Users\me and \d+",
    "a set {a, b} and {0, 1}",
    "~10 people at z~2, from 3~4",
    "run --verbose, then <!-- stop -->",
    "snake_case and x^2 and 5'' seeing",
    "https://example.org/~me/a--b",
    "two  spaces\nand a new line",
]
BROKEN = ["{", "}", "$", "$$", "$$$", "\\(", "\\[", "x^", "x_{", "\\'", "``", "$x", "{$x}$"]


@pytest.mark.parametrize(("tex", "shown"), ACCENTS + MARKUP + FORMULAS)
def test_tex_becomes_readable(tex: str, shown: str) -> None:
    assert to_unicode(tex) == shown


@pytest.mark.parametrize("text", AS_IT_IS)
def test_what_only_looks_like_tex_stays(text: str) -> None:
    assert to_unicode(text) == text


@pytest.mark.parametrize("text", BROKEN)
def test_unfinished_tex_keeps_what_surrounds_it(text: str) -> None:
    shown = to_unicode(f"before {text} after")
    assert shown.startswith("before")
    assert shown.endswith("after")


@pytest.mark.parametrize("piece", [*BROKEN, "{x", "\\frac", "\\textbf{", "\\'", "$ a b c{", "x^{"])
def test_ten_thousand_of_anything_are_survived(piece: str) -> None:
    assert to_unicode(piece * 10_000 + "}" * 10_000)


MACROS = r"\frac \textbf \' \hat \( \) \left \log \to \sqrt[ \alpha \foo \newcommand \unicode{x7} \not \rm \href"
PIECES = st.sampled_from([*"{}$^_~\\ .,()[]ab1'`\"-\n", *MACROS.split()])
WORDS = st.lists(st.text(st.characters(categories=["Ll", "Lu"], codec="latin-1"), min_size=1), min_size=1)
WRAPPERS = st.sampled_from(
    [
        "{}",
        r"\textbf{{{}}}",
        r"\emph{{{}}}",
        r"{{\it {}}}",
        "``{}''",
        r"\textit{{a \texttt{{{}}}}}",
        "{} $x_i$",
        "{}~--",
    ]
)


@given(st.text() | st.lists(PIECES).map("".join))
def test_it_never_raises_nor_adds_control_characters(text: str) -> None:
    added = set(to_unicode(text)) - set(text)
    assert not [c for c in added if unicodedata.category(c).startswith("C")]


@given(st.text(st.characters(exclude_characters="\\${}^_~`-")))
def test_text_without_tex_is_returned_as_it_is(text: str) -> None:
    assert to_unicode(text) == text


@given(st.lists(st.tuples(WRAPPERS, WORDS)))
def test_no_word_is_lost_or_moved(parts: list[tuple[str, list[str]]]) -> None:
    shown = to_unicode(" ".join(wrapper.format(" ".join(words)) for wrapper, words in parts))
    at = 0
    for word in (word for _, words in parts for word in words):
        at = shown.index(word, at) + len(word)
    assert "  " not in shown
