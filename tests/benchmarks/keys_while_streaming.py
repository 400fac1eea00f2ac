"""From a key to its letter on the screen, while an answer streams and while nothing does.

    uv run python tests/benchmarks/keys_while_streaming.py [--rounds 3]

The whole program in a pseudo-terminal, on the model in use; medians of the delays and of their difference.
"""

import argparse
import os
import statistics
import tempfile
import time

from tests.terminal import SORO, Terminal

KEYS = 16
LETTERS = [chr(0x460 + 2 * number) for number in range(2 * KEYS)]
"""Old Slavonic, each once: nothing else on the screen has them."""
PAUSE_SECONDS = 0.12


def delays(terminal: Terminal, letters: list[str]) -> list[float]:
    """Milliseconds from each key to its letter."""
    found = []
    for letter in letters:
        time.sleep(PAUSE_SECONDS)
        began = time.perf_counter()
        terminal.write(letter)
        terminal.until(letter)
        found.append(1000 * (time.perf_counter() - began))
    return found


def one_round() -> tuple[float, float]:
    """Medians: idle, streaming."""
    with tempfile.TemporaryDirectory() as home, Terminal(SORO, SORO_HOME=home) as terminal:
        terminal.until("ready")
        idle = statistics.median(delays(terminal, LETTERS[:KEYS]))
        terminal.write("\x7f" * KEYS + "Tell me a very long story about a school.\r")
        terminal.until("writing")
        return idle, statistics.median(delays(terminal, LETTERS[KEYS:]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    os.environ["SORO_LANGUAGE"] = "en"
    pairs = [one_round() for _round in range(parser.parse_args().rounds)]
    for idle, streaming in pairs:
        print(f"idle {idle:.1f} ms, streaming {streaming:.1f} ms")
    more = statistics.median(streaming - idle for idle, streaming in pairs)
    print(f"median delay while streaming: {more:.1f} ms more")


if __name__ == "__main__":
    main()
