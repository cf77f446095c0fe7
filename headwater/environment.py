"""Every environment variable, from the settings classes; `render` writes deploy/env.example."""

import sys
from pathlib import Path
from textwrap import wrap
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from gateway.settings import GatewaySettings
from headwater.settings import HeadwaterSettings
from services.customers.settings import CustomersSettings
from services.incentives.settings import IncentivesSettings
from services.kit.settings import PREFIX, CommonSettings, refuse_unknown
from services.kpi.settings import KpiSettings
from services.targets.settings import TargetsSettings

SECTIONS: dict[str, type[CommonSettings]] = {
    "every process": CommonSettings,
    "the installation and its commands": HeadwaterSettings,
    "gateway": GatewaySettings,
    "targets": TargetsSettings,
    "customers": CustomersSettings,
    "incentives": IncentivesSettings,
    "kpi": KpiSettings,
}
_HEADER = """\
Headwater's environment, each variable with its default. Nothing is needed to try Headwater on one
machine; take away the # of what you change. A HEADWATER_ variable that is not listed here, or a
value that cannot be read, stops the start with a message."""
_WIDTH = 98


def check() -> None:
    """Stop where the environment has a variable that no part reads: a misspelt one says so."""
    refuse_unknown(SECTIONS.values())


def render() -> str:
    """The text of deploy/env.example: each variable once, under the first part that reads it."""
    blocks = [_comment(_HEADER)]
    told: set[str] = set()
    for title, kind in SECTIONS.items():
        fields = {name: field for name, field in kind.model_fields.items() if name not in told}
        told |= fields.keys()
        blocks.append(f"# ---- {title}")
        blocks += [_variable(name, field) for name, field in fields.items()]
    return "\n\n".join(blocks) + "\n"


def _variable(name: str, field: FieldInfo) -> str:
    meaning = field.description or ""
    if choices := _choices(field):
        meaning += f" ({', '.join(choices)})"
    return f"{_comment(meaning)}\n# {PREFIX}{name.upper()}={_default(field)}"


def _choices(field: FieldInfo) -> tuple[str, ...]:
    return get_args(field.annotation) if get_origin(field.annotation) is Literal else ()


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return ""
    return field.default.as_posix() if isinstance(field.default, Path) else str(field.default)


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in wrap(text, _WIDTH - 2, break_on_hyphens=False))


if __name__ == "__main__":
    sys.stdout.write(render())
