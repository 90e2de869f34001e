"""The WebAssembly runner with engines that fail: modules that stand in for it, in a real Node."""

from pathlib import Path

import pytest

from spice_models import (
    BadRawfile,
    NgspiceCrashed,
    NgspiceError,
    NgspiceNotFound,
    NgspiceTooOld,
    SimulationTimeout,
    ngspice,
    wasm,
)

DIVIDER = "divider\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.op\n.end\n"
ENGINE = """
export class Simulation {{
  start = async () => {{}};
  setNetList = (text) => {{ this.text = text; }};
  runSim = async () => {{ {body} }};
  dataRaw = new Uint8Array();
  getInitInfo = () => "** ngspice-{version} : a fake";
  getInfo = () => "last words";
  getError = () => [];
}}
"""


@pytest.fixture
def fake_engine(monkeypatch, tmp_path):
    """A module that stands in for the engine, in a real Node."""
    try:
        wasm.node()
    except NgspiceNotFound as error:
        pytest.skip(str(error))

    def install(body, version="45.2"):
        path = tmp_path / "engine é.mjs"
        path.write_text(ENGINE.format(body=body, version=version))
        monkeypatch.setenv("NGSPICE_WASM", str(path))
        wasm.close()

    yield install
    wasm.close()


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (
            "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {});",
            NgspiceCrashed,
            "11",
        ),
        ("process.abort();", NgspiceCrashed, "signal 6"),
        ("throw new Error('out of memory');", NgspiceError, "fatal: Error: out of memory"),
        ("setTimeout(() => { throw 'late'; }); await new Promise(() => {});", NgspiceError, "late"),
        ("process.exit(7);", BadRawfile, "last words"),
        ("await new Promise(() => {});", BadRawfile, "no rawfile.*last words"),
        (
            "setInterval(() => {}, 1000); await new Promise(() => {});",
            SimulationTimeout,
            "after 3 s",
        ),
        ("this.dataRaw = new Uint8Array([71, 10]);", BadRawfile, "not in the binary format"),
    ],
)
def test_an_engine_that_fails_is_a_typed_error(body, kind, text, fake_engine):
    fake_engine(body)
    with pytest.raises(kind, match=text) as caught:
        ngspice.run(DIVIDER, 3 if kind is SimulationTimeout else 60, runner="wasm")
    assert type(caught.value) is kind
    assert (caught.value.folder / "circuit.cir").read_text() == DIVIDER


def test_an_old_engine_is_refused(fake_engine):
    fake_engine("", "34")
    with pytest.raises(NgspiceTooOld, match="ngspice 34; the oldest supported one is 39"):
        ngspice.run(DIVIDER, runner="wasm")


@pytest.mark.parametrize(("runner", "variable"), [("native", "NGSPICE"), ("wasm", "NODE")])
@pytest.mark.parametrize("program", ["/bin/false", "/bin/true"])
def test_a_program_that_is_another_is_named(runner, variable, program, monkeypatch, tmp_path):
    if not Path(program).exists():
        pytest.skip(f"no {program}")
    (tmp_path / "engine.mjs").write_text("")
    monkeypatch.setenv("NGSPICE_WASM", str(tmp_path / "engine.mjs"))
    monkeypatch.setenv(variable, program)
    with pytest.raises(NgspiceError, match=f"it was run by {program}: is that the right program"):
        ngspice.run(DIVIDER, runner=runner)


def test_an_engine_that_may_not_be_read_is_missing(monkeypatch, tmp_path):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "engine.mjs").write_text("")
    monkeypatch.setenv("NGSPICE_WASM", str(tmp_path / "engine.mjs"))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NgspiceNotFound, match=r"engine.mjs cannot be read \(Permission denied\)"):
        wasm.engine()
