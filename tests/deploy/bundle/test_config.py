"""``config.yaml`` is read strictly, and its outputs are the target's."""

from __future__ import annotations

from typing import Any

import pytest

from medkd.data.core.target import Target
from medkd.data.io.document import parse_document
from medkd.deploy.bundle.config import BundleConfig
from medkd.errors import InputError

TARGET = Target("rhythm", "multilabel", ("af", "sr"), units="", rule="as published", prediction_hour=24.0)
NETWORK = {"class_path": "medkd.networks.resnet1d.ResNet1d", "init_args": {"channels": 1}}


def config(**change: Any) -> BundleConfig:
    document = {"schema_version": 1, "network": NETWORK, "target": TARGET.to_dict(), "outputs": ["af", "sr"]}
    return parse_document(BundleConfig, {**document, **change}, "config.yaml")


def test_a_target_is_read_as_it_was_written() -> None:
    assert config().target == TARGET
    assert parse_document(BundleConfig, config().model_dump(mode="json"), "config.yaml") == config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": {**TARGET.to_dict(), "kind": "fate"}}, "target.kind is 'fate'"),
        ({"target": {**TARGET.to_dict(), "columns": "af"}}, "target.columns is 'af'"),
        ({"target": {"key": "rhythm", "kind": "binary"}}, "no 'target.columns'"),
        ({"outputs": []}, "outputs is"),
        ({"network": "resnet"}, "network is 'resnet'"),
    ],
)
def test_what_cannot_be_used_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(**change)


def test_outputs_are_the_targets() -> None:
    config().check_outputs("config.yaml")
    with pytest.raises(InputError, match="are not the target's"):
        config(outputs=["sr", "af"]).check_outputs("config.yaml")
