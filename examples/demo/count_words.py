"""Count the words of files, the most frequent first."""

import re
import sys
from collections import Counter
from pathlib import Path


def count_words(text: str) -> Counter[str]:
    """Return how often each word is there, whatever its case."""
    return Counter(re.findall(r"[\w']+", text))


def main(names: list[str]) -> None:
    """Print the words of all files."""
    total: Counter[str] = Counter()
    for name in names:
        total += count_words(Path(name).read_text(encoding="utf-8"))
    for word, count in total.most_common():
        print(f"{count:5} {word}")


if __name__ == "__main__":
    main(sys.argv[1:])
