"""Compare a bundle with its own listing: every hash and size, and no other files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.errors import DlcctrError, ModelError
from dlcctr.model.bundles.bundle import LISTING, Listing
from dlcctr.model.files import BundleFile, ModelTree, open_tree
from dlcctr.system.hash_cache import hash_with_bar


@dataclass(frozen=True)
class Verification:
    """A bundle's listing, and the problems of the bundle, none for a complete one."""

    bundle: Path
    listing: Listing
    problems: tuple[str, ...]


def verify_bundle(bundle: Path) -> Verification:
    """Check a bundle, file or folder, against its listing, and the listing's facts against the model itself.

    Raises
    ------
    ModelError
        It is not a bundle at all, or its form is broken.
    """
    tree = open_tree(bundle)
    if tree.listing is None:
        hint = "give a bundle made by `dlcctr model pack PROJECT -o MODEL`"
        raise ModelError(f"{bundle}: is not a bundle: it has no {LISTING}", hint)
    problems = _file_problems(tree) if isinstance(tree, BundleFile) else _folder_problems(tree.root, tree.listing)
    return Verification(tree.root, tree.listing, tuple(problems or _model_problems(tree)))


def require_whole(bundle: Path) -> Listing:
    """Raise `ModelError` with the first problems of a bundle that is not complete."""
    found = verify_bundle(bundle)
    if found.problems:
        more = f"; and {len(found.problems) - 3} more" if len(found.problems) > 3 else ""
        raise ModelError(
            f"{bundle}: not what was packed: {'; '.join(found.problems[:3])}{more}",
            "copy it again, or pack the project again",
        )
    return found.listing


def _file_problems(tree: BundleFile) -> list[str]:
    problems = []
    for entry in tree.listing.files:
        try:
            tree.sha256(PurePosixPath(entry.path))
        except ModelError as error:
            problems.append(error.message.removeprefix(f"{tree.root}: "))
    return problems


def _folder_problems(root: Path, listing: Listing) -> list[str]:
    there = _files_below(root)
    problems = [] if there.get(LISTING) else [f"{LISTING} is a link, or not a file"]
    for entry in listing.files:
        file = root / entry.path
        if entry.path not in there:
            problems.append(f"{entry.path} is missing")
        elif not there.pop(entry.path):
            problems.append(f"{entry.path} is a link, or not a file")
        elif file.stat().st_size != entry.bytes:
            problems.append(f"{entry.path} has {file.stat().st_size:,} bytes, not {entry.bytes:,}")
        elif hash_with_bar(file) != entry.sha256:
            problems.append(f"{entry.path} is not what was packed (its hash differs)")
    return problems + [f"{path} is not in the listing" for path in sorted(there) if path != LISTING]


def _files_below(root: Path) -> dict[str, bool]:
    """Names of everything but folders, and whether each is an ordinary file."""
    found = {}
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*names, *links]:
            path = Path(folder) / name
            found[path.relative_to(root).as_posix()] = path.is_file() and not path.is_symlink()
    return found


def _model_problems(tree: ModelTree) -> list[str]:
    from dlcctr.model.inspection import inspect_model, model_facts

    try:
        facts = model_facts(inspect_model(tree.root))
    except DlcctrError as error:
        return [f"the model in it cannot be used: {error.message.splitlines()[0]}"]
    listed = tree.listing.model if tree.listing else {}
    wrong = sorted(key for key in facts.keys() | listed.keys() if facts.get(key) != listed.get(key))
    return [f"the listing says another {key} than the files: {listed.get(key)!r}, not {facts.get(key)!r}"
            for key in wrong]  # fmt: skip
