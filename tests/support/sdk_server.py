"""A server made with the official SDK whose list grows: `sdk_server.py stdio`, or a port."""

import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("growing")


@server.tool()
async def grow(ctx: Context) -> str:
    """Add a tool and tell everybody."""
    server.add_tool(lambda: "new", name="grown", description="A tool that came later.")
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "done"


@server.resource("test://fixed")
def read_fixed() -> str:
    """Say the same always."""
    return "fixed"


@server.resource("test://{name}/part")
def read_part(name: str) -> str:
    """Say the name."""
    return name


@server.prompt()
def ask(question: str) -> str:
    """Ask a question."""
    return question


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.run("streamable-http", port=int(sys.argv[1]))
