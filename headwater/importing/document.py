"""The members mapping: a small document that says how rows name units and people.

>>> import yaml
>>> mapping = read(yaml.safe_load('''
... members: 1                      # version of this format
... tenant: acme
... connection: hr                  # external ids become hr:<id>
... settings: {zone: Europe/Berlin, currency: EUR}   # of a tenant that is not there yet
... since: 2024-01-01               # the first day of units and memberships
... units:                          # levels from the top; a row without one hangs a level higher
...   - {kind: company, external_id: {value: acme}, name: {value: Acme}}
...   - kind: team
...     external_id: {column: team_code}
...     name: {template: "Team {team}"}
...     manager: {column: lead_id}
...     manager_name: {column: lead}
... member:
...   external_id: {column: id}
...   name: {column: name}          # default: the external id
...   joined_on: {column: hired, format: "%d.%m.%Y"}   # default: since
... '''))
>>> mapping.units[1].name.of({"team": "North", "team_code": "N"})
'Team North'
>>> mapping.columns() == {"team_code", "team", "lead_id", "lead", "id", "name", "hired"}
True
>>> read({"members": 1})
Traceback (most recent call last):
...
headwater.importing.document.MembersInvalid: tenant: Field required
"""

import string
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.kit.errors import Invalid
from services.kit.period import WeekRule

VERSION = 1
_LEVELS = 30
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class MembersInvalid(Invalid):
    """A members mapping that cannot be used; `path` names the place in it."""

    code = "members_mapping_invalid"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Text(_Part):
    """A constant, a column's cell, or a template of columns that is empty where one of them is."""

    value: str | None = Field(None, min_length=1)
    column: str | None = Field(None, min_length=1)
    template: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(given is not None for given in (self.value, self.column, self.template)) != 1:
            raise ValueError("has exactly one of value, column and template")
        if self.template is not None:
            try:
                parts = list(string.Formatter().parse(self.template))
            except ValueError as wrong:
                raise ValueError(f"{self.template!r} is not a template: {wrong}") from None
            if not any(name for _, name, _, _ in parts):
                raise ValueError("a template names a column, as in 'Team {region}'")
            if any(name == "" or form or conversion for _, name, form, conversion in parts):
                raise ValueError("a template has plain names of columns in braces")
        return self

    def columns(self) -> set[str]:
        if self.template is not None:
            return {name for _, name, _, _ in string.Formatter().parse(self.template) if name}
        return set() if self.column is None else {self.column}

    def of(self, cells: Mapping[str, str]) -> str:
        """The text for a row, "" where there is none."""
        if self.value is not None:
            return self.value
        if self.column is not None:
            return cells[self.column].strip()
        assert self.template is not None
        if not all(cells[name].strip() for name in self.columns()):
            return ""
        return "".join(
            text + (cells[name].strip() if name else "")
            for text, name, _, _ in string.Formatter().parse(self.template)
        )


class Day(_Part):
    """A date in a column, ISO without `format`."""

    column: str = Field(min_length=1)
    format: str | None = Field(None, min_length=1)

    def of(self, cells: Mapping[str, str]) -> date | None:
        text = cells[self.column].strip()
        if not text:
            return None
        if self.format is None:
            return date.fromisoformat(text)
        return datetime.strptime(text, self.format).date()  # noqa: DTZ007 — a date has no zone


class Level(_Part):
    """One level of units; managers become members of the unit they manage."""

    external_id: Text
    name: Text | None = None
    kind: str | None = Field(None, min_length=1, max_length=200)
    manager: Text | None = None
    manager_name: Text | None = None

    @model_validator(mode="after")
    def _manager_first(self) -> Self:
        if self.manager_name is not None and self.manager is None:
            raise ValueError("manager_name says nothing without manager")
        return self


class Person(_Part):
    external_id: Text
    name: Text | None = None
    joined_on: Day | None = None
    left_on: Day | None = None


class Settings(_Part):
    """Of a tenant that is not there yet; one that is keeps its own."""

    zone: str = Field(min_length=1)
    currency: str = Field(min_length=3, max_length=3)
    fiscal_start_month: int = Field(1, ge=1, le=12)
    week_rule: WeekRule = "iso_clipped"


class MembersMapping(_Part):
    members: Literal[1]
    tenant: Name
    connection: Name
    settings: Settings
    since: date
    units: list[Level] = Field(min_length=1, max_length=_LEVELS)
    member: Person

    def columns(self) -> set[str]:
        """Every column that the file must have."""
        texts = [self.member.external_id, self.member.name]
        for level in self.units:
            texts += [level.external_id, level.name, level.manager, level.manager_name]
        found = {name for text in texts if text is not None for name in text.columns()}
        days = (self.member.joined_on, self.member.left_on)
        return found | {day.column for day in days if day is not None}


def read(document: Any) -> MembersMapping:
    """The document as values; MembersInvalid names the place of the first fault."""
    try:
        return MembersMapping.model_validate(document)
    except ValidationError as wrong:
        fault = wrong.errors()[0]
        place = _place(fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        raise MembersInvalid(f"{place}: {message}" if place else message, path=place) from None


def _place(steps: tuple[int | str, ...]) -> str:
    """`units[1].name` from pydantic's steps."""
    place = ""
    for step in steps:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.removeprefix(".")
