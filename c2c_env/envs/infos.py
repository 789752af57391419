"""What infos say: nested, for people and for Gymnasium's sampling, or flat, for libraries that stack them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from c2c_env.config import EnvConfig
from c2c_env.core.constants import REWARD_TERMS
from c2c_env.metrics import METRICS

Info = dict[str, Any]
TIME_LIMIT = "TimeLimit.truncated"  # by this name stable-baselines3 knows that an episode was cut off
_TERMS = tuple(f"reward_{name}" for name in REWARD_TERMS)
_NO_METRICS = {f"metric_{name}": math.nan for name in METRICS}  # before the end of an episode


class Happened(NamedTuple):
    """What an info tells of a step; the defaults are those of a reset.

    Each number may be an array instead, with an entry for each of several environments.

    Attributes:
        terms: of the reward, in the order of `REWARD_TERMS`.
        invalid: whether the action was illegal.
        metrics: of the episode, at its end.
        truncated: whether it ended by its horizon.
    """

    terms: Sequence[Any] = (0.0,) * len(REWARD_TERMS)
    invalid: Any = False
    metrics: Mapping[str, Any] | None = None
    truncated: Any = False


def make_info(config: EnvConfig, mask: Any, happened: Happened | None) -> Info:
    """The info of a step, or with None of a reset.

    Args:
        config: says which form it has, and whether it has the mask.
        mask: of the actions that are legal now.
        happened: in the step.
    """
    info: Info = {"action_mask": mask} if config.mask_in_info else {}
    if config.info_format == "flat":
        return info | _flat(happened or Happened())
    if happened is None:
        return info
    terms, invalid, metrics, truncated = happened
    info["reward_terms"] = dict(zip(REWARD_TERMS, terms, strict=True))
    info["invalid_action"] = invalid
    if metrics is not None:
        info["episode_metrics"] = dict(metrics)
        info[TIME_LIMIT] = truncated
    return info


def _flat(happened: Happened) -> Info:
    """The same numbers under the same keys at every step and at a reset; metrics are nan before the end."""
    info: Info = {"invalid_action": happened.invalid, TIME_LIMIT: happened.truncated}
    info.update(zip(_TERMS, happened.terms, strict=True))
    if happened.metrics is None:
        return info | _NO_METRICS
    return info | {f"metric_{name}": value for name, value in happened.metrics.items()}
