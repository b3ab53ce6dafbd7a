"""A small real run of every experiment, by the command line: what it returns, draws, says and leaves."""

import helpers
import pytest

from conc_lab.drawing import picture as charts
from conc_lab.engine import experiment as experiments, parameters
from conc_lab.experiments.switching import measure as switching


def test_every_experiment_is_here():
    """Every experiment has a run here, and so has every question of the one that has several."""
    assert {case.split()[0] for case in helpers.RUNS} == set(experiments.NAMES)
    assert {params["question"] for params in helpers.RUNS.values() if "question" in params} == set(switching.QUESTIONS)


@pytest.mark.parametrize("case", helpers.RUNS)
def test_real_run(case):
    """A run keeps its checked parameters and rows of the same columns, draws, says its sentence and leaves nothing."""
    result, _, png, printed, left = helpers.real_run(case)
    experiment = case.split()[0]
    assert left == {}
    assert result.experiment == experiment
    assert result.params == parameters.checked(experiments.function(experiment), helpers.RUNS[case])
    assert {tuple(row) for row in result.rows} == {tuple(result.rows[0])}
    picture = charts.show(result)
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" == picture.png[:8]
    assert printed.splitlines()[-1] == picture.sentence
