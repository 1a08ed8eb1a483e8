"""A network as an ONNX graph: the same log posteriors in any runtime, for any number of frames.

The graph is written operator by operator. torch's exporter traces one length, which it then fixes
in tanh RNNs and in whatever depends on the lengths of a batch.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from pipeline.io.atomic import write_bytes, write_json
from pipeline.io.errors import UserError
from pipeline.nnet.front_end import FrontEnd
from pipeline.nnet.layers import RecurrentLayer
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.subsampling import middle
from pipeline.nnet.tdnn import BATCH_NORM_EPSILON, MaskedBatchNorm, TdnnLayer

OPSET = 17
INPUT, OUTPUT = "features", "log_posteriors"
END = np.iinfo(np.int64).max
# torch's gates are i f g o, ONNX's are i o f c.
GATES = (0, 3, 1, 2)


class GraphWriter:
    """Collects nodes and weights; every method returns the name of its result."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix  # names of a graph within another one must be its own
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], count: int = 1, **attributes: Any) -> str:
        """A node; the name of its first output."""
        outputs = [f"{self.prefix}{operator}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0]

    def constant(self, values: object, kind: type = np.float32) -> str:
        """A weight."""
        name = f"{self.prefix}weight_{len(self.weights)}"
        array = values.detach().numpy() if isinstance(values, Tensor) else np.asarray(values)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array, kind), name))
        return name

    def integers(self, *values: int) -> str:
        """A list of integers."""
        return self.constant(values, np.int64)

    def edges(self, frames: str, before: int, after: int) -> str:
        """(N, T, F) with the first and last frame repeated."""
        return self.add("Pad", [frames, self.integers(0, before, 0, 0, after, 0)], mode="edge")

    def part(self, frames: str, first: int, last: int, step: int = 1) -> str:
        """Frames from `first` up to `last` before the end."""
        end = -last if last else END
        ranges = [self.integers(v) for v in (first, end, 1, step)]
        return self.add("Slice", [frames, *ranges])

    def spliced(self, frames: str, reach: int, shifts: list[int]) -> str:
        """(N, T, F) -> (N, T, F * number of shifts), edges repeated."""
        padded = self.edges(frames, reach, reach)
        return self.joined([self.part(padded, s, 2 * reach - s) for s in shifts])

    def joined(self, parts: list[str]) -> str:
        """Side by side along the last axis."""
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, axis=2)

    def linear(self, frames: str, layer: nn.Linear) -> str:
        """x W^T + b."""
        product = self.add("MatMul", [frames, self.constant(layer.weight.detach().T)])
        return self.add("Add", [product, self.constant(layer.bias)])

    def layer_norm(self, frames: str, norm: nn.LayerNorm) -> str:
        """Over the last axis."""
        inputs = [frames, self.constant(norm.weight), self.constant(norm.bias)]
        return self.add("LayerNormalization", inputs, axis=-1, epsilon=norm.eps)


def _front_end(graph: GraphWriter, frames: str, front_end: FrontEnd) -> str:
    if len(front_end.filters) > 1:
        reach = len(front_end.filters[-1]) // 2
        padded = graph.edges(frames, reach, reach)
        streams = []
        for weights in front_end.filters:
            first = reach - len(weights) // 2
            terms = [
                graph.add(
                    "Mul",
                    [
                        graph.part(padded, first + k, 2 * reach - first - k),
                        graph.constant(weight),
                    ],
                )
                for k, weight in enumerate(weights)
                if weight
            ]
            streams.append(graph.add("Sum", terms))
        frames = graph.joined(streams)
    centred = graph.add("Sub", [frames, graph.constant(front_end.mean)])
    frames = graph.add("Mul", [centred, graph.constant(front_end.scale)])
    context = front_end.splice_context
    if not context:
        return frames
    return graph.spliced(frames, context, list(range(2 * context + 1)))


def _in_onnx_order(matrix: Tensor, gates: int) -> NDArray[np.float32]:
    blocks = matrix.detach().chunk(gates)
    order = GATES if gates == 4 else (0,)
    return torch.cat([blocks[i] for i in order]).numpy()


def _cells(graph: GraphWriter, frames: str, cells: list[nn.RNNBase]) -> str:
    """(T, N, I) -> (T, N, directions * H) by one operator."""
    gates = 4 if isinstance(cells[0], nn.LSTM) else 1
    stacked: list[list[NDArray[np.float32]]] = [[], [], []]
    for cell in cells:
        stacked[0].append(_in_onnx_order(cell.get_parameter("weight_ih_l0"), gates))
        stacked[1].append(_in_onnx_order(cell.get_parameter("weight_hh_l0"), gates))
        biases = [_in_onnx_order(cell.get_parameter(f"bias_{k}_l0"), gates) for k in ("ih", "hh")]
        stacked[2].append(np.concatenate(biases))
    output = graph.add(
        "LSTM" if gates == 4 else "RNN",
        [frames, *(graph.constant(np.stack(part)) for part in stacked)],
        hidden_size=cells[0].hidden_size,
        direction="bidirectional" if len(cells) == 2 else "forward",
    )  # [T, directions, N, H]
    swapped = graph.add("Transpose", [output], perm=[0, 2, 1, 3])
    return graph.add("Reshape", [swapped, graph.integers(0, 0, -1)])


def _projected(graph: GraphWriter, frames: str, cell: nn.LSTM) -> str:
    """(T, N, I) -> (T, N, R): ONNX's LSTM has no projection, so a Scan over the frames."""
    size, small = cell.hidden_size, cell.proj_size
    bias = cell.get_parameter("bias_ih_l0") + cell.get_parameter("bias_hh_l0")
    inputs = graph.add(
        "Add",
        [
            graph.add("MatMul", [frames, graph.constant(cell.get_parameter("weight_ih_l0").T)]),
            graph.constant(bias),
        ],
    )  # all frames at once: [T, N, 4 H]
    name = f"Scan_{len(graph.nodes)}_"
    body = GraphWriter(name)
    recurrent = body.add(
        "MatMul", [name + "old_output", body.constant(cell.get_parameter("weight_hh_l0").T)]
    )
    together = body.add("Add", [name + "frame", recurrent])
    bounds = [size * i for i in range(5)]
    i, f, g, o = (
        body.add("Slice", [together, *(body.integers(v) for v in (a, b, 1))])
        for a, b in pairwise(bounds)
    )
    kept = body.add("Mul", [body.add("Sigmoid", [f]), name + "old_cell"])
    new = body.add("Mul", [body.add("Sigmoid", [i]), body.add("Tanh", [g])])
    state = body.add("Add", [kept, new])
    hidden = body.add("Mul", [body.add("Sigmoid", [o]), body.add("Tanh", [state])])
    output = body.add("MatMul", [hidden, body.constant(cell.get_parameter("weight_hr_l0").T)])
    for source, end in ((output, "output"), (state, "cell"), (output, "sequence")):
        body.nodes.append(helper.make_node("Identity", [source], [name + end]))

    def value(end: str, width: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name + end, TensorProto.FLOAT, [None, width])

    step = helper.make_graph(
        body.nodes,
        "step",
        [value("old_output", small), value("old_cell", size), value("frame", 4 * size)],
        [value("output", small), value("cell", size), value("sequence", small)],
        body.weights,
    )
    number = graph.add(
        "Slice", [graph.add("Shape", [frames]), graph.integers(1), graph.integers(2)]
    )
    starts = []
    for width in (small, size):
        size_of_state = graph.add("Concat", [number, graph.integers(width)], axis=0)
        starts.append(graph.add("Expand", [graph.constant([[0.0]]), size_of_state]))
    graph.add("Scan", [*starts, inputs], count=3, body=step, num_scan_inputs=1)
    return graph.nodes[-1].output[2]


def _recurrent(graph: GraphWriter, frames: str, layer: RecurrentLayer) -> str:
    first = graph.add("Transpose", [frames], perm=[1, 0, 2])
    cell = layer.forward_cell
    if isinstance(cell, nn.LSTM) and cell.proj_size:
        output = _projected(graph, first, cell)
    else:
        cells = [cell] if layer.backward_cell is None else [cell, layer.backward_cell]
        output = _cells(graph, first, cells)
    output = graph.add("Transpose", [output], perm=[1, 0, 2])
    return graph.layer_norm(output, layer.norm) if isinstance(layer.norm, nn.LayerNorm) else output


def _tdnn(graph: GraphWriter, frames: str, layer: TdnnLayer) -> str:
    shifts = [0, layer.dilation, 2 * layer.dilation]
    affine = graph.linear(graph.spliced(frames, layer.dilation, shifts), layer.affine)
    output = graph.add("Relu", [affine])
    if isinstance(layer.norm, MaskedBatchNorm):
        scale = (layer.norm.running_variance + BATCH_NORM_EPSILON).rsqrt()
        centred = graph.add("Sub", [output, graph.constant(layer.norm.running_mean)])
        return graph.add("Mul", [centred, graph.constant(scale)])
    return graph.layer_norm(output, layer.norm)


def to_onnx(model: HybridModel) -> onnx.ModelProto:
    """The graph: features (N, T, F) -> log_posteriors (N, T, P); every utterance has T frames.

    The features are those that the network was trained on; a target delay is not taken out: row
    t + delay belongs to frame t, as of the network itself.

    Raises:
        UserError: a latency-controlled BLSTM, whose chunks no operator knows; an int8 network.
    """
    network = model.network.eval()
    options = network.options
    if options.type == "lc_blstm":
        raise UserError("export: lc_blstm runs in chunks, for which ONNX has no operator")
    if network.weights != "float32":
        raise UserError(f"export: the network is {network.weights}; export the float32 one")
    graph = GraphWriter()
    frames = _front_end(graph, INPUT, network.front_end)
    factor = options.frame_subsampling
    if factor > 1:
        offset = middle(factor)
        frames = graph.part(graph.edges(frames, 0, offset), offset, 0, factor)
    for layer in network.layers:
        if isinstance(layer, RecurrentLayer):
            frames = _recurrent(graph, frames, layer)
        elif isinstance(layer, TdnnLayer):
            frames = _tdnn(graph, frames, layer)
    logits = graph.linear(frames, network.output)
    if factor > 1:
        wide = graph.add("Unsqueeze", [logits, graph.integers(2)])
        tiled = graph.add("Tile", [wide, graph.integers(1, 1, factor, 1)])
        flat = graph.add("Reshape", [tiled, graph.integers(0, -1, network.num_pdfs)])
        length = graph.add(
            "Slice", [graph.add("Shape", [INPUT]), graph.integers(1), graph.integers(2)]
        )
        logits = graph.add("Slice", [flat, graph.integers(0), length, graph.integers(1)])
    result = graph.add("LogSoftmax", [logits], axis=2)
    graph.nodes.append(helper.make_node("Identity", [result], [OUTPUT]))
    shapes = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", "T", width])
        for name, width in ((INPUT, network.feature_dim), (OUTPUT, network.num_pdfs))
    ]
    made = helper.make_model(
        helper.make_graph(graph.nodes, options.type, shapes[:1], shapes[1:], graph.weights),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(made)
    return made


def export_onnx(model: HybridModel, path: Path) -> None:
    """Write the graph, and beside it a JSON file of what its user must know.

    Raises:
        UserError: see `to_onnx`.
    """
    made = to_onnx(model)
    options = model.network.options
    write_bytes(path, made.SerializeToString())
    write_json(
        path.with_suffix(".json"),
        {
            "input": {"name": INPUT, "shape": ["N", "T", model.network.feature_dim]},
            "output": {"name": OUTPUT, "shape": ["N", "T", model.network.num_pdfs]},
            "target_delay": options.target_delay,
            "frame_subsampling": options.frame_subsampling,
            "prior_scale": model.prior_scale,
            "log_priors": model.log_priors.tolist(),
            "model": options.model_dump(mode="json"),
        },
    )
