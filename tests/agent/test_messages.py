"""Every message means the same on both ends, and a wrong one names its field."""

import subprocess
import sys
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from ops.errors import HostError
from ops.project import PROJECT
from ops.ssh.agent_answers import Answer, all_messages, read_messages, take

KINDS = all_messages()
# Reads messages and prints them again, without msgspec, as a host does.
OTHER_END = """
import sys
sys.path.insert(0, sys.argv[1])
from ops.agent.lines import from_line, to_line
from ops.agent.main import ANSWERED_BY
for name in ANSWERED_BY.values():
    __import__(f"ops.agent.{name}_messages")
assert "msgspec" not in sys.modules
for line in sys.stdin:
    try:
        print(to_line(from_line(line)))
    except ValueError as error:
        print(error)
"""


def example(kind: inspect.Type) -> Any:
    """A value of a field's type."""
    match kind:
        case inspect.StrType():
            return "é\n\u2028 '\""
        case inspect.BytesType():
            return b"\0\xff"
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 1.5
        case inspect.ListType() | inspect.VarTupleType():
            return [example(kind.item_type)] * 2
        case inspect.TupleType():
            return tuple(map(example, kind.item_types))
        case inspect.DictType():
            return {example(kind.key_type): example(kind.value_type)}
        case inspect.UnionType():
            return example(kind.types[0])
        case inspect.StructType():
            return kind.cls(**{field.name: example(field.type) for field in kind.fields})
    raise AssertionError(f"an example of {kind} is missing here")


def other_end(*lines: str) -> list[str]:
    """What the host's end prints for each line."""
    command = [sys.executable, "-I", "-S", "-c", OTHER_END, str(PROJECT)]
    text = "".join(f"{line}\n" for line in lines)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.splitlines()


def test_each_message_is_the_same_on_both_ends() -> None:
    sent = [example(inspect.type_info(kind)) for kind in KINDS]
    back = other_end(*(msgspec.json.encode(message).decode() for message in sent))
    for message, line in zip(sent, back, strict=True):
        assert msgspec.json.encode(msgspec.json.decode(line, type=type(message))) == msgspec.json.encode(message)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"type":"ReleasesRequest","home":"","uwsgi_file":""}', "state_dir"),
        ('{"type":"ReleasesRequest","state_dir":"","home":"","uwsgi_file":"","new":1}', "new"),
        ('{"type":"NoSuchRequest"}', "NoSuchRequest"),
        ('{"type":"from_line"}', "from_line"),
        ("{}", "{}"),
    ],
)
def test_host_names_wrong_field_of_request(line: str, named: str) -> None:
    assert f"'{named}'" in other_end(line)[0]


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        (['{"type":"ReleaseList","records":[],"current":""}'], "elsewhere"),
        (['{"type":"ReleaseList","records":[],"current":"","elsewhere":"","new":1}'], "new"),
        (['{"type":"ReleaseList","records":[],"current":5,"elsewhere":""}'], "current"),
        (['{"type":"ReleaseList","records":[{"type":"ReleaseRecord","name":"a"}]}'], "lines"),
        (['{"type":"ReleasesRequest","state_dir":"","home":"","uwsgi_file":""}'], "ReleasesRequest"),
        (['{"type":"Failure","reason":"no space"}'], "no space"),
        (["[" * 100_000], "cannot be read"),
        (['{"type":"Done"'], "cannot be read"),
        (["hello"], "hello"),
        (['{"type":"NoPython","tried":"python3"}'], "python3"),
        ([], "too early"),
        (['{"type":"Originals","files":[]}'], "too early"),
    ],
)
def test_operator_reads_what_is_wrong_with_an_answer(lines: list[str], named: str) -> None:
    answer = Answer("web1")
    with pytest.raises(HostError) as caught:
        for message in read_messages("web1", lines):
            take(answer, message)
        list(answer.messages)
    assert named in str(caught.value)
    assert caught.value.left == "everything"
