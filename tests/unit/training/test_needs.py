"""Time and memory that a job asks for, from what was measured."""

from __future__ import annotations

from dataclasses import replace

from dlcctr.training.needs import DEFAULT_MIN, LEAST_GB, LEAST_MIN, Measured, Needs, measure, needs_of
from dlcctr.training.record import Status, Training, Trial

TRIAL = Trial("pytorch", 1, 0, 0, seconds_per_epoch=30.0, epochs_wanted=200, host_mb=8192.0, gpu_mb=0.0,
              frames_train=95, frames_test=5, setup_s=60.0, device="cpu")  # fmt: skip
TRAINING = Training(Status.INTERRUPTED, "pytorch", 1, 0, 0, seed=1, epochs_done=150, epochs_wanted=200,
                    seconds_per_epoch=20.0, setup_s=10.0, host_mb=4000.0)  # fmt: skip


def test_a_trial_says_what_all_epochs_take() -> None:
    assert measure(TRIAL, None, None) == Measured(60 + 200 * 30, 8192.0, "cpu")
    assert measure(TRIAL, None, 10) == Measured(60 + 10 * 30, 8192.0, "cpu")


def test_what_is_trained_already_is_not_asked_for_again() -> None:
    assert measure(TRIAL, TRAINING, None) == Measured(60 + 50 * 30, 8192.0, "cpu")
    assert measure(None, TRAINING, None) == Measured(10 + 50 * 20, 4000.0, "cpu")
    assert measure(None, TRAINING, 100) == Measured(10, 4000.0, "cpu")


def test_a_detector_takes_its_time_too() -> None:
    with_detector = replace(TRIAL, seconds_per_detector_epoch=5.0, detector_wanted=100)
    assert measure(with_detector, None, None) == Measured(60 + 200 * 30 + 100 * 5, 8192.0, "cpu")
    halfway = replace(TRAINING, epochs_done=0, detector_done=60)
    assert measure(with_detector, halfway, None) == Measured(60 + 200 * 30 + 40 * 5, 8192.0, "cpu")


def test_nothing_measured_is_nothing() -> None:
    assert measure(None, None, None) is None
    assert measure(replace(TRIAL, seconds_per_epoch=0.0), replace(TRAINING, seconds_per_epoch=0.0), None) is None


def test_margins_and_least_values() -> None:
    assert needs_of([Measured(7200, 8192)]) == Needs(180, 12)
    assert needs_of([Measured(7200, 8192), Measured(60, 100)]) == Needs(180, 12), "the shuffle that needs most"
    assert needs_of([Measured(1, 10)]) == Needs(LEAST_MIN, LEAST_GB)
    assert needs_of([Measured(7200, 0)]) == Needs(180, None), "memory that was not measured is the site's"


def test_a_site_that_allows_less_gets_several_jobs() -> None:
    assert needs_of([Measured(7200, 8192)], 60) == Needs(60, 12, jobs=3)
    assert needs_of([Measured(7200, 8192)], 600) == Needs(180, 12)


def test_a_shuffle_without_a_measurement_gets_the_usual_time() -> None:
    assert needs_of([None]) == needs_of([]) == needs_of([None, Measured(7200, 8192)]) == Needs(DEFAULT_MIN)
    assert needs_of([None], 60) == Needs(60)
