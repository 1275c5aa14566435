"""Figure of each kind of display."""

from __future__ import annotations

import json

import numpy as np

from medkd.app.cases.attribution import Attribution
from medkd.app.figures.display_figure import describe_display, display_figure
from medkd.app.figures.probability import probability_figure
from medkd.app.figures.style import CONFIG, POSITIVE
from medkd.data.core.display import Passage, Plain
from medkd.data.core.target import Target
from tests.app.figures.examples import icu_trend, synthetic_strip, traces

CD = Target("cd", "binary", ("cd",), ("conduction disturbance",))


AT = {"conduction disturbance": 0.46}


def test_each_display_finds_its_figure() -> None:
    strip = synthetic_strip(("I", "II"), 10.0)
    overlay = Attribution("a method", "cd", {"ecg": np.ones((1, 1, 1000))}, 1000.0, 0.0, "nothing")
    assert traces(display_figure(strip, overlay), color=POSITIVE[-1])
    assert display_figure(Passage("notes", (1.0,), ("stable",))) is None
    plain = Plain("codes", np.array([[0.0, np.nan, 2.0]], np.float32))
    np.testing.assert_array_equal(display_figure(plain).data[0].z, plain.values)
    assert describe_display(plain) == "codes: the prepared array of 1 by 3 values, of which 2 were observed"
    # Of another modality there is nothing to lay over it.
    assert not any(trace.type == "heatmap" for trace in display_figure(icu_trend(), overlay).data)


def test_nothing_asks_another_host_and_nothing_offers_to() -> None:
    assert (CONFIG["displaylogo"], CONFIG["showSendToCloud"], CONFIG["plotlyServerURL"]) == (False, False, "")
    for figure in (
        display_figure(synthetic_strip(("I",), 10.0)),
        display_figure(icu_trend()),
        probability_figure(CD, [0.6], AT),
    ):
        written = figure.to_json()
        assert "http" not in written.replace("http://www.w3.org", "")
        assert "system-ui" in json.loads(written)["layout"]["font"]["family"]
