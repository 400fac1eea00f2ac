"""What can go wrong with a model: a branch of the tree in soro_edge/errors.py.

    ModelError                  exit 3
    ├── NoModel                    no model of that name
    ├── NoModelYet                 none at all
    ├── ModelFileMissing           the manifest is here, the file is not
    ├── NoModelFile                no file of that name, where one was to be added
    ├── FolderNotModel             a folder in its place
    ├── ModelNotReadable           the file is here and cannot be read
    ├── NotAModel                  the file is no GGUF
    │   ├── ModelHeadDamaged           a GGUF whose header says what cannot be
    │   ├── BigEndianModel             a GGUF for another kind of processor
    │   ├── UnknownGgufVersion         a GGUF older or newer than what llama.cpp reads
    │   └── UnknownBlockType           a GGUF with weights in a format that llama.cpp does not know
    ├── NotAChatModel              a GGUF that is something else: a projector, a LoRA, an embedder …
    │   └── SplitModel                 one of several parts
    ├── ModelCutShort              the GGUF ends too early
    │   └── ModelHeadCutShort          in its head, so that its length is not known
    ├── ModelDamaged               its SHA-256 is not the manifest's
    ├── UnsupportedModel           llama.cpp does not know the architecture
    ├── ModelNotLoaded             llama.cpp refused it for another reason
    ├── NotEnoughMemory            too large for the memory that is free
    ├── BadManifest                a manifest that says too little or nonsense
    ├── BadTemplate                its chat template cannot be used
    │   ├── NoTemplate                 it has none
    │   ├── TemplateDropsText          what people write does not come through whole
    │   └── TemplateTooCostly          it takes too much time or memory
    ├── ModelExists                another model has that name already
    └── ModelStays                 one that came with the program cannot be removed

This module knows the root of the tree alone.
"""

from soro_edge.errors import SoroError
from soro_edge.locale import N_


class ModelError(SoroError):
    exit_code = 3


class NoModel(ModelError):
    message = N_("There is no model named «{name}».")
    hint = N_("See `soro models list`; add a GGUF file with `soro models add FILE`.")


class NoModelYet(ModelError):
    message = N_("There is no model on this computer yet.")
    hint = N_("Install one from the stick, or add a GGUF file with `soro models add FILE`.")


class ModelFileMissing(ModelError):
    message = N_("The file of the model «{name}» is not here: {path}")
    hint = N_("Add it again with `soro models add FILE`.")


class NoModelFile(ModelError):
    message = N_("There is no file {path}.")
    hint = N_("Check its name and its folder; the name of a model's file ends in .gguf.")


class FolderNotModel(ModelError):
    message = N_("This is a folder, not a model file: {path}")
    hint = N_("Name the file in it that ends in .gguf.")


class ModelNotReadable(ModelError):
    message = N_("The model file cannot be read: {path}: {reason}")
    hint = N_("Check that its disk is plugged in and that you may read the file.")


class NotAModel(ModelError):
    message = N_("This file is not a GGUF model: {path}")
    hint = N_("Choose a file whose name ends in .gguf, or copy it again.")


class ModelHeadDamaged(NotAModel):
    message = N_("The header of the model file is damaged ({reason}): {path}")
    hint = N_("Copy it again from where it came.")


class BigEndianModel(NotAModel):
    message = N_("The model file was made for another kind of processor (big-endian): {path}")
    hint = N_("Take the ordinary, little-endian file of this model.")


class UnknownGgufVersion(NotAModel):
    message = N_("This version of Soro cannot read version {version} of the GGUF format: {path}")
    hint = N_("Take a GGUF file of version 2 or 3, or install a newer version of Soro.")


class UnknownBlockType(NotAModel):
    message = N_("This version of Soro does not know the weight format number {number}: {path}")
    hint = N_("Take the model in another quantization, such as Q4_0 or Q4_K_M.")


class NotAChatModel(ModelError):
    message = N_("This file is no model that answers questions but {kind}: {path}")
    hint = N_("Take the file of the whole model; its name often ends in -it or -instruct.")


class SplitModel(NotAChatModel):
    message = N_("This file is only one of {parts} parts of a model: {path}")
    hint = N_("Join the parts with `llama-gguf-split --merge`, or take the model in one file.")


class ModelCutShort(ModelError):
    message = N_("The model file is cut short: {have_bytes} of {need_bytes} bytes: {path}")
    hint = N_("Copy it again from where it came; the copy did not finish.")


class ModelHeadCutShort(ModelCutShort):
    message = N_("The model file is cut short, already after {have_bytes} bytes: {path}")


class ModelDamaged(ModelError):
    message = N_("The model file is damaged, its SHA-256 is wrong: {path}")
    hint = N_("Copy it again from where it came, then run `soro models verify`.")


class UnsupportedModel(ModelError):
    message = N_("This version cannot run models of the kind «{architecture}»: {path}")
    hint = N_("Use another model: `soro --model NAME`; the names: `soro models list`.")


class ModelNotLoaded(ModelError):
    message = N_("The model could not be loaded: {reason}")
    hint = N_("Run `soro models verify`, then `soro doctor`.")


class NotEnoughMemory(ModelError):
    message = N_("Too little memory: the model needs {need_mb} MB and {free_mb} MB are free.")
    hint = N_("Close other programs, use a smaller model, or set SORO_CONTEXT_TOKENS smaller.")


class BadManifest(ModelError):
    message = N_("The model's description cannot be used: {path}: {reason}")
    hint = N_("Compare it with the manifests in models/, or add the GGUF file without it.")


class BadTemplate(ModelError):
    message = N_("The chat template of this model cannot be used: {reason}")
    hint = N_("Use another model: `soro --model NAME`; the names: `soro models list`.")


class NoTemplate(BadTemplate):
    message = N_("This model has no chat template: it was not made for conversations.")


class TemplateDropsText(BadTemplate):
    message = N_("The chat template of this model leaves out or changes what people write.")


class TemplateTooCostly(BadTemplate):
    message = N_("The chat template of this model takes too much time or memory.")


class ModelExists(ModelError):
    message = N_("There is already another model named «{name}».")
    hint = N_("Give the new one a name of its own: `soro models add FILE --name NAME`.")


class ModelStays(ModelError):
    message = N_("The model «{name}» came with the program and cannot be removed.")
    hint = N_("Use another model: `soro --model NAME`; the names: `soro models list`.")
