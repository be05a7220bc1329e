"""A server of the Model Context Protocol, made with the official Python SDK: what is in stock, and where."""

from mcp.server.mcpserver import MCPServer

STOCK = {"lamp": {"Riga": 12, "Lyon": 3}, "battery": {"Riga": 140}}

server = MCPServer("stock")


@server.tool()
def list_articles() -> list[str]:
    """The names of all articles."""
    return sorted(STOCK)


@server.tool()
def get_stock(article: str) -> dict[str, int]:
    """How many pieces of an article each warehouse has. Nothing for an article that is not known."""
    return STOCK.get(article, {})


@server.tool()
def take_from_stock(article: str, warehouse: str, pieces: int) -> int:
    """Take pieces out of a warehouse, and return how many are left there."""
    shelf = STOCK[article]
    if not 0 < pieces <= shelf[warehouse]:
        raise ValueError(f"{warehouse} has {shelf[warehouse]}")
    shelf[warehouse] -= pieces
    return shelf[warehouse]


if __name__ == "__main__":
    # All addresses of its pod; the NetworkPolicy says who may come.
    server.run("streamable-http", host="0.0.0.0", port=8000, stateless_http=True)  # noqa: S104 (see above)
