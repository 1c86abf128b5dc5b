"""YAML in which a key that stands twice is a mistake."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

from bmzoo.errors import InputError


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value != "<<" and isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' stands twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def load_yaml(text: str, name: str) -> Any:
    """What a YAML text says.

    Raises:
        InputError: no YAML, or a key that stands twice; ``name`` and line say where.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        hint = "; indent with blanks instead of tabs" if "\\t" in problem else ""
        raise InputError(f"{name}{place}: this is not YAML: {problem}{hint}") from None
