"""One conversion, from the opened checkpoint to the published file. Knows the order of the steps, and
leaves each to its room."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from convert import gemma3, summary
from convert.chat_form import is_instruct
from convert.checkpoint import Checkpoint, open_checkpoint
from convert.compiled import compiled
from convert.encode import TensorRows
from convert.errors import BadTarget
from convert.exact_model import ExactModel
from convert.generation_config import read_generation_config, sampling
from convert.gguf_file import OutputFile
from convert.hashing import sha256_of
from convert.manifest import ConvertedFile, manifest_text
from convert.metadata import write_metadata
from convert.options import ConversionOptions
from convert.parallel import Submit, beside
from convert.plan import INT4, PlannedTensor, plan_types, size_bytes, spend
from convert.progress import Progress
from convert.report import Report, report_path
from convert.rounds import Rounding
from convert.sensitivity import measured_gains
from convert.texts import DEFAULT_TEXT, TOKENS_IN_TEXT, CalibrationTexts, read_text, tokenized_texts
from convert.tokenizer import Tokenizer, fit_to_embedding, read_tokenizer
from convert.torch_comparison import compare_with_torch, require_torch
from convert.verification import answer_of, tensor_errors
from convert.vocabulary import VocabularyPlan, plan_vocabulary
from convert.vocabulary_proof import TokenizationComparison, prove_vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversion:
    """All that is known before the first weight is rounded."""

    options: ConversionOptions
    checkpoint: Checkpoint
    vocabulary: VocabularyPlan
    tokenization: Future[dict[str, TokenizationComparison]]
    """The vocabulary's proof, made beside the rest."""
    texts: CalibrationTexts | None
    chat: bool
    """Half of the texts are conversations."""
    sampling: dict[str, object]
    """For the manifest."""
    tensors: dict[str, TensorRows]
    """Of the output, with type and source, by canonical name and in order."""

    @property
    def remarks(self) -> list[str]:
        return [
            *summary.of_checkpoint(self.checkpoint.said, self.options.type),
            *summary.remarks(self.options, self.vocabulary, chat=self.chat),
        ]

    @property
    def plan(self) -> list[PlannedTensor]:
        return [rows.planned for rows in self.tensors.values()]

    @property
    def title(self) -> str:
        return self.options.name or self.options.output.stem


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verified:
    """What is known of the finished file."""

    file: ConvertedFile
    tensor_errors: dict[str, float]
    answer: str
    torch: dict[str, float] | None


def convert(options: ConversionOptions, progress: Progress) -> Report:
    """Convert, verify, publish the file with its manifest and report. Raises ConversionError; then, as
    after Ctrl-C, nothing is left behind."""
    began = time.monotonic()
    _keep_inputs(options)
    if options.compare_with_torch:
        require_torch()
    manifest_path = options.output.with_suffix(".toml")
    texts_beside = (manifest_path, report_path(options.output))
    with (
        OutputFile(options.output, force=options.force, beside=texts_beside) as output,
        beside() as submit,
    ):
        checkpoint = open_checkpoint(options.checkpoint)
        submit(compiled)  # Before it is wanted.
        fingerprint = submit(checkpoint.fingerprint)
        conversion = _prepared(options, checkpoint, submit, progress)
        output.require_room(conversion.plan, conversion.vocabulary.rows)
        rounding = _written(conversion, output, progress)
        verified = _verified(conversion, rounding, output, fingerprint, submit, progress)
        report = _report(conversion, rounding, verified, seconds=time.monotonic() - began)
        manifest = manifest_text(
            options,
            checkpoint.config,
            verified.file,
            name=_plain_name(conversion.title),
            title=conversion.title,
            sampling=conversion.sampling,
        )
        output.publish({manifest_path: manifest, report_path(options.output): report.json()})
    return report


def _prepared(
    options: ConversionOptions, checkpoint: Checkpoint, submit: Submit, progress: Progress
) -> _Conversion:
    progress.begin("planning the vocabulary", 1)
    full = fit_to_embedding(read_tokenizer(options.checkpoint), checkpoint.config.vocabulary_rows)
    keep = read_text(options.keep_text) if options.keep_text else ""
    vocabulary = plan_vocabulary(full, rows=options.vocabulary_rows, keep_text=keep)
    lines = read_text(DEFAULT_TEXT).splitlines()
    tokenization = submit(lambda: prove_vocabulary(full, vocabulary, {"Tajik": lines}))
    chat = is_instruct(options.checkpoint, full)
    texts = _texts(options, vocabulary.tokenizer, chat=chat)
    if texts:  # Before the long part of the work.
        tokenization.result()
    return _Conversion(
        options=options,
        checkpoint=checkpoint,
        vocabulary=vocabulary,
        tokenization=tokenization,
        texts=texts,
        chat=chat,
        sampling=sampling(read_generation_config(options.checkpoint)),
        tensors=_planned(options, checkpoint, vocabulary, texts, progress),
    )


def _written(conversion: _Conversion, output: OutputFile, progress: Progress) -> Rounding:
    """The whole file, and what was measured while it was made."""
    options, config = conversion.options, conversion.checkpoint.config
    rounding = Rounding(
        model=ExactModel(config=config, tensors=conversion.tensors),
        texts=conversion.texts,
        progress=progress,
        steps=options.measure_steps,
    )

    def add_metadata(writer: gguf.GGUFWriter) -> None:
        write_metadata(
            writer,
            config,
            conversion.vocabulary.tokenizer,
            type=options.type,
            title=conversion.title,
            license=options.license,
        )

    output.write(gemma3.ARCHITECTURE, conversion.plan, add_metadata, rounding)
    return rounding


def _verified(
    conversion: _Conversion,
    rounding: Rounding,
    output: OutputFile,
    fingerprint: Future[str],
    submit: Submit,
    progress: Progress,
) -> _Verified:
    """The file is what it should be. Its answer and both hashes are made beside the comparison, and the disk
    gets its time."""
    path = output.partial
    sha256 = submit(lambda: sha256_of(path))
    answer = submit(lambda: answer_of(path, conversion.vocabulary.tokenizer))
    on_disk = submit(output.sync)
    calibrated = rounding.losses.keys()
    errors = tensor_errors(path, conversion.tensors, progress, calibrated=calibrated)
    torch = _against_torch(conversion, path)
    on_disk.result()
    progress.begin("hashing the checkpoint", 1)
    return _Verified(
        file=ConvertedFile(
            size_bytes=path.stat().st_size,
            sha256=sha256.result(),
            pieces=conversion.vocabulary.rows,
            quantization=summary.quantization(conversion.plan),
            source_fingerprint=fingerprint.result(),
        ),
        tensor_errors=errors,
        answer=answer.result(),
        torch=torch,
    )


def _report(
    conversion: _Conversion, rounding: Rounding, verified: _Verified, *, seconds: float
) -> Report:
    tokenization, file = conversion.tokenization.result(), verified.file
    return Report(
        output=conversion.options.output.name,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        seconds=round(seconds, 1),
        remarks=tuple(conversion.remarks),
        types=summary.bytes_by_type(conversion.plan),
        parts=summary.bytes_by_part(conversion.plan, file.size_bytes),
        vocabulary_rows=conversion.vocabulary.rows,
        vocabulary_groups=conversion.vocabulary.groups,
        tokenization=tokenization,
        tokens_per_word=summary.tokens_per_word(tokenization),
        closeness=rounding.closeness,
        losses=rounding.losses,
        tensor_errors=verified.tensor_errors,
        answer=verified.answer,
        torch=verified.torch,
    )


def _keep_inputs(options: ConversionOptions) -> None:
    """Not even `--force` writes over what is read. Raises BadTarget."""
    output = options.output.resolve()
    texts = {text.resolve() for text in (options.keep_text, options.calibration) if text}
    if output in texts or output.parent == options.checkpoint.resolve():
        raise BadTarget(
            f"{options.output} lies among the files that are read.",
            "Name an output outside the checkpoint's folder.",
        )


def _texts(
    options: ConversionOptions, tokenizer: Tokenizer, *, chat: bool
) -> CalibrationTexts | None:
    if options.calibration is None or options.type not in INT4:
        return None
    text = read_text(options.calibration)
    return tokenized_texts(text, tokenizer, most_tokens=options.calibration_tokens, chat=chat)


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


def _against_torch(conversion: _Conversion, path: Path) -> dict[str, float] | None:
    if not conversion.options.compare_with_torch:
        return None
    return compare_with_torch(conversion.options.checkpoint, path, conversion.vocabulary)


def _plain_name(title: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-") or "model"
