"""A cohort that was prepared in name only: enough for graphs, which read no array."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from medkd.data.core.target import Target
from medkd.pipeline.prepared_cohort import PreparedCohort


@pytest.fixture(scope="session")
def named_cohort() -> Callable[..., PreparedCohort]:
    """``named_cohort(protocol="kfold:5")``."""

    def make(protocol: str = "kfold:5") -> PreparedCohort:
        return PreparedCohort(
            root="",
            name="nobody",
            licence="",
            target=Target("t", "binary", ("t",), prediction_hour=24),
            protocol=protocol,
            official=None,
            model_inputs={},
            stores={},
            flow=(),
            aside=(),
            samples_sha256="",
            data_sha256="",
        )

    return make
