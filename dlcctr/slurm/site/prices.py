"""Cost of GPU-hours, in the units for which the site's profile has a price."""

from __future__ import annotations

from dataclasses import dataclass

from dlcctr.slurm.site.profile import Site


@dataclass(frozen=True)
class Cost:
    """Cost of some GPU-hours; None if the profile has no price of that kind.

    Parameters
    ----------
    unit, currency : str
        What `units` and `money` are counted in; empty where there is none.
    units : float or None
        In the site's own unit, such as SU.
    co2_kg : float or None
        In kg of CO2.
    """

    unit: str = ""
    units: float | None = None
    currency: str = ""
    money: float | None = None
    co2_kg: float | None = None

    @property
    def text(self) -> str:
        """``34.5 SU, 51.8 EUR, 7.2 kg of CO2``; empty where nothing has a price."""
        parts = ((self.units, self.unit), (self.money, self.currency), (self.co2_kg, "kg of CO2"))
        return ", ".join(f"{_shown(value)} {unit}" for value, unit in parts if value is not None)


def cost_of(site: Site, gpu_hours: float) -> Cost:
    """Multiply GPU-hours with the prices of a site."""

    def times(price: float | None) -> float | None:
        return None if price is None else round(price * gpu_hours, 6)

    units, money = times(site.per_gpu_hour), times(site.money_per_gpu_hour)
    return Cost(
        unit=site.unit if units is not None else "",
        units=units,
        currency=site.currency if money is not None else "",
        money=money,
        co2_kg=times(site.co2_kg_per_gpu_hour),
    )


def has_prices(site: Site) -> bool:
    """Whether the profile has any price."""
    return (site.per_gpu_hour, site.money_per_gpu_hour, site.co2_kg_per_gpu_hour) != (None,) * 3


def _shown(value: float) -> str:
    """Number with one decimal from 10 on and two below; never 0 for a positive value."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.01 or value == 0 else f"{value:.2g}"
