"""lm-evaluation-harness and transformers on a checkpoint: log-likelihoods and accuracies as JSON.

Usage: PYTHON tests/evaluation/harness_reference.py CHECKPOINT DATA RESULT.json

PYTHON has torch, transformers and lm_eval, which our own environment does not. The prompts are the
harness's own, read from its task files. Imports nothing of ours.
"""

import json
import sys
from pathlib import Path
from typing import Any

import lm_eval
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, AutoTokenizer

LABELS = [
    "science/technology",
    "travel",
    "politics",
    "sports",
    "health",
    "entertainment",
    "geography",
]
METRICS = [
    {"metric": name, "aggregation": "mean", "higher_is_better": True}
    for name in ("acc", "acc_norm")
]


# Functions that a task file names stay words.
yaml.SafeLoader.add_constructor("!function", lambda loader, node: node.value)


def harness_task(path: str) -> dict[str, Any]:
    folder = Path(lm_eval.__file__).parent / "tasks"
    found: dict[str, Any] = yaml.safe_load((folder / path).read_text(encoding="utf-8"))
    return found


def tasks(data: Path) -> list[dict[str, Any]]:
    belebele = harness_task("belebele/_default_template_yaml")
    sib = harness_task("afrobench/sib/prompt_1/sib_hau.yaml")
    return [
        {
            **belebele,
            **files(data, test="tgk_Cyrl.jsonl"),
            "task": "belebele",
            "test_split": "test",
            "fewshot_split": "test",
            "num_fewshot": 2,
        },
        {
            **files(data, test="sib.test.jsonl", train="sib.train.jsonl"),
            "task": "sib200",
            "output_type": "multiple_choice",
            "doc_to_text": sib["doc_to_text"],
            "doc_to_choice": LABELS,
            "doc_to_target": "category",
            "test_split": "test",
            "fewshot_split": "train",
            "fewshot_config": {"sampler": "first_n"},
            "num_fewshot": 3,
            "metric_list": METRICS,
        },
        {
            **files(data, test="endings.jsonl"),
            "task": "endings",
            "output_type": "multiple_choice",
            "doc_to_text": "{{start}}",
            "doc_to_choice": "{{options}}",
            "doc_to_target": "answer",
            "test_split": "test",
            "num_fewshot": 0,
            "metric_list": METRICS,
        },
        {
            **files(data, test="texts.jsonl"),
            "task": "texts",
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "{{text}}",
            "test_split": "test",
            "num_fewshot": 0,
            "metric_list": [{"metric": "bits_per_byte"}],
        },
    ]


def files(data: Path, **parts: str) -> dict[str, Any]:
    paths = {part: str(data / name) for part, name in parts.items()}
    return {"dataset_path": "json", "dataset_kwargs": {"data_files": paths}}


def main() -> None:
    checkpoint, data, result = (Path(word) for word in sys.argv[1:])
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation="eager"
    )
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1)
    found = lm_eval.simple_evaluate(
        model=harness, tasks=tasks(data), log_samples=True, bootstrap_iters=1000
    )
    assert found is not None
    out: dict[str, Any] = {}
    for name, samples in found["samples"].items():
        rows = sorted(samples, key=lambda sample: sample["doc_id"])
        out[name] = {
            "metrics": {
                key.partition(",")[0]: value
                for key, value in found["results"][name].items()
                if isinstance(value, float)
            },
            "log_likelihoods": [_numbers(row["filtered_resps"]) for row in rows],
        }
    out["versions"] = {"lm_eval": lm_eval.__version__, "torch": torch.__version__}
    result.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


def _numbers(responses: list[Any]) -> list[float]:
    return [float(one[0]) if isinstance(one, (list, tuple)) else float(one) for one in responses]


if __name__ == "__main__":
    main()
