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

from convert import gemma3
from convert.calibrate.calibration_data import (
    DEFAULT_TEXT,
    TOKENS_IN_TEXT,
    CalibrationTexts,
    read_text,
    tokenized_texts,
)
from convert.calibrate.conversations import ChatTemplates, is_instruct, require_askable
from convert.calibrate.layer_quantizer import Rounding
from convert.calibrate.reference_model import ExactModel
from convert.calibrate.sensitivity import measured_gains
from convert.checkpoint.checkpoint import Checkpoint, open_checkpoint
from convert.checkpoint.generation_config import Sampling, read_generation_config, sampling
from convert.hashing import sha256_of
from convert.options import ConversionOptions
from convert.output.gguf_file import OutputFile
from convert.output.metadata import write_metadata
from convert.output.names import (
    manifest_path,
    report_path,
    require_apart,
    require_output_name,
    require_plain_texts,
)
from convert.output.torch_comparison import compare_with_torch, require_torch
from convert.output.verification import answer_of, tensor_errors
from convert.parallel import Submit, beside, wait_for
from convert.progress import (
    COMPARING_WITH_TORCH,
    FINISHING,
    PLANNING_VOCABULARY,
    NumberedPhases,
    Progress,
)
from convert.quantize.bit_allocation import (
    INT4,
    PlannedTensor,
    plan_types,
    require_size,
    size_bytes,
    spend,
)
from convert.quantize.compiled import compiled
from convert.quantize.tensor_source import TensorRows
from convert.report import summary
from convert.report.manifest import ConvertedFile, manifest_text
from convert.report.report import Report
from convert.vocabulary.proof import TokenizationComparison, prove_vocabulary
from convert.vocabulary.tokenizer import Tokenizer, fit_to_embedding, read_tokenizer
from convert.vocabulary.trim import VocabularyPlan, plan_vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conversion:
    """All that is known before the first weight is rounded."""

    options: ConversionOptions
    checkpoint: Checkpoint
    vocabulary: VocabularyPlan
    tokenization: Future[dict[str, TokenizationComparison]]
    """The vocabulary's proof, made beside the rest."""
    texts: CalibrationTexts | None
    tokenizer_remarks: tuple[str, ...]
    """What was found in the tokenizer's files."""
    chat: bool
    """Half of the texts are conversations."""
    sampling: Sampling
    tensors: dict[str, TensorRows]
    """Of the output, with type and source, by canonical name and in order."""

    @property
    def remarks(self) -> list[str]:
        return [
            *summary.of_checkpoint(self.checkpoint.said, self.options.type),
            *self.tokenizer_remarks,
            *self.sampling.remarks,
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


def convert(options: ConversionOptions, progress: Progress, templates: ChatTemplates) -> Report:
    """Convert, verify, publish the file with its manifest and report. Raises ConversionError; then, as
    after Ctrl-C, nothing is left behind."""
    began = time.monotonic()
    progress = NumberedPhases(progress)
    _require_targets(options)
    if options.compare_with_torch:
        require_torch()
    texts_beside = (manifest_path(options.output), report_path(options.output))
    with (
        OutputFile(options.output, force=options.force, beside=texts_beside) as output,
        beside() as submit,
    ):
        checkpoint = open_checkpoint(options.checkpoint)
        submit(compiled)  # Before it is wanted.
        hashed = _Counter()
        fingerprint = submit(lambda: checkpoint.fingerprint(hashed.count))
        conversion = _prepared(options, checkpoint, templates, submit, progress)
        output.require_room(conversion.plan, conversion.vocabulary.rows)
        rounding = _written(conversion, output, progress)
        verified = _verified(conversion, rounding, output, fingerprint, hashed, submit, progress)
        report = _report(conversion, rounding, verified, seconds=time.monotonic() - began)
        manifest = manifest_text(
            options,
            checkpoint.config,
            verified.file,
            name=_plain_name(conversion.title),
            title=conversion.title,
            sampling=conversion.sampling.values,
        )
        output.publish(dict(zip(texts_beside, (manifest, report.json()), strict=True)))
    return report


def _prepared(
    options: ConversionOptions,
    checkpoint: Checkpoint,
    templates: ChatTemplates,
    submit: Submit,
    progress: Progress,
) -> _Conversion:
    progress.begin(PLANNING_VOCABULARY, 1)
    full = fit_to_embedding(read_tokenizer(options.checkpoint), checkpoint.config.vocabulary_rows)
    require_askable(full, templates)
    keep = read_text(options.keep_text) if options.keep_text else ""
    vocabulary = plan_vocabulary(full, rows=options.vocabulary_rows, keep_text=keep)
    require_size(_least_bytes(options, checkpoint, vocabulary), options.most_bytes)
    lines = read_text(DEFAULT_TEXT).splitlines()
    tokenization = submit(lambda: prove_vocabulary(full, vocabulary, {"Tajik": lines}))
    chat = is_instruct(options.checkpoint, full)
    texts = _texts(options, vocabulary.tokenizer, templates if chat else None)
    if texts:  # Before the long part of the work.
        tokenization.result()
    return _Conversion(
        options=options,
        checkpoint=checkpoint,
        vocabulary=vocabulary,
        tokenization=tokenization,
        texts=texts,
        tokenizer_remarks=full.said,
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
    hashed: "_Counter",
    submit: Submit,
    progress: Progress,
) -> _Verified:
    """The file is what it should be. Its answer and both hashes are made beside the comparison, and the disk
    gets its time. `hashed` counts the bytes of both hashes."""
    path = output.partial
    size_bytes = path.stat().st_size
    sha256 = submit(lambda: sha256_of(path, hashed.count))
    answer = submit(lambda: answer_of(path, conversion.vocabulary.tokenizer))
    on_disk = submit(output.sync)
    calibrated = rounding.losses.keys()
    errors = tensor_errors(path, conversion.tensors, progress, calibrated=calibrated)
    torch = _against_torch(conversion, path, progress)
    progress.begin(FINISHING, conversion.checkpoint.size_bytes + size_bytes)
    wait_for((fingerprint, sha256, answer), lambda: progress.advance(hashed.since_last()))
    on_disk.result()
    return _Verified(
        file=ConvertedFile(
            size_bytes=size_bytes,
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
        source_bytes=conversion.checkpoint.size_bytes,
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


@dataclass(slots=True)
class _Counter:
    """Bytes that another thread has hashed."""

    total: int = 0
    told: int = 0

    def count(self, number: int) -> None:
        self.total += number

    def since_last(self) -> int:
        """How many there are that were not told before."""
        total, told, self.told = self.total, self.told, self.total
        return total - told


def _require_targets(options: ConversionOptions) -> None:
    """Raises BadTarget where the files that are to be written cannot have their names."""
    require_output_name(options.output)
    require_plain_texts((options.name, options.license))
    texts = [text for text in (options.keep_text, options.calibration) if text]
    require_apart(options.output, options.checkpoint, texts)


def _texts(
    options: ConversionOptions, tokenizer: Tokenizer, chat: ChatTemplates | None
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
    spare = options.most_bytes - _least_bytes(options, checkpoint, vocabulary)
    return with_sources(spend(plan, spare, gains))


def _least_bytes(
    options: ConversionOptions, checkpoint: Checkpoint, vocabulary: VocabularyPlan
) -> int:
    """The size of the smallest file of this type and vocabulary."""
    plan = plan_types(checkpoint.config, rows=vocabulary.rows, type=options.type)
    return size_bytes(plan) + _head_bytes(vocabulary.tokenizer, len(plan))


def _head_bytes(tokenizer: Tokenizer, tensors: int) -> int:
    """Of metadata, vocabulary and the tensors' names; a little more than it will be."""
    text = "".join(tokenizer.pieces) + tokenizer.chat_template
    return len(text.encode("utf-8")) + len(tokenizer) * 16 + tensors * 96 + 4096


def _against_torch(
    conversion: _Conversion, path: Path, progress: Progress
) -> dict[str, float] | None:
    if not conversion.options.compare_with_torch:
        return None
    progress.begin(COMPARING_WITH_TORCH, 1)
    return compare_with_torch(conversion.options.checkpoint, path, conversion.vocabulary)


def _plain_name(title: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", title.lower()).strip("-.") or "model"
