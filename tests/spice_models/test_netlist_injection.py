"""Texts that reach a netlist: refused with a typed error of one line, or harmless in ngspice."""

import re
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spice_models import (
    Array,
    Capacitances,
    CellModel,
    CircuitError,
    layer_netlist,
    layer_subcircuit,
    netlist,
    ngspice,
    transient_netlist,
)

ARRAY = Array.from_siemens([[1e-4]])
PLAIN = ".subckt mine word bit ohm=1\nR1 word bit {ohm}\n.ends"
COMMANDS = [
    ".control",
    ".include other.cir",
    ".lib '/etc/passwd' tt",
    ".exec touch canary",
    "shell touch canary",
    "!touch canary",
    "`touch canary`",
    "$(touch canary)",
    "$ touch canary",
    "; touch canary",
    "*# shell touch canary",
    "# shell touch canary",
    "ng_script",
    " NG_SCRIPT",
    "pre_osdi canary",
    "title // .end",
    "continued \\\\",
    "continued \\",
    ".end",
    "+ R2 in0 0 1",
    "'{system(1)}'",
    "%s%n{0}",
]
BREAKS = ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x00", "\t", "\x1b[0m"]
PIECES = st.sampled_from([*COMMANDS, *BREAKS, "\u03a9", "\ud800", "a", " ", "*", ".", "tile_0_0"])
TEXTS = st.lists(PIECES, max_size=6).map("".join) | st.text(max_size=20)
ANYTHING = TEXTS | st.none() | st.integers() | st.floats() | st.binary(max_size=3) | st.just([])
FAST = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
WRITERS = [
    lambda **head: netlist(ARRAY, [0.1], **head),
    lambda **head: layer_netlist([[ARRAY]], [0.1], **head),
    lambda **head: layer_subcircuit([[ARRAY]], **head),
    lambda **head: transient_netlist(
        ARRAY, [0.1], Capacitances(5e-15), stop_seconds=1e-9, rise_seconds=1e-12, **head
    ),
]


def accepted(make):
    """What is made, or None if it is refused as it should be."""
    try:
        return make()
    except CircuitError as error:
        told = str(error)
    assert told.isprintable()
    return None


def circuit_of(text):
    return [line for line in text.split("\n") if not line.startswith("* ")]


@pytest.mark.parametrize("writer", WRITERS)
@FAST
@given(field=st.sampled_from(["title", "design", "comments"]), given_text=ANYTHING)
def test_a_text_stays_in_its_comment_line(writer, field, given_text):
    value = [given_text] if field == "comments" else given_text
    text = accepted(lambda: writer(**{field: value}))
    if text is not None:
        assert circuit_of(text) == circuit_of(writer())
        assert len(text.split("\n")) == len(
            writer(**{field: ["a"] if field == "comments" else "a"}).split("\n")
        )
        assert text.isascii()
        ngspice._refuse_commands(text)


@pytest.mark.parametrize("value", [None, 3, b"x", "a string is no list"])
def test_comments_that_are_no_list_of_lines_are_refused(value):
    with pytest.raises(CircuitError, match="comments = "):
        netlist(ARRAY, comments=value)


def test_what_is_accepted_runs_nothing_in_ngspice(tmp_path):
    kept = [line for line in COMMANDS if accepted(lambda line=line: netlist(ARRAY, title=line))]
    assert len(kept) > 10
    assert not any(re.match(r"\s*ng_script|.*\\$", line, re.IGNORECASE) for line in kept)
    for title in kept:
        text = netlist(ARRAY, [0.1], title=title, design=title, comments=kept)
        (tmp_path / "a.cir").write_text(text)
        done = subprocess.run(
            ["ngspice", "-b", "a.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, title
        row = re.search(r"^0\t\S+\t(\S+)", done.stdout, re.MULTILINE)
        assert row, title
        # 0.1 V over 10 kohm and two wires of 10 ohm
        assert float(row[1]) == pytest.approx(0.1 / 10020, rel=1e-5, abs=0)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cir"]


@FAST
@given(
    field=st.sampled_from(["name", "ports", "takes", "parameters", "enable_volt", "library"]),
    value=ANYTHING
    | st.lists(ANYTHING, max_size=3)
    | st.dictionaries(TEXTS, ANYTHING, max_size=2)
    | st.dictionaries(st.integers(), ANYTHING, max_size=2),
)
def test_a_cell_model_of_anything_is_refused_or_names_plain_things(field, value):
    given_fields = {"library": PLAIN, "name": "mine", "ports": ("word", "bit")} | {field: value}
    model = accepted(lambda: CellModel(**given_fields))
    if model is not None:
        assert re.fullmatch(r"[A-Za-z]\w*", model.name, re.ASCII)
        assert all(re.fullmatch(r"[A-Za-z]\w*", key, re.ASCII) for key in model.parameters)
        assert set(model.ports) <= {"word", "bit", "enable", "ground"}
        ngspice._refuse_commands(netlist(ARRAY, cells=model))


@FAST
@given(
    lines=st.lists(PIECES | TEXTS, min_size=1, max_size=3).map("\n".join),
    inside=st.booleans(),
)
def test_a_library_holds_definitions_alone(lines, inside):
    body = (
        f"R1 word bit {{ohm}}\n{lines}\n.ends" if inside else f"R1 word bit {{ohm}}\n.ends\n{lines}"
    )
    model = accepted(
        lambda: CellModel(f".subckt mine word bit ohm=1\n{body}", "mine", ("word", "bit"))
    )
    if model is not None:
        ngspice._refuse_commands(str(model.library))
        for line in str(model.library).split("\n"):
            if line.strip().startswith("."):
                assert re.match(
                    r"\s*\.(subckt|ends|model|param|func|if|elseif|else|endif)\b", line, re.I
                )


@pytest.mark.parametrize(
    "line",
    [
        "`touch canary`",
        "! touch canary",
        ".Control",
        "\t.include other",
        ".model a d_process(process_file='./x')",
        "A1 [a] [b] m",
        "R2 a b 1\r.control",
        "R2 a b 1\x0b.control",
        "R2 a b 1 ; \u03a9",
    ],
)
def test_commands_in_a_library_are_refused(line):
    with pytest.raises(CircuitError, match="library"):
        CellModel(PLAIN.replace(".ends", f"{line}\n.ends"), "mine", ("word", "bit"))


@FAST
@given(name=ANYTHING)
def test_the_name_of_a_layer_is_a_plain_word(name):
    text = accepted(lambda: layer_subcircuit([[ARRAY]], name=name))
    if text is not None:
        assert re.search(rf"^\.subckt {name} in0 s0$", text, re.MULTILINE)
        assert re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII)


@pytest.mark.parametrize("inputs", [["0.1; .control"], [np.nan], ["`x`"], [None], "text"])
def test_inputs_are_numbers(inputs):
    with pytest.raises(CircuitError, match="inputs_volt"):
        netlist(ARRAY, inputs)
