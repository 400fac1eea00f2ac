"""Sixty answers as models write them, and what a reader is to see of each, on the screen as on paper.

Emphasis, bullets and frames are not in the second text: those are compared elsewhere.
"""

SEEN = {
    # Stars and underlines of formulas, programs and blanks to fill in
    "6*7*8 = 240": "6*7*8 = 240",
    "S = a*b; P = 2*(a+b)*c": "S = a*b; P = 2*(a+b)*c",
    "2**3**2 = 512": "2**3**2 = 512",
    "x**2 + y**2 = z**2": "x**2 + y**2 = z**2",
    "5 * x * y": "5 * x * y",
    "5*x*y": "5*x*y",
    "2 *x + 3* y = 0": "2 *x + 3* y = 0",
    "(a*b)*(c*d)": "(a*b)*(c*d)",
    "AB*CD*EF": "AB*CD*EF",
    "2.*3.*4": "2.*3.*4",
    "-5 * -3 = 15, -2*-3 = 6": "-5 * -3 = 15, -2*-3 = 6",
    "**2**3": "**2**3",
    "а*б*в": "а*б*в",
    "a_1*b_2 + c_3": "a_1*b_2 + c_3",
    "__init__ ва __name__": "__init__ ва __name__",
    "f(*args, **kwargs)": "f(*args, **kwargs)",
    "Пойтахт ____ аст. ____": "Пойтахт ____ аст. ____",
    r"\*не\* ва 5\*3": "*не* ва 5*3",
    # Emphasis that is meant
    "*курсив* ва 2*3*4": "курсив ва 2*3*4",
    "**Ҷавоб:** 5": "Ҷавоб: 5",
    "x = **5** ва y = **6**": "x = 5 ва y = 6",
    "**x = 4**": "x = 4",
    "**китоб**ҳо": "китобҳо",
    "***ҳам*** (*а*) «*б*» _в_ __муҳим__": "ҳам (а) «б» в муҳим",
    "бо 5 *сомонӣ* ва 3 **китоб**": "бо 5 сомонӣ ва 3 китоб",
    # Line ends
    "2x + 3 = 11\n2x = 8\nx = 4": "2x + 3 = 11\n2x = 8\nx = 4",
    "12\n+ 34\n= 46": "12\n+ 34\n= 46",
    "x = 5\n====": "x = 5\n====",
    "як  \nду\\\nсе": "як\nду\nсе",
    # Formulas in a line
    r"\(\frac{1}{2}mv^2\)": "½mv²",
    r"Энергия \(E = mc^2\) аст.": "Энергия E = mc² аст.",
    "$x^2$ ва $y_1$": "x² ва y₁",
    r"$S = a \cdot b$-ро": "S = a · b-ро",
    r"\(\frac{\frac{a}{b}}{c+d}\)": "(a/b)/(c+d)",
    r"\(x_{1,2} = \frac{-b \pm \sqrt{b^2-4ac}}{2a}\)": "x₁,₂ = (-b ± √(b²-4ac))/(2a)",
    r"$2\frac{3}{5}$ ва $\frac{1}{3}\pi r^2 h$": "2 3/5 ва (1/3)π r² h",
    r"$\sin 30^\circ = \frac{1}{2}$": "sin 30° = ½",
    r"$2H_2 + O_2 \rightarrow 2H_2O$": "2H₂ + O₂ → 2H₂O",
    r"$F_{тяж} = mg$, $a^{k+1}$": "F_тяж = mg, a^(k+1)",
    r"$v = 5\,\text{км/соат}$, $10%$, \(5\%\)": "v = 5 км/соат, 10%, 5%",
    r"$$a^2 + b^2 = c^2$$ аст.": "a² + b² = c² аст.",
    r"Система: \begin{cases} x=1 \\ y=2 \end{cases}": "Система: { x=1; y=2",
    r"- як: \(x^2\)": "як: x²",
    "| a | b |\n|---|---|\n| $x^2$ | \\(y_1\\) |": "a b\nx² y₁",
    # Formulas of their own
    r"\[ x = \frac{-b}{2a} \]": "x = (-b)/(2a)",
    "Пас:\n\\[\nx\n= 5\n\\]\nТамом.": "Пас:\nx = 5\nТамом.",
    "$$\nS = \\pi r^2\n$$": "S = π r²",
    r"\begin{cases} x+y=5 \\ x-y=1 \end{cases}": "{ x+y=5\n{ x-y=1",
    "\\[ A = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix} \\]": "A = ( 1  2 )\n( 3  4 )",
    # The source, where a formula cannot be drawn or is not closed
    r"\(\foo{x} + 1\)": r"\(\foo{x} + 1\)",
    r"$\ce{H2O}$": r"$\ce{H2O}$",
    r"\(\frac{1": r"\(\frac{1",
    "$$\nx = 5": "$$\nx = 5",
    # Money, code, paths, and what only looks like markup
    "Нарх $5 and $6, ҷамъ $11.": "Нарх $5 and $6, ҷамъ $11.",
    "$100 ё $200-$300; 50$ ва 60$": "$100 ё $200-$300; 50$ ва 60$",
    "`a*b*c` ва `$x$`": "a*b*c ва $x$",
    "```\n$x$ *a* \\(b\\)\n```": "$x$ *a* \\(b\\)",
    r"C:\dir\new ва \\server\share": r"C:\dir\new ва \\server\share",
    "100 000 сомонӣ, 3 < 5 > 2, <b>x</b>": "100 000 сомонӣ, 3 < 5 > 2, <b>x</b>",
    "[1]: манбаъ, f[1](2), ![а](x.png)": "[1]: манбаъ, f[1](2), ![а](x.png)",
}


def plain(shown: str) -> list[str]:
    """The lines of a picture or a page without frames, bullets and spaces around."""
    without = shown.translate(dict.fromkeys(map(ord, "│┌┐└┘├┤┬┴┼─▌•"), " "))
    lines = (" ".join(line.split()) for line in without.splitlines())
    return [line for line in lines if line]
