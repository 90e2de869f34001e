import numpy as np
import pytest

from spice_models import BadRawfile, rawfile

VALUES = np.array([[0.0, 1.5, -2.0], [1.0, 2.5, 1e-300]])


def raw(values=VALUES, names=("v(v-sweep)", "i(VS0)", "v(a)"), flags="real", points=None):
    listed = "".join(f"\t{k}\t{name}\tcurrent\n" for k, name in enumerate(names))
    count = len(values) if points is None else points
    head = (
        f"Title: * t\nDate: today\nPlotname: DC transfer characteristic\nFlags: {flags}\n"
        f"No. Variables: {len(names)}\nNo. Points: {count}       \nVariables:\n{listed}Binary:\n"
    )
    return head.encode() + np.ascontiguousarray(values).tobytes()


def test_names_are_lower_case_and_values_exact():
    (plot,) = rawfile.parse(raw())
    assert plot.name == "DC transfer characteristic"
    assert list(plot.vectors) == ["v(v-sweep)", "i(vs0)", "v(a)"]
    assert np.stack(list(plot.vectors.values()), axis=1).tolist() == VALUES.tolist()


def test_complex_values():
    (plot,) = rawfile.parse(raw(VALUES + 2j, flags="complex"))
    assert plot.vectors["v(a)"].tolist() == [-2 + 2j, 1e-300 + 2j]


def test_several_plots():
    assert len(rawfile.parse(raw() + raw())) == 2
    with pytest.raises(BadRawfile, match="2 analyses"):
        rawfile.single_plot(raw() + raw())


def test_values_that_look_like_text_are_read_as_values():
    tricky = np.frombuffer(b"Binary:\n" * 6).reshape(2, 3)
    (plot,) = rawfile.parse(raw(tricky))
    assert plot.vectors["v(a)"].tolist() == tricky[:, 2].tolist()


@pytest.mark.parametrize("cut", [1, 8, 47, 48, 60, 150])
def test_every_truncation_is_noticed(cut):
    with pytest.raises(BadRawfile):
        rawfile.single_plot(raw()[:-cut], points=2)


@pytest.mark.parametrize(
    ("content", "options", "text"),
    [
        (b"", {}, "0 analyses"),
        (b"garbage", {}, "not in the binary format"),
        (b"\x00\xffBinary:\n", {}, "no field 'No. Variables'"),
        (raw().replace(b"No. Points: 2", b"No. Points: x"), {}, "cannot be read"),
        (raw().replace(b"No. Points: 2", b"No. Points: -2"), {}, "promises"),
        (raw().replace(b"No. Variables: 3", b"No. Variables: 4"), {}, "promises 4"),
        (raw(names=("a", "b", "b")), {}, "names 2 vectors and promises 3"),
        (raw(), {"vectors": ["i(vs0)", "i(vs1)"]}, r"lacks i\(vs1\) \(1 vectors\)"),
        (raw(), {"points": 3}, "has 2 points, not 3"),
        (raw(VALUES[:0]), {}, "has 0 points, not at least 1"),
        (raw(VALUES * np.nan), {}, "not finite"),
        (raw(VALUES + np.inf), {}, "not finite"),
    ],
)
def test_what_is_missing_is_named(content, options, text):
    with pytest.raises(BadRawfile, match=text):
        rawfile.single_plot(content, **options)
