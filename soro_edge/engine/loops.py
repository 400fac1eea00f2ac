"""The repetition guard: does an answer say the same again and again? Knows tokens only."""

LONGEST_PERIOD_TOKENS = 96
REPEATED_TOKENS = 48
"""A repeated stretch must be at least so long in all; short periods are frequent in tables."""
REPEATED_TIMES = 4


class LoopGuard:
    """Watches the tokens of one answer."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        # For each period, how many of the last tokens equal the one a period before.
        self._runs = [0] * (LONGEST_PERIOD_TOKENS + 1)

    def loops(self, token: int) -> bool:
        """Take the next token; whether the answer now ends in a loop."""
        tokens, runs = self._tokens, self._runs
        tokens.append(token)
        for period in range(1, min(LONGEST_PERIOD_TOKENS, len(tokens) - 1) + 1):
            if tokens[-1 - period] != token:
                runs[period] = 0
                continue
            runs[period] += 1
            if runs[period] >= max(REPEATED_TOKENS, period * (REPEATED_TIMES - 1)):
                return True
        return False
