"""The collaboration game of c2c-env as an OpenEnv environment: seats of a team are played in text."""

from c2c_openenv.client import C2CEnv
from c2c_openenv.models import AnswerOutcome, C2CAction, C2CObservation, C2CState, ChatMessage

__all__ = ["AnswerOutcome", "C2CAction", "C2CEnv", "C2CObservation", "C2CState", "ChatMessage"]
