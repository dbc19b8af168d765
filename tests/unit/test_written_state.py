"""What is written today is, key by key, what was written before records had types (golden/state).

Whoever changes one of these files on purpose raises the contract's version.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import RECEIPT_FILENAME, RowState, failure_file
from dlcctr.errors import AnalysisError, OutputError, VideoError
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.planner import make_plan
from dlcctr.results.sections import Columns, DeviceUsed, OutputFile, ReusedPart
from dlcctr.slurm.jobs.submissions import SUBMISSIONS
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit import resubmit
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.prepare import SubmitOptions
from dlcctr.slurm.submit.retry import Decision, Group
from dlcctr.slurm.submit.submit import submit
from dlcctr.system.locks import campaign_lock
from dlcctr.transfer.new_videos import Arrival
from dlcctr.transfer.watch import WatchState, write_state
from entrypoint.analyze.attempt import AttemptRecord, make_failure, make_receipt
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.task import RowTask, resolve
from entrypoint.video.frame_scan import FrameScan
from tests.unit.slurm.submit.test_submit import scheduler  # noqa: F401 - a fixture
from tests.unit.support.analyze_case import Case
from tests.unit.support.results import Bench, make_bench
from tests.unit.support.state_files import GOLDEN

VARYING = {
    r"\d{8}-\d{6}-[0-9a-f]{4}(-[0-9a-f]{8})?": "PLAN",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?": "TIME",
    r'"(host|user)": "[^"]*"': r'"\1": "NAME"',
    r'"pid": \d+': '"pid": 0',
    r'\n ?"checksum": "[0-9a-f]{32}",|"checksum": "[0-9a-f]{32}", ': "",  # files of earlier versions have none
    r', "boot": "[^"]*", "proves": true': "",
    r'"(scan|import|analysis|verification|network|total)": -?[\d.e-]+': r'"\1": 0',
    r"[0-9a-f]{64}|v1:\d+:[0-9a-f]{32}|-[0-9a-f]{8}": "HASH",
    r'"bytes": \d+': '"bytes": 0',
}
"""Patterns of what differs from run to run and from machine to machine."""


def assert_as_ever(name: str, text: str, folder: Path) -> None:
    """Compare a text with the golden file of a name."""
    then, now = (GOLDEN / name).read_text(encoding="utf-8"), text.replace(str(folder), "/data")
    for pattern, word in VARYING.items():
        then, now = re.sub(pattern, word, then), re.sub(pattern, word, now)
    assert now == then


def test_receipts_of_rows_that_were_analysed(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    receipt = case.result / RECEIPT_FILENAME
    case.run(batch_size=3, crop=(0, 64, 10, 60))
    assert_as_ever("receipt-stock.json", receipt.read_text(), tmp_path)
    monkeypatch.setenv("FAKE_WORKER", "own")
    case.run(overwrite=True)
    Path(json.loads((case.result / "a bDLC_Fake.h5").read_text())["checkpoint_folder"]).mkdir()
    case.run(overwrite=True)
    assert_as_ever("receipt-own.json", receipt.read_text(), tmp_path)


def test_failures(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = failure_file(case.campaign.out, case.model_id, case.row.video)
    monkeypatch.setenv("FAKE_WORKER", "full")
    case.fail(OutputError, "disk full", path="stock")
    assert_as_ever("failed.json", file.read_text(), tmp_path)
    (case.campaign.video_root / case.row.video).write_bytes(b"x")
    case.fail(VideoError, "not the video")
    assert_as_ever("failed-video.json", file.read_text(), tmp_path)


@pytest.fixture
def task(case: Case, monkeypatch: pytest.MonkeyPatch) -> RowTask:
    """A row in an image with a GPU, as an array task."""
    ids = {"JOB_ID": "812", "ARRAY_JOB_ID": "810", "ARRAY_TASK_ID": "2", "JOB_PARTITION": "gpu"}
    for name, value in ids.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("DLCCTR_IMAGE_DIGEST", "sha256:" + "12" * 32)
    table = json.loads((GOLDEN / "receipt-degraded-gpu.json").read_text())["image"]
    (case.folder / "image.json").write_text(json.dumps(table))
    return resolve(RowRequest(manifest=case.folder / "m.csv", index=0, device="cpu"))


def attempt(task: RowTask, scan: FrameScan, device: DeviceUsed) -> AttemptRecord:
    return AttemptRecord(
        scan=scan,
        software={"python": "3.11.9", "deeplabcut": "3.0.0rc13", "torch": "2.7.1", "driver": "550.1"},
        device=device,
        timings_s={"scan": 1.25, "import": 12.5, "network": 3.0},
        scorer="DLC_Resnet50_mouse",
        columns=Columns(12, tuple(task.columns)),
        path="own",
        batch_size=8,
    )


FILES = [OutputFile("a bDLC.h5", 1000, "ab" * 32), OutputFile("a bDLC.csv", 200, "cd" * 32)]


def test_receipts_of_gpus(task: RowTask, tmp_path: Path) -> None:
    parts = (ReusedPart(0, 5, 8, "cuda", "PyTorch 2.7.1"),)
    device = DeviceUsed("cuda", None, "NVIDIA H100", 123456789, "PyTorch 2.7.1", parts)
    found = attempt(task, FrameScan(12, 12, 10, [[3, 5]]), device)
    text = make_receipt(task, found, RowState.DEGRADED, FILES).to_json()
    assert_as_ever("receipt-degraded-gpu.json", text, tmp_path)
    device = DeviceUsed("cuda", name="Tesla V100", peak_memory_bytes=None, backend="TensorFlow 2.12.0")
    text = make_receipt(task, attempt(task, FrameScan(0, 12, 12), device), RowState.OK, FILES).to_json()
    assert_as_ever("receipt-tensorflow-gpu.json", text, tmp_path)


def test_what_is_not_known_is_left_out(task: RowTask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DLCCTR_IMAGE_FILE", str(tmp_path / "none.json"))
    found = attempt(task, FrameScan(0, 12, 12), DeviceUsed("cpu", 16, backend="OpenVINO 2026.2.1"))
    text = make_receipt(task, found, RowState.OK, FILES).to_json()
    assert_as_ever("receipt-cpu-no-image.json", text, tmp_path)
    monkeypatch.delenv("DLCCTR_IMAGE_DIGEST")
    text = make_failure(task, AttemptRecord(), AnalysisError("it broke", "try"), RowState.FAILED).to_json()
    assert_as_ever("failed-early.json", text, tmp_path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = make_bench(tmp_path, [f"v{n}.mp4" for n in range(7)])
    made.rows = [replace(row, frames=1000 * (row.index + 1)) for row in made.rows]
    write_manifest(made.manifest, made.rows)
    return made


SPEED = PlanOptions(fps=100.0)


def test_plans(bench: Bench, tmp_path: Path) -> None:
    paths = CampaignPaths.of(bench.manifest)
    plan, _ = make_plan(bench.manifest, replace(SPEED, tasks=3))
    assert plan
    assert_as_ever("plan.json", paths.plan(plan.id).read_text(), tmp_path)
    for n in range(5):
        device = DeviceUsed("cuda", name="Tesla V100")
        bench.commit(n, device=device, timings_s={"import": 12.0, "total": 100.0 + n})
    plan, _ = make_plan(bench.manifest, PlanOptions(all_rows=True, max_parallel=2, gpus_per_task=2))
    assert plan
    assert_as_ever("plan-measured.json", paths.plan(plan.id).read_text(), tmp_path)


@pytest.mark.usefixtures("scheduler")
def test_submissions(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    paths = CampaignPaths.of(bench.manifest)
    site = Site(
        "hpc", partition="gpu", gres="gpu:1", gpus_per_task=1, mem_gb=16, modules=("load apptainer",), max_time_min=2880
    )
    job = JobOptions("dlc.sif", exclude=("node3",))
    done = submit(bench.manifest, SubmitOptions(site, job, replace(SPEED, tasks=3), rows="0-5", canary=True))
    assert done.plan
    assert_as_ever("plan-canary.json", paths.plan(done.plan.id).read_text(), tmp_path)
    assert_as_ever("submission-canary.json", paths.submission(done.plan.id).read_text(), tmp_path)
    job = JobOptions("/images/dlc.sif", time_min=60, max_parallel=4, batch_size=8, allow_cpu=True)
    done = submit(bench.manifest, SubmitOptions(Site(), job, SPEED))
    assert done.plan
    assert_as_ever("submission.json", paths.submission(done.plan.id).read_text(), tmp_path)
    causes = {"timeout": (0, 2), "out-of-memory": (1,)}
    group = Group((0, 1, 2), causes, time_min=120, mem_gb=32, batch_size=8, exclude=("node3",))
    monkeypatch.setattr(resubmit, "find_decision", lambda *_, **__: Decision([group]))
    last = SUBMISSIONS.read(paths.submission(done.plan.id))
    monkeypatch.setattr(resubmit, "resolve_submissions", lambda _: [last])
    (done,) = resubmit.resubmit(bench.manifest, Decision([group]), resubmit.ResubmitRequest(plan=SPEED))
    assert done.plan
    assert_as_ever("resubmission.json", paths.submission(done.plan.id).read_text(), tmp_path)


def test_a_watch_and_a_lock(tmp_path: Path) -> None:
    note = "changed a moment ago; added in 30 s if it stays unchanged"
    seen = {"sub/b.mp4": Arrival(5, 1800000000.25, 1800000060.5, note), "Mäuse.mp4": Arrival(0, 1.5, 2.5)}
    state = WatchState(seen, (0, 1), (0,), "2026-01-01 10:00:00", "push: the network is away")
    for name, each in {"watch.json": state, "watch-first.json": WatchState()}.items():
        write_state(tmp_path / name, each)
        assert_as_ever(name, (tmp_path / name).read_text(), tmp_path)
    with campaign_lock(tmp_path / "lock"):
        text = (tmp_path / "lock").read_text().strip().replace("\n ", " ").replace("{ ", "{").replace("\n", "")
        assert_as_ever("lock.json", text, tmp_path)
