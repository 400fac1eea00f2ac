"""The two themes, dark and light. Every colour of text stands out from what is behind it by 4.5 to 1 or more.

tests/tui/test_contrast.py measures that on the screen as it is drawn.
"""

from textual.theme import Theme

DARK = Theme(
    name="soro-dark",
    primary="#58a6e0",
    secondary="#7fb8e6",
    accent="#ffb454",
    warning="#ffb454",
    error="#ff8a96",
    success="#7fd196",
    foreground="#e6e6e6",
    background="#121212",
    surface="#1e1e1e",
    panel="#24303a",
    dark=True,
    variables={
        "text-muted": "#b4b4b4",
        "text-disabled": "#9a9a9a",
        "text-error": "#ff9aa4",
        "block-cursor-foreground": "#000000",
        "block-cursor-background": "#ffb454",
        "block-cursor-blurred-foreground": "#ffffff",
        "block-cursor-blurred-background": "#3a4a58",
        "input-selection-background": "#1f4e79",
        "input-selection-foreground": "#ffffff",
        "screen-selection-background": "#1f4e79",
        "screen-selection-foreground": "#ffffff",
        "footer-key-foreground": "#ffb454",
    },
)
LIGHT = Theme(
    name="soro-light",
    primary="#1a5a8c",
    secondary="#1a5a8c",
    accent="#8a3c00",
    warning="#7a4a00",
    error="#a3142d",
    success="#1b5e2e",
    foreground="#1a1a1a",
    background="#ffffff",
    surface="#f4f4f4",
    panel="#e2e8ee",
    dark=False,
    variables={
        "text-muted": "#4d4d4d",
        "text-disabled": "#5f5f5f",
        "text-error": "#a3142d",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-background": "#1a5a8c",
        "block-cursor-blurred-foreground": "#000000",
        "block-cursor-blurred-background": "#c4d4e2",
        "input-selection-background": "#b5d3ee",
        "input-selection-foreground": "#000000",
        "screen-selection-background": "#b5d3ee",
        "screen-selection-foreground": "#000000",
        "footer-key-foreground": "#8a3c00",
    },
)
