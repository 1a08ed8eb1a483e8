"""The loss of sequence training: MMI or sMBR over all phone sequences, and some cross-entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config import SequenceOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.hmm.model import Hmm
from pipeline.nnet.batches import IGNORED, Batch, FrameStore
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.sequence.accuracy import expected_accuracy
from pipeline.nnet.sequence.forward_backward import GraphBatch, log_total
from pipeline.nnet.sequence.phone_graph import PhoneNgram, Phones
from pipeline.nnet.sequence.state_graph import StateGraph, expand

EVALUATION_FRAMES = 4000  # padded frames in a batch without gradients


class SequenceCriterion:
    """Compares what was said (the phones of the alignment, at any times) with all phone sequences.

    With scaled log-likelihoods k (log posterior - prior_scale log prior), the loss of a frame is
    mmi: (log sum over all paths - log sum over the numerator's) / k, which is never negative;
    smbr: (1 - expected accuracy) / k. Divided by k, the acoustic scale, its gradient by the log
    posterior is (for mmi) the difference of both occupancies, on the scale of cross-entropy's.
    Cross-entropy is added (F-smoothing, Su et al. 2013) so that the network does not forget frames.
    """

    fingerprint = ""  # all that it is made of comes from options, alignment and start

    def __init__(
        self,
        options: SequenceOptions,
        hmm: Hmm,
        phones: Mapping[str, Phones],
        start: HybridModel,
    ) -> None:
        """`phones`: utterance_id -> phones of its alignment, for all utterances of the training."""
        self.options = options
        self._hmm = hmm
        self._phones = phones
        self._scaled_priors = start.prior_scale * start.log_priors
        self._log_probs = hmm.transitions.scaled_log_probs(
            options.transition_scale, options.self_loop_scale
        )
        self._ngram = PhoneNgram(phones.values(), options.phone_ngram_order)
        self.denominator = expand(self._ngram.graph(), hmm, self._log_probs)
        self._chains: dict[Phones, StateGraph] = {}

    def prepare(self, features: FeatureSet, device: torch.device) -> None:
        """Nothing to prepare: the graphs of the alignment are there."""

    def numerator(self, utterance_id: str) -> StateGraph:
        """The HMM states of an utterance's phones, made once for equal ones."""
        phones = self._phones[utterance_id]
        if phones not in self._chains:
            self._chains[phones] = expand(self._ngram.chain(phones), self._hmm, self._log_probs)
        return self._chains[phones]

    def loss(
        self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str], epoch: int = 0
    ) -> Tensor:
        """Mean loss (nats) of a batch's frames, cross-entropy included."""
        sequence, cross_entropy, _ = self._losses(model, batch, utterance_ids)
        return sequence + self.options.cross_entropy_scale * cross_entropy

    def _losses(
        self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sequence loss and cross-entropy, means over the frames; number of correct frames."""
        delay = model.options.target_delay
        logits = model(batch.features, batch.lengths)[:, delay:]
        lengths, targets = batch.lengths - delay, batch.targets[:, delay:]
        log_posteriors = logits.log_softmax(dim=2)
        priors = self._scaled_priors.to(log_posteriors.device)
        log_likes = self.options.acoustic_scale * (log_posteriors - priors)
        sequence = self._sequence_loss(log_likes, lengths, targets, utterance_ids)
        cross_entropy = functional.nll_loss(
            log_posteriors.flatten(0, 1), targets.flatten(), ignore_index=IGNORED
        )
        correct = (logits.argmax(dim=2) == targets).sum()
        return sequence.to(cross_entropy.dtype), cross_entropy, correct

    def _sequence_loss(
        self, log_likes: Tensor, lengths: Tensor, targets: Tensor, utterance_ids: Sequence[str]
    ) -> Tensor:
        every = GraphBatch.of([self.denominator] * len(lengths), log_likes.device)
        if self.options.criterion == "smbr":
            accuracy = expected_accuracy(log_likes, lengths, every, targets)
            losses = lengths - accuracy
        else:
            said = GraphBatch.of([self.numerator(u) for u in utterance_ids], log_likes.device)
            losses = log_total(log_likes, lengths, every) - log_total(log_likes, lengths, said)
        # An utterance whose paths are all lost (float64 has its limits) has no say.
        usable = losses.isfinite()
        frames = (lengths * usable).sum()
        return torch.where(usable, losses, 0.0).sum() / (frames * self.options.acoustic_scale)

    @torch.inference_mode()
    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: Sequence[str]
    ) -> tuple[float, float]:
        """Mean loss (nats a frame, as `loss`) and frame accuracy of the whole of `store`."""
        model.eval()
        total, correct, frames = 0.0, 0, 0
        for indices in store.batches_by_length(EVALUATION_FRAMES):
            batch = store.pad(indices)
            names = [utterance_ids[i] for i in indices]
            sequence, cross_entropy, right = self._losses(model, batch, names)
            loss = sequence + self.options.cross_entropy_scale * cross_entropy
            total += float(loss) * batch.num_frames
            correct += int(right)
            frames += batch.num_frames
        return total / frames, correct / frames
