"""A small real run of every experiment, by the command line: what it returns, draws, says and leaves."""

import helpers
import pytest

from conc_lab.drawing import picture
from conc_lab.engine import experiment, parameters


@pytest.mark.parametrize("name", helpers.RUNS)
def test_real_run(name):
    """A run keeps its checked parameters and the declared columns, draws, says what and where, and leaves nothing."""
    result, path, png, printed, left = helpers.real_run(name)
    assert left == {}
    assert result.experiment == name
    assert result.params == parameters.checked(experiment.function(name), helpers.RUNS[name])
    documented = experiment.function(name).__doc__
    assert [column for column in experiment.columns(name) if column not in documented] == []
    drawn = picture.show(result)
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" == drawn.png[:8]
    assert printed.splitlines() == [drawn.sentence, f"saved {path}", f"drew {png}"]
    assert len(picture.table(result))
