from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import UsageError
from dlcctr.slurm.site.prices import Cost, cost_of, has_prices
from dlcctr.slurm.site.profile import Site, override, read_site

PRICED = Site(
    unit="SU", per_gpu_hour=2.0, currency="EUR", money_per_gpu_hour=1.5, co2_kg_per_gpu_hour=0.2, gres="gpu:1"
)


def test_gpu_hours_cost_units_money_and_co2() -> None:
    assert cost_of(PRICED, 10) == Cost("SU", 20.0, "EUR", 15.0, 2.0)
    assert cost_of(PRICED, 10).text == "20.0 SU, 15.0 EUR, 2.00 kg of CO2"


def test_what_has_no_price_is_not_said() -> None:
    assert cost_of(Site(), 10) == Cost()
    assert cost_of(Site(), 10).text == ""
    assert cost_of(Site(co2_kg_per_gpu_hour=0.5), 3).text == "1.50 kg of CO2"
    assert (has_prices(Site()), has_prices(Site(per_gpu_hour=0.0, unit="SU"))) == (False, True)


@pytest.mark.parametrize(
    ("hours", "text"),
    [(0, "0.00 SU"), (0.0004, "0.0008 SU"), (0.2, "0.40 SU"), (6, "12.0 SU"), (900, "1,800 SU")],
)
def test_small_and_large_costs_are_readable(hours: float, text: str) -> None:
    assert cost_of(Site(unit="SU", per_gpu_hour=2.0), hours).text == text


@pytest.mark.parametrize(
    ("line", "said", "remedy"),
    [
        ("per_gpu_hour = 1", "accounting.per_gpu_hour is given without unit", 'unit = "SU"'),
        ('unit = "SU"\nmoney_per_gpu_hour = 2', "accounting.money_per_gpu_hour is given without currency", "EUR"),
        ('unit = "SU"\nper_gpu_hour = -1', "accounting.per_gpu_hour is -1; it must be a number from 0", "units"),
        ('unit = "SU"\nper_gpu_hour = nan', "accounting.per_gpu_hour is nan", "units"),
        ('unit = "SU"\nper_gpu_hour = true', "accounting.per_gpu_hour is True", "units"),
        ('unit = "SU"\nper_gpu_hour = "1"', "accounting.per_gpu_hour is '1'", "units"),
        ('unit = "S\\nU"', "accounting.unit is 'S\\nU'", "SU or credits"),
        ("price = 1", "accounting.'price' is not known", "[accounting] takes: unit, per_gpu_hour"),
    ],
)
def test_a_wrong_price_names_file_key_and_remedy(tmp_path: Path, line: str, said: str, remedy: str) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(f"[accounting]\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_site(file)
    assert caught.value.message.startswith(f"{file}: ")
    assert said.replace("\\n", "\\n") in caught.value.message
    assert remedy in caught.value.hint


def test_prices_stay_when_the_command_line_changes_something_else() -> None:
    assert cost_of(override(PRICED, gres="gpu:2"), 1).units == 2.0
