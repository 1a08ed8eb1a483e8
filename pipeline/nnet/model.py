"""The acoustic model: front end, recurrent layers, a linear output over pdf-ids."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.config import ModelOptions
from pipeline.nnet.front_end import FrontEnd
from pipeline.nnet.layers import Lengths, RecurrentLayer


class AcousticModel(nn.Module):
    """Logits of the tied states for each frame: (N, T, F) -> (N, T, P).

    With a target delay of d frames, logits at time t + d belong to frame t: callers append d frames
    to the input (`batches.pad`) and drop the first d outputs.
    """

    def __init__(self, options: ModelOptions, feature_dim: int, num_pdfs: int) -> None:
        """Weights are drawn from torch's global generator; seed it before."""
        super().__init__()
        self.options = options
        self.feature_dim = feature_dim
        self.num_pdfs = num_pdfs
        self.front_end = FrontEnd(feature_dim, options.deltas, options.splice_context)
        self.layers = nn.ModuleList()
        dim = self.front_end.output_dim
        for _ in range(options.num_layers):
            layer = RecurrentLayer(
                options.type,
                dim,
                options.hidden_dim,
                options.projection_dim,
                options.layer_norm,
                options.dropout,
            )
            self.layers.append(layer)
            dim = layer.output_dim
        self.output = nn.Linear(dim, num_pdfs)

    @property
    def input_dim(self) -> int:
        """Values per frame that the first layer reads."""
        return self.front_end.output_dim

    @property
    def num_parameters(self) -> int:
        """Trained values."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """`features` (N, T, F) padded by repeating last frames, `lengths` (N,) -> (N, T, P)."""
        shape = Lengths(lengths, features.shape[1])
        frames = self.front_end(features, lengths)
        for layer in self.layers:
            frames = layer(frames, shape)
        return self.output(frames)
