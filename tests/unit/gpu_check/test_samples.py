from __future__ import annotations

import pytest

from tests.gpu.gpu_samples import GpuSamples, Sample, parse_line, summarise_samples


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("87, 12345, 301.52\n", Sample(1.0, 0.87, 12345.0, 301.52)),
        ("[N/A], 512, [Not Supported]\n", Sample(1.0, None, 512.0, None)),
        ("No devices were found\n", None),
        ("\n", None),
    ],
)
def test_lines_of_nvidia_smi(line: str, expected: Sample | None) -> None:
    assert parse_line(line, 1.0) == expected


def test_means_and_the_most_memory_leave_out_what_is_not_measured() -> None:
    samples = [Sample(1, 0.5, 100, None), Sample(2, None, 300, 200.0), Sample(3, 1.0, 200, 100.0)]
    found = summarise_samples(samples)
    assert found is not None
    assert (found.samples, found.utilisation, found.memory_mb, found.power_w) == (3, 0.75, 300, 150.0)
    assert summarise_samples([]) is None


def test_without_a_gpu_or_nvidia_smi_the_page_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for gpu, why in (("", "the check runs on the CPU"), ("0", "there is no nvidia-smi")):
        samples = GpuSamples(gpu)
        assert why in samples.missing
        assert samples.between(0, 1e9) is None
        samples.close()
