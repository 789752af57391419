"""Where the answers of language models come from."""

from agents.prompted.backends.base import Backend, PassingError, Question, Reply, RequestFailedError

__all__ = ["Backend", "PassingError", "Question", "Reply", "RequestFailedError"]
