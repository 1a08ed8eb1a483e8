"""Modified Kneser-Ney from the definitions, one probability at a time: for comparison in tests."""

from __future__ import annotations

from collections import Counter

Ngram = tuple[str, ...]


def all_ngrams(sentences: list[list[str]], order: int, vocabulary: set[str]) -> Counter[Ngram]:
    """Plain counts of all n-grams of one order, words outside the vocabulary as <unk>."""
    counts: Counter[Ngram] = Counter()
    for sentence in sentences:
        words = ["<s>", *(w if w in vocabulary else "<unk>" for w in sentence), "</s>"]
        for i in range(len(words) - order + 1):
            counts[tuple(words[i : i + order])] += 1
    return counts


class SlowKneserNey:
    """The model of some sentences."""

    def __init__(self, sentences: list[list[str]], order: int, vocabulary: set[str]) -> None:
        self.order = order
        self.words = sorted(vocabulary | {"</s>", "<unk>"})
        plain = {n: all_ngrams(sentences, n, vocabulary) for n in range(1, order + 1)}
        self.counts = {order: plain[order]}
        for n in range(1, order):
            self.counts[n] = Counter()
            for ngram in plain[n]:
                if ngram[0] == "<s>":
                    self.counts[n][ngram] = plain[n][ngram]
                else:
                    longer = [g for g in plain[n + 1] if g[1:] == ngram]
                    self.counts[n][ngram] = len(longer)
        del self.counts[1][("<s>",)]

    def discount(self, n: int, count: int) -> float:
        """D of a count of an n-gram of order n."""
        if count == 0:
            return 0.0
        n1, n2, n3, n4 = (sum(c == r for c in self.counts[n].values()) for r in (1, 2, 3, 4))
        if 0 in (n1, n2, n3):
            found = (0.5, 1.0, 1.5)
        else:
            y = n1 / (n1 + 2 * n2)
            found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if any(d < 0 or d > r for r, d in enumerate(found, 1)):
                found = (0.5, 1.0, 1.5)
        return found[min(count, 3) - 1]

    def prob(self, history: Ngram, word: str) -> float:
        """p(word | history)."""
        n = len(history) + 1
        if n > self.order:
            return self.prob(history[1:], word)
        lower = self.prob(history[1:], word) if history else 1.0 / len(self.words)
        followers = {g: c for g, c in self.counts[n].items() if g[:-1] == history}
        total = sum(followers.values())
        if total == 0:
            return lower
        count = followers.get((*history, word), 0)
        mass = sum(self.discount(n, c) for c in followers.values())
        return (count - self.discount(n, count)) / total + mass / total * lower
