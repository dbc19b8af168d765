"""Filter tables by DeepLabCut's `filterpredictions` and by the step `filter`, and compare; needs DeepLabCut only.

Usage: filters_beside_stock.py CHECKOUT FOLDER ENGINE. Prints a line for each comparison, and ends with 1 where one
differs. DeepLabCut reads and writes its own files; only what it would ask its project is answered here.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import numpy
import pandas

SCORER = "DLC_Resnet50_mouseJan1shuffle1_snapshot_200"
PARTS = ("snout", "tail base", "ear")
OPTIONS = (
    {"filtertype": "median"},
    {"filtertype": "median", "windowlength": 1},
    {"filtertype": "median", "windowlength": 9},
    {"filtertype": "spline"},
    {"filtertype": "spline", "windowlength": 0},
    {"filtertype": "spline", "windowlength": 12},
    {"filtertype": "arima"},
    {"filtertype": "arima", "ARdegree": 1, "MAdegree": 0, "p_bound": 0.6, "alpha": 0.2},
    {"filtertype": "arima", "ARdegree": 2, "MAdegree": 2, "p_bound": 0.3},
)


def make_table(kind: str, frames: int, number_type: str) -> pandas.DataFrame:
    """Smooth ways with jumps, gaps at all places, doubtful and unknown likelihoods, and points that never are there."""
    rng = numpy.random.default_rng(frames)
    several = kind == "several"
    points = [(who, part) for who in ("m1", "m2") for part in PARTS] + [("single", "corner")]
    points = points if several else [("", part) for part in PARTS]
    names = [(SCORER, *([who] if several else []), part, c) for who, part in points for c in ("x", "y", "likelihood")]
    levels = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    values = numpy.empty((frames, len(points), 3))
    t = numpy.arange(frames)
    for n in range(len(points)):
        values[:, n, 0] = 300 + 90 * numpy.sin(t / (9 + n)) + rng.normal(0, 1, frames)
        values[:, n, 1] = 200 + 50 * numpy.cos(t / (14 - n)) + rng.normal(0, 1, frames)
        values[:, n, 2] = rng.beta(5, 1, frames)
        jumps = rng.random(frames) < 0.03
        values[jumps, n, :2] += rng.normal(0, 80, (jumps.sum(), 2))
        values[jumps, n, 2] = rng.random(jumps.sum()) * 0.5
    values[:3, 0] = numpy.nan  # at the start
    values[-4:, 1, :2] = numpy.nan  # at the end, with likelihoods
    values[frames // 2 : frames // 2 + 9, 0] = numpy.nan  # longer than the default window
    values[frames // 3 : frames // 3 + 2, 1, 0] = numpy.nan  # in one coordinate
    values[frames // 4 : frames // 4 + 3, 2, 2] = numpy.nan  # no likelihood
    values[frames // 5, 2, :2] = 0.0  # DeepLabCut's spline takes 0 for missing
    if several:
        values[:, 3] = numpy.nan  # never there
        values[5:, 4] = numpy.nan  # too short for a model
        values[:, 6, :2] = 40.0, 60.0  # does not move
    columns = pandas.MultiIndex.from_tuples(names, names=levels)
    return pandas.DataFrame(values.reshape(frames, -1), columns=columns).astype(number_type)


def by_stock(folder: Path, table: pandas.DataFrame, track_method: str, options: dict[str, object]) -> Path:
    """DeepLabCut's filtered table of a table in its place."""
    from entrypoint.steps.importable import make_importable

    make_importable()
    from deeplabcut.post_processing import filtering

    folder.mkdir()
    ending = "_el" if track_method else ""
    (folder / "video.mp4").touch()
    table.to_hdf(folder / f"video{SCORER}{ending}.h5", key="df_with_missing", format="table", mode="w")
    filtering.auxiliaryfunctions.read_config = lambda _: {"TrainingFraction": [0.95]}
    filtering.auxiliaryfunctions.get_scorer_name = lambda *_, **__: (SCORER, SCORER)
    filtering.auxfun_multianimal.get_track_method = lambda *_, **__: track_method
    filtering.filterpredictions("config.yaml", str(folder / "video.mp4"), destfolder=str(folder), **options)
    return folder / f"video{SCORER}{ending}_filtered.h5"


def by_step(folder: Path, h5: Path, frames: int, options: dict[str, object]) -> Path:
    """The step's table."""
    from dlcctr.campaign.steps.filter import FilterParameters
    from dlcctr.system.values.records import from_table
    from entrypoint.steps.filter import run
    from tests.unit.support.smoothing_case import input_of

    folder.mkdir()
    result = run(input_of([h5], frames, folder, from_table(FilterParameters, {**options, "csv": True})))
    assert [each.name for each in result.files] == [f"{h5.stem}_filtered.h5", f"{h5.stem}_filtered.csv"]
    return result.files[0]


def differences(stock: Path, ours: Path, frames: int) -> str:
    """What differs between two tables and their .csv; empty where nothing does."""
    wanted, found = pandas.read_hdf(stock), pandas.read_hdf(ours)
    with pandas.HDFStore(ours, "r") as store:
        if store.keys() != ["/df_with_missing"]:
            return f"keys {store.keys()}"
    if len(found) != frames or not found[len(wanted) :].isna().all(axis=None):
        return "rows after the last one"
    found = found[: len(wanted)]
    if list(found.columns) != list(wanted.columns) or found.columns.names != wanted.columns.names:
        return "columns"
    if list(found.index) != list(wanted.index) or list(found.dtypes) != list(wanted.dtypes):
        return f"index or types: {set(found.dtypes)} instead of {set(wanted.dtypes)}"
    if not numpy.array_equal(found.to_numpy(), wanted.to_numpy(), equal_nan=True):
        return f"numbers, by up to {numpy.nanmax(numpy.abs(found.to_numpy() - wanted.to_numpy()))}"
    lines = ours.with_suffix(".csv").read_text().splitlines()[: len(wanted) + wanted.columns.nlevels]
    return "" if lines == stock.with_suffix(".csv").read_text().splitlines() else "the .csv"


def main() -> int:
    folder, engine = Path(sys.argv[2]), sys.argv[3]
    if engine == "pytorch":
        from entrypoint.engines.torchvision_ops import declare_missing

        declare_missing()
    warnings.simplefilter("ignore")
    bad = 0
    cases = [(kind, 150, "float64") for kind in ("one", "several")]
    cases += [("several", 150, "float32"), ("one", 40, "float64")]
    for number, (kind, frames, number_type) in enumerate(cases):
        table = make_table(kind, frames, number_type)
        whole = frames + 10 * (kind == "several")  # tracks may end before the video
        for n, options in enumerate(OPTIONS):
            place = folder / f"{number}-{n}"
            place.mkdir()
            stock = by_stock(place / "stock", table, "ellipse" if kind == "several" else "", dict(options))
            h5 = stock.with_name(stock.name.replace("_filtered", ""))
            wrong = differences(stock, by_step(place / "ours", h5, whole, dict(options)), whole)
            print("differs:" if wrong else "equal:", kind, frames, number_type, options, wrong)
            bad += bool(wrong)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
