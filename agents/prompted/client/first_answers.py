"""Stops a run whose answers mostly cannot be used, before it pays for thousands of them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from c2c_env.errors import EndpointError

FIRST = 50  # answers of a policy that are looked at


class FirstAnswers:
    """Looks at the first answers of every policy that a client serves.

    Args:
        most_invalid: share of them that may be invalid; None: all.
    """

    def __init__(self, most_invalid: float | None) -> None:
        self.most_invalid = most_invalid
        self._seen: dict[str, list[str]] = defaultdict(list)
        self._lock = threading.Lock()

    def add(self, policy: str, reasons: Iterable[str]) -> None:
        """Take in answers: for each the reason why it is invalid, "" if it is not.

        Raises:
            EndpointError: more of the first ones are invalid than may be.
        """
        if self.most_invalid is None:
            return
        with self._lock:
            seen = self._seen[policy]
            if len(seen) < FIRST:
                seen += reasons
            counts = Counter(reason for reason in seen[:FIRST] if reason)
        if len(seen) >= FIRST and counts.total() > self.most_invalid * FIRST:
            raise EndpointError(
                f"{counts.total()} of the first {FIRST} answers of {policy} cannot be used"
                f" ({describe_reasons(counts)}), more than the share most_invalid={self.most_invalid:g}. What was"
                " answered is kept. Change what is at fault (max_tokens if answers are cut off, answer_format, the"
                " model), or go on all the same with most_invalid=none"
            )


def describe_reasons(counts: Mapping[str, int], most: int = 3) -> str:
    """Reasons of invalid answers, the most frequent first, each with its count."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[most:])
    return ", ".join(
        [f"{count:,} {reason}" for reason, count in ordered[:most]] + ([f"{rest:,} others"] if rest else [])
    )
