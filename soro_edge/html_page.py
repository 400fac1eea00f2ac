"""One HTML file that needs nothing else: no script, no network, ready to print. Knows no contents."""

from html import escape

_STYLE = """
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
       font-family: "Noto Sans", "DejaVu Sans", "Segoe UI", sans-serif; color: #111; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
.note, time { color: #555; font-size: 0.9rem; }
table { border-collapse: collapse; }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } }
""".strip()

_PAGE = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<h1>{title}</h1>
<p><time>{date}</time></p>
{body}
</body>
</html>
"""


def html_page(*, language: str, title: str, date: str, style: str, body: str) -> str:
    """The whole file. `body` is HTML, `style` CSS of its own beside the common one; the rest is text."""
    return _PAGE.format(
        language=escape(language),
        title=escape(title),
        style=f"{_STYLE}\n{style}",
        date=escape(date),
        body=body,
    )
