"""Our own loop against stock DeepLabCut, over all rows: containers, codecs, rotation, crops, and damaged videos."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.rows import Row
from dlcctr.contract import FRAME_TIMES_FILENAME, RECEIPT_FILENAME, ExitCode
from dlcctr.quality.record import QUALITY_FILENAME, TABLE_FILENAME
from entrypoint.video.lossless_copy import write_copy
from entrypoint.video.scan import scan_video
from tests import media
from tests.integration.support.own_loop import ROOT, OwnLoop, only
from tests.integration.support.tiny_models import make_model
from tests.integration.test_equality import CLIP, TRAINED, cut

FRAMES = 13
"""Not a multiple of the batch size."""
CROP = (11, 131, 7, 90)
CLIP_FRAMES = 60

VIDEOS: dict[str, dict[str, Any]] = {
    "bframes.mp4": {"options": {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal"}},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
    "raw.avi": {"codec": "rawvideo", "pix_fmt": "bgr24"},
    "yuyv.avi": {"codec": "rawvideo", "pix_fmt": "yuyv422"},
    "mpeg2.mpg": {"codec": "mpeg2video"},
    "uneven.mkv": {"vfr": True},
    "bt709.mp4": {"options": {"x264-params": "colormatrix=bt709:colorprim=bt709:transfer=bt709"}},
    "hdr.mp4": {"options": {"x264-params": "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"}},
    "hlg.mp4": {"options": {"x264-params": "colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"}},
    "wide_colours.mp4": {"options": {"x264-params": "colorprim=smpte432:transfer=bt709:colormatrix=bt709"}},
    "full_range.mp4": {"pix_fmt": "yuvj420p"},
    "odd_size.mkv": {"codec": "mpeg4", "width": 151, "height": 97},
    "grey.mkv": {"codec": "ffv1", "pix_fmt": "gray"},
    "ten_bit.mkv": {"codec": "libx265", "pix_fmt": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "cropped.mp4": {},
}
MJPEG: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0}


def punch(source: Path, target: Path) -> None:
    places = media.packet_places(source)[15:18]
    media.punch_hole(source, target, places[0][0], sum(size for _, size in places), seed=1)


DAMAGED: dict[str, tuple[dict[str, Any], Callable[[Path, Path], object]]] = {
    "hole.mp4": ({}, punch),
    "cut.avi": (MJPEG, lambda source, target: media.cut(source, target, 0.5)),
    "says10.avi": (MJPEG, lambda source, target: media.patch_avi_frames(source, target, 10)),
    "says90.avi": (MJPEG, lambda source, target: media.patch_avi_frames(source, target, 90)),
}
DAMAGED_FRAMES = 26
TURNED, INTERLACED, PADDED = "turned.mp4", "interlaced.mp4", "padded.mp4"


@pytest.fixture(scope="module")
def case(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> OwnLoop:
    """All of them, analysed by both: one process each."""
    folder = tmp_path_factory.mktemp("own")
    case = OwnLoop(native_pytorch, make_model(native_pytorch, "pytorch-single", folder / "models"), folder)
    case.videos.mkdir()
    for name, options in VIDEOS.items():
        case.add(media.write_video(case.videos / name, FRAMES, **options), CROP if name.startswith("crop") else None)
    case.add(media.rotate_mp4(media.write_video(folder / "lying.mp4", FRAMES), case.videos / TURNED))
    for name, (options, damage) in DAMAGED.items():
        damage(media.write_video(folder / f"sound-{name}", DAMAGED_FRAMES, **options), case.videos / name)
        case.add(case.videos / name)
    add_interlaced(case)
    if CLIP.exists() and TRAINED.exists():
        cut(CLIP, case.videos / CLIP.name, CLIP_FRAMES)
        case.add(case.videos / CLIP.name, model=TRAINED)
    equal = list(case.rows)
    case.add(media.write_video(case.videos / PADDED, FRAMES), model=padding_model(case.model, folder / "padded"))
    case.analyse("own", code=ExitCode.MODEL)  # of the row that is not covered
    case.stock_by_hand(equal, {name: folder / f"sound-{name}" for name in (*DAMAGED, INTERLACED)})
    return case


def add_interlaced(case: OwnLoop) -> None:
    """OpenCV's FFmpeg 8 gives black pictures of it; stock gets the same pictures from a file that is not interlaced."""
    video = media.write_video(case.videos / INTERLACED, FRAMES, options={"x264-params": "interlaced=1"})
    write_copy(video, case.folder / f"sound-{INTERLACED}", scan_video(video))
    case.add(video)


def padding_model(model: Path, target: Path) -> Path:
    """A model whose pictures are padded."""
    shutil.copytree(model, target)
    pose = next(target.rglob("pytorch_config.yaml"))
    padding = "auto_padding: {pad_width_divisor: 32, position: top_left}"
    pose.write_text(re.sub(r"auto_padding:.*", padding, pose.read_text()))
    return target


def row_of(case: OwnLoop, name: str) -> Row:
    return next(row for row in case.rows if row.video == name)


@pytest.mark.real
def test_every_video_equals_stock(case: OwnLoop) -> None:
    rows = [row for row in case.rows if row.video != PADDED]
    pairs = [(case.result(row, "own"), case.hand_folder(row), case.lost(row)) for row in rows]
    for row, found in zip(rows, case.compare(pairs), strict=True):
        print(row.video, found)
        receipt = case.receipt(row, "own")
        assert receipt.path == "own"
        assert receipt.device.backend == f"OpenVINO {receipt.software['openvino']}"
        assert found["equal"], (row.video, found)
        assert found["lost_in_place"], (row.video, found)
        assert found["key"]
        assert not found["shifted"], (row.video, found)
        assert receipt.state.value == ("degraded" if case.lost(row) else "ok")
    assert [bool(case.lost(row_of(case, name))) for name in DAMAGED] == [True, True, False, False]


def deeplabcuts(folder: Path) -> set[str]:
    """Names of a row's files without those that are dlcctr's own."""
    own = {RECEIPT_FILENAME, FRAME_TIMES_FILENAME, QUALITY_FILENAME, TABLE_FILENAME}
    names = {path.name for path in folder.iterdir()}
    assert own <= names
    return {name for name in names - own if not re.fullmatch(r"picture-\d+\.jpg", name)}


@pytest.mark.real
def test_the_same_files_as_stock(case: OwnLoop) -> None:
    row = row_of(case, "bframes.mp4")
    ours, stock = case.result(row, "own"), case.hand_folder(row)
    assert deeplabcuts(ours) == {path.name for path in stock.iterdir()}
    for pattern in ("*_full.pickle", "*_meta.pickle"):
        case.call("-I", "-c", SAME_PICKLES, only(ours, pattern), only(stock, pattern))


SAME_PICKLES = """
import pickle, sys
import numpy
class Reader(pickle.Unpickler):
    def find_class(self, module, name):  # DeepLabCut's own kinds take 10 s to import
        return str if module.startswith("deeplabcut") else super().find_class(module, name)
ours, stock = (Reader(open(name, "rb")).load() for name in sys.argv[1:])
FREE = {"start", "stop", "run_duration"}  # and the paths of the private project:
FREE |= {"pytorch-config", "init_weights", "snapshot_prefix"}
def same(a, b, where):
    assert type(a) is type(b), (where, type(a), type(b))
    if isinstance(a, dict):
        assert list(a) == list(b), (where, list(a)[:5], list(b)[:5])
        for key in a:
            if key not in FREE:
                same(a[key], b[key], f"{where}/{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for place, pair in enumerate(zip(a, b)):
            same(*pair, f"{where}/{place}")
    elif isinstance(a, numpy.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert numpy.allclose(a, b, atol=0.01, equal_nan=True), where
    else:
        assert a == b, (where, a, b)
same(ours, stock, "")
"""


@pytest.mark.real
def test_a_further_video_costs_little(case: OwnLoop) -> None:
    """The network stays loaded: of all rows only the first pays for it, and for the import."""
    rows = [row for row in case.rows if Path(row.model) == case.model]
    first, *others = [case.receipt(row, "own").timings_s for row in rows]
    assert first["import"] > 1
    for timings in others:
        assert timings["import"] == 0
        assert timings["load"] < first["load"] / 2
    fixed = [t["total"] - t["network"] - t["decoding"] for t in others]
    print("fixed cost of a further video in s:", sorted(round(each, 2) for each in fixed))


@pytest.mark.real
def test_what_is_not_covered_is_refused_with_the_reason(case: OwnLoop) -> None:
    row = row_of(case, PADDED)
    assert not case.result(row, "own").exists()
    failure = case.result(row, "own").with_name(f"{PADDED}.failed.json").read_text()
    assert "because its pictures are not only normalised (PadIfNeeded)" in failure
    assert "--path auto" in failure


@pytest.mark.real
def test_sixteen_bits_are_near_float32_and_say_how_near(case: OwnLoop) -> None:
    row = row_of(case, "bframes.mp4")
    said = case.analyse("own", "--precision", "bf16", rows=[row], out="bf16")
    receipt = case.receipt(row, "bf16")
    assert receipt.parameters.precision == "bf16"
    assert receipt.device.backend.endswith(", bf16")
    far = receipt.device.from_float32
    assert far is not None
    assert 0 < far.px < 2, "more than rounding, less than another place"
    assert f"bf16: on its first {far.frames} frames up to {far.px} px" in said
    (found,) = case.compare([(case.result(row, "bf16"), case.result(row, "own"), [])])
    print(far, found)
    assert 0 < found["max_px"] < 2
    assert not found["shifted"]


OVERLAP = """
import sys
import numpy, torch
order = []
class Event:
    def record(self, stream): order.append(("record", stream.name, self))
    def synchronize(self): order.append(("wait", None, self))
class Stream:
    def __init__(self, name): self.name = name
    def wait_event(self, event): order.append(("wait", self.name, event))
    def __enter__(self): return self
    def __exit__(self, *_): pass
network = Stream("network")
torch.cuda.Event, torch.cuda.Stream = Event, lambda device: Stream("copying")
torch.cuda.stream = lambda stream: stream
torch.cuda.current_stream, torch.cuda.synchronize = lambda device: network, lambda device: None
empty = torch.empty
torch.empty = lambda *shape, pin_memory=False, **options: empty(*shape, **options)
from entrypoint.engines.pytorch.overlap import ROOMS, Overlap
seen = []
def compute(batch):
    seen.append(batch.data_ptr())
    return batch.to(torch.float32).sum((1, 2)).reshape(len(batch), 1, 3)
overlap, buffer, finish = Overlap("cpu", compute), numpy.zeros((4, 2, 2, 3), numpy.uint8), []
for number in range(5):
    count = 4 if number < 4 else 2
    buffer[:count] = number
    before = len(order)
    finish.append(overlap.start(buffer[:count]))
    steps = [(kind, stream) for kind, stream, _ in order[before:]]
    # its memory is free, copied; the network waits for that, its positions are on their way; its memory is free; the
    # frames may be overwritten
    assert steps == [("wait", "copying"), ("record", "copying"), ("wait", "network"), ("record", "network"),
                     ("record", "network"), ("wait", None)], steps
    read, copied, waited, there, free, last = (event for _, _, event in order[before:])
    assert copied is waited is last and free is read and there not in (read, copied)
    buffer[:] = 255
assert seen[0] == seen[2] == seen[4] and seen[1] == seen[3] and len(set(seen)) == ROOMS
for number, each in enumerate(finish):
    assert (each() == 4 * number).all(), number
    assert len(each()) == (4 if number < 4 else 2)
def fails(batch):
    raise RuntimeError("CUDA out of memory")
overlap._compute, before = fails, len(order)
try:
    overlap.start(buffer)
except RuntimeError:
    pass
assert [(kind, stream) for kind, stream, _ in order[before:]][-2:] == [("record", "network"), ("wait", None)]
"""


@pytest.mark.real
def test_copies_to_a_gpu_are_waited_for_before_frames_are_overwritten(case: OwnLoop) -> None:
    """The order of streams and events, with stand-ins for them: there is no GPU here."""
    case.call("-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{OVERLAP}")


TUNE = """
import numpy, torch
from entrypoint.engines.pytorch import network
torch.cuda.synchronize = lambda device: None
class Model(torch.nn.Conv2d):
    def get_predictions(self, maps):
        seen.append(maps.is_contiguous(memory_format=torch.channels_last))
        return {"bodypart": {"poses": maps.mean((2, 3)).reshape(len(maps), 1, 1, 3)}}
class Runner:
    device = "cpu"
seen, times = [], {}
made = network.TorchNetwork.__new__(network.TorchNetwork)
made._runner, made._model, made._steps, made._pinned = Runner, Model(3, 3, 3), [], True
made._compiled = made._precision = None
made._lay_out(network.USUAL)
frames = numpy.arange(2 * 8 * 8 * 3, dtype=numpy.uint8).reshape(2, 8, 8, 3)
equal = lambda ours, others: numpy.allclose(ours, others, atol=1e-3)
order = iter([])
network._time = lambda run, device: (run(), next(order))[1]
cases = [((2.0, 1.0), equal, "channels first"), ((1.0, 2.0), equal, ""), ((1.0, 0.99), equal, "")]
for seconds, same, expected in (*cases, ((2.0, 1.0), lambda *_: False, "")):
    order = iter(seconds)
    seen.clear()
    assert made.tune(frames, same) == expected, (seconds, expected)
    assert seen == [True, True, False, False], seen
    seen.clear()
    made.predict(frames)
    assert seen == [expected == ""], (seen, expected)
def fails(run, device):
    raise torch.OutOfMemoryError("CUDA out of memory")
network._time = fails
made.release_memory = lambda: None
assert made.tune(frames, equal) == ""
"""


@pytest.mark.real
def test_the_layout_of_maps_is_chosen_by_measuring(case: OwnLoop) -> None:
    """With a clock of our own: there is no GPU here."""
    case.call("-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{TUNE}")


@pytest.mark.full
@pytest.mark.skipif(not (CLIP.exists() and TRAINED.exists()), reason="the project ships neither clip nor model")
def test_the_whole_open_field_clip_equals_stock(native_pytorch: Path, tmp_path: Path) -> None:
    case = OwnLoop(native_pytorch, TRAINED, tmp_path, batch_size=8)
    case.videos.mkdir()
    shutil.copy(CLIP, case.videos / CLIP.name)
    case.add(case.videos / CLIP.name)
    case.analyse("own")
    case.stock_by_hand(case.rows, {})
    (row,) = case.rows
    assert case.receipt(row, "own").device.backend.startswith("OpenVINO")
    (found,) = case.compare([(case.result(row, "own"), case.hand_folder(row), [])])
    print(found)
    assert found["equal"], found
    assert not found["shifted"]
