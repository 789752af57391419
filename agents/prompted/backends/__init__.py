"""Where answers come from."""

from agents.prompted.backends.base import Backend, PassingError, Question, Reply, RequestFailedError

__all__ = ["Backend", "PassingError", "Question", "Reply", "RequestFailedError"]
