"""Holds every example of an OpenAPI document against its schema; the document is the file named."""

import json
import sys

import jsonschema
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
validate(document)
registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))
checked = faults = 0


def check(place, schema, value):
    global checked, faults
    # References are within the document, wherever the schema lies.
    whole = {"$ref": "urn:document#" + schema}
    validator = jsonschema.Draft202012Validator(
        whole, registry=registry, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    checked += 1
    for error in validator.iter_errors(value):
        faults += 1
        print(f"{place}: {error.message}")


def pointer(parent, key):
    return parent + "/" + str(key).replace("~", "~0").replace("/", "~1")


def walk(place, node):
    if isinstance(node, list):
        for index, item in enumerate(node):
            walk(pointer(place, index), item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("schema"), dict):
        schema = pointer(place, "schema")
        if "example" in node:
            check(place, schema, node["example"])
        for name, example in (node.get("examples") or {}).items():
            check(pointer(place, name), schema, example["value"])
    # Of a schema itself they are a list.
    elif isinstance(node.get("examples"), list) and "properties" not in place.split("/")[-1:]:
        for index, example in enumerate(node["examples"]):
            check(pointer(place, index), place, example)
    for key, value in node.items():
        if key not in ("example", "examples", "value"):
            walk(pointer(place, key), value)


walk("", document)
print(f"ok {checked} examples")
sys.exit(1 if faults or not checked else 0)
