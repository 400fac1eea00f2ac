"""The files beside the weights that tell how Gemma talks: chat template, special ids, sampling defaults."""

import json
from pathlib import Path

CHAT_TEMPLATE = r"""{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
  {%- set instruction = messages[0]['content'] + '\n\n' -%}
  {%- set turns = messages[1:] -%}
{%- else -%}
  {%- set instruction = '' -%}
  {%- set turns = messages -%}
{%- endif -%}
{%- for turn in turns -%}
  {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) -%}
    {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
  {%- endif -%}
  {{ '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else turn['role']) + '\n' }}
  {{- instruction if loop.first else '' }}
  {{- turn['content'] | trim }}
  {{- '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{ '<start_of_turn>model\n' }}
{%- endif -%}
"""
"""The same text as Gemma 3's own template gives, for messages of text."""


def write_chat_files(folder: Path, end_of_turn: int, *, instruct: bool = True) -> None:
    """tokenizer_config.json and generation_config.json; `end_of_turn` is the id of <end_of_turn>, which ends
    the texts of a model that was taught to chat."""
    tokenizer = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False,
        "spaces_between_special_tokens": False,
        "tokenizer_class": "GemmaTokenizer",
        "chat_template": CHAT_TEMPLATE,
    }
    generation = {
        "bos_token_id": 2,
        "eos_token_id": [1, end_of_turn] if instruct else 1,
        "pad_token_id": 0,
        "cache_implementation": "hybrid",
        "do_sample": True,
        "top_k": 64,
        "top_p": 0.95,
    }
    for name, content in (("tokenizer_config", tokenizer), ("generation_config", generation)):
        text = json.dumps(content, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
