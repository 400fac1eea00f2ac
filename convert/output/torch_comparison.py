"""The finished file against transformers, the reference implementation. PyTorch is needed only here."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import ConversionError
from convert.native.llama import LlamaModel
from convert.output.verification import TAJIK
from convert.vocabulary.trim import VocabularyPlan


def require_torch() -> None:
    """To be asked before the work of a conversion. Raises ConversionError where a package is missing."""
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise ConversionError(
                f"--verify torch needs the package {package}.",
                "Install torch and transformers, or leave the option away.",
            )


def compare_with_torch(
    checkpoint: Path, path: Path, vocabulary: VocabularyPlan
) -> dict[str, float]:
    """Mean KL divergence and share of equal first choices over the kept pieces, on a line of Tajik."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
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
