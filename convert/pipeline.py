"""One conversion, from the opened checkpoint to the published file. Knows the order of the steps, and
leaves each to its room."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np

from convert import gemma3
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.encode import TensorRows
from convert.errors import BadTarget
from convert.exact_model import ExactModel
from convert.gguf_file import OutputFile
from convert.manifest import ConvertedFile, manifest_text, sha256_of
from convert.options import ConversionOptions
from convert.plan import PlannedTensor, Type, plan_types, size_bytes, spend
from convert.progress import Progress
from convert.report import Report, report_path
from convert.rounds import Rounding
from convert.sensitivity import measured_gains
from convert.texts import DEFAULT_TEXT, TOKENS_IN_TEXT, CalibrationTexts, read_text, tokenized_texts
from convert.tokenizer import Tokenizer, fit_to_embedding, read_tokenizer, write_tokenizer
from convert.verification import answer_of, tensor_errors
from convert.vocabulary import VocabularyPlan, plan_vocabulary
from convert.vocabulary_proof import TokenizationComparison, prove_vocabulary


def convert(options: ConversionOptions, progress: Progress) -> Report:
    """Convert, verify, publish the file with its manifest and report. Raises ConversionError; then, as
    after Ctrl-C, nothing is left behind."""
    began = time.monotonic()
    _keep_inputs(options)
    manifest_path = options.output.with_suffix(".toml")
    beside = (manifest_path, report_path(options.output))
    with OutputFile(options.output, force=options.force, beside=beside) as output:
        checkpoint = open_checkpoint(options.checkpoint)
        full = fit_to_embedding(
            read_tokenizer(options.checkpoint), checkpoint.config.vocabulary_rows
        )
        vocabulary = _vocabulary(options, full)
        texts = _texts(options, vocabulary.tokenizer)
        tensors = _planned(options, checkpoint, vocabulary, texts, progress)
        plan = [rows.planned for rows in tensors.values()]
        output.require_room(plan, vocabulary.rows)
        comparison = _proof(full, vocabulary)
        rounding = Rounding(
            model=ExactModel(config=checkpoint.config, tensors=tensors),
            texts=texts,
            progress=progress,
        )
        title = options.name or options.output.stem

        def add_metadata(writer: gguf.GGUFWriter) -> None:
            _write_metadata(writer, checkpoint, vocabulary.tokenizer, options, title)

        output.write(gemma3.ARCHITECTURE, plan, add_metadata, rounding)
        errors = tensor_errors(output.partial, tensors, progress, calibrated=rounding.losses.keys())
        answer = answer_of(output.partial, vocabulary.tokenizer)
        torch = (
            _against_torch(options, output.partial, vocabulary)
            if options.compare_with_torch
            else None
        )
        file = ConvertedFile(
            size_bytes=output.partial.stat().st_size,
            sha256=sha256_of(output.partial, progress),
            quantization=_quantization(plan),
            source_fingerprint=_fingerprint(checkpoint, progress),
        )
        manifest = manifest_text(options, checkpoint.config, file, _plain_name(title), title)
        report = Report(
            output=options.output.name,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            seconds=round(time.monotonic() - began, 1),
            remarks=(*checkpoint.said, *_remarks(options, vocabulary)),
            types=_by_type(plan),
            parts=_by_part(plan, file.size_bytes),
            vocabulary_rows=vocabulary.rows,
            vocabulary_groups=vocabulary.groups,
            tokenization=comparison,
            tokens_per_word=_tokens_per_word(comparison),
            closeness=rounding.closeness,
            losses=rounding.losses,
            tensor_errors=errors,
            answer=answer,
            torch=torch,
        )
        output.publish({manifest_path: manifest, report_path(options.output): report.json()})
    return report


def _keep_inputs(options: ConversionOptions) -> None:
    """Not even `--force` writes over what is read. Raises BadTarget."""
    output = options.output.resolve()
    texts = {text.resolve() for text in (options.keep_text, options.calibration) if text}
    if output in texts or output.parent == options.checkpoint.resolve():
        raise BadTarget(
            f"{options.output} lies among the files that are read.",
            "Name an output outside the checkpoint's folder.",
        )


def _vocabulary(options: ConversionOptions, full: Tokenizer) -> VocabularyPlan:
    keep = read_text(options.keep_text) if options.keep_text else ""
    return plan_vocabulary(full, rows=options.vocabulary_rows, keep_text=keep)


def _texts(options: ConversionOptions, tokenizer: Tokenizer) -> CalibrationTexts | None:
    if options.calibration is None or options.type is not Type.Q4_0:
        return None
    text = read_text(options.calibration)
    return tokenized_texts(text, tokenizer, most_tokens=options.calibration_tokens)


def _default_texts(tokenizer: Tokenizer) -> CalibrationTexts:
    return tokenized_texts(read_text(DEFAULT_TEXT), tokenizer, most_tokens=TOKENS_IN_TEXT)


def _planned(
    options: ConversionOptions,
    checkpoint: Checkpoint,
    vocabulary: VocabularyPlan,
    texts: CalibrationTexts | None,
    progress: Progress,
) -> dict[str, TensorRows]:
    """Every tensor of the output with its type and its source, in order."""
    kept = vocabulary.kept if vocabulary.rows < vocabulary.old_rows else None

    def with_sources(plan: Sequence[PlannedTensor]) -> dict[str, TensorRows]:
        return {
            planned.name: TensorRows(
                planned=planned,
                source=checkpoint.tensors[planned.name],
                kept=kept if planned.name in (gemma3.EMBEDDING, gemma3.OUTPUT) else None,
            )
            for planned in plan
        }

    plan = plan_types(checkpoint.config, rows=vocabulary.rows, type=options.type)
    tensors = with_sources(plan)
    if options.most_bytes is None:
        return tensors
    model = ExactModel(config=checkpoint.config, tensors=tensors)
    text = (texts or _default_texts(vocabulary.tokenizer)).calibrating[:1]
    hidden = model.embed(text) * np.float32(checkpoint.config.width**0.5)
    gains = measured_gains(
        checkpoint.config, hidden, text, model.layer, model.output_layer(), progress
    )
    spare = options.most_bytes - size_bytes(plan) - _head_bytes(vocabulary.tokenizer, len(plan))
    return with_sources(spend(plan, spare, gains))


def _head_bytes(tokenizer: Tokenizer, tensors: int) -> int:
    """Of metadata, vocabulary and the tensors' names; a little more than it will be."""
    text = "".join(tokenizer.pieces) + tokenizer.chat_template
    return len(text.encode("utf-8")) + len(tokenizer) * 16 + tensors * 96 + 4096


def _proof(full: Tokenizer, vocabulary: VocabularyPlan) -> dict[str, TokenizationComparison]:
    lines = read_text(DEFAULT_TEXT).splitlines()
    return prove_vocabulary(full, vocabulary, {"Tajik": lines})


def _write_metadata(
    writer: gguf.GGUFWriter,
    checkpoint: Checkpoint,
    tokenizer: Tokenizer,
    options: ConversionOptions,
    title: str,
) -> None:
    writer.add_type("model")
    writer.add_name(title)
    writer.add_size_label(gemma3.size_label(checkpoint.config))
    writer.add_license(options.license)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(_FILE_TYPES[options.type])
    gemma3.write_metadata(checkpoint.config, writer)
    write_tokenizer(tokenizer, writer)


_FILE_TYPES = {
    Type.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Type.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Type.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    Type.F16: gguf.LlamaFileType.MOSTLY_F16,
    Type.F32: gguf.LlamaFileType.ALL_F32,
}


def _against_torch(
    options: ConversionOptions, path: Path, vocabulary: VocabularyPlan
) -> dict[str, float]:
    from convert.torch_comparison import compare_with_torch

    return compare_with_torch(options.checkpoint, path, vocabulary)


def _fingerprint(checkpoint: Checkpoint, progress: Progress) -> str:
    progress.begin("hashing the checkpoint", 1)
    return checkpoint.fingerprint()


def _remarks(options: ConversionOptions, vocabulary: VocabularyPlan) -> list[str]:
    remarks = []
    if vocabulary.rows < vocabulary.old_rows:
        remarks.append(f"vocabulary cut from {vocabulary.old_rows:,} to {vocabulary.rows:,} pieces")
    if options.type is Type.Q4_0 and options.calibration is None:
        remarks.append("not calibrated: every weight was rounded by itself, with weighted scales")
    return remarks


def _quantization(plan: Sequence[PlannedTensor]) -> str:
    layers = Counter(
        planned.type.name
        for planned in plan
        if gemma3.layer_of(planned.name) is not None and not gemma3.is_norm(planned.name)
    )
    return ", ".join(name for name, _ in layers.most_common())


def _by_type(plan: Sequence[PlannedTensor]) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for planned in plan:
        sizes[planned.type.name] += planned.size_bytes
    return dict(sizes.most_common())


def _by_part(plan: Sequence[PlannedTensor], file_bytes: int) -> dict[str, int]:
    sizes: Counter[str] = Counter()
    for planned in plan:
        if gemma3.is_norm(planned.name):
            part = "norms"
        elif gemma3.layer_of(planned.name) is None:
            part = "embedding"
        else:
            part = "attention" if "self_attn" in planned.name else "feed-forward"
        sizes[part] += planned.size_bytes
    sizes["head"] = file_bytes - sum(sizes.values())
    return dict(sizes.most_common())


def _tokens_per_word(comparison: Mapping[str, TokenizationComparison]) -> float:
    words = len(read_text(DEFAULT_TEXT).split())
    return comparison["Tajik"].tokens_after / words


def _plain_name(title: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-") or "model"
