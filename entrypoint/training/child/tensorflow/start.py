"""Weights that a TensorFlow training starts from: restored in place of what DeepLabCut would download."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.training.record import StartWeights
from dlcctr.training.start_weights import RANDOM
from entrypoint.training.child.find_weights import find_file, not_found
from entrypoint.training.child.weights_of import Asked, describe
from entrypoint.training.events import Tell, Weights

HEAD, OPTIMIZER = "pose/", ("Adam", "Momentum", "beta1_power", "beta2_power", "global_step")
URL_GET = "where there is internet, download and unpack into a folder: {}"


class Start:
    """What DeepLabCut's network gets, by the kind of weights.

    Attributes
    ----------
    with_head : bool
        They are of a network for poses, so that its head is restored too.
    """

    def __init__(self, asked: Asked, tell: Tell, net_type: str) -> None:
        self._asked, self._tell = asked, tell
        self.with_head = asked.kind in ("file", "project", "bundle")
        self._file = published(net_type, asked.places) if asked.kind == "cache" else asked.file

    def restore(self, restorer: Any, sess: Any, net_type: str) -> None:
        """Fill the network of an open session."""
        del net_type
        if self._asked.kind == RANDOM or self._file is None:
            self._tell(Weights(StartWeights()))
            return
        remark = ""
        if self.with_head:
            remark = fill(sess, self._file, self._asked.bundle)
        else:
            restorer.restore(sess, str(self._file))
        self._tell(Weights(describe(self._asked.kind, self._file, self._asked.bundle), remark))


def published(net_type: str, places: Sequence[Path]) -> Path:
    """Published weights of a network on this machine; `ModelError` with their address where there are none."""
    from deeplabcut.utils import auxfun_models, auxiliaryfunctions

    own = auxiliaryfunctions.get_deeplabcut_path() / auxfun_models.MODEL_BASE_PATH
    path = auxfun_models.MODELTYPE_FILEPATH_MAP.get(net_type.removesuffix("_ms5").replace("dlcrnet", "resnet_50"))
    if path is None:
        raise ModelError(f"no published weights of {net_type!r}", "choose another --net-type, or --weights none")
    name = str(path.relative_to(auxfun_models.MODEL_BASE_PATH))
    file = find_file([*places, own], [name, f"{name}.index"])
    if file is None:
        urls = auxiliaryfunctions.read_plainconfig(own / "pretrained_model_urls.yaml")
        is_efficient = "efficientnet" in net_type
        url = f"{urls['efficientnet']}{net_type}.tar.gz" if is_efficient else urls.get(net_type, "")
        raise not_found(net_type, list(places), URL_GET.format(url))
    return file.with_suffix("") if file.suffix == ".index" else file


def fill(sess: Any, file: Path, bundle: Path | None = None) -> str:
    """Restore the variables that fit; tells which keep their random ones.

    Parameters
    ----------
    bundle : Path, optional
        What the file was taken out of, for the message.

    Raises
    ------
    ModelError
        The file is none, or holds another network.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(file))
    except (tf.errors.OpError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as weights", "copy its .index and .data files again") from error
    shapes = reader.get_variable_to_shape_map()
    wanted = [each for each in tf.compat.v1.global_variables() if not _is_optimizers(each.op.name)]
    fitting = [each for each in wanted if shapes.get(each.op.name) == each.shape.as_list()]
    backbone = [each for each in wanted if not each.op.name.startswith(HEAD)]
    if not set(map(id, backbone)) <= set(map(id, fitting)):
        raise ModelError(
            f"{bundle or file}: these are weights of another network: {len(fitting)} of {len(wanted)} variables fit, "
            "and not all of the backbone",
            "take other --weights, or train another --shuffle with the --net-type of these",
        )
    tf.compat.v1.train.Saver(fitting).restore(sess, str(file))
    kept = {id(each) for each in fitting}
    new = sorted({"/".join(each.op.name.split("/")[:2]) for each in wanted if id(each) not in kept})
    return f"{', '.join(new)} are not of its shape and begin with random weights" if new else ""


def _is_optimizers(name: str) -> bool:
    return any(part.startswith(OPTIMIZER) for part in name.split("/")) or "_power" in name
