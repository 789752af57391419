import re

from training.__main__ import main


def test_prints_a_rate_for_each_way_to_step(capsys):
    assert main(["throughput", "--num-envs", "4", "--steps", "20", "--team-size", "3"]) == 0
    out = capsys.readouterr().out
    assert "PettingZoo" in out
    medians = [
        int(row.replace(",", "")) for row in re.findall(r"^│[^│]*?batch[^│]*│\s*([\d,]+)", out, flags=re.MULTILINE)
    ]
    assert len(medians) == 2
    assert min(medians) > 0


def test_bad_numbers_are_one_line_and_status_2(capsys):
    for words, message in ((("--steps", "0"), "--steps is 0"), (("--num-envs", "0"), "num_envs is 0")):
        assert main(["throughput", "--num-envs", "4", "--steps", "5", *words]) == 2
        assert message in capsys.readouterr().err
