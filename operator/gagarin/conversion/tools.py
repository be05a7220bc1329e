"""Tools. What the original called MCP was a POST of the arguments to an address: an HTTP tool here."""

from __future__ import annotations

import re
from typing import Any

from gagarin.conversion.context import Context, key_ref
from gagarin.conversion.shapes import Fields

_NO_COUNTERPART = {
    "logo_url": "tools have no logo",
    "public": "who may use a Tool, its namespace and allowedNamespaces say",
    "usage_notes": "put it into the description of the functions, where the model sees it",
    "health_status": "it was never used",
    "launch_command": "a tool of type Stdio needs a container image",
    "launch_args": "a tool of type Stdio needs a container image",
    "launch_working_directory": "a tool of type Stdio needs a container image",
    "user_id": "objects belong to namespaces",
    "name_for_ai": "the functions' names are what the model sees",
    "description_for_ai": "the functions' descriptions are what the model sees",
    "contact_email": "use an annotation",
    "legal_info_url": "use an annotation",
    "created_at": "objects have a time of their own",
    "updated_at": "objects have a time of their own",
}


def convert_tools(context: Context, fields: Fields) -> None:
    """The section `tools`."""
    for tool in fields.items("tools"):
        convert_tool(context, tool)


def convert_tool(context: Context, fields: Fields) -> None:
    """One tool. Agents call it by its handle."""
    title, handle = fields.text("name"), fields.text("handle")
    text = handle or title
    if not text:
        context.report.fault(fields.place("handle"), "is missing")
        return
    if text in context.tools:
        context.report.fault(fields.place("handle"), f"there is another tool called {text}")
        return
    identifier = fields.text("id")
    name = context.tools.make(text, identifier)
    if identifier:
        context.tool_ids[identifier] = name
    description = fields.text("description")
    spec = _spec(context, fields, name, description)
    if spec is not None:
        context.add("Tool", name, {"description": description or title, **spec})
    for field, why in _NO_COUNTERPART.items():
        fields.drop(field, why)
    fields.finish()


def _spec(context: Context, fields: Fields, name: str, description: str) -> dict[str, Any] | None:
    url, kind = fields.text("api_url"), fields.text("api_type").lower()
    auth = _auth(context, fields, name)
    if not url:
        context.report.fault(fields.place("api_url"), "is missing: there is nothing to call")
        return None
    if kind == "openapi" and re.search(r"\.(json|ya?ml)$", url):
        fields.drop("capabilities", "the functions are those of the OpenAPI document")
        return {"type": "OpenAPI", "openAPI": {"url": url}, "auth": auth}
    if kind == "mcp":
        fields.drop("capabilities", "an MCP server tells its functions itself")
        return {"type": "MCP", "mcp": {"url": url}, "auth": auth}
    functions = _functions(context, fields, name, description)
    return {"type": "HTTP", "http": {"url": url}, "functions": functions, "auth": auth}


def _functions(context: Context, fields: Fields, name: str, description: str) -> list[dict[str, Any]]:
    """All functions; the original only knew the first. Without any, there is one that takes any arguments."""
    capabilities = fields.inner("capabilities")
    functions = []
    for function in capabilities.items("functions"):
        text = function.text("name")
        made = re.sub(r"[^a-zA-Z0-9_-]+", "_", text)[:64] or name
        if made != text:
            context.report.note("changed", function.place("name"), f"the function is called {made}")
        parameters = function.take("parameters")
        told = function.text("description")
        functions.append({"name": made, "description": told, "parameters": parameters})
        function.finish()
    capabilities.finish()
    if not functions:
        told = f"without functions it is one, {name}, that takes any arguments"
        context.report.note("changed", fields.place("capabilities"), told)
        functions = [{"name": name, "description": description, "parameters": {"type": "object"}}]
    return [{key: value for key, value in each.items() if value not in (None, "")} for each in functions]


def _auth(context: Context, fields: Fields, name: str) -> dict[str, Any] | None:
    method = fields.text("auth_method").lower()
    info = fields.inner("auth_info")
    references = {each: info.reference(each) for each in ("token", "username", "password")}
    if method == "bearer" and references["token"]:
        info.finish()
        return {"type": "Bearer", "bearer": references["token"]}
    if method == "basic" and references["username"] and references["password"]:
        info.finish()
        return {"type": "Basic", "basic": {each: references[each] for each in ("username", "password")}}
    if method == "bearer":
        values = {"token": info.secret("token") or info.secret("api_key")}
    elif method == "basic":
        values = {"username": info.secret("username"), "password": info.secret("password")}
    else:
        if method not in ("", "none"):
            context.report.fault(fields.place("auth_method"), "is none of bearer, basic, none")
        info.finish()
        return None
    info.finish()
    if not all(values.values()):
        missing = min(key for key, value in values.items() if not value)
        context.report.fault(info.place(missing), f"is missing: auth_method is {method}")
    secret = context.secret(fields, "auth_info", f"{name}-auth", values)
    if method == "bearer":
        return {"type": "Bearer", "bearer": key_ref(secret, "token")}
    refs = {key: key_ref(secret, key) for key in values}
    return {"type": "Basic", "basic": refs}
