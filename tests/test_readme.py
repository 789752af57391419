"""What the README shows is run."""

import re
from pathlib import Path

import pytest

import c2c_env
from agents.registry import POLICIES
from training.__main__ import COMMANDS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_python_example_runs_and_is_short(capsys):
    [example] = blocks("python")
    assert len(example.strip().splitlines()) <= 15
    exec(compile(example, "README.md", "exec"), {})
    assert "hours" in capsys.readouterr().out


def test_workflow_and_team_examples_load_and_play(tmp_path):
    paths = tmp_path / "my-workflow.toml", tmp_path / "my-team.toml"
    for path, example in zip(paths, blocks("toml"), strict=True):
        path.write_text(example, encoding="utf-8")
    env = c2c_env.parallel_env(paths[0], team=paths[1])
    env.reset(seed=0)
    assert env.batch.workflow().subtasks[1].prerequisites == ("schema",)
    assert env.team.skills == c2c_env.Team.default(2).skills


@pytest.mark.parametrize("call", re.findall(r"`((?:c2c_env\.)?(?:parallel_env|env|Batch)\(.*?\))`", TEXT))
def test_calls_of_the_table_are_valid(call):
    if "my/workflow.toml" in call:
        call = call.replace('"my/workflow.toml", ', "")
    call = call.replace("(...", '("simple"').replace("num_envs=4096", "num_envs=2")
    call = call.replace("workflow,", '"simple",')
    eval(call, {"c2c_env": c2c_env, "parallel_env": c2c_env.parallel_env})


def test_commands_pictures_and_policies_exist():
    for command in re.findall(r"-m training (\w+)", TEXT):
        assert command in COMMANDS
    for target in re.findall(r"^make (\w+)", TEXT, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", TEXT):
        assert (ROOT / picture).is_file()
    for name in re.findall(r"--policy (\w+)", TEXT):
        assert name in POLICIES
