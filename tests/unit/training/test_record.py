from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from dlcctr.training.record import (
    TRAINING_FILENAME,
    TRAININGS,
    TRIAL_FILENAME,
    TRIALS,
    StartWeights,
    Status,
    Training,
    Trial,
    find_training,
    find_trial,
    list_train_folders,
)

TRAINING = Training(
    Status.RUNNING, "pytorch", 1, 0, 0, 42, 3, 10,
    start=StartWeights("file", "/weights/a.pt", "ab" * 32), seconds_per_epoch=2.5, software={"torch": "2"},
)  # fmt: skip
TRIAL = Trial("pytorch", 1, 0, 0, 2.0, 100, 900.0, 0.0, 57, 3, setup_s=10.0, seconds_per_detector_epoch=1.0,
              detector_wanted=5)  # fmt: skip


def test_what_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / TRAINING_FILENAME).write_text(TRAININGS.text(TRAINING))
    (tmp_path / TRIAL_FILENAME).write_text(TRIALS.text(TRIAL))
    assert find_training(tmp_path) == TRAINING
    assert find_trial(tmp_path) == TRIAL


def test_nothing_there_is_no_error(tmp_path: Path) -> None:
    assert find_training(tmp_path) is None
    assert find_trial(tmp_path / "no") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"status": "asleep"}', "\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / TRAINING_FILENAME).write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=TRAINING_FILENAME):
        find_training(tmp_path)


def test_a_key_of_a_later_version_is_no_error(tmp_path: Path) -> None:
    text = TRAININGS.text(TRAINING).replace('"engine"', '"colour": 1, "engine"', 1)
    text = "\n".join(line for line in text.splitlines() if "checksum" not in line)
    (tmp_path / TRAINING_FILENAME).write_text(text)
    assert find_training(tmp_path) == TRAINING


def test_what_is_left_is_what_is_missing() -> None:
    assert TRAINING.seconds_left == 7 * 2.5
    assert TRIAL.seconds_in_all == 10 + 200 + 5


def test_train_folders_of_all_engines_or_of_one_iteration(tmp_path: Path) -> None:
    wanted = []
    for top, iteration in (("dlc-models", 0), ("dlc-models-pytorch", 1)):
        folder = tmp_path / top / f"iteration-{iteration}" / "demoJan1-trainset95shuffle1" / "train"
        folder.mkdir(parents=True)
        wanted.append(folder)
    assert sorted(list_train_folders(tmp_path)) == sorted(wanted)
    assert list_train_folders(tmp_path, iteration=1) == wanted[1:]
