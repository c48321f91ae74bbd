import pytest

from mcpgate.links.tail import LINE_BYTES, TAIL_BYTES, Tail


@pytest.mark.requirement("R-LINK-STDIO")
def test_lines_come_whole_whatever_the_chunks() -> None:
    tail = Tail()
    lines = [line for chunk in (b"on", b"e\ntw", b"o\r\n", b"\xff") for line in tail.feed(chunk)]
    assert lines == ["one", "two"]
    assert tail.text == "one\ntwo\r\n\ufffd"
    assert tail.last == "\ufffd"
    tail.feed(b"\n \n")
    assert tail.last == "\ufffd"
    assert Tail().last == ""


@pytest.mark.requirement("R-LINK-STDIO")
def test_only_the_last_part_is_kept_and_long_lines_are_cut() -> None:
    tail = Tail()
    pieces = tail.feed(b"x" * (LINE_BYTES * 2 + 1))
    assert [len(piece) for piece in pieces] == [LINE_BYTES, LINE_BYTES]
    for number in range(5000):
        tail.feed(b"line %06d is here\n" % number)
    tail.feed(b"y" * 100_000 + b"\n")
    assert len(tail.text) <= TAIL_BYTES + LINE_BYTES
    assert tail.text.rstrip("\n").endswith("y")
