"""The conformance server with tools that ask in both eras.

In a legacy session they send requests while the call is open; a modern call is answered
`input_required` and comes again.

    python -m tests.support.both_eras_server http 21010   # also stdio and sse
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import mcp_types as t
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel

from tests.support import conformance_server
from tests.support.conformance_content import BOOL, STR, ask, done, sample, text
from tests.support.conformance_tools import MODERN, Arguments, Context, Result

Asks = Mapping[str, t.InputRequest]
Round = Callable[[Context, Arguments], Asks]
Answers = Mapping[str, BaseModel]
Params = t.CallToolRequestParams | t.GetPromptRequestParams

OPTIONS: Final = ["option1", "option2", "option3"]
PAIRS: Final = [{"const": f"value{n}", "title": f"Value {n}"} for n in (1, 2, 3)]
_RESULTS: Final[Mapping[str, type[BaseModel]]] = {
    "elicitation/create": t.ElicitResult,
    "sampling/createMessage": t.CreateMessageResult,
    "roots/list": t.ListRootsResult,
}


def always(**asks: t.InputRequest) -> Round:
    """Ask the same whoever calls."""
    return lambda _, __: asks


def what_it_can(ctx: Context, _: Arguments) -> Asks:
    """Ask only for what the client declared."""
    declared = ctx.session.client_capabilities or t.ClientCapabilities()
    asks: dict[str, t.InputRequest] = {}
    if declared.sampling is not None:
        asks["s"] = sample("hello")
    if declared.elicitation is not None:
        asks["e"] = ask("Name?", name=STR)
    return asks


DEFAULTS: Final = ask(
    "Please review the defaults",
    name={**STR, "default": "John Doe"},
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status={**STR, "enum": ["active", "inactive", "pending"], "default": "active"},
    verified={**BOOL, "default": True},
)
CHOICES: Final = ask(
    "Pick values",
    untitledSingle={**STR, "enum": OPTIONS},
    titledSingle={**STR, "oneOf": PAIRS},
    legacyEnum={**STR, "enum": OPTIONS, "enumNames": ["One", "Two", "Three"]},
    untitledMulti={"type": "array", "items": {**STR, "enum": OPTIONS}},
    titledMulti={"type": "array", "items": {"anyOf": PAIRS}},
)
NAME: Final = ask("What is your name?", name=STR)
CONFIRM: Final = ask("Confirm?", ok=BOOL)
COLOR: Final = ask("Favourite colour?", color=STR)
ROOTS: Final = t.ListRootsRequest()
# The rounds of questions of each tool, and of the one prompt that asks.
TOOLS: Final[Mapping[str, tuple[Round, ...]]] = {
    "test_sampling": (lambda _, a: {"answer": sample(a["prompt"])},),
    "test_elicitation": (lambda _, a: {"answer": ask(a["message"], response=STR)},),
    "test_elicitation_sep1034_defaults": (always(answer=DEFAULTS),),
    "test_elicitation_sep1330_enums": (always(answer=CHOICES),),
    "test_streaming_elicitation": (always(user_name=NAME),),
    "test_input_required_result_elicitation": (always(user_name=NAME),),
    "test_input_required_result_sampling": (always(capital_question=sample("Capital of France?")),),
    "test_input_required_result_list_roots": (always(client_roots=ROOTS),),
    "test_input_required_result_request_state": (always(confirm=CONFIRM),),
    "test_input_required_result_tampered_state": (always(confirm=CONFIRM),),
    "test_input_required_result_capabilities": (what_it_can,),
    "test_input_required_result_multiple_inputs": (
        always(user_name=NAME, greeting=sample("Say hi"), client_roots=ROOTS),
    ),
    "test_input_required_result_multi_round": (always(step1=NAME), always(step2=COLOR)),
}
PROMPTS: Final[Mapping[str, tuple[Round, ...]]] = {
    "test_input_required_result_prompt": (always(user_context=ask("Which context?", context=STR)),),
}


@dataclass(frozen=True)
class Asking:
    """One call and its rounds of questions."""

    ctx: Context
    params: Params
    rounds: tuple[Round, ...]

    async def ask(self) -> Answers | t.InputRequiredResult:
        """Return the last round's answers, or what a modern client has to bring first."""
        if self.ctx.protocol_version < MODERN:
            return await self._ask_legacy()
        given: Answers = dict(self.params.input_responses or {})
        at = int(self.params.request_state or "0")
        wanted = self._list(at)
        if wanted.keys() <= given.keys() and (wanted or self.params.request_state):
            at += 1
            if at == len(self.rounds):
                return given
            wanted = self._list(at)
        return t.InputRequiredResult(input_requests=dict(wanted) or None, request_state=str(at))

    async def _ask_legacy(self) -> Answers:
        answers: dict[str, BaseModel | MCPError] = {}
        for at in range(len(self.rounds)):
            async with anyio.create_task_group() as group:
                for key, request in self._list(at).items():
                    group.start_soon(self._send, key, request, answers)
            refusals = [each for each in answers.values() if isinstance(each, MCPError)]
            if refusals:
                raise refusals[0]
        return {key: each for key, each in answers.items() if isinstance(each, BaseModel)}

    async def _send(
        self, key: str, request: t.InputRequest, answers: dict[str, BaseModel | MCPError]
    ) -> None:
        # A question belongs to its call, so it goes where the answer to the call will.
        related = ServerMessageMetadata(related_request_id=self.ctx.request_id)
        kind = _RESULTS[request.method]
        try:
            answers[key] = await self.ctx.session.send_request(request, kind, metadata=related)
        except MCPError as refusal:  # a group would wrap it
            answers[key] = refusal

    def _list(self, at: int) -> Asks:
        return self.rounds[at](self.ctx, self.params.arguments or {})


def describe(answers: Answers) -> str:
    """Tell what was answered."""
    parts = (f"{key}={answers[key].model_dump_json(by_alias=True)}" for key in sorted(answers))
    return "; ".join(parts)


async def call_tool(ctx: Context, params: t.CallToolRequestParams) -> Result:
    """Call a tool that asks; all others are those of the conformance server."""
    if params.name not in TOOLS:
        return await conformance_server.call_tool(ctx, params)
    answers = await Asking(ctx, params, TOOLS[params.name]).ask()
    if isinstance(answers, t.InputRequiredResult):
        return answers
    return done(text(describe(answers)))


async def get_prompt(
    ctx: Context, params: t.GetPromptRequestParams
) -> t.GetPromptResult | t.InputRequiredResult:
    """Get a prompt that asks; all others are those of the conformance server."""
    if params.name not in PROMPTS:
        return await conformance_server.get_prompt(ctx, params)
    answers = await Asking(ctx, params, PROMPTS[params.name]).ask()
    if isinstance(answers, t.InputRequiredResult):
        return answers
    message = t.PromptMessage(role="user", content=text(describe(answers)))
    return t.GetPromptResult(messages=[message])


if __name__ == "__main__":
    conformance_server.main(conformance_server.build(call_tool, get_prompt))
