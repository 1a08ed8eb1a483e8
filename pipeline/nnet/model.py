"""The acoustic model: front end, layers of the chosen type, a linear output over pdf-ids."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.config import ModelOptions
from pipeline.nnet import latency_controlled
from pipeline.nnet.front_end import FrontEnd
from pipeline.nnet.layers import Lengths, RecurrentLayer
from pipeline.nnet.subsampling import (
    middle,
    repeat_outputs,
    sample,
    sampled_lengths,
    sampled_times,
)
from pipeline.nnet.tdnn import TdnnLayer


def make_layers(options: ModelOptions, input_dim: int) -> tuple[nn.ModuleList, int]:
    """The layers between front end and output, and how many values the last one puts out."""
    layers = nn.ModuleList()
    dim = input_dim
    kind = {"lc_blstm": "blstm", "tdnn_lstm": "lstm"}.get(options.type, options.type)
    for index in range(options.num_layers):
        for dilation in () if options.tdnn_dilations is None else options.tdnn_dilations[index]:
            tdnn = TdnnLayer(dim, options.hidden_dim, dilation, options.layer_norm, options.dropout)
            layers.append(tdnn)
            dim = tdnn.output_dim
        layer = RecurrentLayer(
            kind,
            dim,
            options.hidden_dim,
            options.projection_dim,
            options.layer_norm,
            options.dropout,
        )
        layers.append(layer)
        dim = layer.output_dim
    return layers, dim


class AcousticModel(nn.Module):
    """Logits of the tied states for each frame: (N, T, F) -> (N, T, P).

    With a target delay of d frames, logits at time t + d belong to frame t: callers append d frames
    to the input (`batches.pad`) and drop the first d outputs.

    Parameters and latency (`num_parameters`, `latency_frames`) by type, with I values into a layer,
    H = hidden_dim, R = projection_dim, D = target_delay; the output has (out + 1) P, out being the
    values that the last layer puts out:

    | type | parameters of a layer | out | latency in frames of the layers |
    | --- | --- | --- | --- |
    | drnn | H (I + H + 2) | H | D |
    | lstm | 4 H (I + H + 2) | H | D |
    | lstmp | 4 H (I + R + 2) + H R | R | D |
    | blstm | 8 H (I + H + 2) | 2 H | the utterance |
    | lc_blstm | as blstm | 2 H | chunk_frames - 1 + right_context |
    | tdnn_lstm | as lstm or lstmp, a TDNN layer H (3 I + 1) | H or R | D + sum of the dilations |

    Layer normalisation adds 2 out a layer. Splicing and deltas look ahead too, and with
    subsampling a layer's frame is several of the input's: `latency_frames` has it all.
    """

    def __init__(self, options: ModelOptions, feature_dim: int, num_pdfs: int) -> None:
        """Weights are drawn from torch's global generator; seed it before."""
        super().__init__()
        self.options = options
        # int8: see int8.quantize; sparse: float32, stored as in compression.sparse
        self.weights: Literal["float32", "int8", "sparse"] = "float32"
        self.feature_dim = feature_dim
        self.num_pdfs = num_pdfs
        self.front_end = FrontEnd(feature_dim, options.deltas, options.splice_context)
        self.layers, dim = make_layers(options, self.front_end.output_dim)
        self.output = nn.Linear(dim, num_pdfs)
        self._num_parameters = sum(parameter.numel() for parameter in self.parameters())

    @property
    def input_dim(self) -> int:
        """Values per frame that the first layer reads."""
        return self.front_end.output_dim

    @property
    def num_parameters(self) -> int:
        """Trained values; int8 ones too, which torch does not count as parameters."""
        return self._num_parameters

    @property
    def latency_frames(self) -> int | None:
        """Frames of features after t that the output for t may need; None: the whole utterance.

        Normalisation over a speaker or utterance (CMVN) comes before, and is not counted.
        """
        options = self.options
        if options.type == "blstm":
            return None
        layers = sum(sum(dilations) for dilations in options.tdnn_dilations or ())
        if options.chunk_frames is not None and options.right_context is not None:
            layers = options.chunk_frames - 1 + options.right_context
        factor = options.frame_subsampling
        return (
            options.target_delay + factor * layers + middle(factor) + self.front_end.right_context
        )

    def forward(self, features: Tensor, lengths: Tensor, offset: int | None = None) -> Tensor:
        """Run over a padded batch.

        Args:
            features: (N, T, F) padded by repeating last frames.
            lengths: (N,).
            offset: with frame subsampling, the frame of each block to evaluate.

        Returns:
            (N, T, P); with an `offset` (N, ceil(T / frame_subsampling), P), one a block.
        """
        factor, num_frames = self.options.frame_subsampling, features.shape[1]
        frames = self.front_end(features, lengths)
        if factor > 1:
            times = sampled_times(
                lengths, num_frames, factor, middle(factor) if offset is None else offset
            )
            frames, lengths = sample(frames, times), sampled_lengths(lengths, factor)
        logits: Tensor = self.output(self._run_layers(frames, lengths))
        if factor > 1 and offset is None:
            return repeat_outputs(logits, num_frames, factor)
        return logits

    def _run_layers(self, frames: Tensor, lengths: Tensor) -> Tensor:
        options = self.options
        if options.chunk_frames is not None and options.right_context is not None:
            return latency_controlled.run_layers(
                (layer for layer in self.layers if isinstance(layer, RecurrentLayer)),
                frames,
                lengths,
                options.chunk_frames,
                options.right_context,
            )
        shape = Lengths(lengths, frames.shape[1])
        for layer in self.layers:
            frames = layer(frames, shape)
        return frames
