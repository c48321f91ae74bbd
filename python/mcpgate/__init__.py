"""mcpgate: the gateway between AI agents and Model Context Protocol servers."""
