"""The control socket: private, bounded, and one per state directory."""

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import msgspec
import pytest

from mcpgate.admin.control import CONNECTIONS, Control, Handler
from mcpgate.admin.wire import LINE_LIMIT_BYTES, CallRequest, Request
from mcpgate.cli.codes import Code, CommandFault
from mcpgate.cli.control import Client
from mcpgate.errors import ClientFault, GatewayFault


async def echo(line: bytes) -> bytes:
    return line


async def refuse(_: bytes) -> bytes:
    raise ClientFault("unknown_tool", "no such tool")


async def break_down(_: bytes) -> bytes:
    raise ZeroDivisionError


HANDLERS: dict[str, Handler] = {"status": echo, "call": refuse, "reload": break_down}


def ask(folder: Path, request: msgspec.Struct, timeout_s: float = 5.0) -> bytes:
    return Client(str(folder), timeout_s).ask(request)


async def open_control(folder: Path) -> Control:
    control = Control(str(folder / "control.sock"), HANDLERS)
    await control.start()
    return control


@pytest.mark.requirement("R-CONTROL")
async def test_a_request_is_answered_with_its_result(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    assert await asyncio.to_thread(ask, tmp_path, Request(do="status")) == b'{"do":"status"}'
    await control.stop()
    assert not (tmp_path / "control.sock").exists()


@pytest.mark.requirement("R-CONTROL")
@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (CallRequest(name="x", arguments=msgspec.Raw(b"{}")), r"no such tool \(unknown_tool\)"),
        (Request(do="dance"), r"'dance' is unknown; known: call, reload, status"),
        (Request(do="reload"), "the gateway failed; its log says why"),
    ],
)
async def test_a_refusal_has_a_reason_and_a_code(
    tmp_path: Path, request_: msgspec.Struct, text: str
) -> None:
    control = await open_control(tmp_path)
    with pytest.raises(CommandFault, match=text) as caught:
        await asyncio.to_thread(ask, tmp_path, request_)
    assert caught.value.code == Code.REFUSED
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_rubbish_is_answered_and_the_conversation_goes_on(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
    writer.write(b'rubbish\n[]\n\n{"do":"status","x":1}\n')
    replies = [json.loads(await reader.readline()) for _ in range(4)]
    assert [reply["ok"] for reply in replies] == [False, False, False, True]
    assert replies[0]["error"]["reason"] == "parse"
    assert replies[3]["result"] == {"do": "status", "x": 1}
    writer.close()
    await writer.wait_closed()
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
    sent = 0
    while sent <= LINE_LIMIT_BYTES and not writer.is_closing():
        writer.write(b"x" * (1 << 20))
        sent += 1 << 20
        await asyncio.sleep(0)
    reply = json.loads(await reader.readline())
    assert reply["error"]["reason"] == "too_large"
    writer.close()
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_the_socket_is_private(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_a_live_gateway_keeps_its_directory(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    with pytest.raises(GatewayFault, match="another gateway uses this state directory"):
        await open_control(tmp_path)
    assert await asyncio.to_thread(ask, tmp_path, Request(do="status"))
    await control.stop()
    again = await open_control(tmp_path)
    await again.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_a_socket_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.exists()
    control = await open_control(tmp_path)
    assert await asyncio.to_thread(ask, tmp_path, Request(do="status"))
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_connections_are_bounded(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    path = tmp_path / "control.sock"
    held = [await asyncio.open_unix_connection(path) for _ in range(CONNECTIONS)]
    for reader, writer in held:
        writer.write(b'{"do":"status"}\n')
        await reader.readline()
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    writer.close()
    for _, holder in held:
        holder.close()
        await holder.wait_closed()
    await control.stop()


@pytest.mark.requirement("R-CANCEL")
async def test_work_for_an_operator_who_left_is_ended(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait_long(_: bytes) -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return b"{}"

    control = Control(str(tmp_path / "control.sock"), {"call": wait_long})
    await control.start()
    _, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
    writer.write(b'{"do":"call"}\n')
    await asyncio.wait_for(begun.wait(), 5)
    writer.close()
    await asyncio.wait_for(ended.wait(), 5)
    await control.stop()


@pytest.mark.requirement("R-CONTROL")
async def test_stopping_ends_conversations(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
    writer.write(b'{"do":"status"}\n')
    await reader.readline()
    await control.stop()
    assert await reader.read() == b""
    writer.close()


@pytest.mark.requirement("R-CONTROL")
def test_no_gateway_is_said_with_what_to_do(tmp_path: Path) -> None:
    expected = f"no gateway runs with state {tmp_path}: start one with `mcpgate serve`"
    with pytest.raises(CommandFault) as caught:
        ask(tmp_path, Request(do="status"))
    assert (caught.value.code, str(caught.value)) == (Code.UNREACHABLE, expected)


@pytest.mark.requirement("R-CONTROL")
def test_a_gateway_that_is_silent_or_leaves_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "control.sock"))
        silent.listen()
        with pytest.raises(CommandFault, match=r"did not answer within 0\.05 s"):
            ask(tmp_path, Request(do="status"), timeout_s=0.05)
    with pytest.raises(CommandFault, match="no gateway runs"):
        ask(tmp_path, Request(do="status"))
    with pytest.raises(CommandFault, match="too long"):
        ask(Path("/" + "x" * 200), Request(do="status"))


@pytest.mark.requirement("R-CONTROL")
@pytest.mark.skipif(os.geteuid() != 0, reason="R-CONTROL: only root can become somebody else")
async def test_somebody_else_is_not_heard(tmp_path: Path) -> None:
    control = await open_control(tmp_path)
    path = tmp_path / "control.sock"
    path.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder != Path("/tmp"):
            folder.chmod(0o755)
    program = (
        "import os,socket,sys; os.setuid(65534); s=socket.socket(socket.AF_UNIX);"
        's.connect(sys.argv[1]); s.sendall(b\'{"do":"status"}\\n\'); print(s.recv(9))'
    )
    child = await asyncio.create_subprocess_exec(
        "python3", "-c", program, str(path), stdout=-1, stderr=-1
    )
    out, err = await child.communicate()
    assert out == b"b''\n" or b"ConnectionResetError" in err or b"BrokenPipe" in err
    await control.stop()
