"""Everything in the head of the output beside its tensors. Knows which room knows what."""

import gguf

from convert import gemma3
from convert.checkpoint.config import Gemma3Config
from convert.quantize.bit_allocation import Type
from convert.vocabulary.tokenizer import Tokenizer, write_tokenizer

_FILE_TYPES = {
    Type.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Type.IQ4_NL: gguf.LlamaFileType.MOSTLY_IQ4_NL,
    Type.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Type.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    Type.F16: gguf.LlamaFileType.MOSTLY_F16,
    Type.F32: gguf.LlamaFileType.ALL_F32,
}


def write_metadata(
    writer: gguf.GGUFWriter,
    config: Gemma3Config,
    tokenizer: Tokenizer,
    *,
    type: Type,
    title: str,
    license: str,
) -> None:
    """`type` is that of the layers' matrices."""
    writer.add_type("model")
    writer.add_name(title)
    writer.add_size_label(gemma3.size_label(config))
    writer.add_license(license)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_file_type(_FILE_TYPES[type])
    gemma3.write_metadata(config, writer)
    write_tokenizer(tokenizer, writer)
