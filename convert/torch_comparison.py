"""The finished file against transformers, the reference implementation. PyTorch is needed only here."""

from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import ConversionError
from convert.llama import LlamaModel
from convert.verification import TAJIK
from convert.vocabulary import VocabularyPlan


def compare_with_torch(
    checkpoint: Path, path: Path, vocabulary: VocabularyPlan
) -> dict[str, float]:
    """Mean KL divergence and share of equal first choices over the kept pieces, on a line of Tajik.

    Raises ConversionError where torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise ConversionError(
            f"--verify torch needs the package {error.name}.",
            "Install torch and transformers, or leave the option away.",
        ) from error
    with LlamaModel(path, context_tokens=256) as model:
        tokens = model.tokenize(TAJIK, add_bos=True)
        ours = model.logits(tokens).astype(np.float64)
    old = vocabulary.kept[tokens]
    loaded: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    with torch.no_grad():
        theirs = loaded(torch.tensor(old[None])).logits[0].double().numpy()[:, vocabulary.kept]
    ours, theirs = (_log_probabilities(logits) for logits in (ours, theirs))
    divergence = (np.exp(theirs) * (theirs - ours)).sum(axis=1)
    same = ours.argmax(axis=1) == theirs.argmax(axis=1)
    return {"kl_divergence": float(divergence.mean()), "same_first_choice": float(same.mean())}


def _log_probabilities(logits: Any) -> Any:
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
