"""Where the answers of language models come from."""

from agents.prompted.backends.base import (
    CUT_OFF,
    GOES_ON,
    UNUSABLE,
    Backend,
    PassingError,
    Question,
    Reply,
    RequestFailedError,
)

__all__ = ["CUT_OFF", "GOES_ON", "UNUSABLE", "Backend", "PassingError", "Question", "Reply", "RequestFailedError"]
