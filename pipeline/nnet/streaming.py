"""A network run over an utterance as it comes, with the same output as over the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.features.online import Neighbours
from pipeline.io.errors import UserError
from pipeline.nnet.latency_controlled import run_layer
from pipeline.nnet.layers import Lengths, RecurrentLayer
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.subsampling import middle
from pipeline.nnet.tdnn import TdnnLayer

Values = NDArray[np.float32]
Step = Callable[[Values, bool], Values]  # (T, I) frames, whether they are the last -> (M, O)


class StreamingNetwork:
    """One utterance: normalised features in, log-likelihoods out, as ``forward`` has them."""

    def __init__(self, model: HybridModel) -> None:
        """Begin an utterance.

        Raises:
            UserError: the network reads the whole utterance before its first output.
        """
        network = model.network
        options = network.options
        if options.type == "blstm":
            raise UserError(
                "a blstm reads the whole utterance, so it cannot follow a stream; leave out "
                "--stream, or train a network of another type (lstm, lc_blstm, tdnn_lstm)"
            )
        self.model = model
        front = network.front_end
        self.delay = options.target_delay
        self.factor = options.frame_subsampling
        self.deltas = Neighbours(front.right_context - front.splice_context)
        self.splice = Neighbours(front.splice_context)
        if options.chunk_frames is not None and options.right_context is not None:
            layers = [layer for layer in network.layers if isinstance(layer, RecurrentLayer)]
            self.steps: list[Step] = [_Chunks(layers, options.chunk_frames, options.right_context)]
        else:
            self.steps = [
                _Recurrent(layer) if isinstance(layer, RecurrentLayer) else _Tdnn(layer)
                for layer in network.layers
            ]
        self.last_input: Values | None = None
        self.input_frames = 0  # of the layers, before subsampling
        self.last_spliced: Values | None = None
        self.held = np.zeros((0, network.num_pdfs), np.float32)
        self.put_out = 0  # frames, the delay's among them

    @torch.inference_mode()
    def push(self, features: Values, last: bool = False) -> Values:
        """(T, F) further frames -> (M, P) log-likelihoods that are now known."""
        network = self.model.network
        if len(features):
            self.last_input = features[-1:]
        if self.last_input is None:
            return self.held
        if last:
            features = np.concatenate((features, np.repeat(self.last_input, self.delay, axis=0)))
        blocks = self._sample(self._front_end(features, last), last)
        for step in self.steps:
            blocks = step(blocks, last)
        if len(blocks):
            log_posteriors = network.output(torch.from_numpy(blocks)).log_softmax(dim=1)
            found = log_posteriors - self.model.prior_scale * self.model.log_priors
            repeated = found.numpy().repeat(self.factor, axis=0)
            self.held = np.concatenate((self.held, repeated))
        number = min(len(self.held), self.input_frames - self.put_out)
        skipped = min(number, max(0, self.delay - self.put_out))
        ready, self.held = self.held[skipped:number], self.held[number:]
        self.put_out += number
        return ready

    def _front_end(self, features: Values, last: bool) -> Values:
        front = self.model.network.front_end
        known = self.deltas.push(features, last)
        if len(known):
            reach = self.deltas.reach
            added = front.add_deltas(torch.from_numpy(known)[None])[0, reach : len(known) - reach]
            known = ((added - front.mean) * front.scale).numpy()
        else:
            known = np.zeros((0, front.dim), np.float32)
        known = self.splice.push(known, last)
        number = max(0, len(known) - 2 * self.splice.reach)
        return np.concatenate(
            [known[s : s + number] for s in range(2 * self.splice.reach + 1)], axis=1
        )

    def _sample(self, frames: Values, last: bool) -> Values:
        """The frames that stand for their blocks."""
        if self.factor == 1:
            self.input_frames += len(frames)
            return frames
        offset = middle(self.factor)
        before = self.input_frames
        self.input_frames += len(frames)
        chosen = frames[(offset - before) % self.factor :: self.factor]
        if len(frames):
            self.last_spliced = frames[-1:]
        if last and 0 < self.input_frames % self.factor <= offset:
            assert self.last_spliced is not None
            chosen = np.concatenate((chosen, self.last_spliced))
        return chosen


class _Recurrent:
    """A layer in one direction, with its state."""

    def __init__(self, layer: RecurrentLayer) -> None:
        self.layer = layer
        self.state: tuple[Tensor, Tensor] | None = None

    def __call__(self, frames: Values, last: bool) -> Values:
        if not len(frames):
            return np.zeros((0, self.layer.output_dim), np.float32)
        values = torch.from_numpy(np.ascontiguousarray(frames))[None]
        output, self.state = self.layer.forward_cell(values, self.state)
        found: Values = self.layer.dropout(self.layer.norm(output))[0].numpy()
        return found


class _Tdnn:
    """A TDNN layer, which waits for the frames of its dilation."""

    def __init__(self, layer: torch.nn.Module) -> None:
        assert isinstance(layer, TdnnLayer)
        self.layer = layer
        self.neighbours = Neighbours(layer.dilation)

    def __call__(self, frames: Values, last: bool) -> Values:
        known, reach = self.neighbours.push(frames, last), self.layer.dilation
        if not len(known):
            return np.zeros((0, self.layer.output_dim), np.float32)
        lengths = torch.tensor([len(known)])
        output = self.layer(torch.from_numpy(known)[None], Lengths(lengths, len(known)))
        found: Values = output[0, reach : len(known) - reach].numpy()
        return found


class _Chunks:
    """All layers of a latency-controlled BLSTM, chunk by chunk."""

    def __init__(self, layers: list[RecurrentLayer], chunk_frames: int, right_context: int) -> None:
        self.layers, self.chunk, self.right = layers, chunk_frames, right_context
        self.states: list[tuple[Tensor, Tensor] | None] = [None] * len(layers)
        self.held: Values | None = None

    def __call__(self, frames: Values, last: bool) -> Values:
        held = frames if self.held is None else np.concatenate((self.held, frames))
        found = [np.zeros((0, self.layers[-1].output_dim), np.float32)]
        while len(held) >= self.chunk + self.right or (last and len(held)):
            width = min(len(held), self.chunk + self.right)
            window = torch.from_numpy(np.ascontiguousarray(held[:width]))[None]
            shape = Lengths(torch.tensor([width]), width)
            for n, layer in enumerate(self.layers):
                window, self.states[n] = run_layer(
                    layer, window, shape, 1, self.chunk, self.states[n]
                )
            found.append(window[0, : self.chunk].numpy())
            held = held[self.chunk :]
        self.held = held
        return np.concatenate(found)
