"""Reads the ``results.csv`` of a benchmark back, and checks that it can be compared."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from agents.registry import BASELINE
from c2c_env import METRICS
from c2c_env.disk import read_text
from c2c_env.errors import ConfigError, raise_faults
from training.benchmark.human_games import HUMAN, SEAT_COLUMNS
from training.benchmark.play_cell import EPISODE_COLUMNS
from training.benchmark.results import RESULT_COLUMNS
from training.benchmark.statistics import PAIR

NUMBERS = ("team_size", "seed", *METRICS, *EPISODE_COLUMNS)
ALWAYS_KNOWN = ("policy", *PAIR, "completion_time", "success")


def find_results(place: str | Path) -> Path:
    """The results file that is meant by its own path or by that of the folder of its run."""
    path = Path(place)
    return path / "results.csv" if path.is_dir() else path


def read_results(*paths: Path) -> pd.DataFrame:
    """Read results, a row for each episode, with the columns `RESULT_COLUMNS` and perhaps more.

    Episodes that a person has played are of a policy for each role and partners, see `name_seats`.

    Args:
        paths: of the files, whose rows are put together.

    Raises:
        ConfigError: there is no such file, it is not the results of a benchmark, or there is nothing to compare.
    """
    tables = [name_seats(read_results_table(path)) for path in paths]
    results = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    where = " and ".join(str(path) for path in paths)
    raise_faults(ConfigError, f"{where} cannot be compared", _faults(results))
    return results


def name_seats(results: pd.DataFrame) -> pd.DataFrame:
    """Say in the name of the policy which agent a person played, and among whom, where the columns for it are."""
    if not set(SEAT_COLUMNS) <= set(results.columns):
        return results
    seated = results["policy"].eq(HUMAN) & results["role"].notna() & results["partners"].notna()
    named = results["policy"] + " / " + results["role"].astype(str) + " among " + results["partners"].astype(str)
    return results.assign(policy=results["policy"].where(~seated, named))


def read_results_table(path: Path) -> pd.DataFrame:
    """Read one file of results; whether its episodes can be compared is not looked at.

    Raises:
        ConfigError: there is no such file, or it is not the results of a benchmark.
    """
    text = read_text(path, "results", ConfigError)
    names: dict[str, type] = {"policy": str, "tier": str, "workflow": str, "split": str}
    try:
        results = pd.read_csv(io.StringIO(text), dtype=names)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise ConfigError(f"{path} is not the results.csv of a benchmark: {error}") from error
    missing = [name for name in RESULT_COLUMNS if name not in results]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ConfigError(
            f"{path} is not the results.csv of a benchmark: it has no column {', '.join(missing[:3])}{more}"
        )
    return results


def _faults(results: pd.DataFrame) -> list[str]:
    """What is wrong with a table that has all columns; its values are only looked at if they can be compared."""
    words = [name for name in NUMBERS if not pd.api.types.is_numeric_dtype(results[name])]
    if not len(results):
        return ["it has no episodes, expected one a line"]
    if words:
        return [f"column {name} has {results[name].iloc[0]!r}, expected numbers" for name in words]
    empty = [name for name in ALWAYS_KNOWN if results[name].isna().any() and "failed" not in results]
    faults = [f"column {name} has an empty value, expected one in every line" for name in empty]
    if (results["completion_time"] <= 0).any():
        faults.append(f"column completion_time has {results['completion_time'].min()}, expected hours above 0")
    twice = results[results.duplicated(["policy", *PAIR])]
    if len(twice):
        first = twice.iloc[0]
        where = ", ".join(str(first[name]) for name in ("policy", *PAIR))
        faults.append(f"an episode stands there twice ({where}), expected each policy, {', '.join(PAIR)} once")
    return faults + _faults_of_policies(list(dict.fromkeys(results["policy"])))


def _faults_of_policies(policies: list[str]) -> list[str]:
    """What is wrong with who has played."""
    if BASELINE not in policies:
        return [
            f"{BASELINE} is not among its policies ({', '.join(map(str, policies))}), expected it, since all others are"
            " compared with it"
        ]
    if len(policies) == 1:
        return [f"{BASELINE} is its only policy, expected at least one more to compare with it"]
    return []
