"""What infos say: nested, for people and for Gymnasium's sampling, or flat, for libraries that stack them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from c2c_env.config import EnvConfig
from c2c_env.core.constants import REWARD_TERMS
from c2c_env.metrics import METRICS

Info = dict[str, Any]
TIME_LIMIT = "TimeLimit.truncated"  # by this name stable-baselines3 knows that an episode was cut off
_TERMS = tuple(f"reward_{name}" for name in REWARD_TERMS)
_NO_TERMS = (0.0,) * len(REWARD_TERMS)  # of a reset
_NO_METRICS = {f"metric_{name}": math.nan for name in METRICS}  # before the end of an episode


def start_info(config: EnvConfig, mask: Any) -> Info:
    """The info of a reset.

    Args:
        config: says which form it has, and whether it has the mask.
        mask: of the actions that are legal now.
    """
    info: Info = {"action_mask": mask} if config.mask_in_info else {}
    return info | _flat(_NO_TERMS, False, None, False) if config.info_format == "flat" else info


def step_info(
    config: EnvConfig, mask: Any, terms: Sequence[Any], invalid: Any, metrics: Mapping[str, Any] | None, truncated: Any
) -> Info:
    """The info of a step.

    Each number may be an array instead, with an entry for each of several environments.

    Args:
        config, mask: see `start_info`.
        terms: of the reward, in the order of `REWARD_TERMS`.
        invalid: whether the action was illegal.
        metrics: of the episode, at its end; before that None.
        truncated: whether it ended by its horizon.
    """
    info: Info = {"action_mask": mask} if config.mask_in_info else {}
    if config.info_format == "flat":
        return info | _flat(terms, invalid, metrics, truncated)
    info["reward_terms"] = dict(zip(REWARD_TERMS, terms, strict=True))
    info["invalid_action"] = invalid
    if metrics is not None:
        info["episode_metrics"] = dict(metrics)
        info[TIME_LIMIT] = truncated
    return info


def _flat(terms: Sequence[Any], invalid: Any, metrics: Mapping[str, Any] | None, truncated: Any) -> Info:
    """The same numbers under the same keys at every step and at a reset; metrics are nan before the end."""
    info: Info = {"invalid_action": invalid, TIME_LIMIT: truncated}
    info.update(zip(_TERMS, terms, strict=True))
    if metrics is None:
        return info | _NO_METRICS
    return info | {f"metric_{name}": value for name, value in metrics.items()}
