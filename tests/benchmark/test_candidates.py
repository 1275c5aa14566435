"""Every installed objective takes part, or there is a reason why not."""

from __future__ import annotations

import pytest

from medkd import registry
from medkd.benchmark.candidates import find_candidates
from medkd.errors import InputError
from medkd.objectives.objective import Objective


def test_every_objective_takes_part_or_says_why_not():
    candidates, excluded = find_candidates(registry)
    names = {each.name for each in [*candidates, *excluded]}
    assert len(names) == len(candidates) + len(excluded)
    assert {"soft_labels", "info_nce", "rkd", "class_memory", "crd"} <= {each.name for each in candidates}
    assert all(each.reason for each in excluded)
    assert all(isinstance(each.build(50), Objective) for each in candidates)


def test_chosen_candidates_and_the_nearest_name():
    assert [each.name for each in find_candidates(registry, ["soft_labels"])[0]] == ["soft_labels"]
    with pytest.raises(InputError, match=r"no objective 'soft_label' .*Did you mean 'soft_labels'"):
        find_candidates(registry, ["soft_label"])
    with pytest.raises(InputError, match="needs feature maps"):
        find_candidates(registry, ["attention_transfer"])
