"""docs/schemas and docs/json.md hold the contracts of all that the code prints."""

from __future__ import annotations

import json
import re

import pytest
from jsonschema import Draft202012Validator

from tests.cli.test_help import LINES
from tests.conftest import ROOT

FILES = sorted((ROOT / "docs" / "schemas").glob("*.json"))
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
PAGE = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
PRINTED = {
    f"knowledge.{name}/1"
    for room in ("records", "cli")
    for path in (ROOT / "knowledge" / room).rglob("*.py")
    for name in re.findall(r'\bof\(\s*"([a-z]+)"', path.read_text(encoding="utf-8"))
} | {"knowledge.error/1"}

every_schema = pytest.mark.parametrize("name", SCHEMAS)


def file_of(schema):
    return schema.removeprefix("knowledge.").replace("/", "-") + ".json"


def objects(schema):
    """Yield each part of a schema that describes an object's fields."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_every_schema_that_is_printed_has_a_file():
    assert {file_of(name) for name in PRINTED} == set(SCHEMAS)
    assert len(PRINTED) >= 19


@every_schema
def test_it_is_a_schema(name):
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@every_schema
def test_it_is_named_as_its_file(name):
    schema = SCHEMAS[name]
    assert schema["$id"] == name
    assert schema["properties"]["schema"] == {"const": schema["title"]}
    assert file_of(schema["title"]) == name


@every_schema
def test_it_allows_no_other_fields(name):
    for part in objects(SCHEMAS[name]):
        assert part["additionalProperties"] is False


@every_schema
def test_only_named_fields_may_be_missing(name):
    optional = {
        field
        for part in objects(SCHEMAS[name])
        for field in part["properties"]
        if field not in part["required"]
    }
    named = {
        "dataset-1.json": {"documents", "names"},
        "datasets-1.json": {"names"},
        "export-1.json": {"names"},
        "import-1.json": {"names"},
        "models-1.json": {"names"},
        "reembed-1.json": {"names"},
        "status-1.json": {"names"},
        "file-1.json": {"passages"},
        "files-1.json": {"counts", "next_cursor"},
        "ingest-1.json": {"dry_run"},
        "job-1.json": {"dry_run"},
        "jobs-1.json": {"dry_run"},
        "retrieve-1.json": {"explanation", "facets", "marks"},
        "ask-1.json": {"explanation", "marks"},
    }
    assert optional == named.get(name, set())


@every_schema
def test_lists_are_never_null(name):
    text = json.dumps(SCHEMAS[name])
    assert '["array", "null"]' not in text
    assert '["null", "array"]' not in text


@every_schema
def test_all_its_fields_are_on_the_page(name):
    section = PAGE.partition(f"## `{SCHEMAS[name]['title']}`")[2].partition("\n## ")[0]
    assert section
    if name == "dataset-1.json":  # it refers to the section before
        section += PAGE.partition("## `knowledge.datasets/1`")[2].partition("\n## ")[0]
    if name in ("dataset-1.json", "file-1.json"):
        section += PAGE.partition("## `knowledge.files/1`")[2].partition("\n## ")[0]
    if name in ("job-1.json", "jobs-1.json"):
        section += PAGE.partition("## `knowledge.ingest/1`")[2].partition("\n## ")[0]
        section += PAGE.partition("## `knowledge.job/1`")[2].partition("\n## ")[0]
        section += PAGE.partition("## `knowledge.error/1`")[2].partition("\n## ")[0]
    if name in ("ask-1.json", "place-1.json"):
        section += PAGE.partition("## `knowledge.retrieve/1`")[2].partition("\n## ")[0]
    for part in objects(SCHEMAS[name]):
        for field in part["properties"]:
            assert field == "schema" or f"`{field}`" in section, field


def test_all_schemas_are_on_the_page():
    for name, schema in SCHEMAS.items():
        assert f"(schemas/{name})" in PAGE
        assert f"`{schema['title']}`" in PAGE


def test_equal_names_are_equal_parts():
    """A file is a file in each schema that has one."""
    seen = {}
    for name, schema in SCHEMAS.items():
        for part, content in schema.get("$defs", {}).items():
            if part not in ("details", "files"):
                assert seen.setdefault(part, content) == content, (name, part)


def test_every_object_that_breaks_its_contract_is_caught():
    """The schemas are not so lax that they say nothing."""
    good = {"schema": "knowledge.trust/1", "trusted": ["/home/ana"]}
    validator = Draft202012Validator(SCHEMAS["trust-1.json"])
    assert validator.is_valid(good)
    for bad in (
        {**good, "trusted": None},
        {**good, "trusted": [1]},
        {**good, "more": 1},
        {"schema": good["schema"]},
        {**good, "schema": "knowledge.trust/2"},
    ):
        assert not validator.is_valid(bad)


def test_every_command_is_on_the_page():
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([a-z -]+?)(?: --[a-z-]+)?`", row)}
    without = {"serve", "mcp"}  # they answer by protocols of their own
    assert {command for command in LINES if command not in named} <= without
