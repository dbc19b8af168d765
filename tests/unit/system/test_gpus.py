"""What CUDA needs to know besides the names of its GPUs."""

from __future__ import annotations

from pathlib import Path

from dlcctr.system.gpus import gpu_environment, mps_folders


def test_numbers_mean_what_they_mean_to_nvidia_smi() -> None:
    assert gpu_environment({}) == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert gpu_environment({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}) == {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}


def test_a_server_that_shares_a_gpu_is_found(tmp_path: Path) -> None:
    (tmp_path / "pipe").mkdir()
    environment = {
        "CUDA_MPS_PIPE_DIRECTORY": str(tmp_path / "pipe"), "CUDA_MPS_LOG_DIRECTORY": str(tmp_path / "gone"),
        "HOME": "/",
    }  # fmt: skip
    assert gpu_environment(environment) == {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_MPS_PIPE_DIRECTORY": str(tmp_path / "pipe"),
        "CUDA_MPS_LOG_DIRECTORY": str(tmp_path / "gone"),
    }  # fmt: skip
    assert mps_folders(environment) == [tmp_path / "pipe"]
    assert mps_folders({"CUDA_MPS_PIPE_DIRECTORY": ""}) == []
