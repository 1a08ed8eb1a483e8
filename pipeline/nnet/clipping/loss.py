"""Clipping in the loss: partially Huberised cross-entropy (Menon et al. 2020, section 5).

Norm clipping does not make a training robust to wrong labels; this does: a target that the network
thinks improbable gets a straight line instead of the logarithm, so its pull stays bounded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def partially_huberised_cross_entropy(
    logits: Tensor, targets: Tensor, tau: float, ignore_index: int, label_smoothing: float = 0.0
) -> Tensor:
    """Mean over the frames that have a target, in nats.

    -log p where p > 1 / tau, else -tau p + log tau + 1; p is the target's probability. The two
    meet with the same slope.

    Args:
        logits: (N, P).
        targets: (N,) int64 pdf_id or `ignore_index`.
        tau: above 1; the larger, the closer to plain cross-entropy.
        ignore_index: target of frames that do not count.
        label_smoothing: weight of the mean of -log p over all pdfs, which stays as it is.
    """
    log_probabilities = functional.log_softmax(logits.float(), dim=1)
    counted = targets != ignore_index
    log_p = log_probabilities.gather(1, targets.clamp(min=0).unsqueeze(1)).squeeze(1)
    line = 1.0 + math.log(tau) - tau * log_p.exp()
    losses = torch.where(log_p > -math.log(tau), -log_p, line)
    if label_smoothing:
        losses = (1.0 - label_smoothing) * losses - label_smoothing * log_probabilities.mean(dim=1)
    return torch.where(counted, losses, 0.0).sum() / counted.sum()
