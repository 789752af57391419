"""Published protocols: exactly which evaluation a number belongs to, under an id with a version."""

from training.benchmark.protocol.definition import Protocol, Track, WorkflowChoice
from training.benchmark.protocol.published import PROTOCOLS, find_protocol

__all__ = ["PROTOCOLS", "Protocol", "Track", "WorkflowChoice", "find_protocol"]
