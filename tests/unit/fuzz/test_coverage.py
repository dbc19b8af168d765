"""No reader is forgotten: each module that reads a file, or takes apart what another program says, is named here."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[3]
READS = {
    "read_text", "read_bytes", "read_bounded", "read_text_bounded", "parse_object", "parse_toml", "json.load",
    "json.loads", "tomllib.loads", "pickle.load", "ast.literal_eval", "pickletools.genops", "zipfile.ZipFile",
    "tarfile.open", "csv.reader", "pandas.HDFStore", "os.pread", "av.open",
}  # fmt: skip
"""Functions that read: names, or methods of anything, or with the module that they are of."""

FUZZED = {
    "tests/unit/fuzz/test_campaign_files.py": (
        "dlcctr.campaign.config", "dlcctr.campaign.manifest", "dlcctr.campaign.spreadsheet",
        "dlcctr.campaign.hardware_times", "dlcctr.results.times.frame_times",
        "dlcctr.slurm.jobs.job_notes", "dlcctr.slurm.site.profile", "dlcctr.system.hash_cache", "dlcctr.system.locks",
        "dlcctr.system.values.toml",
    ),
    "tests/unit/fuzz/test_model_files.py": (
        "dlcctr.model.bundles.bundle", "dlcctr.model.project.checks", "dlcctr.model.project.evaluation",
        "dlcctr.model.files", "dlcctr.model.project.snapshots", "dlcctr.model.yaml.yaml12",
    ),
    "tests/unit/fuzz/test_answers.py": (
        "dlcctr.image.labels", "dlcctr.image.package_sources", "dlcctr.runtime.progress.row_report",
        "dlcctr.runtime.containers.apptainer", "dlcctr.transfer.remote.campaign", "dlcctr.transfer.watch",
        "entrypoint.protocol",
    ),
    "tests/unit/fuzz/test_image_files.py": (
        "dlcctr.image.docker_sdk", "dlcctr.image.image_kind", "dlcctr.image.sbom", "dlcctr.image.sif",
        "entrypoint.environment.image_info",
    ),
    "tests/unit/fuzz/test_tables.py": ("dlcctr.results.h5.h5_file", "dlcctr.results.h5.positions"),
    "tests/unit/entrypoint/steps/tracks/test_detections.py": (
        "entrypoint.steps.tracks.detections", "entrypoint.steps.tracks.kept_arrays",
        "entrypoint.steps.tracks.pickle_machine",
    ),
    "tests/unit/fuzz/test_labels.py": ("dlcctr.model.prior.appearance", "dlcctr.model.prior.labels"),
    "tests/unit/training/test_split.py": ("dlcctr.training.split",),
    "tests/unit/entrypoint/outliers/test_outliers.py": ("entrypoint.outliers.written_list",),
    "tests/unit/fuzz/test_label_folders.py": (
        "dlcctr.labels.check", "dlcctr.labels.pictures", "dlcctr.labels.project", "dlcctr.labels.table",
    ),
    "tests/unit/model/curve/test_losses.py": ("dlcctr.model.curve.losses",),
    "tests/unit/model/curve/test_of_model.py": ("dlcctr.model.curve.of_model",),
    "tests/unit/entrypoint/training/test_events.py": ("entrypoint.training.events",),
    "tests/unit/entrypoint/training/test_labels.py": ("entrypoint.training.child.labels",),
    "tests/unit/entrypoint/training/test_training_set.py": ("entrypoint.training.child.training_set",),
    "tests/unit/entrypoint/training/test_settings_before.py": ("entrypoint.training.child.settings_before",),
    "tests/unit/entrypoint/training/test_start_network.py": ("entrypoint.training.child.start_network",),
    "tests/unit/model/superanimal/test_weights.py": ("dlcctr.model.superanimal.tensors",),
    "tests/unit/results/test_receipt.py": ("dlcctr.system.state_files", "dlcctr.system.values.records"),
    "tests/unit/planning/test_plan.py": ("dlcctr.system.state_files",),
    "tests/unit/slurm/jobs/test_submissions.py": ("dlcctr.system.state_files",),
    "tests/unit/quality/test_ratings.py": ("dlcctr.quality.ratings.table",),
    "tests/unit/quality/report/test_pictures.py": ("dlcctr.quality.report.pictures",),
    "tests/unit/results/test_notice.py": ("dlcctr.results.notice",),
    "tests/unit/tables/test_judged_frames.py": ("dlcctr.tables.judged_frames",),
    "tests/unit/tables/test_dataset.py": ("dlcctr.tables.dataset",),
    "tests/unit/transfer/test_watch.py": ("dlcctr.transfer.watch",),
    "tests/unit/fuzz/test_comparisons.py": ("dlcctr.compare.agreement", "dlcctr.compare.pairs"),
    "tests/unit/fuzz/test_steps.py": ("dlcctr.campaign.steps.edit", "dlcctr.transfer.incoming_steps"),
    "tests/unit/transfer/test_fetch_outliers.py": ("dlcctr.transfer.fetch_outliers",),
    "tests/unit/transfer/test_fetch.py": ("dlcctr.transfer.fetch", "dlcctr.transfer.place_row"),
    "tests/unit/entrypoint/loop/test_checkpoints.py": ("entrypoint.loop.checkpoints.files",),
    "tests/unit/campaign/videos/test_probe.py": ("dlcctr.campaign.videos.probe",),
    "tests/unit/entrypoint/video/test_scan.py": (
        "entrypoint.video.decoding.decode_pass", "entrypoint.video.lossless_copy",
    ),
}  # fmt: skip
"""Modules by the tests that damage what they read."""
OTHERS = {
    "entrypoint.steps.attempt": "a key of its own, which it only compares",
    "dlcctr.campaign.create": "compares bytes with what it would write",
    "dlcctr.commands.cluster.options": "hands on what squeue and sacct printed, see test_answers.py",
    "dlcctr.commands.models.image": "reads what dlcctr.image.sbom has read before",
    "dlcctr.image.flavours": "pins of the checkout, which are part of the program",
    "dlcctr.labels.add": "copies bytes of files that dlcctr.labels.check has read before",
    "dlcctr.labels.h5": "a file that it has just written; others are read by dlcctr.results.h5.h5_file",
    "dlcctr.runtime.native.code_layer": "its own source and environment",
    "dlcctr.runtime.native.environment": "the log of pip, of which it shows the last line",
    "dlcctr.system.cpus": "files of the kernel",
    "dlcctr.system.files": "bytes, whatever they are",
    "dlcctr.system.source_tree": "files of dlcctr itself",
    "dlcctr.transfer.training.fetch": "YAML through dlcctr.model.yaml.yaml12, and bytes compared with their hash",
    "dlcctr.transfer.training.push": "YAML through dlcctr.model.yaml.yaml12; see tests/unit/transfer/training",
    "dlcctr.transfer.remote.address": "campaign.toml, which dlcctr.campaign.config has read before",
    "entrypoint.analyze.renew_times": "a file that it has just written",
    "entrypoint.evaluation.both": "files that its own child has just written, in a private folder",
    "entrypoint.evaluation.report.pictures": "what FFmpeg decodes; damaged in test_pictures.py of its folder",
    "entrypoint.evaluation.stock.child": "a job that its parent has just written",
    "entrypoint.evaluation.stock.run_deeplabcut": "files that its own child has just written, in a private folder",
    "entrypoint.loop.judging.apart": "a private folder that its parent process has just written",
    "entrypoint.loop.judging.child": "files that its own child has just written, in a private folder",
    "entrypoint.loop.judging.judge_files": "a job that its parent has just written, and files proven before",
    "entrypoint.analyze.multi_gpu": "numbers in a private folder of this very process",
    "entrypoint.doctor": "what its own child printed",
    "entrypoint.engines.no_animal": "a pickle that the same process wrote a moment ago, in its private folder",
    "entrypoint.engines.output_files": "bytes of files that the same process wrote, see test_output_files.py",
    "entrypoint.environment.gpu": "a file of the kernel",
    "entrypoint.steps.ensemble.variances": "it only writes",
    "entrypoint.training.child.tensorflow.session": "a log that DeepLabCut writes, which it only copies",
    "entrypoint.steps.label_video.encoder": "writes the labelled video",
}
"""Modules that read, and why nothing of theirs is damaged in a test."""


def called(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [each.func for each in ast.walk(tree) if isinstance(each, ast.Call)]
    methods = [name for name in names if isinstance(name, ast.Attribute)]
    found = {name.attr for name in methods} | {name.id for name in names if isinstance(name, ast.Name)}
    return found | {f"{name.value.id}.{name.attr}" for name in methods if isinstance(name.value, ast.Name)}


def test_every_reader_is_fuzzed_or_says_why_not() -> None:
    files = [file for package in ("dlcctr", "entrypoint") for file in (ROOT / package).rglob("*.py")]
    readers = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if called(file) & READS}
    fuzzed = {module for modules in FUZZED.values() for module in modules}
    assert all((ROOT / test).is_file() for test in FUZZED)
    assert readers - fuzzed - OTHERS.keys() == set(), "add a test to tests/unit/fuzz, or say why none is needed"
    assert OTHERS.keys() - readers == set(), "these read nothing any more"
    assert fuzzed & OTHERS.keys() == set()
    assert "dlcctr.campaign.config" in readers
