"""How much of a prompt an earlier one began with already, which servers with a prefix cache need not compute again."""

from __future__ import annotations

from collections import defaultdict

PREFIX_CHUNK = 64  # characters; servers keep prompts in blocks of some 16 tokens


class PromptPrefixes:
    """Remembers how prompts begin, in whole chunks: a chunk is known by its hash together with all that stands before.

    So a prompt takes time by its own length, however many were seen.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], set[int]] = defaultdict(set)

    def shared(self, episode: int, model: str, prompt: str) -> int:
        """Return how many characters an earlier prompt of the episode to the same model began with; remember this one.

        What is less than a chunk is left out.
        """
        known, chunks, place = self._known[episode, model], 0, 0
        for start in range(0, len(prompt) - PREFIX_CHUNK + 1, PREFIX_CHUNK):
            place = hash((place, prompt[start : start + PREFIX_CHUNK]))
            chunks += place in known
            known.add(place)
        return chunks * PREFIX_CHUNK

    def forget(self) -> None:
        """Forget all prompts, so that only those from now on count as earlier ones."""
        self._known.clear()
