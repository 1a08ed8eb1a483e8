"""Latency-controlled BLSTM: both directions within chunks of an utterance.

Zhang, Chen, Yu, Yao, Khudanpur and Glass (2016), Highway long short-term memory RNNs for distant
speech recognition, section 4. An utterance is cut into chunks of N_c centre frames, each followed
by N_r frames of right context. In every layer the forward cell starts in the exact state that it
had at the last centre frame of the chunk before; the backward cell starts anew at the end of the
right context. Only centre frames are put out, so a frame needs at most N_c - 1 + N_r later frames,
however many layers there are. Other than in the paper, the gradient too passes from chunk to chunk.

Chunks do not wait for each other where they need not: the backward cell runs over all of them at
once, and only the forward cell over the centre frames goes from one to the next.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pipeline.nnet.layers import Lengths, RecurrentLayer, reverse


def cut_chunks(
    frames: Tensor, lengths: Tensor, chunk_frames: int, right_context: int
) -> tuple[Tensor, Lengths]:
    """Windows of N_c centre frames and their right context, with their own lengths.

    Args:
        frames: (N, T, I) padded at the end.
        lengths: (N,).
        chunk_frames: N_c.
        right_context: N_r.

    Returns:
        (N * K, N_c + N_r, I) for the K = ceil(T / N_c) chunks of each utterance, one utterance
        after the other, and how many frames of each window the utterance has.
    """
    num_utterances, num_frames, dim = frames.shape
    num_chunks = -(-num_frames // chunk_frames)
    width = chunk_frames + right_context
    missing = (num_chunks - 1) * chunk_frames + width - num_frames
    padded = nn.functional.pad(frames, (0, 0, 0, missing))
    windows = padded.unfold(1, width, chunk_frames).transpose(2, 3)  # [N, K, N_c + N_r, I]
    starts = chunk_frames * torch.arange(num_chunks, device=lengths.device)
    inside = (lengths.unsqueeze(1) - starts).clamp(0, width)  # [N, K]
    return (
        windows.reshape(num_utterances * num_chunks, width, dim),
        Lengths(inside.flatten(), width),
    )


State = tuple[Tensor, Tensor]  # of the forward cell


def run_layer(
    layer: RecurrentLayer,
    windows: Tensor,
    shape: Lengths,
    num_utterances: int,
    chunk_frames: int,
    state: State | None = None,
) -> tuple[Tensor, State | None]:
    """One layer over windows as `cut_chunks` makes them: (N * K, N_c + N_r, I) -> (..., O).

    `state` is the forward cell's before the first chunk; the one after the last is given back.
    """
    assert layer.backward_cell is not None
    backward, _ = layer.backward_cell(reverse(windows, shape))
    by_chunk = windows.unflatten(0, (num_utterances, -1))  # [N, K, N_c + N_r, I]
    centres, hidden, cells = [], [], []
    for chunk in range(by_chunk.shape[1]):
        output, state = layer.forward_cell(by_chunk[:, chunk, :chunk_frames], state)
        centres.append(output)
        hidden.append(state[0])
        cells.append(state[1])
    forward = torch.stack(centres, dim=1).flatten(0, 1)  # [N * K, N_c, H]
    if windows.shape[1] > chunk_frames:
        # The state after each chunk's centre: [1, N, H] a chunk -> [1, N * K, H].
        start = (torch.stack(hidden, 2).flatten(1, 2), torch.stack(cells, 2).flatten(1, 2))
        ahead, _ = layer.forward_cell(windows[:, chunk_frames:], start)
        forward = torch.cat([forward, ahead], dim=1)
    output = torch.cat([forward, reverse(backward, shape)], dim=2)
    return layer.dropout(layer.norm(output)), state


def run_layers(
    layers: Iterable[RecurrentLayer],
    frames: Tensor,
    lengths: Tensor,
    chunk_frames: int,
    right_context: int,
) -> Tensor:
    """All layers chunk by chunk: (N, T, I) padded frames and (N,) lengths -> (N, T, O)."""
    num_utterances, num_frames, _ = frames.shape
    windows, shape = cut_chunks(frames, lengths, chunk_frames, right_context)
    for layer in layers:
        windows, _ = run_layer(layer, windows, shape, num_utterances, chunk_frames)
    centres = windows[:, :chunk_frames].unflatten(0, (num_utterances, -1))  # [N, K, N_c, O]
    return centres.flatten(1, 2)[:, :num_frames]
