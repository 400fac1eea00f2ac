"""The Jinja of chat templates: what transformers and llama.cpp let a template use, in a sandbox.

The sandbox keeps a template away from files and from Python; it does not keep it from using all the time
and memory there is. So a stranger's template is run in a process of its own (template_process.py).
"""

import json
from collections.abc import Callable
from typing import NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class _GenerationBlock(Extension):
    """`{% generation %}` … `{% endgeneration %}`: marks what a model wrote, for training; here it is
    what stands between."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def chat_environment(strftime_now: Callable[[str], str]) -> jinja2.Environment:
    """The environment of every chat template; `strftime_now` formats today's date."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension, _GenerationBlock]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = strftime_now
    # Templates that know tools and documents ask whether they are none. Who renders may say otherwise.
    environment.globals["tools"] = environment.globals["documents"] = None
    return environment


def _raise_exception(reason: str) -> NoReturn:
    raise jinja2.TemplateError(str(reason))


def _to_json(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Unlike Jinja's own filter it leaves letters and HTML's signs as they are."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
