from __future__ import annotations

import time

import numpy as np

from medkd.evidence.leaks.duplicates import duplicate_pairs, near_duplicates


def test_a_copy_with_noise_is_found_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((1, 2, 500)) * 3
    train = (shared + rng.standard_normal((300, 2, 500))).astype(np.float32)
    test = (shared + rng.standard_normal((50, 2, 500))).astype(np.float32)
    assert near_duplicates(train, test).passed
    test[7] = train[123] + 0.03 * rng.standard_normal((2, 500))
    test[9] = train[5]
    assert sorted(duplicate_pairs(train, test)) == [(5, 9), (123, 7)]
    found = near_duplicates(train, test)
    assert not found.passed
    assert found.detail == "2 of 50 test samples have the content of a training sample"


def test_short_content_must_be_equal() -> None:
    train = np.array([[1.0, 2, 3], [4, 5, 6]], dtype=np.float32)
    assert near_duplicates(train, np.array([[1.1, 2.2, 3.3]], dtype=np.float32)).passed
    assert duplicate_pairs(train, np.array([[4, 5, 6]], dtype=np.float32)) == [(1, 0)]


def test_blank_samples_are_nobodys_duplicates() -> None:
    blank = np.zeros((3, 100), dtype=np.float32)
    assert near_duplicates(blank, blank[:1]).passed


def test_thousands_of_samples_take_seconds() -> None:
    rng = np.random.default_rng(1)
    train, test = rng.standard_normal((4000, 600), dtype=np.float32), rng.standard_normal((1000, 600), dtype=np.float32)
    test[1] = train[3999]
    start = time.perf_counter()
    assert duplicate_pairs(train, test) == [(3999, 1)]
    assert time.perf_counter() - start < 5


def test_sparse_samples_are_duplicates_only_where_they_are_equal_and_say_something() -> None:
    rng = np.random.default_rng(3)
    train, test = (rng.standard_normal((rows, 4, 30)).astype(np.float32) for rows in (60, 20))
    for part in (train, test):
        part[rng.random(part.shape) < 0.6] = np.nan
    assert near_duplicates(train, test).passed
    test[4] = train[50]
    assert duplicate_pairs(train, test) == [(50, 4)]
    # A dozen observed cells may agree by chance, and hours without any drug are alike in everyone.
    for part in (train, test):
        part[7] = np.nan
        part[7, 0, :12] = 37.0 + np.arange(12)
        part[8] = np.nan
        part[8, :2] = 0.0
        part[9] = np.nan
    assert duplicate_pairs(train, test) == [(50, 4)]
