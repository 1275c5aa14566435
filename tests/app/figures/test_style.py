"""Colours of the figures."""

from __future__ import annotations

from medkd.app.figures.style import INK, NEGATIVE, POSITIVE, STUDENT


def test_words_are_dark_enough_to_read() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    # WCAG 2.1, 1.4.3: 4.5 to 1 against the ground.
    for colour in (INK, STUDENT, "#5b6570", POSITIVE[-1], NEGATIVE[-1]):
        for ground in ("#ffffff", "#fff8f6"):
            assert (light(ground) + 0.05) / (light(colour) + 0.05) > 4.5
