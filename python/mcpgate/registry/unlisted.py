"""Tools that the configuration names and their server does not list."""

from collections.abc import Collection, Mapping

from mcpgate.config.model import Config
from mcpgate.registry.difference import cut

NAME_CHARS = 60


def find_unlisted(config: Config, listed: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Say which settings of tools are for nothing, as far as the servers' lists are known."""
    return tuple(
        f'servers[{index}].tools[{place}].name: server {server.name} lists no tool "'
        f'{cut(tool.name, NAME_CHARS)}"; its settings are not used'
        for index, server in enumerate(config.servers)
        for place, tool in enumerate(server.tools)
        if server.enabled and server.name in listed and tool.name not in listed[server.name]
    )
