"""Tools whose header annotations no HTTP client may follow."""

import pytest

from mcpgate.registry.header_params import find_header_fault


def tool(properties: str, rest: str = "") -> bytes:
    schema = f'{{"type":"object","properties":{{{properties}}}{rest}}}'
    return f'{{"name":"t","inputSchema":{schema}}}'.encode()


VALID = [
    tool('"a":{"type":"string","x-mcp-header":"Region"}'),
    tool('"a":{"type":"integer","x-mcp-header":"A"},"b":{"type":"boolean","x-mcp-header":"B"}'),
    tool('"o":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"Deep"}}}'),
    tool('"x-mcp-header":{"type":"string"}'),
    tool('"a":{"type":"object","default":{"x-mcp-header":5},"enum":[{"x-mcp-header":""}]}'),
    b'{"name":"x-mcp-header"}',
    b'{"name":"t","inputSchema":[1,"x-mcp-header"]}',
    b'["x-mcp-header"',
]
INVALID = [
    (tool('"a":{"type":"string","x-mcp-header":""}'), "token"),
    (tool('"a":{"type":"string","x-mcp-header":"a b"}'), "token"),
    (tool('"a":{"type":"string","x-mcp-header":"a\\nb"}'), "token"),
    (tool('"a":{"type":"string","x-mcp-header":7}'), "token"),
    (tool('"a":{"type":"string","x\\u002dmcp-header":""}'), "token"),
    (tool('"a":{"type":"number","x-mcp-header":"A"}'), "string, integer and boolean"),
    (tool('"a":{"type":["string"],"x-mcp-header":"A"}'), "string, integer and boolean"),
    (tool('"a":{"x-mcp-header":"A"}'), "string, integer and boolean"),
    (
        tool('"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}'),
        "already used by",
    ),
    (
        tool(
            '"a.b":{"type":"string","x-mcp-header":"A"},'
            '"a":{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}'
        ),
        "already used by",
    ),
    (tool("", ',"x-mcp-header":"A"'), "not reachable"),
    (tool("", ',"allOf":[{"properties":{"a":{"x-mcp-header":"A"}}}]'), "not reachable"),
    (tool("", ',"$defs":{"d":{"type":"string","x-mcp-header":"A"}}'), "not reachable"),
    (tool('"a":{"items":{"type":"string","x-mcp-header":"A"}}'), "not reachable"),
    (tool('"a":{"items":[{"type":"string","x-mcp-header":"A"}]}'), "not reachable"),
    (tool("", ',"not":{"x-mcp-header":"A"}'), "not reachable"),
]


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize("definition", VALID)
def test_valid_annotations_and_data_pass(definition: bytes) -> None:
    assert find_header_fault(definition) == ""


@pytest.mark.requirement("R-HEADERS")
@pytest.mark.parametrize(("definition", "text"), INVALID)
def test_invalid_annotations_are_named(definition: bytes, text: str) -> None:
    assert text in find_header_fault(definition)
