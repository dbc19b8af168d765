"""A network of DeepLabCut's TensorFlow engine: single-animal, one position for each body part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dlcctr.model.project.shuffles import is_on
from entrypoint.engines import openvino, versions
from entrypoint.engines.base import Finish, NotCovered
from entrypoint.engines.gpu_failures import is_gpu_memory
from entrypoint.engines.tensorflow.files import Project, write_files
from entrypoint.protocol import Job
from entrypoint.video.pixels import Box

KNOWN_NETWORKS = ("resnet", "efficientnet", "mobilenet")
STRIDE_PX = 8
"""Below this stride DeepLabCut builds another kind of network (nnets/factory.py)."""

XY_LIKELIHOOD = [1, 0, 2]
"""The graph gives y, x, likelihood."""


def open_network(job: Job) -> TensorFlowNetwork:
    """Let DeepLabCut build a job's graph as its `analyze_videos` does (3.0.2), and restore the weights.

    Raises
    ------
    NotCovered
        The model is of a kind that is left to stock DeepLabCut.
    """
    from deeplabcut.utils import auxfun_models

    project = Project.of(job)
    check_kind(project.cfg, project.pose_cfg)
    if job.device == "cuda":
        auxfun_models.set_visible_devices(0)  # counts what the supervisor left visible
    return TensorFlowNetwork(project)


def check_kind(cfg: dict[str, Any], pose_cfg: dict[str, Any]) -> None:
    """Raise `NotCovered` for kinds of models that `analyze_videos` runs in another way."""
    if is_on(cfg.get("multianimalproject")) or "multi-animal" in pose_cfg["dataset_type"]:
        raise NotCovered("the model is for several animals")
    if pose_cfg["num_outputs"] > 1:
        raise NotCovered("the project asks for more than one position for each body part")
    if not pose_cfg["location_refinement"]:
        raise NotCovered("the model has no location refinement")
    if pose_cfg["stride"] < STRIDE_PX or not pose_cfg["net_type"].startswith(KNOWN_NETWORKS):
        raise NotCovered(f"its network is none of {', '.join(KNOWN_NETWORKS)} with a stride of {STRIDE_PX} px")


class TensorFlowNetwork:
    """See `entrypoint.engines.base.Network`.

    DeepLabCut's graph exists twice in one session, over the same variables: as it is, and with bytes as its input, so
    that frames go to the device as they are and become RGB numbers there. Its batch size is left open: the last batch
    needs no filling, unless the frames of a batch change each other's positions.
    """

    def __init__(self, project: Project) -> None:
        from deeplabcut.pose_estimation_tensorflow.core import predict

        from entrypoint.engines.tensorflow.graphs import as_written

        self._project = project
        project.pose_cfg["batch_size"] = None
        self._session, self._stock_frames, (self._stock_poses,) = as_written(predict.setup_GPUpose_prediction)(
            project.pose_cfg, allow_growth=True
        )
        self._frames, self._poses, nodes = add_bytes_input(self._session, self._stock_frames, self._stock_poses)
        self._compiled: openvino.Compiled | None = None
        self.batch_matters = depends_on_batch(nodes)
        self.scorer, self.n_bodyparts, self.ahead = project.scorer, len(project.bodyparts), 0

    def box(self, job: Job, width: int, height: int) -> Box | None:
        if job.crop is None:
            return None
        x1, x2, y1, y2 = job.crop
        return x1, x2, y1, y2

    def allocate(self, shape: tuple[int, ...]) -> Any:
        import numpy

        return numpy.empty(shape, numpy.uint8)

    def predict(self, frames: Any) -> Any:
        import numpy
        import tensorflow as tf

        if self._compiled is not None:
            # Turned to RGB here: OpenVINO's own step for it is lost on the way into this graph's first convolution
            (poses,) = self._compiled(numpy.ascontiguousarray(frames[..., ::-1])).values()
            return self._shape(poses)
        try:
            return self._shape(self._session.run(self._poses, {self._frames: frames}))
        except tf.errors.FailedPreconditionError as error:
            raise NotCovered("TensorFlow keeps its variables where a second pass does not find them") from error

    def start(self, frames: Any) -> Finish:
        positions = self.predict(frames)
        return lambda: positions

    def use_openvino(self, job: Job, size: tuple[int, int]) -> str:
        self._compiled = openvino.open_compiled(
            job, size, lambda: export(self._session, self._stock_frames, self._stock_poses, size)
        )
        return f"OpenVINO {versions.openvino_version()}"

    def use_engine(self) -> str:
        import tensorflow as tf

        self._compiled = None
        return f"TensorFlow {tf.__version__}"

    def tune(self, frames: Any, equal: Callable[[Any, Any], bool]) -> str:
        return ""

    def use_precision(self, name: str) -> None:
        raise NotCovered(f"TensorFlow models are not computed in {name}")

    def predict_as_stock(self, frame: Any) -> Any:
        rgb = frame[None, ..., ::-1].astype(float)
        return self._shape(self._session.run(self._stock_poses, {self._stock_frames: rgb}))[0]

    def _shape(self, poses: Any) -> Any:
        return poses.reshape(-1, self.n_bodyparts, 3)[..., XY_LIKELIHOOD]

    def is_out_of_memory(self, error: Exception) -> bool:
        import tensorflow as tf

        known = isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))
        told = isinstance(error, tf.errors.OpError) and is_gpu_memory(str(error))
        return not self.batch_matters and (known or told or openvino.is_out_of_memory(error))

    def release_memory(self) -> None:
        """Nothing to do: TensorFlow's allocator reuses its memory."""

    def write(self, job: Job, poses: Any, runtime: tuple[float, float]) -> None:
        write_files(self._project, job, poses, runtime)


def add_bytes_input(session: Any, frames: Any, poses: Any) -> tuple[Any, Any, Any]:
    """Repeat the way from `frames` to `poses` in the session's graph, for BGR bytes and over the same variables.

    Returns
    -------
    frames : Tensor, (n, height, width, 3)
        uint8.
    poses : Tensor
    nodes : iterable of NodeDef
        Nodes from which positions are computed.
    """
    import tensorflow as tf

    with session.graph.as_default():
        way = tf.compat.v1.graph_util.extract_sub_graph(session.graph_def, [poses.op.name])
        pictures = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3])
        rgb = tf.reverse(tf.cast(pictures, tf.float32), [-1])
        # Variables are found by a name that the nodes carry along, whatever the nodes themselves are called
        (ours,) = tf.compat.v1.import_graph_def(way, {frames.name: rgb}, [poses.name], name="bytes")
    return pictures, ours, way.node


def export(session: Any, frames: Any, poses: Any, size: tuple[int, int]) -> Any:
    """Make OpenVINO's model of the way from `frames` to `poses`, for RGB bytes (n, *size, 3)."""
    import tensorflow as tf

    frozen = tf.compat.v1.graph_util.convert_variables_to_constants(session, session.graph_def, [poses.op.name])
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(frozen, name="")
    made = openvino.load().convert_model(graph)
    made.reshape([-1, *size, 3])
    for output in made.outputs:
        output.get_tensor().set_names({poses.op.name})
    return openvino.take_bytes(made)


def depends_on_batch(nodes: Iterable[Any]) -> bool:
    """Whether batch norm takes its statistics from the frames of a batch, as in DeepLabCut's MobileNets."""
    return any(node.op.startswith("FusedBatchNorm") and node.attr["is_training"].b for node in nodes)
